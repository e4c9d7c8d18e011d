"""Declarations, equation text, discovery, identity, claims, errors; and nonsense in every argument of everything."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys

import brian2
import numpy as np
import pytest
from _helpers import loadable
from brian2 import Hz, kelvin, ms, mV, second, usecond, volt

from brian2learn.core import discovery, equations
from brian2learn.core.claims import EVIDENCE, Claim, Interval, Verdict
from brian2learn.core.declaration import Choice, Declaration, Param, Part, Parts, Size
from brian2learn.core.errors import Brian2LearnError, DeclarationError, UnknownNameError
from brian2learn.core.identity import code_digest, digest, source_digest
from brian2learn.tasks.picture_target import Picture


class Inner(Declaration):
    """A part."""

    depth = Param(1.0, "how deep", low=0)


class Other(Declaration):
    """Not a part of anything."""


class Thing(Declaration):
    """One field of every kind."""

    tau = Param(10 * ms, "how slow", low=1 * ms, high=1 * second, source="nobody2000")
    gain = Param(0.1, "how much", low=0, high=10)
    shift = Param(0 * mV, "how far")
    count = Size(3, "how many", low=1, high=100)
    mode = Choice("fast", "how", {"fast": "at once", "slow": "later"})
    inner = Part(Inner(), "what is inside", kind=Inner)
    extras = Parts("what else is inside", kind=Inner)


# ---------------------------------------------------------------------- declarations


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tau", 20 * ms), ("tau", 1 * ms), ("tau", 1 * second), ("tau", second), ("gain", 0), ("gain", 10),
        ("gain", np.float32(2)), ("gain", np.array(3)), ("shift", -70 * mV), ("count", 1), ("count", np.int64(100)),
        ("mode", "slow"), ("inner", Inner(depth=2)), ("extras", [Inner(), Inner(depth=3)]),
    ],
)  # fmt: skip
def test_a_good_value_is_kept(name, value):
    kept = getattr(Thing(**{name: value}), name)
    assert kept == (tuple(value) if isinstance(value, list) else value)


NOT_NUMBERS = [None, "3", np.str_("3"), b"3", True, np.True_, 1j, np.complex128(1), [1.0], (1.0,), {}, {1},
               object(), int, Inner(), np.array([1.0, 2.0]), np.array([1.0]), np.array("3"),
               np.datetime64(3, "s")]  # fmt: skip
"""Never a number, whatever the unit."""


def nonsense(field):
    """Values that this field must refuse, derived from what it says of itself."""
    if isinstance(field, Param):
        unit = 1 if field.unit == "1" else brian2.Quantity(1, dim=field.default.dim)
        wrong = [*NOT_NUMBERS, math.nan * unit, math.inf * unit, -math.inf * unit, [1.0, 2.0] * unit * np.ones(2)]
        wrong += [1 * kelvin * unit, 1 * kelvin, 10**400]
        wrong += [3.0] if field.unit != "1" else []
        wrong += [field.low - 1 * unit] if field.low is not None else []
        wrong += [field.high + 1 * unit] if field.high is not None else []
        wrong += [2.5] if isinstance(field, Size) else []
        return wrong
    if isinstance(field, Choice):
        return ["nonsense", "", None, 1, True, b"fast", list(field.options), object()]
    if isinstance(field, Part):
        return [None, "nonsense", 1, True, field.kind, type(field.default), Other(), [field.default], object()]
    return [None, "nonsense", 1, getattr(field, "kind", Other), Other(), [Other()], ["nonsense"], object()]


ALL = loadable(*discovery.FOLDERS, kind=Declaration)
ARGUMENTS = [
    pytest.param(cls, name, id=f"{stem}-{name}") for stem, cls in {**ALL, "thing": Thing}.items() for name in cls.fields
]


@pytest.mark.parametrize(("cls", "name"), ARGUMENTS)
def test_nonsense_is_refused_by_name(cls, name):
    for value in nonsense(cls.fields[name]):
        with pytest.raises(DeclarationError) as caught:
            cls(**{name: value})
        error = caught.value
        assert (error.where, error.name) == (cls.__name__, name), repr(value)
        place = f"{cls.__name__}.{name} ({cls.fields[name].meaning})"
        assert str(error).startswith(f"{place}: expected {error.expected}, got {error.got}.")
        assert error.expected
        assert error.got


def test_a_field_of_no_known_kind_would_be_noticed():
    kinds = {type(field) for cls in ALL.values() for field in cls.fields.values()}
    assert kinds <= {Param, Size, Choice, Part, Parts, Picture}


EXAMPLES = [pytest.param(each, id=f"{stem}-{k}") for stem, cls in ALL.items() for k, each in enumerate(cls.examples())]


@pytest.mark.parametrize("example", EXAMPLES)
def test_repr_rebuilds_the_object(example):
    names = {**vars(brian2), **{cls.__name__: cls for cls in ALL.values()}}
    rebuilt = eval(repr(example), names)
    assert rebuilt == example
    assert digest(rebuilt) == digest(example)


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_replaced_value_is_the_only_change(example):
    assert example.replace() == example
    for name in example.fields:
        copy = example.replace(**{name: example.values[name]})
        assert copy == example
        assert hash(copy) == hash(example)


@pytest.mark.parametrize("cls", [pytest.param(cls, id=stem) for stem, cls in ALL.items()])
def test_every_declaration_says_what_it_is(cls):
    assert cls.__doc__
    assert cls.__doc__.split("\n")[0].endswith(".")
    assert list(cls.examples())
    for field in cls.fields.values():
        assert field.meaning
        assert not field.meaning.endswith(".")


@pytest.mark.parametrize(("cls", "name"), ARGUMENTS)
def test_a_mistyped_name_is_answered_with_the_right_one(cls, name):
    with pytest.raises(DeclarationError, match=f"{cls.__name__}.{name}x: .* Did you mean {name}\\? It has: "):
        cls(**{f"{name}x": 1})


def test_unlike_names_are_not_offered():
    with pytest.raises(DeclarationError) as caught:
        Thing(zzzzzz=1)
    assert "Did you mean" not in str(caught.value)
    assert "It has: tau, gain, shift, count, mode, inner, extras." in str(caught.value)


@pytest.mark.parametrize("name", Thing.fields)
def test_no_field_changes_after_creation(name):
    thing = Thing()
    with pytest.raises(DeclarationError, match=rf"Thing\.{name} .*no change after creation.*replace\({name}=\.\.\.\)"):
        setattr(thing, name, thing.values[name])
    assert thing == Thing()


def test_no_new_attributes():
    with pytest.raises(DeclarationError, match=r"Thing\.taus: .*Did you mean tau"):
        Thing().taus = 3 * ms


def test_values_cannot_be_written_to():
    with pytest.raises(TypeError):
        Thing().values["gain"] = 3
    with pytest.raises(TypeError):
        Thing.fields["gain"] = 3


def test_a_quantity_changed_later_changes_nothing():
    mine = brian2.Quantity(0.02, dim=second.dim)
    thing = Thing(tau=mine)
    mine[...] = 0.5 * second
    assert thing.tau == 20 * ms


def test_replace_makes_a_checked_copy():
    thing = Thing(gain=2)
    assert thing.replace(tau=5 * ms) == Thing(gain=2, tau=5 * ms)
    assert thing == Thing(gain=2)
    with pytest.raises(DeclarationError, match=r"Thing\.gain"):
        thing.replace(gain=-1)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"tau": 10 * ms}, {"tau": 0.01 * second}),
        ({"tau": second}, {"tau": 1 * second}),
        ({"gain": 1}, {"gain": 1.0}),
        ({"gain": 0.0}, {"gain": -0.0}),
        ({"gain": np.float64(2)}, {"gain": np.array(2.0)}),
        ({"count": 3}, {"count": np.int32(3)}),
        ({"mode": "slow"}, {"mode": np.str_("slow")}),
        ({"extras": [Inner()]}, {"extras": (Inner(),)}),
        ({"inner": Inner(depth=2)}, {"inner": Inner(depth=2.0)}),
    ],
)
def test_equal_things_have_one_hash_and_one_identity(one, other):
    one, other = Thing(**one), Thing(**other)
    assert one == other
    assert hash(one) == hash(other)
    assert digest(one) == digest(other)


def test_unequal_things():
    things = [Thing(), Thing(gain=0.2), Thing(gain=math.nextafter(0.1, 1)), Thing(tau=11 * ms), Thing(mode="slow"),
              Thing(inner=Inner(depth=2)), Thing(extras=(Inner(),)), Thing(count=4), Inner(), Other()]  # fmt: skip
    for one, other in itertools.combinations(things, 2):
        assert one != other
        assert digest(one) != digest(other)


def test_same_fields_in_another_class_are_another_thing():
    class Twin(Thing):
        pass

    assert Twin() != Thing()


@pytest.mark.parametrize(
    "value", [10 / 3 * ms, 0.1 * 33 * ms, math.nextafter(0.01, 1) * second, 1234.5678901234567 * usecond]
)
def test_repr_keeps_every_digit(value):
    assert float(eval(repr(Thing(tau=value)), {**vars(brian2), "Thing": Thing}).tau) == float(value)


def test_repr_shows_what_differs_from_the_default():
    assert repr(Thing()) == "Thing()"
    assert repr(Thing(gain=0.1, mode="slow")) == "Thing(mode='slow')"
    assert repr(Thing(tau=16.8 * ms)) == "Thing(tau=16.8*msecond)"


@pytest.mark.parametrize(
    "make",
    [
        lambda: Param(5, "beyond", high=1),
        lambda: Param(-5, "below", low=0),
        lambda: Param(5 * ms, "beyond", high=1 * ms),
        lambda: Param(5 * ms, "another unit", high=1 * mV),
        lambda: Param(5 * ms, "another unit", low=1),
        lambda: Param(5, "another unit", low=1 * ms),
        lambda: Param(math.nan, "not finite"),
        lambda: Param(math.inf * ms, "not finite"),
        lambda: Param("5", "text"),
        lambda: Size(2.5, "half"),
        lambda: Size(0, "below", low=1),
        lambda: Choice("c", "not among them", {"a": "one", "b": "two"}),
        lambda: Part(Inner(), "of another kind", kind=Other),
    ],
)
def test_a_wrong_field_is_refused_where_the_class_is_made(make):
    with pytest.raises(DeclarationError, match=r"^Wrong\.it "):
        type("Wrong", (Declaration,), {"it": make()})


def test_a_bound_of_zero_needs_no_unit():
    field = type("Fine", (Declaration,), {"it": Param(5 * ms, "time", low=0)}).it
    assert field.check(0 * ms, "Fine") == 0 * ms


def test_fields_are_inherited_and_may_be_replaced():
    class Derived(Thing):
        gain = Param(5.0, "other default", high=6)

    assert list(Derived.fields) == list(Thing.fields)
    assert Derived().gain == 5
    with pytest.raises(DeclarationError, match="at most 6"):
        Derived(gain=7)


def test_values_that_do_not_go_together():
    class Ordered(Thing):
        def check(self):
            if self.gain > self.count:
                raise self.fields["gain"].refuse("Ordered", "at most count", str(self.gain))

    with pytest.raises(DeclarationError, match=r"Ordered\.gain"):
        Ordered(gain=5)


def test_only_what_shapes_a_program_is_structural():
    assert Size(1, "a count").structural
    assert not Param(1.0, "a number").structural
    assert Param(1.0, "an interval", structural=True).structural


# ---------------------------------------------------------------------- errors


def test_the_shape_of_an_error():
    error = Brian2LearnError(
        "Where",
        "nme",
        meaning="what it is",
        expected="one thing",
        got="another",
        choices=["name", "place"],
        hint="Do so.",
    )
    assert str(error) == (
        "Where.nme (what it is): expected one thing, got another. Did you mean name? It has: name, place. Do so."
    )
    assert (error.where, error.name, error.expected, error.got) == ("Where", "nme", "one thing", "another")


def test_the_shortest_error():
    assert str(Brian2LearnError("Where", expected="this", got="that")) == "Where: expected this, got that."


def test_no_choices_are_said_to_be_none():
    assert str(Brian2LearnError("Where", "x", expected="a", got="b", choices=[])).endswith("It has: none.")


def test_old_hands_catch_them_as_what_they_are():
    assert issubclass(DeclarationError, ValueError)
    assert issubclass(UnknownNameError, LookupError)


# ---------------------------------------------------------------------- equation text


def test_statements():
    text = "a = 1  # first\n\n  b += 2; c = 3\n# only words\n"
    assert equations.statements(text) == ["a = 1", "b += 2", "c = 3"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("w = clip(w - a*y, 0, w_max)", {"w", "clip", "a", "y", "w_max"}),
        ("x = 1e-3 + 2.5E6 * .5", {"x"}),
        ("x = 3 # y", {"x"}),
        ("u = int(a > b and not c)", {"u", "int", "a", "b", "c"}),
        ("dx/dt = -x/tau : 1 (event-driven)", {"x", "tau"}),
        ("du/dt = (E - u)/tau : volt (unless refractory)", {"u", "E", "tau", "volt"}),
        ("tau : second (shared, constant)", {"tau", "second"}),
        ("g : siemens/(meter**2)", {"g", "siemens", "meter"}),
        ("v_post += w", {"v_post", "w"}),
    ],
)
def test_identifiers(text, names):
    assert equations.identifiers(text) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x = 1", {"x"}), ("x += 1; y *= 2", {"x", "y"}), ("x -= 1\ny /= z", {"x", "y"}), ("x **= 2", {"x"}),
        ("x == 1", set()), ("f(x) > 3", set()), ("  x=int(y == 1)", {"x"}), ("# x = 1", set()), ("x <= 3", set()),
    ],
)  # fmt: skip
def test_assigned(text, names):
    assert equations.assigned(text) == names


def test_rename_takes_whole_names():
    assert equations.rename("x = x2 + xx*x - 1e3; x_post = x", {"x": "y", "e3": "no"}) == (
        "y = x2 + xx*y - 1e3; x_post = y"
    )


def test_rename_can_swap():
    assert equations.rename("a - b", {"a": "b", "b": "a"}) == "b - a"


def check(text, declared, **more):
    equations.check_names("Where", {"on_pre": text}, declared, **more)


def test_names_that_fit():
    text = "w = clip(w + a*exp(-t/tau)*(u_post/mV), 0, 1) + 3*ms/second"
    check(text, {"a", "tau"}, from_others={"w", "u_post", "free"})


def test_a_missing_name():
    with pytest.raises(DeclarationError, match=r"Where\.on_pre: .*got taw\. Did you mean tau\? It has: a, tau, w\."):
        check("w = a*taw + tau", {"a", "tau"}, from_others={"w"})


def test_an_unused_name():
    with pytest.raises(DeclarationError, match=r"Where\.tau: expected a name that its equations use, .*on_pre"):
        check("w = a", {"a", "tau"}, from_others={"w"})


@pytest.mark.parametrize("name", sorted(equations.RESERVED))
def test_a_reserved_name(name):
    with pytest.raises(DeclarationError, match=rf"Where\.{name}: "):
        check(f"w = {name}", {name, "w"})


@pytest.mark.parametrize("name", ["e", "i", "j", "t", "dt", "xi", "N", "pi", "lastspike", "lastupdate"])
def test_what_brian2_reserves_is_reserved(name):
    assert name in equations.RESERVED


@pytest.mark.parametrize("name", ["x_pre", "tau_post"])
def test_a_name_taken_from_the_other_cell(name):
    with pytest.raises(DeclarationError, match=rf"Where\.{name}: .*_pre or _post"):
        check(f"w = {name}", {name, "w"})


@pytest.mark.parametrize("name", ["exp", "clip", "rand", "ms", "mV", "volt", "second", "Hz", "nS"])
def test_a_name_of_a_function_or_unit(name):
    with pytest.raises(DeclarationError, match=rf"Where\.{name}: expected a name of its own"):
        check(f"w = {name}", {name, "w"})


# ---------------------------------------------------------------------- discovery


@pytest.mark.parametrize(
    ("class_name", "stem"),
    [
        ("PairSTDP", "pair_stdp"), ("SRM0", "srm0"), ("LIF", "lif"), ("Detector", "detector"), ("BCMRule", "bcm_rule"),
        ("HiddenPattern", "hidden_pattern"), ("Masquelier2008Fig4", "masquelier2008_fig4"),
    ],
)  # fmt: skip
def test_snake_case(class_name, stem):
    assert discovery.snake_case(class_name) == stem


@pytest.mark.parametrize("folder", discovery.FOLDERS)
def test_every_file_of_the_package_loads(folder):
    for name, path in discovery.files(folder).items():
        cls = discovery.load(name, folder)
        assert discovery.snake_case(cls.__name__) == name == path.stem
        seen = discovery.heading(folder, name)
        assert (seen.class_name, seen.summary) == (cls.__name__, " ".join(cls.__doc__.split("\n\n")[0].split()))


def test_file_names_come_sorted_and_without_private_ones():
    names = list(discovery.files("plasticity"))
    assert "pair_stdp" in names
    assert names == sorted(names)
    assert not [name for name in names if name.startswith("_")]


def test_public_names_of_a_folder():
    from brian2learn import plasticity
    from brian2learn.plasticity import PairSTDP, pair_stdp

    assert PairSTDP is pair_stdp.PairSTDP is discovery.load("PairSTDP")
    for name in ("Nothing", "_rule_", "nothing"):
        with pytest.raises(AttributeError):
            getattr(plasticity, name)


GOOD = '''
"""A file of a user."""
from brian2learn.core.declaration import Param
from brian2learn.plasticity._rule import Rule

class {name}(Rule):
    """Adds a step
    at every pre spike.

    And more."""

    step = Param(0.1, "the step")
    on_pre = "w = w + step"
'''


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """Write a file into a plasticity folder of one's own."""
    monkeypatch.setenv(discovery.SEARCH_PATH, str(tmp_path))

    def write(stem, text, where="plasticity"):
        path = tmp_path / where / f"{stem}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def test_a_users_file_stands_beside_the_others(mine):
    path = mine("my_step", GOOD.format(name="MyStep"))
    assert discovery.files("plasticity")["my_step"] == path
    assert discovery.find("MyStep") == ("plasticity", "my_step")
    seen = discovery.heading("plasticity", "my_step")
    assert (seen.class_name, seen.base, seen.summary) == ("MyStep", "Rule", "Adds a step at every pre spike.")
    assert discovery.load("my_step")().step == 0.1
    assert discovery.load("my_step") is discovery.load("MyStep")


