"""What a worker does with a point, and who hands the points out and has their programs compiled."""

from __future__ import annotations

import errno
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

from brian2learn.core import compiler
from brian2learn.core.errors import Brian2LearnError, RecordError, RunError
from brian2learn.core.identity import Steps, digest

from .children import Fatal, Limits, Needs, Outcome
from .executors import Chunk, Workers, execute, workers_of
from .experiment import Experiment
from .measures import Measure, measures_tag, reduced, small_key
from .paths import changed
from .program import Program, adopted, structure_key
from .record import Record
from .simulate import simulate
from .store import Store

TOGETHER = 100
"""Most points of a chunk."""
CHUNK_TIME = 1.0  # s that a chunk should take at least, unless its points share an input
PORTABLE = "-portable"  # what a program for any CPU is called after the one for this CPU

Task = tuple[bytes, Mapping[Steps, Any], int]
"""A point as workers are told of it: its key, its changes of the base, its seed."""
Run = Callable[[Experiment, int], Record]


@dataclass(frozen=True)
class _Offer:
    """A program that the coordinator has: its name and the CPU it was built for."""

    key: str
    features: str


@dataclass
class Common:
    """What a worker is told of all points."""

    base: Experiment | None
    run: Run
    measures: Mapping[str, Measure]  # empty if records are kept
    directory: str
    offers: Mapping[str, _Offer]
    sent: Mapping[str, bytes] = field(default_factory=dict)


def perform(common: Common, task: Task) -> None:
    """Compute one point and write its record; this is what workers do."""
    key, changes, seed = task
    experiment = changed(common.base, changes)
    if common.offers:
        _provide(experiment, common)
    run = partial(simulate, earlier=Store(common.directory)) if common.run is simulate else common.run
    try:
        record = run(experiment, seed)
    except Brian2LearnError as problem:
        if isinstance(problem.__cause__, OSError) and problem.__cause__.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Fatal(str(problem)) from problem
        raise
    if record.key != key.hex():
        raise RunError(
            "Sweep", "worker", expected=f"record {key.hex()[:12]}", got=record.key[:12],
            hint="Does the worker run the same code as the coordinator?",
        )  # fmt: skip
    if common.measures:
        record = reduced(record, common.measures, measures_tag(common.measures))
    try:
        Store(common.directory).write(record)
    except RecordError as problem:
        raise Fatal(str(problem)) from problem


def _provide(experiment: Experiment, common: Common) -> None:
    """See that the program is here: in the cache, sent by the coordinator, or about to be built."""
    structure = structure_key(experiment)
    offer = common.offers.get(structure)
    if offer is None or structure in adopted:
        return
    able = compiler.has_compiler()
    if able and Program.is_built(experiment):
        return
    alike = offer.features == digest(compiler.cpu_features())
    if able and not alike:
        return
    name = offer.key if alike else offer.key + PORTABLE
    folder = Program.place(name)
    if not (folder / "manifest.json").exists():
        if name not in common.sent:
            raise Needs(name)
        Program.unpack(common.sent[name], folder)
    adopted[structure] = folder


class _Points:
    """Any points, in the place of a sweep."""

    base, run, keep = None, staticmethod(simulate), "records"
    measures: ClassVar[Mapping[str, Measure]] = {}

    def shape(self, changes: Mapping[Steps, Any]) -> tuple[bytes, ...]:
        return (structure_key(changes[()]).encode(),)


