"""What the page is made of, without a browser: the text executed equals the twin, settings, sliders, views, scripts."""

from __future__ import annotations

import contextlib
import io
import random
import string

import brian2
import numpy as np
import pytest
from _helpers import courses, loadable, rest_slow
from brian2 import Hz, ms, mV, second

from brian2learn.core.declaration import Choice, Param, Size, plain
from brian2learn.core.errors import AssemblyError, Brian2LearnError, DeclarationError, UnknownNameError
from brian2learn.explore import formulas, paper
from brian2learn.explore.controls import slider_for
from brian2learn.explore.describe import explorable, heading
from brian2learn.explore.draw import Drawn, side_by_side
from brian2learn.explore.history import History
from brian2learn.explore.pictures import PINNED, Picture
from brian2learn.explore.settings import (
    Setting,
    added,
    changed,
    fields_of,
    fresh,
    names_of,
    read_address,
    usual,
    values_of,
)
from brian2learn.explore.synapse import Pairs, TextSynapses
from brian2learn.explore.views._spikes import SpikeView
from brian2learn.explore.views._view import all_views, views_of
from brian2learn.explore.views.poisson import Poisson
from brian2learn.explore.views.rates import Rates
from brian2learn.explore.views.releases import PulseTrain, SteadyRelease
from brian2learn.explore.views.responses import Response
from brian2learn.explore.views.spikes import Spikes
from brian2learn.explore.views.window import Window
from brian2learn.figures._style import GREY
from brian2learn.plasticity._rate_rule import RateRule
from brian2learn.plasticity._rule import Plasticity, Rule
from brian2learn.plasticity.bcm import BCM
from brian2learn.plasticity.hebb import Hebb
from brian2learn.plasticity.heterosynaptic import Heterosynaptic
from brian2learn.plasticity.oja import Oja
from brian2learn.plasticity.pair_stdp import PairSTDP
from brian2learn.plasticity.triplet_stdp import TripletSTDP
from brian2learn.plasticity.tsodyks_markram import TsodyksMarkram

DT = 1e-4
EXACT = 1e-11
RULES = loadable("plasticity", kind=Plasticity)
NAMES = [name for names in explorable().values() for name in names.values()]
SUM = "triplet_stdp,heterosynaptic,transmitter_induced,consolidation"

