"""A circuit and the task it is shown: which go together, at a size that can be watched, changed one value at a time.

Like a setting of a rule, a scene is nothing but declarations. A value of a part has a path: ``rule.a_plus``,
``task.period``, ``view.seed``; that of the circuit itself only a name. An address holds paths and numbers; it is never
executed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import numpy as np

from brian2learn.circuits._circuit import Circuit
from brian2learn.core.declaration import Choice, Declaration, Field, Param, Part, Parts, Size, plain, unit_of
from brian2learn.core.discovery import files, load, snake_case
from brian2learn.core.errors import Brian2LearnError, DeclarationError, UnknownNameError
from brian2learn.core.identity import digest
from brian2learn.plasticity._rule import PlasticitySum
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.program import structure
from brian2learn.tasks._task import Task

from .activity import Activity
from .settings import MAX_LENGTH, changed, fields_of, fresh, names_of, values_of

TASK, VIEW = "task", "view"
CELLS = 1000
"""A circuit is opened with about so many cells at most."""
WORK = 1000.0
"""Cells times seconds of a run, in steps of 0.1 ms, with which a circuit is opened: about a second on a usual machine."""
LONGEST = 30.0  # s; what a run lasts at first at most
MOST_CELLS, MOST_PAIRS, MOST_WORK, MOST_TIME, MOST_SAMPLES = 20_000, 10**7, 100 * WORK, 600.0, 2 * 10**6
"""What may be asked for: cells, pairs of cells that may have a synapse, work, seconds, recorded weights."""


class Group(NamedTuple):
    """One declaration of a scene.

    Attributes
    ----------
    path : str
        The beginning of the paths of its values, empty for the circuit.
    role : str
    declaration : Declaration
    options : mapping of str to str
        What may be taken instead, class name and file name; empty if nothing.
    """

    path: str
    role: str
    declaration: Declaration
    options: Mapping[str, str]


@dataclass(frozen=True)
class Scene:
    """A circuit, its task, and how both are run and looked at.

    Raises
    ------
    Brian2LearnError
        If they do not go together, or are more than one can watch.
    """

    shown: Circuit
    task: Task
    view: Activity

    def __post_init__(self) -> None:
        _check_size(self)
        self.experiment  # noqa: B018  it checks itself

    @property
    def experiment(self) -> Experiment:
        """What is run."""
        every = self.view.interval
        record = {} if every is None else dict.fromkeys(weights_of(self.shown, self.task), every)
        return Experiment(self.task, self.shown, dt=self.view.step, record=record)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The circuit, its parts, the task and the view, each with its path."""
        return (
            *_groups("", "circuit", self.shown, {}),
            *_groups(f"{TASK}.", TASK, self.task, fitting(self.shown)),
            Group(f"{VIEW}.", "how it is run and looked at", self.view, {}),
        )

    @property
    def form(self) -> Any:
        """What must be equal for the widgets to stay."""
        return [
            (group.path, names_of(group.declaration), tuple(fields_of(group.declaration)),
             [value for value in values_of(group.declaration).values() if isinstance(value, str)])
            for group in self.groups
        ]  # fmt: skip

    def change(self, values: Mapping[str, Any]) -> Scene:
        """Another scene with some values, by path, in SI units or as options; a part by the name of its file."""
        found: dict[str, dict[str, Any]] = {TASK: {}, VIEW: {}, "": {}}
        for path, value in values.items():
            head, _, rest = path.partition(".")
            found[head if head in (TASK, VIEW) else ""][rest if head in (TASK, VIEW) else path] = value
        task = self.task
        if name := found[TASK].pop("", ""):
            task = _task(str(name), self.shown)
        return replace(
            self, shown=with_values(self.shown, found[""]), task=with_values(task, found[TASK]),
            view=with_values(self.view, found[VIEW]),
        )  # fmt: skip

    @property
    def address(self) -> str:
        """The query of an address that leads here; what is as it was when the circuit was opened is left out."""
        base = opened(snake_case(type(self.shown).__name__))
        words = [("show", names_of(self.shown)[0])]
        for path, name in _part_names(self).items():
            if _part_names(base).get(path) != name:
                words.append((path, name))
                base = base.change({path: name})
        for group, usual in zip(self.groups, base.groups, strict=True):
            before = {name: _text(value) for name, value in values_of(usual.declaration).items()}
            for name, value in values_of(group.declaration).items():
                if before.get(name) != _text(value):
                    words.append((f"{group.path}{name}", _text(value)))
        return urlencode(words, safe=",")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else repr(plain(value))