def test_looking_does_not_import(mine):
    mine("loud_step", "raise SystemExit('imported')\n" + GOOD.format(name="LoudStep"))
    assert discovery.heading("plasticity", "loud_step").class_name == "LoudStep"


def test_private_files_are_skipped(mine):
    mine("_my_step", GOOD.format(name="MyStep"))
    assert "_my_step" not in discovery.files("plasticity")


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("x = (\n", 1, "SyntaxError"),
        ("\n\nimport nothing_of_this_name\n", 3, "ModuleNotFoundError"),
        ("\nx = 1/0\n", 2, "ZeroDivisionError"),
    ],
)
def test_a_broken_file_breaks_only_itself(mine, text, line, problem):
    path = mine("my_broken", text)
    with pytest.raises(DeclarationError) as caught:
        discovery.load("my_broken")
    assert str(caught.value).startswith(f"{path}.line {line}: expected a file that can be imported, got {problem}")
    assert {"my_broken", "pair_stdp"} <= set(discovery.files("plasticity"))
    assert discovery.heading("plasticity", "my_broken").class_name == ""
    assert discovery.load("pair_stdp").__name__ == "PairSTDP"


def test_a_wrong_default_in_a_file_says_so(mine):
    mine("bad_step", GOOD.format(name="BadStep").replace('"the step"', '"the step", high=0.01'))
    with pytest.raises(DeclarationError, match=r"BadStep\.step \(the step\): .* at most 0\.01, got 0\.1"):
        discovery.load("bad_step")