OWN = '''
from brian2learn.core.declaration import Param
from brian2learn.plasticity._rule import Rule


class WeightDecay(Rule):
    """Every post spike takes a share of the weight."""

    cites = "vanrossum2000"
    share = Param(0.01, "share of the weight that a spike takes", low=0, high=1)
    on_post = "w = w - share * w"

    def post_spike(self, memory, now):
        memory.w *= 1 - self.share
'''


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A rule in a file of its own, and nothing else."""
    (tmp_path / "plasticity").mkdir()
    (tmp_path / "plasticity" / "weight_decay.py").write_text(OWN)
    monkeypatch.setenv("BRIAN2LEARN_PATH", str(tmp_path))
    explorable.cache_clear()
    yield
    explorable.cache_clear()


# ---------------------------------------------------------------------- text equals twin


def random_pairs(rule, n=6, n_steps=600, seed=0):
    rng = np.random.default_rng(seed)
    pre = [np.flatnonzero(rng.random(n_steps) < 0.02) * DT for _ in range(n)]
    post = [np.union1d(np.flatnonzero(rng.random(n_steps) < 0.02) * DT, train[::2]) for train in pre]  # and ties
    return Pairs(pre, post, n_steps * DT, DT, courses(rule, n, n_steps, DT))


def twins(rule, pairs, w):
    return [
        rule.reference(
            pre, post, w, t_stop=pairs.t_stop, dt=pairs.dt, cell={name: v[:, k] for name, v in pairs.cell.items()}
        )
        for k, (pre, post) in enumerate(zip(pairs.pre, pairs.post, strict=True))
    ]


@pytest.mark.parametrize("stem", RULES)
def test_the_text_of_every_example_does_what_its_twin_does(stem):
    for k, rule in enumerate(RULES[stem].examples()):
        if k >= 4 and k % 7:
            continue
        pairs = random_pairs(rule, seed=k)
        got = TextSynapses(rule).learn(pairs, 0.3)
        np.testing.assert_allclose(got, twins(rule, pairs, 0.3), rtol=EXACT, atol=EXACT)


def test_sums_and_orders():
    rule = fresh(SUM.split(","))
    rule = changed(rule, {"tau_cons": 0.1, "dt_cons": 0.002, "beta": 0.5})
    pairs = random_pairs(rule)
    for ties in Rule.ties.options:
        each = changed(rule, {"ties": ties})
        np.testing.assert_allclose(TextSynapses(each).learn(pairs, 0.3), twins(each, pairs, 0.3), rtol=EXACT)


def test_a_course_ends_where_learning_ends_and_traces_decay():
    rule = PairSTDP()
    pairs = Pairs([np.array([0.01, 0.03])], [np.array([0.02])], 0.05, DT)
    course = TextSynapses(rule).follow(pairs, 0.5)
    assert course.after["w"][-1] == TextSynapses(rule).learn(pairs, 0.5)[0]
    tau = float(rule.tau_plus)
    np.testing.assert_allclose(course.at("x", np.array([0.0, 0.01, 0.02])), [0, 1, np.exp(-0.01 / tau)])
    np.testing.assert_allclose(course.before["x"][-1], np.exp(-0.02 / tau))
    np.testing.assert_allclose(course.at("x", np.array([0.03])), 1 + np.exp(-0.02 / tau))


class Drifting(Rule):
    """A weight with an equation of its own."""

    rate = Param(1 * Hz, "drift", low=0 * Hz, high=10 * Hz)
    synapse_equations = "dz/dt = rate*(1 - z) : 1 (event-driven)"
    on_pre = "w = w + z"


def test_what_cannot_be_executed_is_refused_and_has_no_view():
    with pytest.raises(AssemblyError, match=r"Drifting.*expected states that stay or decay"):
        TextSynapses(Drifting())
    assert views_of(Drifting()) == ()


class Conditional(Rule):
    """Logical words in the text."""

    low = Param(0.2, "where it begins", low=0, high=1)
    on_post = "w = w + 0.1*int(w > low and not w > 0.5)"

    def post_spike(self, memory, now):
        memory.w += 0.1 * (memory.w > self.low and not memory.w > 0.5)


def test_logical_words():
    pairs = random_pairs(Conditional())
    for w in (0.1, 0.3):
        np.testing.assert_allclose(TextSynapses(Conditional()).learn(pairs, w), twins(Conditional(), pairs, w))


# ---------------------------------------------------------------------- views


def cases(names=NAMES):
    found = []
    for name in names:
        shown = fresh([name])
        found += [pytest.param(name, view, id=f"{name}-{view.__name__}") for view in views_of(shown)]
    return found


def test_every_rule_has_a_view_and_every_view_has_a_rule():
    for stem, cls in {**RULES, **loadable("plasticity", kind=RateRule)}.items():
        assert stem == "fixed" or views_of(cls()), stem
    seen = {view for name in NAMES for view in views_of(fresh([name]))}
    assert seen == set(all_views())
    assert len({view.__name__ for view in all_views()}) == len(all_views())


@pytest.mark.parametrize(("name", "view"), cases())
def test_what_is_shown_equals_the_twin(name, view):
    """Numbers of the pictures against `reference()`, the reader's first setting and another one."""
    shown = fresh([name])
    setting = Setting(shown, view.suited(shown))
    pictures = setting.view.pictures(shown)
    assert pictures
    assert len({picture.name for picture in pictures}) == len(pictures)
    for picture in pictures:
        assert picture.x
        assert len(picture.table()) or not picture.curves
        assert picture.surface is None or np.isfinite(picture.surface.z).all()
    if issubclass(view, SpikeView):
        pairs = setting.view.pairs(shown)
        few = np.unique(np.linspace(0, pairs.n - 1, 3).astype(int))
        few = few[[pairs.pre[k].size + pairs.post[k].size < 300 for k in few]]
        some = Pairs([pairs.pre[k] for k in few], [pairs.post[k] for k in few], pairs.t_stop, pairs.dt,
                     {key: v[:, few] for key, v in pairs.cell.items()})  # fmt: skip
        w = setting.view.w_init
        np.testing.assert_allclose(setting.view.final(shown)[few], twins(shown, some, w), rtol=EXACT, atol=EXACT)


