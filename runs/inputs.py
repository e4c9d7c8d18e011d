"""The input of one run: drawn once, put on the time grid, and kept in the cache for other runs that share it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
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
        What it took to draw it, put it on the grid and write it; zero for an input from the cache.
    """

    spikes: Mapping[str, Path]
    truth: Mapping[str, np.ndarray]
    period: float
    duration: float
    n_merged: Mapping[str, int]
    wall_time: Mapping[str, float]

    @classmethod
    def of(cls, experiment: Experiment, sequence: np.random.SeedSequence) -> Input:
        """The input of a task at a time step, from the cache or drawn.

        Raises
        ------
        RunError
            If there is no room for it.
        """
        state = sequence.generate_state(4)
        code = [source_digest(path) for path in sorted(Path(__file__).parent.glob("spikes.*"))]
        folder = cache_directory() / "inputs" / digest(experiment.task, experiment.dt, state, code)
        try:
            os.utime(folder)  # used just now
            return cls._read(folder, {"draw": 0.0})
        except FileNotFoundError:
            return cls._read(folder, _draw(experiment, np.random.default_rng(sequence), folder))

    @classmethod
    def _read(cls, folder: Path, wall_time: Mapping[str, float]) -> Input:
        about: dict[str, Any] = json.loads((folder / "input.json").read_text(encoding="utf-8"))
        with np.load(folder / "truth.npz", allow_pickle=False) as arrays:
            truth = {name: arrays[name] for name in arrays.files}
        spikes = {name: folder / f"{name}.spikes" for name in about["n_merged"]}
        return cls(spikes, truth, about["period"], about["duration"], about["n_merged"], wall_time)


def _draw(experiment: Experiment, rng: np.random.Generator, folder: Path) -> dict[str, float]:
    """Draw the stimulus of an experiment, put it on the grid and write it; what that took, in s."""
    started = time.perf_counter()
    stimulus = experiment.task.draw(rng)
    try:
        with published(folder) as unfinished:
            n_merged = {
                name: GriddedSpikes.write(unfinished / f"{name}.spikes", trains, stimulus, float(experiment.dt))
                for name, trains in (stimulus.spikes or NO_SPIKES).items()
            }
            np.savez(unfinished / "truth.npz", **dict(stimulus.truth))  # type: ignore[arg-type]
            about = {"period": stimulus.period, "duration": stimulus.duration, "n_merged": n_merged}
            (unfinished / "input.json").write_text(json.dumps(about), encoding="utf-8")
        _make_room(folder.parent)
    except OSError as problem:
        raise RunError(
            "Input", str(folder.parent), expected="room for the input", got=problem.strerror or str(problem)
        ) from problem
    return {"draw": time.perf_counter() - started}


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