def test_a_file_whose_class_has_another_name(mine):
    path = mine("my_other", GOOD.format(name="SomeStep"))
    with pytest.raises(DeclarationError, match="whose name in snake case is my_other, got SomeStep") as caught:
        discovery.load("my_other")
    assert str(path) in str(caught.value)
    assert "my_other" in discovery.heading("plasticity", "my_other").summary


def test_a_file_without_a_declaration(mine):
    mine("my_empty", "from brian2learn.plasticity._rule import Rule\n")
    with pytest.raises(DeclarationError, match="got no declaration"):
        discovery.load("my_empty")


def test_two_files_of_one_name(mine):
    path = mine("pair_stdp", GOOD.format(name="PairSTDP"))
    with pytest.raises(DeclarationError, match=r"plasticity\.pair_stdp: expected one file of this name") as caught:
        discovery.files("plasticity")
    assert str(path) in str(caught.value)


def test_an_unknown_name_is_answered_with_the_nearest():
    for look in (discovery.find, discovery.load, lambda name: discovery.heading("plasticity", name)):
        with pytest.raises(UnknownNameError, match=r"pair_stpd: .*Did you mean pair_stdp\? It has: "):
            look("pair_stpd")


def test_a_name_is_looked_for_in_the_folders_asked_for():
    with pytest.raises(UnknownNameError, match="a name in circuits or tasks"):
        discovery.load("pair_stdp", "circuits", "tasks")