def _groups(path: str, role: str, shown: Declaration, options: Mapping[str, str]) -> Iterator[Group]:
    yield Group(path, role, shown, options)
    if isinstance(shown, PlasticitySum):
        return
    for name, field in shown.fields.items():
        if isinstance(field, Part):
            yield from _groups(f"{path}{name}.", name, shown.values[name], kinds(field.kind))


def needs_program(group: Group, field: Field) -> bool:
    """Whether another value makes another program, which must be compiled first."""
    if isinstance(group.declaration, Task):
        return isinstance(field, Size) and _shapes(group.declaration, field)
    if isinstance(group.declaration, Activity):
        return field.name in ("dt", "weights")
    return not isinstance(field, Param) or field.structural


def _shapes(task: Task, field: Size) -> bool:
    """Whether a number of a task is one of neurons."""
    for other in (task.values[field.name] + 1, task.values[field.name] - 1):
        try:
            return dict(task.replace(**{field.name: other}).sizes) != dict(task.sizes)
        except Brian2LearnError:
            continue
    return False


# ---------------------------------------------------------------------- what goes together


@cache
def watchable() -> dict[str, str]:
    """Class name and file name of every circuit that has something to show, and a task that fits it."""
    found = {}
    for name in files("circuits"):
        try:
            cls = load(name, "circuits")
            if issubclass(cls, Circuit):
                opened(name)
                found[cls.__name__] = name
        except Brian2LearnError:  # nothing to show, no task, or a broken file of a user, which breaks itself only
            continue
    return found


@cache
def kinds(kind: type) -> dict[str, str]:
    """Class name and file name of all that may be a part of a kind."""
    found = {}
    for folder in ("circuits", "plasticity"):
        for name in files(folder):
            try:
                cls = load(name, folder)
                if issubclass(cls, kind) and cls():
                    found[cls.__name__] = name
            except Brian2LearnError:
                continue
    return found


def fits(circuit: Circuit, task: Task) -> bool:
    """Whether a task drives the populations of a circuit, in numbers that suit it."""
    return _suits(task, circuit.inputs, circuit.input_sizes, circuit.multiples)


def _suits(task: Task, inputs: Iterable[str], sizes: Mapping[str, int], multiples: Mapping[str, int]) -> bool:
    given = task.sizes
    return (
        {*task.drives} == {*inputs}
        and all(given[name] == n for name, n in sizes.items())
        and all(given[name] % n == 0 for name, n in multiples.items())
    )


def fitting(circuit: Circuit) -> Mapping[str, str]:
    """Class name and file name of every task that fits, those that cite what the circuit cites first, then those of
    no paper."""
    asked = tuple(sorted(circuit.input_sizes.items())), tuple(sorted(circuit.multiples.items()))
    return _fitting(type(circuit), *asked)


@cache
def _fitting(cls: type[Circuit], sizes: tuple[Any, ...], multiples: tuple[Any, ...]) -> Mapping[str, str]:
    cited = _cites(cls)
    found: list[tuple[int, str, str]] = []
    for name in files("tasks"):
        try:
            task = load(name, "tasks")()
            if _suits(task, cls.inputs, dict(sizes), dict(multiples)):
                shared = [cited.index(key) for key in _cites(type(task)) if key in cited]
                rank = min(shared, default=len(cited) + bool(_cites(type(task))))
                found.append((rank, type(task).__name__, name))
        except Brian2LearnError:
            continue
    return {title: name for _, title, name in sorted(found)}


def _cites(cls: type[Declaration]) -> tuple[str, ...]:
    cites = cls.cites
    return (cites,) if isinstance(cites, str) else tuple(cites)


@cache
def opened(name: str) -> Scene:
    """The scene with which a circuit is opened: at most `CELLS` cells, a run of about a second's work.

    Raises
    ------
    Brian2LearnError
        If there is no such circuit, nothing to show of it, or no task that fits.
    """
    circuit = load(name, "circuits")()
    if not isinstance(circuit, Circuit):
        raise DeclarationError("explore", "show", expected="a circuit", got=type(circuit).__name__)
    smaller = _smaller(circuit)
    circuit = smaller if fitting(smaller) else circuit
    if not circuit.learned:
        circuit = next((each for each in _other_choices(circuit) if each.learned), circuit)
    if not circuit.learned and not circuit.outputs:
        raise DeclarationError(
            "explore", name, expected="spikes or learned states to look at", got="a circuit that names none"
        )
    tasks = fitting(circuit)
    if not tasks:
        raise DeclarationError("explore", name, expected="a task that drives its inputs", got="none that fits")
    scene = Scene(circuit, _task(next(iter(tasks.values())), circuit), Activity())
    return replace(scene, view=Activity.suited_to(scene.task.duration, _n_cells(circuit), _n_weights(scene)))