def curve(pictures, picture, name):
    (found,) = (each for each in pictures if each.name == picture)
    (found,) = (each for each in found.curves if each.name == name)
    return found


@pytest.mark.parametrize(
    "rule", [BCM(), BCM.preset("unstable"), Oja(), Oja(compensation="slow", tau=2 * second), Hebb()]
)
def test_rate_rules_run_as_their_twin_does(rule):
    view = Rates(t_stop=3 * second, w_init=0.7)
    found = curve(view.pictures(rule), "course", "w")
    step = found.x[1]
    wanted = rule.reference([1.0], [0.7], step * (found.x.size - 1), step)
    inside = np.isfinite(found.y)
    np.testing.assert_allclose(found.y[inside], wanted.w[inside, 0], rtol=1e-5, atol=1e-7)
    assert inside[:100].all()


def test_the_phase_plane_says_what_is_stable():
    fast, slow = (Rates().pictures(BCM(tau=tau * second))[0].note for tau in (0.5, 2))
    assert "stable at w = 1 " in fast
    assert "unstable at w = 1 (fastest growth 0.25/s" in slow  # (eta - 1/tau)/2
    assert "explodes after" in Rates(t_stop=100 * second).pictures(Hebb())[0].note
    plane = Rates().pictures(BCM())[1]
    (point,) = (each for each in plane.curves if each.name == "fixed point")
    np.testing.assert_allclose(np.sort(point.x), [0, 1], atol=1e-9)


def test_the_window_of_2008_is_fitted():
    (picture,) = Window().pictures(PairSTDP(w_max=20.0, a_plus=1 / 32))
    assert "τ₊ = 16.8 ms, τ₋ = 33.7 ms" in picture.note
    assert "depression / potentiation = 1.7" in picture.note


@pytest.mark.parametrize("name", TsodyksMarkram.presets)
def test_releases_agree_with_the_closed_form(name):
    release = TsodyksMarkram.preset(name)
    first, _ = SteadyRelease(low_rate=5 * Hz).pictures(release)
    twin, closed = (next(each for each in first.curves if each.name == label) for label in
                    ("twin, spike 100", "endless train"))  # fmt: skip
    np.testing.assert_allclose(twin.y, np.interp(twin.x, closed.x, closed.y), rtol=5e-3)
    (train,) = PulseTrain().pictures(release)
    released = next(each for each in train.curves if each.name == "released")
    np.testing.assert_allclose(released.y, release.reference(PulseTrain().times))


def test_spikes_that_are_clicked_change_the_weight():
    view = Spikes(pre=(0.01,), post=(0.02,))
    both = [curve(view.replace(post=post).pictures(PairSTDP()), "weight", "w").y[-1] for post in ((), (0.02,))]
    assert both[0] == 0.5 < both[1]
    with pytest.raises(DeclarationError, match=r"Spikes.pre \(pre spikes, s\): expected times from 0 to 1000 s"):
        Spikes(pre=(-0.1,))
    with pytest.raises(DeclarationError, match="expected at most 500 times"):
        Spikes(post=np.arange(501.0))
    for bad in ("0.1", 3 * ms, [["a"]], None, [np.nan]):
        with pytest.raises(DeclarationError, match="Spikes.pre"):
            Spikes(pre=bad)