def test_an_unknown_folder():
    with pytest.raises(UnknownNameError, match=r"Did you mean circuits\?"):
        discovery.files("circuit")


# ---------------------------------------------------------------------- identity

LONG = np.zeros(100_000)
CHANGED = LONG.copy()
CHANGED[50_000] = 1e-300


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (10 * ms, 0.01 * second),
        (volt, 1 * volt),
        (1.5, np.float64(1.5)),
        ([1, 2], (1, 2)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (LONG, LONG[::-1]),
        (np.arange(6).reshape(2, 3)[:, ::2], np.array([[0, 2], [3, 5]])),
    ],
)
def test_the_same_has_one_identity(one, other):
    assert digest(one) == digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1 * ms, 1 * mV),
        (1 * second, 1.0),
        (1 * Hz, 1 * second),
        (0.1, math.nextafter(0.1, 1)),
        (LONG, CHANGED),
        (np.zeros(4), np.zeros((2, 2))),
        (np.zeros(4), np.zeros(4, np.float32)),
        (1, 1.0),
        (1, "1"),
        (1.0, "1.0"),
        (1, True),
        (None, "None"),
        ("a", b"a"),
        (["ab"], ["a", "b"]),
        ([1, [2]], [[1], 2]),
        ([[1], [2]], [[1, 2]]),
        ({"a": {"b": 1}, "c": 2}, {"a": {"b": 1, "c": 2}}),
        ({"a": 1}, ["a", 1]),
        ({}, []),
    ],
)
def test_what_differs_has_another_identity(one, other):
    assert digest(one) != digest(other)