def _task(name: str, circuit: Circuit) -> Task:
    """A task at a length that can be watched."""
    task = load(name, "tasks")()
    if not fits(circuit, task):
        options = fitting(circuit)
        raise UnknownNameError(
            type(circuit).__name__, TASK, expected=f"a task that drives {', '.join(circuit.inputs) or 'nothing'}",
            got=repr(name[:60]), choices=options.values(),
        )  # fmt: skip
    inputs = sum(task.sizes.values())
    return _shorter(task, min(LONGEST, WORK / (_n_cells(circuit) + inputs / 50)))


def _smaller(circuit: Circuit) -> Circuit:
    """The circuit with about `CELLS` cells, each with as many inputs as before as far as there are so many cells."""
    sizes = {name: value for name, value in circuit.numbers.items() if isinstance(circuit.fields[name], Size)}
    if sum(sizes.values()) <= CELLS:
        return circuit
    share = CELLS / sum(sizes.values())
    values: dict[str, Any] = {name: max(1, round(n * share)) for name, n in sizes.items()}
    values |= {name: min(1.0, round(p / share, 3)) for name, p in _chances(circuit).items()}
    try:
        return circuit.replace(**values)
    except Brian2LearnError:  # its numbers hang together
        return circuit


def _other_choices(circuit: Circuit) -> Iterator[Circuit]:
    for name, field in circuit.fields.items():
        for option in field.options if isinstance(field, Choice) else ():
            try:
                yield circuit.replace(**{name: option})
            except Brian2LearnError:
                continue


def _shorter(task: Task, longest: float) -> Task:
    """The task with fewer repeats, then with shorter times, until it lasts no longer, if it can be made so."""
    repeats = [name for name, field in task.fields.items() if isinstance(field, Size)]
    times = [
        name for name, field in task.fields.items() if isinstance(field, Param) and unit_of(field.default) == "second"
    ]
    for name in (*repeats, *times):
        if task.duration <= longest * (1 + 1e-9):
            break
        value, field = task.values[name], task.fields[name]
        for share in (longest / task.duration, 2 * longest / task.duration, 0.5):
            wanted = _one_digit(plain(value) * share)
            new = max(1, int(wanted)) if name in repeats else wanted * (value / plain(value))
            try:
                other = task.replace(**{name: field.check(new, "")})
                other.duration  # noqa: B018
            except (Brian2LearnError, ArithmeticError):
                continue
            if other.duration < task.duration and dict(other.sizes) == dict(task.sizes):
                task = other
                break
    return task


def _one_digit(value: float) -> float:
    """Rounded down to one digit."""
    unit = 10 ** np.floor(np.log10(value))
    return float(f"{np.floor(value / unit * (1 + 1e-9)) * unit:.1g}")


# ---------------------------------------------------------------------- how much it is


def _n_cells(circuit: Circuit) -> int:
    return sum(value for name, value in circuit.numbers.items() if isinstance(circuit.fields[name], Size))


def _chances(circuit: Circuit) -> dict[str, float]:
    """The numbers that are probabilities of a synapse."""
    return {
        name: float(value)
        for name, value in circuit.numbers.items()
        for field in (circuit.fields[name],)
        if isinstance(field, Param) and field.structural and field.unit == "1" and (field.low, field.high) == (0, 1)
    }


def _check_size(scene: Scene) -> None:
    """Refuse what would keep the machine busy for long, or not fit into its memory."""

    def refuse(what: str, expected: str, got: str) -> None:
        raise DeclarationError(type(scene.shown).__name__, what, meaning="to be watched", expected=expected, got=got)

    circuit, task = scene.shown, scene.task
    for each in (circuit, task):
        for name, value in each.numbers.items():
            if isinstance(each.fields[name], Size) and value > MOST_CELLS:
                refuse(name, f"at most {MOST_CELLS}", str(value))
    cells, inputs, duration = _n_cells(circuit), sum(task.sizes.values()), task.duration
    if cells + inputs > MOST_CELLS:
        refuse("cells", f"at most {MOST_CELLS}, inputs included", str(cells + inputs))
    pairs = cells * (cells + inputs) * max(_chances(circuit).values(), default=1.0)
    if pairs > MOST_PAIRS:
        refuse("synapses", f"room for at most {MOST_PAIRS:.0e}", f"{pairs:.1e} pairs of cells")
    if duration > MOST_TIME:
        refuse("duration", f"at most {MOST_TIME:g} s", f"{duration:g} s")
    work = (cells + inputs / 50) * duration * 1e-4 / float(scene.view.step)
    if work > MOST_WORK:
        expected = f"at most {MOST_WORK:.0e} cells times seconds, in steps of 0.1 ms"
        refuse("work", expected, f"{work:.1e}")
    every = scene.view.interval
    if every is not None and (n := _n_weights(scene) * duration / float(every)) > MOST_SAMPLES:
        refuse("weights", f"at most {MOST_SAMPLES:.0e} values on record", f"{n:.1e}: take them less often")