# ---------------------------------------------------------------------- scripts


def printed(code):
    """What a script prints, run here; it must not leave a trace in Brian2's settings."""
    out = io.StringIO()
    before = brian2.prefs.codegen.target
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(code, "script", "exec"), {"__name__": "__main__"})
    finally:
        brian2.prefs.codegen.target = before
        brian2.defaultclock.dt = 0.1 * ms
    return out.getvalue()


def short(view):
    """Settings that end soon in Brian2, too."""
    small = {"frequency": 40 * Hz, "n_pairs": 3, "low_frequency": 20 * Hz, "length": 50 * ms}
    if view.title == "Triplets":
        small = {"n_triplets": 1, "frequency": 2 * Hz}
    return view.replace(**{name: value for name, value in small.items() if name in view.fields})


def script_cases():
    rules = [name for name in NAMES if isinstance(fresh([name]), Plasticity)]
    spikes = [pytest.param(name, Spikes, id=f"{name.partition(',')[0]}-Spikes") for name in [SUM, *rules]]
    found = rest_slow(spikes, n_default=3)
    default = {("triplet_stdp", "Window"), ("pair_stdp", "Frequency"), ("clopath_stdp", "Triplets"), (SUM, "Poisson")}
    for name in [*NAMES, SUM]:
        for view in views_of(fresh(name.split(","))):
            if issubclass(view, SpikeView) and view is not Spikes:
                marks = () if (name, view.__name__) in default else (pytest.mark.slow,)
                found.append(pytest.param(name, view, id=f"{name.split(',')[0]}-{view.__name__}", marks=marks))
    return found


@pytest.mark.parametrize(("name", "view"), script_cases())
def test_the_brian2_script_prints_what_is_shown(name, view):
    shown = fresh(name.split(","))
    setting = short(view.suited(shown))
    numbers = np.array([float(word) for word in printed(setting.brian2_script(shown)).split()])
    final = setting.final(shown)
    if view is Spikes:
        t, w = numbers.reshape(-1, 2).T
        _, course = setting.course(shown)
        wanted, numbers = course.at("w", t + 1e-9), w
    elif view is Window:
        wanted = (final - setting.w_init) / setting.n_pairs
    elif view is Poisson:
        wanted = ((final - setting.w_init) / float(setting.length)).reshape(setting.N_RATES, -1).mean(axis=1)
    elif view.__name__ == "Frequency":
        wanted = final / setting.w_init - 1
    else:
        wanted = (final - setting.w_init) / setting.n_triplets
    np.testing.assert_allclose(numbers, wanted, rtol=1e-9, atol=1e-12)
    assert "brian2learn" not in setting.brian2_script(shown)


def python_cases():
    return [pytest.param(name, view, id=f"{name}-{view.__name__}") for name, view in
            (case.values for case in cases()) if view is not Poisson]  # fmt: skip


@pytest.mark.parametrize(("name", "view"), rest_slow(python_cases(), n_default=100))
def test_the_python_code_prints_the_tables(name, view):
    shown = fresh([name])
    numbers = {key: value for key, value in shown.numbers.items() if not isinstance(shown.fields[key], Size)}
    first = next(iter(numbers), None)
    if first is not None and plain(numbers[first]):
        shown = changed(shown, {first: plain(numbers[first]) * 1.01})  # so that something is not the default
    setting = view.suited(shown)
    wanted = "".join(f"{picture.table()}\n" for picture in setting.pictures(shown))
    assert printed(setting.python(shown)) == wanted


def test_the_code_of_a_sum_and_of_a_users_rule(own):
    for names in (SUM.split(","), ["weight_decay"]):
        shown = fresh(names)
        setting = usual(shown).view
        assert printed(setting.python(shown)) == "".join(f"{each.table()}\n" for each in setting.pictures(shown))