def compute_points(
    points: Iterable[tuple[Experiment, int]],
    store: Store,
    *,
    n_workers: int,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Compute some runs, of whatever experiments, that have no record.

    Parameters
    ----------
    points : iterable of (Experiment, int)
        Experiments with a seed each.
    progress : callable, optional
        Told the key of a run that is finished.

    Raises
    ------
    RunError
        With the reason, if one of them fails; the others are tried.
    """
    tasks = {experiment.key(seed): (experiment, seed) for experiment, seed in points}
    missing: list[list[Task]] = [
        [(bytes.fromhex(key), {(): experiment}, seed)] for key, (experiment, seed) in tasks.items() if key not in store
    ]
    if not missing:
        return

    def pieces() -> Generator[list[Task], int, None]:
        for piece in missing:  # noqa: UP028  a list's own iterator takes no answers
            yield piece

    with workers_of("local", min(n_workers, len(missing))) as workers:
        coordinator = Coordinator(_Points(), store, Limits(retries=0), len(missing), None, finished=progress)
        coordinator.compute(pieces(), workers)
    for key, reason in store.failures().items():
        if key in tasks:
            raise RunError("Sweep", f"seed {tasks[key][1]}", expected="a run that comes to its end", got=reason)


class Coordinator:
    """Hands out points, has programs compiled, and keeps count."""

    def __init__(
        self,
        sweep: Any,
        store: Store,
        limits: Limits,
        n: int,
        progress: Callable[[int, int, int], None] | None,
        finished: Callable[[str], None] | None = None,
    ) -> None:
        self.sweep, self.store, self.limits, self.n = sweep, store, limits, n
        self.progress, self.finished = progress, finished
        self.offers: dict[str, _Offer] = {}
        self.sent: dict[str, bytes] = {}
        self.structures: set[tuple[Any, ...]] = set()
        self.n_done = self.n_failed = 0
        self.seconds = 0.0
        small = sweep.keep == "measures"
        self.measures = dict(sweep.measures) if small else {}
        self.tag = measures_tag(self.measures) if small else b""

    def compute(self, pieces: Generator[list[Task], int, None], workers: Workers) -> int:
        """Have all computed; the number of points that failed."""
        execute(
            perform, self._chunks(pieces), workers, self.limits,
            told=self._told, is_done=self.store.__contains__, supply=self._supply,
        )  # fmt: skip
        return self.n_failed

    def _chunks(self, pieces: Generator[list[Task], int, None]) -> Iterator[Chunk]:
        try:
            tasks = next(pieces)
            while True:
                self._compile(tasks)
                yield Chunk(tasks, self._common(), [self._name(key) for key, *_ in tasks])
                tasks = pieces.send(self._pace())
        except StopIteration:
            return

    def _common(self) -> Common:
        directory = str(self.store.directory.absolute())
        return Common(self.sweep.base, self.sweep.run, self.measures, directory, dict(self.offers))

    def _name(self, key: bytes) -> str:
        return (small_key(key, self.tag) if self.measures else key).hex()

    def _pace(self) -> int:
        """How many points make a chunk that is worth the way."""
        n = self.n_done + self.n_failed
        return min(TOGETHER, int(CHUNK_TIME * n / self.seconds)) if n and self.seconds else 1

    def _compile(self, tasks: Sequence[Task]) -> None:
        """Compile the programs that some points need and nobody has, here rather than in every worker."""
        if self.sweep.run is not simulate or not compiler.has_compiler():
            return
        for _, changes, _ in tasks:
            shape = self.sweep.shape(changes)
            if shape not in self.structures:
                self.structures.add(shape)
                try:
                    experiment = changed(self.sweep.base, changes)
                    program = Program.of(experiment)
                except Brian2LearnError:  # the worker will say so of this point
                    continue
                offer = _Offer(program.directory.name, digest(compiler.cpu_features()))
                self.offers[structure_key(experiment)] = offer

    def _supply(self, chunk: Chunk, name: str) -> Common:
        """The program that a worker lacks."""
        if name not in self.sent:
            if name.endswith(PORTABLE):
                structure = next(
                    each for each, offer in self.offers.items() if offer.key == name.removesuffix(PORTABLE)
                )
                experiments = (changed(self.sweep.base, changes) for _, changes, _ in chunk.points)
                experiment = next(each for each in experiments if structure_key(each) == structure)
                with compiler.portable():
                    self.sent[name] = Program.of(experiment).packed()
            else:
                self.sent[name] = Program(Program.place(name), {}).packed()
        common: Common = chunk.common
        return Common(
            common.base, common.run, common.measures, common.directory, common.offers,
            {**common.sent, name: self.sent[name]},
        )  # fmt: skip

    def _told(self, name: str, outcome: Outcome) -> None:
        if outcome.failure:
            self.n_failed += 1
            self.store.fail(name, outcome.failure, outcome.attempts)
        else:
            self.n_done += 1
            if self.finished is not None:
                self.finished(name)
        self.seconds += outcome.seconds
        if self.progress is not None:
            self.progress(self.n_done, self.n_failed, self.n)
