"""Many points of one experiment: which there are, what they are called, and how they are computed."""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from brian2learn.core import compiler
from brian2learn.core.errors import Brian2LearnError, DeclarationError, RecordError, UnknownNameError
from brian2learn.core.extras import need
from brian2learn.core.identity import Steps, encoded, template

from .children import Limits
from .coordinator import TOGETHER, Common, Coordinator, Run, Task, perform
from .design import DESIGNS, MOST, Layout, Span, layout_of
from .executors import workers_of
from .experiment import IDENTITY, Experiment
from .measures import Measure, measure_of, measures_tag, number_of, small_key
from .paths import Place, changed, place_of
from .program import Program, program_key
from .simulate import simulate
from .store import Store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Done", "Point", "Span", "Sweep", "ToDo"]

KEEP = {"records": "whole records", "measures": "the measured numbers only, in small records"}
CHECKED = 1000
"""So many settings, evenly spread, are put together as a test when a sweep is made."""
BLOCK = 2**16  # points whose keys are made at a time


@dataclass(frozen=True)
class Point:
    """One point of a sweep.

    Attributes
    ----------
    experiment : Experiment
    seed : int
    values : mapping of str to Any
        The swept values by path.
    """

    experiment: Experiment
    seed: int
    values: Mapping[str, Any]

    @property
    def key(self) -> str:
        return self.experiment.key(self.seed)


@dataclass(frozen=True)
class Done:
    """What came of a sweep.

    Attributes
    ----------
    n_points : int
        Points asked for, of the whole sweep or of a share of it.
    n_before : int
        Points that the store already held.
    n_computed : int
    n_failed : int
        Points for which there is no record; the reasons are in the store (`Store.failures`).
    """

    n_points: int
    n_before: int
    n_computed: int
    n_failed: int


@dataclass(frozen=True)
class ToDo:
    """The points of a sweep, or of a share of it, that have no record; iterating gives their numbers, block by block.

    Attributes
    ----------
    n_points : int
        Points of the sweep or its share.
    """

    sweep: Sweep
    share: tuple[int, int]
    n_points: int
    masks: list[tuple[int, np.ndarray]]

    @property
    def n(self) -> int:
        """Points without a record."""
        return sum(n for n, _ in self.masks)

    def __iter__(self) -> Iterator[np.ndarray]:
        for block, (n, mask) in zip(self.sweep._blocks(), self.masks, strict=True):
            if n:
                block = self.sweep.in_share(block, self.share)
                yield block[np.unpackbits(mask, count=block.size).astype(bool)]