# ---------------------------------------------------------------------- settings and addresses


@pytest.mark.parametrize(("name", "view"), cases())
def test_an_address_leads_back(name, view):
    shown = fresh([name])
    setting = Setting(shown, view.suited(shown))
    assert read_address(setting.address) == setting
    rng = np.random.default_rng(0)
    for which, declaration in ((0, shown), (1, setting.view)):
        for key, field in fields_of(declaration).items():
            if not isinstance(field, Param) or isinstance(field, Size):
                continue
            slider = slider_for(field, values_of(declaration)[key])
            value = slider.value(rng.uniform(*slider.ends))
            try:
                moved = setting.change_view({key: value}) if which else setting.change({key: value})
            except DeclarationError:  # two values that do not go together
                continue
            assert read_address(moved.address) == moved
            assert read_address(f"?{moved.address}").address == moved.address


def test_an_address_of_a_sum_and_of_times():
    setting = usual(fresh(SUM.split(","))).change_view({"pre": (0.01, 0.0234567), "post": ()})
    assert read_address(setting.address) == setting
    assert "view.pre=0.01,0.0234567" in setting.address


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("show=pair_stpd", "Did you mean pair_stdp"),
        ("show=", "expected a name in plasticity"),
        ("show=adam", "expected something there is a picture of"),
        ("show=pair_stdp,bcm", "expected a mechanism that adds to others"),
        ("show=pair_stdp,triplet_stdp,pair_stdp", "expected a state of one mechanism only"),
        ("show=pair_stdp&tau_plus=1", r"PairSTDP.tau_plus \(potentiation window\): expected a value from"),
        ("show=pair_stdp&tau_plus=nan", "expected a number"),
        ("show=pair_stdp&tau_plus=1e400", "expected a number"),
        ("show=pair_stdp&tau_plus=20*ms", "expected a number in SI units"),
        ("show=pair_stdp&tau_plus=", "expected a number in SI units"),
        ("show=pair_stdp&tau_plus=0.01,0.02", "expected a number in SI units"),
        ("show=pair_stdp&tau=0.01", "Did you mean tau_plus"),
        ("show=pair_stdp&pairing=nearst", "Did you mean nearest"),
        ("show=pair_stdp&view=windw", "Did you mean window"),
        ("show=pair_stdp&view=window&view.n_pairs=2.5", "expected a whole number"),
        ("show=pair_stdp&view=window&view.n_pairs=1e9", "expected a value from 1 to 1000"),
        ("show=pair_stdp&__class__=1", "expected one of its parameters"),
        ("show=__init__", "expected a name in plasticity"),
        ("show=../../etc/passwd", "expected a name in plasticity"),
        ("show=pair_stdp&" + "a=1&" * 300, "expected at most 200 values"),
        ("show=" + "x" * 9000, "expected at most 8000 characters"),
    ],
)
def test_a_bad_address_is_explained(address, problem):
    with pytest.raises(Brian2LearnError, match=problem):
        read_address(address)


def test_a_thousand_bad_addresses():
    """Whatever comes, it is a setting whose values are in bounds, or an error of ours."""
    rng = random.Random(0)
    words = ["show", "view", "pair_stdp", "bcm", "window", "tau_plus", "view.n_pairs", "view.pre", "1e-3", "-1", "nan"]
    words += ["__import__('os')", "0x10", "1_000", "٣", "%00", "a" * 50, "", ",", "+", "=", "&", "?", "1e309", "None"]
    for _ in range(1000):
        text = "show=pair_stdp&" * rng.randint(0, 1)
        text += "".join(rng.choice([*words, rng.choice(string.printable)]) for _ in range(rng.randint(0, 12)))
        try:
            setting = read_address(text)
        except Brian2LearnError:
            continue
        for declaration in (setting.shown, setting.view):
            for name, value in values_of(declaration).items():
                field = fields_of(declaration)[name]
                field.check(value, "test")


