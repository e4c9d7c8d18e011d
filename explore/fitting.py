"""Which circuit and which task go together, and at what size they can be watched."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import numpy as np

from brian2learn.circuits._circuit import Circuit
from brian2learn.core.declaration import Choice, Declaration, Param, Size, plain, unit_of
from brian2learn.core.discovery import files, load
from brian2learn.core.errors import Brian2LearnError, DeclarationError, UnknownNameError
from brian2learn.core.identity import digest
from brian2learn.runs.program import structure
from brian2learn.tasks._task import Task

from . import diagram
from .activity import Activity

CELLS = 1000
"""A circuit is opened with about so many cells at most."""
WORK = 1000.0
"""Cells times seconds, in steps of 0.1 ms, with which a circuit is opened: about a second on a usual machine."""
INPUTS = 50  # inputs cost as much as a cell
SHORTEST, LONGEST = 1.0, 30.0  # s; what a run lasts at first at most
MOST_CELLS, MOST_PAIRS, MOST_WORK, MOST_TIME, MOST_SAMPLES = 20_000, 2 * 10**7, 100 * WORK, 600.0, 2 * 10**6
"""What may be asked for: cells, pairs of cells that may have a synapse, work, seconds, recorded values."""


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
    cls: Any = type(circuit)
    return _fitting(cls, *asked)


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


def task_for(name: str, circuit: Circuit) -> Task:
    """A task at a length that can be watched."""
    task = load(name, "tasks")()
    if not fits(circuit, task):
        options = fitting(circuit)
        raise UnknownNameError(
            type(circuit).__name__, "task", expected=f"a task that drives {', '.join(circuit.inputs) or 'nothing'}",
            got=repr(name[:60]), choices=options.values(),
        )  # fmt: skip
    inputs = sum(task.sizes.values())
    return _shorter(task, min(LONGEST, max(SHORTEST, WORK / max(1.0, n_cells(circuit) + inputs / INPUTS))))


def smaller(circuit: Circuit) -> Circuit:
    """The circuit with about `CELLS` cells, each with as many inputs as before as far as there are so many cells."""
    sizes = _sizes(circuit)
    if sum(sizes.values()) <= CELLS:
        return circuit
    share = CELLS / sum(sizes.values())
    values: dict[str, Any] = {name: max(1, round(n * share)) for name, n in sizes.items()}
    values |= {name: min(1.0, round(p / share, 3)) for name, p in _chances(circuit).items()}
    try:
        return circuit.replace(**values)
    except Brian2LearnError:  # its numbers hang together
        return circuit


def other_choices(circuit: Circuit) -> Iterator[Circuit]:
    """The circuit with another option of one of its choices."""
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


def n_cells(circuit: Circuit) -> int:
    """What its sizes add up to."""
    return sum(_sizes(circuit).values())


def _sizes(declaration: Declaration) -> dict[str, int]:
    """The numbers that are sizes."""
    return {name: value for name, value in declaration.numbers.items() if isinstance(declaration.fields[name], Size)}


def _chances(circuit: Circuit) -> dict[str, float]:
    """The numbers that are probabilities of a synapse."""
    return {
        name: float(value)
        for name, value in circuit.numbers.items()
        for field in (circuit.fields[name],)
        if isinstance(field, Param) and field.structural and field.unit == "1" and (field.low, field.high) == (0, 1)
    }


def check_size(circuit: Circuit, task: Task, view: Activity) -> None:
    """Refuse what would keep the machine busy for long, or not fit into its memory.

    Raises
    ------
    DeclarationError
    """

    def refuse(what: str, expected: str, got: str) -> None:
        raise DeclarationError(type(circuit).__name__, what, meaning="to be watched", expected=expected, got=got)

    for each in (circuit, task):
        for name, value in _sizes(each).items():
            if value > MOST_CELLS:
                refuse(name, f"at most {MOST_CELLS}", str(value))
    cells, inputs, duration = n_cells(circuit), sum(task.sizes.values()), task.duration
    if cells + inputs > MOST_CELLS:
        refuse("cells", f"at most {MOST_CELLS}, inputs included", str(cells + inputs))
    pairs = cells * (cells + inputs) * max(_chances(circuit).values(), default=1.0)
    if pairs > MOST_PAIRS:
        refuse("synapses", f"room for at most {MOST_PAIRS:.0e}", f"{pairs:.1e} pairs of cells")
    if duration > MOST_TIME:
        refuse("duration", f"at most {MOST_TIME:g} s", f"{duration:g} s")
    work = (cells + inputs / INPUTS) * duration * 1e-4 / float(view.step)
    if work > MOST_WORK:
        expected = f"at most {MOST_WORK:.0e} cells times seconds, in steps of 0.1 ms"
        refuse("work", expected, f"{work:.1e}")
    every = view.interval
    if every is not None and (n := n_recorded(circuit, task) * duration / float(every)) > MOST_SAMPLES:
        refuse("weights", f"at most {MOST_SAMPLES:.0e} values on record", f"{n:.1e}: take them less often")


def n_recorded(circuit: Circuit, task: Task) -> int:
    """How many values there are on record at a time."""
    return sum(n for n, _ in recorded(circuit, task).values())


def recorded(circuit: Circuit, task: Task) -> dict[str, tuple[int, str]]:
    """What can be recorded over time: how many values of it there are, and their SI unit.

    These are the learned weights whose number is known before a run; where there are neither such nor spikes, the
    states of cells that differential equations move.
    """
    sizes = {name: int(n) for name, n in task.sizes.items()}
    name = digest(structure(circuit), sizes)
    if name not in _known:
        if len(_known) > 1000:
            _known.clear()
        try:
            _known[name] = _recorded(circuit, sizes)
        except Brian2LearnError:
            raise
        except Exception as problem:  # a broken file of a user breaks itself only
            got = f"{type(problem).__name__}: {problem}"[:300]
            raise DeclarationError(type(circuit).__name__, expected="a circuit that can be built", got=got) from problem
    return _known[name]


def _recorded(circuit: Circuit, sizes: dict[str, int]) -> dict[str, tuple[int, str]]:
    first = circuit.initial(sizes, np.random.default_rng(0))
    weights = {
        key: (int(first[key].size), "1")
        for key in circuit.learned
        if key in first and first[key].ndim and key.endswith(".w")
    }  # fmt: skip
    return weights if weights or circuit.outputs else diagram.moved(circuit, sizes)


_known: dict[str, dict[str, tuple[int, str]]] = {}