def test_an_identity_of_two_values_is_not_that_of_their_list():
    assert len({digest(1, 2), digest([1, 2]), digest(12), digest(2, 1)}) == 4


def test_no_identity_without_bytes():
    for thing in (object(), {1, 2}, print):
        with pytest.raises(TypeError, match="cannot make an identity"):
            digest(thing)


SOURCE = '''"""What it is."""
class A:
    """What A is."""
    def f(self, x):
        """What f does."""
        return x + 1  # why
'''


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("# why", "# because", True),
        ("What it is.", "What it was.", True),
        ("What A is.", "What A was.", True),
        ("What f does.", "What f did.", True),
        ("\nclass", "\n\n\nclass", True),
        ("x + 1", "x+1", True),
        ("x + 1", "x + 2", False),
        ("x + 1", "x - 1", False),
        ("x + 1", "x + 1.0", False),
        ("def f", "def g", False),
        ("x + 1", "x + 'What f does.'", False),
    ],
)
def test_a_file_is_its_code(tmp_path, old, new, same):
    one, other = tmp_path / "one.py", tmp_path / "other.py"
    one.write_text(SOURCE)
    other.write_text(SOURCE.replace(old, new))
    assert other.read_text() != SOURCE
    assert (source_digest(one) == source_digest(other)) is same