def test_what_is_added_takes_over_the_values_that_are_shared():
    shown = added(PairSTDP(w_max=2.0, ties="mean"), Heterosynaptic)
    assert [term.w_max for term in shown.terms] == [2.0, 2.0]
    assert shown.ties == "mean"
    both = changed(shown, {"w_max": 3.0, "ties": "post_first"})
    assert [term.w_max for term in both.terms] == [3.0, 3.0]
    assert names_of(both) == ("pair_stdp", "heterosynaptic")


def test_a_value_that_no_longer_counts_is_forgotten():
    slow = changed(changed(Oja(), {"compensation": "slow"}), {"tau": 3.0})
    assert changed(slow, {"compensation": "instant"}) == Oja()


def test_undo_takes_a_whole_movement_back():
    first = usual(PairSTDP())
    history = History(first)
    for k in range(10):
        history.go(first.change({"a_plus": 0.01 + k / 1000}), "a_plus")
    history.go(history.now.change({"a_minus": 0.02}), "a_minus")
    assert history.undo()
    assert history.now.shown.a_plus == pytest.approx(0.019)
    assert history.undo()
    assert history.now == first
    assert not history.undo()
    assert history.redo()
    assert history.redo()
    assert history.now.shown.a_minus == 0.02


# ---------------------------------------------------------------------- sliders


@pytest.mark.parametrize("name", NAMES)
def test_sliders_stay_in_bounds_and_hold_their_value(name):
    for part in (fresh([name]), views_of(fresh([name]))[0]()):
        for key, field in type(part).fields.items():
            if not isinstance(field, Param):
                continue
            slider = slider_for(field, part.values[key], [preset.values[key] for preset in part.presets.values()
                                                          if key in preset.values])  # fmt: skip
            low, high = slider.ends
            assert low < high
            for place in np.linspace(low, high, 9):
                value = slider.value(place)
                if isinstance(field, Size):
                    assert value == int(value)
                assert field.low is None or value >= plain(field.low) * (1 - 1e-12 * np.sign(plain(field.low)))
                assert field.high is None or value <= plain(field.high) * (1 + 1e-12 * np.sign(plain(field.high)))
            steps = [slider.value(place) for place in np.arange(low, high, slider.step)]
            assert (np.diff(steps) > 0).all()  # every step of the handle is another value
            assert low <= slider.place(part.values[key]) <= high
            near = slider.value(slider.place(part.values[key]))
            assert near == pytest.approx(plain(part.values[key]), rel=0.02, abs=slider.step * slider.factor)


@pytest.mark.parametrize(
    ("param", "unit", "log"),
    [
        (Param(20 * ms, "a time constant", low=0.1 * ms, high=200 * ms), "ms", True),
        (Param(-70 * mV, "a potential", low=-150 * mV, high=50 * mV), "mV", False),
        (Param(0.0, "an amplitude", low=0, high=1), "", False),
        (Param(100e-6 * second, "a time step", low=1e-6 * second, high=1 * second), "µs", True),
        (Param(1.0, "anything"), "", False),
    ],
)
def test_a_slider_suits_its_parameter(param, unit, log):
    class Thing(Rule):
        """A thing."""

        value = param
        on_pre = "w = w + value*0"

    slider = slider_for(Thing.fields["value"], param.default)
    assert (slider.unit, slider.log) == (unit, log)
    assert slider.place(param.default) == pytest.approx(np.log10(slider.shown(param.default)) if log else slider.shown(
        param.default))  # fmt: skip