def _n_weights(scene: Scene) -> int:
    return sum(weights_of(scene.shown, scene.task).values())


def weights_of(circuit: Circuit, task: Task) -> dict[str, int]:
    """The learned states of synapses whose number is known before a run, and the number."""
    sizes = {name: int(n) for name, n in task.sizes.items()}
    name = digest(structure(circuit), sizes)
    if name not in _known:
        if len(_known) > 1000:
            _known.clear()
        first = circuit.initial(sizes, np.random.default_rng(0))
        _known[name] = {
            key: int(first[key].size)
            for key in circuit.learned
            if key in first and first[key].ndim and key.rpartition(".")[2].startswith("w")
        }
    return _known[name]


_known: dict[str, dict[str, int]] = {}


# ---------------------------------------------------------------------- values and addresses


def fresh_part(name: str, options: Mapping[str, str]) -> Declaration:
    """A part by the name of its file, or a sum of mechanisms by theirs.

    Raises
    ------
    Brian2LearnError
    """
    for each in (names := name.split(",")):
        if each not in options.values():
            raise UnknownNameError(
                "explore", "part", expected="a declaration of this kind", got=repr(each[:60]),
                choices=options.values(), typed=each[:60],
            )  # fmt: skip
    if len(names) > 1 or names[0] in files("plasticity"):
        return fresh(names)
    found: Declaration = load(names[0], "circuits")()
    return found


def with_values(shown: Any, values: Mapping[str, Any]) -> Any:
    """A declaration with some values of it and of its parts, by path.

    Raises
    ------
    Brian2LearnError
    """
    if not values:
        return shown
    own: dict[str, Any] = {}
    parts: dict[str, dict[str, Any]] = {}
    for path, value in values.items():
        head, _, rest = path.partition(".")
        if isinstance(shown.fields.get(head), Part) and not isinstance(shown, PlasticitySum):
            parts.setdefault(head, {})[rest] = value
        elif isinstance(shown.fields.get(head), Parts) or rest:
            raise UnknownNameError(
                type(shown).__name__, path[:60], expected="one of its parameters", got=repr(path[:60]),
                choices=sorted(fields_of(shown)),
            )  # fmt: skip
        else:
            own[path] = value
    for name, inner in parts.items():
        part = shown.values[name]
        if new := inner.pop("", ""):
            part = fresh_part(str(new), kinds(shown.fields[name].kind))
        own[name] = with_values(part, inner)
    for name in own:
        if name not in shown.fields and name not in fields_of(shown):
            raise UnknownNameError(
                type(shown).__name__, name[:60], expected="one of its parameters", got=repr(name[:60]),
                choices=sorted(fields_of(shown)), typed=name[:60],
            )  # fmt: skip
    return changed(shown, own)


def read_scene(query: str) -> Scene:
    """The scene that an address leads to.

    Raises
    ------
    Brian2LearnError
        If it is too long, holds a path that is not declared, or a value that is not in its bounds.
    """
    if len(query) > MAX_LENGTH:
        raise DeclarationError(
            "explore", "address", expected=f"at most {MAX_LENGTH} characters", got=f"{len(query)} of them"
        )
    try:
        words = dict(parse_qsl(query.lstrip("?"), keep_blank_values=True, max_num_fields=200))
    except ValueError:
        raise DeclarationError("explore", "address", expected="at most 200 values", got="more") from None
    scene = opened(words.pop("show", ""))
    while names := [path for path in _part_names(scene) if path in words]:
        scene = scene.change({names[0]: words.pop(names[0])})
    fields = {
        f"{group.path}{name}": field for group in scene.groups for name, field in fields_of(group.declaration).items()
    }
    values: dict[str, Any] = {}
    for path, text in words.items():
        field = fields.get(path)
        if field is None:
            raise UnknownNameError(
                type(scene.shown).__name__, path[:60], expected="one of its parameters", got=repr(path[:60]),
                choices=sorted(fields), typed=path[:60],
            )  # fmt: skip
        values[path] = text if isinstance(field, Choice) else _number(field, text)
    return scene.change(values) if values else scene


def _part_names(scene: Scene) -> dict[str, str]:
    """Path of every part that may be another, and the names of what it is now."""
    return {group.path[:-1]: ",".join(names_of(group.declaration)) for group in scene.groups if group.options}


def _number(field: Field, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise field.refuse(field.owner, "a number in SI units", repr(text[:60])) from None