def test_another_file_is_its_bytes(tmp_path):
    one, other = tmp_path / "one.cpp", tmp_path / "other.cpp"
    one.write_text("int x; // a")
    other.write_text("int x; // b")
    assert source_digest(one) != source_digest(other)


def test_the_code_of_a_class_is_its_own_and_that_of_its_bases(mine):
    text = GOOD.format(name="CodeOne")
    mine("code_one", text)
    mine("code_two", text.replace("CodeOne", "CodeTwo").replace("w + step", "w - step"))
    one, two = discovery.load("code_one"), discovery.load("code_two")
    assert code_digest(one) == code_digest(one)
    assert code_digest(one) != code_digest(two)
    assert digest(one()) != digest(two())


# ---------------------------------------------------------------------- claims


def claim(**changes):
    given = {
        "name": "rate", "sentence": "It fires.", "source": "nobody2000, Fig 1", "paper_value": "60 Hz",
        "accept": (50.0, 70.0), "reason": "read off a plot", "evidence": "paper",
        "measure": lambda records: Interval(60, 59, 61, 10, "t"),
    }  # fmt: skip
    return Claim(**{**given, **changes})


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (55, 65, Verdict.REPRODUCED),
        (50, 70, Verdict.REPRODUCED),
        (71, 80, Verdict.NOT_REPRODUCED),
        (10, 49.9, Verdict.NOT_REPRODUCED),
        (45, 55, Verdict.CANNOT_TELL),
        (65, 75, Verdict.CANNOT_TELL),
        (40, 80, Verdict.CANNOT_TELL),
        (70, 75, Verdict.CANNOT_TELL),
        (-math.inf, math.inf, Verdict.CANNOT_TELL),
        (71, math.inf, Verdict.NOT_REPRODUCED),
        (60, math.inf, Verdict.CANNOT_TELL),
        (math.nan, math.nan, Verdict.CANNOT_TELL),
    ],
)
def test_the_verdict(low, high, verdict):
    assert claim().judge(Interval(60, low, high, 10, "t")) is verdict