@dataclass(frozen=True)
class Sweep:
    """An experiment with some of its parameters at many values, each with some seeds.

    Points are made when they are asked for, so a sweep takes little memory however many it has. Points that share an
    input (task, time step and seed) follow each other.

    Parameters
    ----------
    base : Experiment
        Gives all that is not swept.
    over : mapping of str to sequence or Span
        Values by path: ``"task.jitter"``, ``"circuit.rule.a_plus"``, ``"circuit.rule.0.a_plus"`` for a term of a sum,
        ``"dt"``. Anything declared may be swept; what shapes the program (sizes, choices, parts) makes one program for
        every shape.
    design : {"grid", "list", "random", "sobol", "latin_hypercube"}
        How the values meet, see `DESIGNS`.
    n : int, optional
        Number of settings of a sampled design.
    seeds : sequence of int
        Every setting is run with each.
    design_seed : int
        For the draws of a sampled design.
    measures : mapping of str to callable or str
        What to measure on a record: functions of a record, also as ``"module:function"``.
    keep : {"records", "measures"}
        What the store keeps.
    run : callable
        Makes the record of an experiment and a seed.

    Raises
    ------
    DeclarationError, UnknownNameError
        If a path, a value, a combination of values or anything else is wrong.
    """

    base: Experiment
    over: Mapping[str, Any] = field(default_factory=dict)
    design: str = "grid"
    n: int | None = None
    seeds: Sequence[int] = range(1)
    design_seed: int = 0
    measures: Mapping[str, Measure | str] = field(default_factory=dict)
    keep: str = "records"
    run: Run = simulate

    def __post_init__(self) -> None:
        def refuse(name: str, expected: str, got: Any, **more: Any) -> DeclarationError:
            return DeclarationError("Sweep", name, expected=expected, got=str(got), **more)

        for name, options in (("design", DESIGNS), ("keep", KEEP)):
            value = getattr(self, name)
            if value not in options:
                raise refuse(name, "one of its options", repr(value), choices=options, typed=str(value))
        if not isinstance(self.base, Experiment):
            raise refuse("base", "an Experiment", repr(self.base))
        sampled = self.design not in ("grid", "list")
        if sampled != (self.n is not None):
            raise refuse("n", f"{'a' if sampled else 'no'} number of settings for a {self.design} design", self.n)
        if self.n is not None and (not isinstance(self.n, int) or isinstance(self.n, bool) or self.n < 1):
            raise refuse("n", "a whole number from 1", repr(self.n))
        seeds = self.seeds if isinstance(self.seeds, range) else tuple(self.seeds)
        if not len(seeds) or not all(type(seed) is int and seed >= 0 for seed in seeds[:: max(1, len(seeds) // 10**4)]):
            raise refuse("seeds", "whole numbers from 0, at least one", repr(self.seeds))
        if not isinstance(seeds, range) and len({*seeds}) < len(seeds):
            raise refuse("seeds", "each seed once", repr(self.seeds))
        measures = {name: measure_of(name, value) for name, value in self.measures.items()}
        if self.keep == "measures" and not measures:
            raise refuse("measures", "at least one, for only measures are to be kept", "none")
        if not self.over and self.design != "grid":
            raise refuse("over", f"values for a {self.design} design", "none")
        places = {path: place_of(self.base, path) for path in self.over}
        for one, other in itertools.permutations(places, 2):
            if other.startswith(f"{one}."):
                raise refuse("over", "paths apart from each other", f"{one} and {other}")
        vars(self).update(over=dict(self.over), seeds=seeds, measures=measures)
        vars(self).update(
            _layout=layout_of(self.design, self.over, places, n_seeds=len(seeds), n=self.n, seed=self.design_seed),
            _places=places,
        )
        if self.n_points > MOST:
            raise refuse("over", f"at most {MOST} points", self.n_points)
        for setting in np.unique(np.linspace(0, self.n_settings - 1, min(CHECKED, self.n_settings)).astype(int)):
            k = self._first_of(int(setting))
            try:
                self.point(k)
            except Brian2LearnError as problem:
                at = ", ".join(f"{path} = {value!s}" for path, value in self.values(k).items())
                got = f"{at}: {problem}".rstrip(".")
                raise refuse("over", "values that go together", got) from problem

    # ------------------------------------------------------------------ points

    @property
    def _parts(self) -> Layout:
        layout: Layout = vars(self)["_layout"]
        return layout

    @property
    def _places(self) -> Mapping[str, Place]:
        places: Mapping[str, Place] = vars(self)["_places"]
        return places

    @property
    def paths(self) -> tuple[str, ...]:
        """What is swept."""
        return tuple(self.over)

    @property
    def n_settings(self) -> int:
        """Number of settings, each of which is run with every seed."""
        return self._parts.n_settings

    @property
    def n_points(self) -> int:
        return self.n_settings * len(self.seeds)

    def values(self, k: int) -> dict[str, Any]:
        """The swept values of point k, by path."""
        self._check(k)
        which, _ = self._parts.indices(np.array([k]))
        return {path: self._parts.columns[path].values[int(which[path][0])] for path in self.over}

    def seed(self, k: int) -> int:
        """The seed of point k."""
        self._check(k)
        return self.seeds[int(self._parts.indices(np.array([k]))[1][0])]

    def point(self, k: int) -> Point:
        """Point k, from 0 to ``n_points - 1``."""
        values = self.values(k)
        return Point(changed(self.base, self._steps(values)), self.seed(k), values)

    def _check(self, k: int) -> None:
        if not 0 <= k < self.n_points:
            raise UnknownNameError("Sweep", "point", expected=f"0 to {self.n_points - 1}", got=str(k))

    def _steps(self, values: Mapping[str, Any]) -> dict[Steps, Any]:
        return {self._parts.steps[path]: value for path, value in values.items()}

    def _first_of(self, setting: int) -> int:
        """A point of a setting."""
        return self._parts.first_of(setting)

    def point_keys(self, points: np.ndarray | None = None) -> np.ndarray:
        """`Experiment.key` of some points, of all if none are named, without making them.

        Returns
        -------
        (n, 32) uint8
        """
        which, seeds = self._parts.indices(np.arange(self.n_points) if points is None else points)
        holes = {(IDENTITY.index(str(steps[0])), *steps[1:]): path for path, steps in self._parts.steps.items()}
        for_seed = (IDENTITY.index("seed"),)
        pieces = template(self.base.identity(0), [*holes, for_seed])
        begun = hashlib.sha256(pieces[0])  # type: ignore[arg-type]
        parts: list[Iterable[bytes]] = []
        for piece in pieces[1:]:
            if isinstance(piece, bytes):
                parts.append(itertools.repeat(piece))
            elif piece == for_seed:
                known = {number: encoded(self.seeds[number]) for number in np.unique(seeds).tolist()}
                parts.append([known[number] for number in seeds.tolist()])
            else:
                path = holes[piece]
                parts.append(self._parts.columns[path].encoded(which[path]))
        found = bytearray()
        for row in zip(*parts, strict=False):
            state = begun.copy()
            state.update(b"".join(row))
            found += state.digest()
        return np.frombuffer(bytes(found), np.uint8).reshape(-1, 32)

    def record_keys(self, points: np.ndarray | None = None) -> np.ndarray:
        """What the records of some points, or of all, are called in a store.

        That is the points' own keys, or, where only measures are kept, other ones, which also tell what is measured.

        Returns
        -------
        (n, 32) uint8
        """
        keys = self.point_keys(points)
        if self.keep == "records":
            return keys
        tag, raw = measures_tag(self.measures), keys.tobytes()
        small = b"".join(small_key(raw[k : k + 32], tag) for k in range(0, len(raw), 32))
        return np.frombuffer(small, np.uint8).reshape(-1, 32)

    # ------------------------------------------------------------------ running

    def to_do(self, store: Store, share: tuple[int, int] = (1, 1)) -> ToDo:
        """Which points of the sweep, or of share k of n of it, have no record."""
        n_points, masks = 0, []
        for block in self._blocks():
            block = self.in_share(block, share)
            missing = store.missing(self.record_keys(block)) if block.size else np.zeros(0, bool)
            n_points += block.size
            masks.append((int(missing.sum()), np.packbits(missing)))
        return ToDo(self, share, n_points, masks)

    def _blocks(self) -> Iterator[np.ndarray]:
        for start in range(0, self.n_points, BLOCK):
            yield np.arange(start, min(start + BLOCK, self.n_points))

    def in_share(self, points: np.ndarray, share: tuple[int, int]) -> np.ndarray:
        """Those of some points that belong to share k of n, from 1; points that share an input stay together."""
        k, n = share
        if share == (1, 1):
            return points
        if not 1 <= k <= n:
            raise DeclarationError("Sweep", "share", expected="K/N with K from 1 to N", got=f"{k}/{n}")
        together = max(1, min(TOGETHER, self.n_points // (4 * n)))
        block, within = self._parts.blocks(points)
        return points[(block + within // together) % n == k - 1]

    def execute(
        self,
        store: Store,
        *,
        on: Any = "local",
        n_workers: int | None = None,
        limits: Limits = Limits(),  # noqa: B008  frozen
        share: tuple[int, int] = (1, 1),
        slurm: Mapping[str, Any] | None = None,
        progress: Callable[[int, int, int], None] | None = None,
    ) -> Done:
        """Compute the points that have no record; those that fail leave their reason in the store.

        Parameters
        ----------
        on : str or object
            Where: ``"local"``, ``"dask://host:port"``, ``"slurm"``, a Dask client or cluster; see `workers_of`.
        n_workers : int, optional
            Processes or jobs that compute at the same time.
        limits : Limits
            Time-out and retries.
        share : (int, int)
            Compute share k of n only, counted from 1.
        slurm : mapping, optional
            What a SLURM job asks for, see `slurm.SlurmJob`.
        progress : callable, optional
            Told how many points are computed, have failed, and were to be computed.
        """
        to_do = self.to_do(store, share)
        n_failed = 0
        if to_do.n:
            with workers_of(on, n_workers, slurm) as workers:
                coordinator = Coordinator(self, store, limits, to_do.n, progress)
                n_failed = coordinator.compute(self._pieces(to_do, workers.n), workers)
        return Done(to_do.n_points, to_do.n_points - to_do.n, to_do.n - n_failed, n_failed)

    def _pieces(self, to_do: ToDo, n_workers: int) -> Generator[list[Task], int, None]:
        """Points for one worker: those of one input together, and so many that they are worth the way."""
        most = max(1, min(TOGETHER, to_do.n // (4 * n_workers)))
        pace = 1
        for points in to_do:
            at = 0
            while at < points.size:
                ahead = points[at : at + TOGETHER]
                block = self._parts.blocks(ahead)[0]
                n = min(most, max(int(np.searchsorted(block, block[0], "right")), pace))
                if n < ahead.size:
                    n = int(np.searchsorted(block, block[n])) or n  # the last block is whole or left for the next
                pace = yield self._tasks(ahead[:n])
                at += n

    def _tasks(self, points: np.ndarray) -> list[Task]:
        keys, (which, seeds) = self.point_keys(points), self._parts.indices(points)
        columns = [(self._parts.steps[path], column, which[path]) for path, column in self._parts.columns.items()]
        return [
            (
                keys[number].tobytes(),
                {steps: column.values[int(places[number])] for steps, column, places in columns},
                self.seeds[int(seeds[number])],
            )
            for number in range(points.size)
        ]

    def shape(self, changes: Mapping[Steps, Any]) -> tuple[bytes, ...]:
        """What of some swept values makes another program."""
        shaping = [path for path, place in self._places.items() if place.is_structural]
        return tuple(encoded(changes[self._parts.steps[path]]) for path in shaping)

    def programs(self) -> dict[str, bool]:
        """The programs that the points need, by name, and whether each is in the cache."""
        if self.run is not simulate:
            return {}
        shaping = [path for path, place in self._places.items() if place.is_structural]
        seen: set[tuple[int, ...]] = set()
        found: dict[str, Any] = {}
        for block in self._blocks() if shaping else [np.zeros(1, np.int64)]:
            which, _ = self._parts.indices(block)
            shapes, first = np.unique([which[path] for path in shaping], axis=1, return_index=True) if shaping else (
                np.zeros((0, 1)), [0])  # fmt: skip
            for shape, place in zip(shapes.T.tolist(), first, strict=True):
                if tuple(shape) not in seen:
                    seen.add(tuple(shape))
                    experiment = self.point(int(block[place])).experiment
                    found[program_key(experiment)] = Program.is_built(experiment)
        return found

    def cost(self, store: Store) -> tuple[float | None, str]:
        """What a point took, in s, and from what that is known: from points that the store holds."""
        times: list[float] = []
        for k in np.unique(np.linspace(0, self.n_points - 1, min(CHECKED, self.n_points)).astype(int)):
            key = self.record_keys(np.array([k])).tobytes().hex()
            if len(times) < 20 and key in store:
                times.append(store.read(key).info.get("wall_time", {}).get("run", 0.0))
        return (float(np.mean(times)), f"the mean of {len(times)} stored points") if times else (None, "")

    def timed(self, store: Store) -> float:
        """Compute the first point that has no record and say how long that took, in s, without compiling.

        Raises
        ------
        RunError
            With the reason, if it fails.
        """
        block = next(iter(self.to_do(store)))
        (task,) = self._tasks(block[:1])
        if self.run is simulate and compiler.has_compiler():
            Program.of(changed(self.base, task[1]))
        started = time.perf_counter()
        perform(Common(self.base, self.run, self._kept, str(store.directory.absolute()), {}), task)
        return time.perf_counter() - started

    @property
    def _kept(self) -> dict[str, Measure]:
        """What is measured on records that are not kept."""
        return dict(self.measures) if self.keep == "measures" else {}  # type: ignore[arg-type]

    # ------------------------------------------------------------------ results

    def table(self, store: Store, measures: Mapping[str, Measure | str] | None = None) -> pd.DataFrame:
        """One row for each point: swept values (units in the names of the columns), seed, measures, reason of failure.

        A damaged record counts as missing and is computed again by the next `execute`.

        Parameters
        ----------
        measures : mapping, optional
            Instead of those of the sweep, where records are kept.
        """
        import pandas as pd

        chosen = self._measures(measures)
        columns: dict[str, list[Any]] = {name: [] for name in (*self.column_names.values(), "seed", *chosen, "failed")}
        failures = store.failures()
        for block in self._blocks():
            keys = self.record_keys(block)
            missing = store.missing(keys)
            which, seeds = self._parts.indices(block)
            for path, name in self.column_names.items():
                columns[name] += self._parts.columns[path].shown(which[path])
            columns["seed"] += [self.seeds[number] for number in seeds.tolist()]
            for raw, is_missing in zip(keys, missing.tolist(), strict=True):
                key = raw.tobytes().hex()
                found, reason = self._measured(store, key, chosen) if not is_missing else ({}, "not computed")
                reason = failures.get(key, reason) if is_missing else reason
                for name in chosen:
                    columns[name].append(found.get(name))
                columns["failed"].append(reason)
        return pd.DataFrame(columns).infer_objects()

    def dataset(self, store: Store, measures: Mapping[str, Measure | str] | None = None) -> Any:
        """The measures as a labelled ``xarray.Dataset``.

        The dimensions are the swept parameters, with their units, and the seed; for a design other than a grid, the
        number of the setting and the seed, with the parameters as coordinates.
        """
        xarray = need("xarray", "store", "labelled arrays")
        table = self.table(store, measures)
        chosen = self._measures(measures)
        layout = self._parts
        order, setting = layout.order_of_all(), {"setting": np.arange(self.n_settings)}
        shape = (*layout.shape, len(self.seeds))
        dims = (*(self.over if self.design == "grid" else ["setting"]), "seed")
        if self.design == "grid":
            coords: dict[str, Any] = {
                path: (path, column.shown(np.arange(len(column))), column.attributes)
                for path, column in layout.columns.items()
            }
        else:
            rows = table.iloc[order.reshape(shape)[:, 0]]
            coords = dict(setting)
            for path, name in self.column_names.items():
                coords[path] = ("setting", rows[name].to_numpy(), layout.columns[path].attributes)
        coords["seed"] = np.array(self.seeds)
        arrays = {name: (dims, table[name].to_numpy()[order].reshape(shape)) for name in [*chosen, "failed"]}
        return xarray.Dataset(arrays, coords)

    @property
    def column_names(self) -> dict[str, str]:
        """Path and name of the table's column, with the unit."""
        return {
            path: f"{path} ({column.unit})" if column.unit else path for path, column in self._parts.columns.items()
        }

    def _measures(self, measures: Mapping[str, Measure | str] | None) -> dict[str, Measure]:
        if measures is None:
            return dict(self.measures)  # type: ignore[arg-type]
        if self.keep == "measures" and not {*measures} <= {*self.measures}:
            odd = next(name for name in measures if name not in self.measures)
            raise UnknownNameError("Sweep", odd, expected="a measure that was kept", got=odd, choices=self.measures)
        return {name: measure_of(name, value) for name, value in measures.items()}

    def _measured(self, store: Store, key: str, measures: Mapping[str, Measure]) -> tuple[dict[str, Any], str]:
        """What was measured on a point, or why not."""
        try:
            record = store.read(key)
        except RecordError as problem:
            store.distrust(key)
            return {}, f"damaged: {problem.got}"
        if self.keep == "measures":
            return {name: record.info["measures"][name] for name in measures}, ""
        found = {name: number_of(name, measure(record)) for name, measure in measures.items()}
        return found, ""
