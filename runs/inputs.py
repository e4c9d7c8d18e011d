"""The input of one run: drawn once, put on the time grid, and kept in the cache for other runs that share it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np

from brian2learn.core.compiler import cache_directory
from brian2learn.core.errors import RunError
from brian2learn.core.folders import UNFINISHED, published, remove
from brian2learn.core.identity import digest, source_digest

from .experiment import Experiment
from .spikes import NO_SPIKES, GriddedSpikes

ROOM = 2 * 10**9
"""Bytes of inputs that are kept; the ones that were not used for longest go first."""


@dataclass(frozen=True)
class Input:
    """The stimulus of one run as files that a program maps, and the truth about it.

    Attributes
    ----------
    spikes : mapping of str to Path
        The file of every driven population, see `GriddedSpikes.write`.
    truth : mapping of str to ndarray
        As the task gives it.
    period, duration : float, s
        See `Stimulus`.
    n_merged : mapping of str to int
        Spikes of every population left out because the same neuron had already fired in that step.
    wall_time : mapping of str to float, s
        How long it was drawn, put on the grid and written, in part while the program ran; 0 for one from the cache.
    """

    spikes: Mapping[str, Path]
    truth: Mapping[str, np.ndarray]
    period: float
    duration: float
    n_merged: Mapping[str, int]
    wall_time: Mapping[str, float]

    @classmethod
    @contextmanager
    def meanwhile(cls, experiment: Experiment, sequence: np.random.SeedSequence) -> Iterator[Begun]:
        """The input of a task, which is perhaps still being drawn while a program already reads it.

        On leaving, `Begun.whole` is there.

        Raises
        ------
        RunError
            If there is no room for it.
        """
        folder = _folder(experiment, sequence)
        try:
            os.utime(folder)  # used just now
            found = cls._read(folder, {"draw": 0.0})
        except FileNotFoundError:
            found = None
        if found is not None:
            yield Begun(found.spikes, found)
            return
        with _drawn(experiment, np.random.default_rng(sequence), folder) as begun:
            yield begun
        begun.whole = cls._read(folder, begun.wall_time)

    @classmethod
    def of(cls, experiment: Experiment, sequence: np.random.SeedSequence) -> Input:
        """The input of a task at a time step, from the cache or drawn.

        Raises
        ------
        RunError
            If there is no room for it.
        """
        with cls.meanwhile(experiment, sequence) as begun:
            pass
        return begun.whole

    @classmethod
    def _read(cls, folder: Path, wall_time: Mapping[str, float]) -> Input:
        about: dict[str, Any] = json.loads((folder / "input.json").read_text(encoding="utf-8"))
        with np.load(folder / "truth.npz", allow_pickle=False) as arrays:
            truth = {name: arrays[name] for name in arrays.files}
        spikes = {name: folder / f"{name}.spikes" for name in about["n_merged"]}
        return cls(spikes, truth, about["period"], about["duration"], about["n_merged"], wall_time)


@dataclass
class Begun:
    """An input that is perhaps still being drawn.

    Attributes
    ----------
    spikes : mapping of str to Path
        The file of every driven population; a program that reads it waits for what is not yet there.
    whole : Input
        When all is drawn.
    wall_time : dict of str to float, s
        See `Input`.
    """

    spikes: Mapping[str, Path]
    whole: Input = None  # type: ignore[assignment]
    wall_time: dict[str, float] = field(default_factory=dict)


def _folder(experiment: Experiment, sequence: np.random.SeedSequence) -> Path:
    """Where the input of a task at a time step lies."""
    code = [source_digest(path) for path in sorted(Path(__file__).parent.glob("spikes.*"))]
    name = digest(experiment.task, experiment.dt, sequence.generate_state(4), code)
    return cache_directory() / "inputs" / name


@contextmanager
def _drawn(experiment: Experiment, rng: np.random.Generator, folder: Path) -> Iterator[Begun]:
    """Draw the stimulus of an experiment in another thread, put it on the grid and write it."""
    started = time.perf_counter()
    leaving = Event()
    dt = float(experiment.dt)
    try:
        with published(folder) as unfinished:
            stimulus = experiment.task.draw(rng)
            trains = stimulus.spikes or NO_SPIKES
            begun = Begun({name: unfinished / f"{name}.spikes" for name in trains})
            for name, path in begun.spikes.items():
                GriddedSpikes.begin(path, trains[name].n, stimulus, dt)

            def write() -> dict[str, int]:
                wanted = lambda: not leaving.is_set()  # noqa: E731
                n_merged = {
                    name: GriddedSpikes.fill(path, trains[name], dt, wanted) for name, path in begun.spikes.items()
                }
                begun.wall_time["draw"] = time.perf_counter() - started
                return n_merged

            with ThreadPoolExecutor(1) as other:
                writing = other.submit(write)
                try:
                    yield begun
                except Exception:
                    leaving.set()
                    if writing.exception() is not None:  # then the program could not but fail
                        writing.result()
                    raise
                except BaseException:
                    leaving.set()
                    raise
                n_merged = writing.result()
            np.savez(unfinished / "truth.npz", **dict(stimulus.truth))  # type: ignore[arg-type]
            about = {"period": stimulus.period, "duration": stimulus.duration, "n_merged": n_merged}
            (unfinished / "input.json").write_text(json.dumps(about), encoding="utf-8")
        _make_room(folder.parent)
    except OSError as problem:
        raise RunError(
            "Input", str(folder.parent), expected="room for the input", got=problem.strerror or str(problem)
        ) from problem


def _make_room(directory: Path) -> None:
    """Remove the inputs that were not used for longest, until the others fit into `ROOM`."""
    ages = []
    for folder in directory.iterdir():
        try:
            age = time.time() - folder.stat().st_mtime
            size = sum(path.stat().st_size for path in folder.iterdir())
        except OSError:  # another process was faster
            continue
        if not folder.name.startswith(UNFINISHED):
            ages.append((age, size, folder))
    total = 0
    for age, size, folder in sorted(ages):
        total += size
        if total > ROOM and age > 1:
            remove(folder)