def test_an_open_range():
    assert claim(accept=(50, math.inf)).judge(Interval(60, 55, math.inf, 10, "t")) is Verdict.REPRODUCED
    assert claim(accept=(50, math.inf)).judge(Interval(40, 35, 45, 10, "t")) is Verdict.NOT_REPRODUCED


@pytest.mark.parametrize("evidence", [mark for mark in EVIDENCE if mark != "recalled"])
def test_evidence_that_counts(evidence):
    assert claim(evidence=evidence).evidence == evidence


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("evidence", "recalled"), ("evidence", "papre"), ("accept", (70, 50)), ("accept", (math.nan, 50)),
        ("reason", " "),
    ],
)  # fmt: skip
def test_a_claim_that_proves_nothing(name, value):
    with pytest.raises(DeclarationError, match=rf"^Claim rate\.{name}"):
        claim(**{name: value})


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(1.0, 1.0, 1.0, 5, "exact"), "1"),
        (Interval(0.5, 0.25, 0.75, 20, "Wilson"), "0.5 [0.25, 0.75] (n=20, Wilson)"),
        (Interval(3.0, -math.inf, math.inf, 1, "t"), "3 (n=1: no interval)"),
    ],
)
def test_an_interval_in_words(interval, text):
    assert str(interval) == text


def test_a_class_typed_into_a_session_has_no_identity_and_says_so():
    code = """
from brian2learn.core.declaration import Declaration
from brian2learn.core.identity import digest
Typed = type("Typed", (Declaration,), {"__module__": "__main__"})
digest(Typed())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "DeclarationError: Typed: expected a class defined in a file" in done.stderr