# ---------------------------------------------------------------------- equations


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("tau_plus", r"\tau_{+}"),
        ("w = clip(w - a_minus * y, 0, w_max)", r"w \leftarrow \left[w - a_{-} \, y\right]_{0}^{w_{\mathrm{max}}}"),
        ("dx/dt = -x/tau_plus : 1 (event-driven)", r"\frac{dx}{dt} = -\frac{x}{\tau_{+}}"),
        ("x += 1", r"x \leftarrow x + 1"),
        ("w -= a*(x - y)", r"w \leftarrow w - a \, \left(x - y\right)"),
        ("a - (b - c)", r"a - \left(b - c\right)"),
        ("(a + b)*c**2", r"\left(a + b\right) \, {c}^{2}"),
        ("v_post > 3e-9", r"v > 3\cdot 10^{-9}"),
        ("a3_plus", r"a_{3}^{+}"),
        ("v >= V_t + theta", r"v \ge V_{t} + \theta"),
    ],
)
def test_equations_are_written_as_in_papers(text, latex):
    assert (formulas.line(text) if "=" in text else formulas.expression(text)) == latex
    assert "<math" in formulas.mathml(latex)


@pytest.mark.parametrize("name", NAMES)
def test_every_declaration_has_equations_in_symbols_and_in_numbers(name):
    shown = fresh([name])
    symbols, numbers = (formulas.html_of(shown, with_values=flag) for flag in (False, True))
    assert "<math" in symbols
    assert symbols != numbers
    assert type(shown).__name__ in heading(shown)


def test_numbers_in_equations_follow_the_setting():
    assert "0.02" in formulas.html_of(PairSTDP(a_plus=0.02), with_values=True)
    assert "16.8" in formulas.html_of(TripletSTDP(), with_values=True)


# ---------------------------------------------------------------------- pictures and files


def test_pictures_can_be_saved(tmp_path):
    shown = TripletSTDP()
    views = [view.suited(shown) for view in views_of(shown)]
    for view, form, start in zip(views, ("pdf", "png", "svg"), (b"%PDF", b"\x89PNG", b"<?xml"), strict=False):
        assert paper.saved(view.pictures(shown), form).startswith(start)
    assert Picture("empty", "x", "y").table().empty


def test_a_new_file_is_all_it_takes(own):
    assert explorable()["Rule"]["WeightDecay"] == "weight_decay"
    setting = read_address("show=weight_decay&view=spikes&share=0.5")
    pictures = setting.view.pictures(setting.shown)
    assert curve(pictures, "weight", "w").y[-1] == pytest.approx(0.5 * 0.5 ** len(setting.view.post))
    assert "share of the weight" in str(slider_for(setting.shown.fields["share"], 0.5).meaning)
    with pytest.raises(UnknownNameError, match="Did you mean share"):
        read_address("show=weight_decay&shar=0.5")


def test_options_that_all_parts_know():
    assert {name for name, field in fields_of(PairSTDP()).items() if isinstance(field, Choice)} == {
        "ties",
        "pairing",
        "bounds",
    }
    assert "w_max" not in fields_of(PairSTDP(bounds="van_rossum"))
    assert "tau" not in fields_of(Oja())


def test_a_response_is_that_of_the_twin():
    for cls in loadable("plasticity").values():
        shown = cls()
        if Response in views_of(shown):
            _, picture = Response(n_spikes=1).pictures(shown)
            (found,) = picture.curves
            wanted = shown.reference([0.0], [1.0], found.x * 1e-3, float(Response().v))
            np.testing.assert_allclose(found.y / np.max(np.abs(found.y)), wanted / np.max(np.abs(wanted)), atol=1e-9)


def test_what_is_kept_changes_no_colour():
    """The present curves look the same with and without a kept setting behind them, which is grey."""
    window = Window()
    now, kept = window.pictures(PairSTDP()), window.pictures(PairSTDP(a_plus=0.01))
    (alone,), (both,) = [Drawn(each) for each in now], [Drawn(each) for each in side_by_side(now, kept)]
    colours = [{each.name: each.glyph.line_color for each in drawn.figure.renderers} for drawn in (alone, both)]
    assert colours[0].items() <= colours[1].items()
    assert {colour for name, colour in colours[1].items() if PINNED in name} == {GREY}
