"""Input spikes on the time grid, and how they reach Brian2: a file that a compiled program maps, or a generator."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import SpikeGeneratorGroup, second
from brian2.core.spikesource import SpikeSource
from brian2.core.variables import Variables
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from brian2.groups.group import CodeRunner, Group

from brian2learn.core.compiler import library
from brian2learn.core.errors import AssemblyError
from brian2learn.tasks._task import SpikeTrains, Stimulus

NO_SPIKES = {"nothing": SpikeTrains(np.empty(0, np.int32), np.empty(0), 1)}
"""What a run without input is given: the file of this population says when it ends."""

HEADER = 5 * 8  # bytes

REPORTS = 200
"""How often a program says how far it is, in the course of one run."""


@dataclass(frozen=True)
class GriddedSpikes:
    """Spikes of one population by time step, as they lie in a file that `SpikeStream` maps.

    The file: ``n``, ``n_period``, ``n_steps``, how many steps lie between two reports of the program, and how many
    steps of the period are in the file, -1 if it will never be whole (int64 each); ``offsets``; ``neurons``. A program
    can begin while the file is being written.

    Attributes
    ----------
    neurons : (k,) uint16, or int32 for more than 2**16 neurons
        The neurons that fire, in the order of their spikes.
    offsets : (n_period + 1,) int64
        Spikes of step s are ``neurons[offsets[s]:offsets[s + 1]]``.
    n : int
        Size of the population.
    n_period, n_steps : int
        Time steps of one period and of the whole run.
    """

    neurons: np.ndarray
    offsets: np.ndarray
    n: int
    n_period: int
    n_steps: int

    @classmethod
    def write(cls, path: Path, trains: SpikeTrains, stimulus: Stimulus, dt: float) -> int:
        """Write a whole file; see `begin` and `fill`."""
        cls.begin(path, trains.n, stimulus, dt)
        return cls.fill(path, trains, dt)

    @staticmethod
    def begin(path: Path, n: int, stimulus: Stimulus, dt: float) -> None:
        """Write a file that has none of its steps yet.

        Raises
        ------
        AssemblyError
            If a period is not a whole number of steps.
        """
        n_period, n_steps = _whole_steps(stimulus.period, dt, "period"), _whole_steps(stimulus.duration, dt, "duration")
        with open(path, "wb") as file:
            file.write(np.array([n, n_period, n_steps, max(1, n_steps // REPORTS), 0], np.int64).data)
            file.truncate(HEADER + 8 * (n_period + 1))

    @staticmethod
    def fill(path: Path, trains: SpikeTrains, dt: float, wanted: Callable[[], bool] = lambda: True) -> int:
        """Put spikes on the grid, block by block, into a file that was begun.

        A spike belongs to the step in which it falls, and a neuron fires once per step.

        Parameters
        ----------
        wanted : callable
            Asked before every block whether to go on.

        Returns
        -------
        n_merged : int
            Spikes left out because the same neuron had already fired in that step, over one period.

        Raises
        ------
        AssemblyError
            If a spike lies outside the period.
        """
        n_period = int(np.fromfile(path, np.int64, 4)[1])
        grid = _compiled_grid() or _grid
        last, counts = np.full(trains.n, -1, np.int64), np.zeros(n_period, np.int64)
        n_merged = n_ready = n_before = 0
        with open(path, "r+b") as file:

            def now_ready(n: int) -> None:
                """Make the first `n` steps known: their spikes, then their offsets, then that they are there."""
                nonlocal n_ready, n_before
                offsets = n_before + np.cumsum(counts[n_ready:n])
                file.seek(HEADER + 8 * (n_ready + 1))
                file.write(offsets.data)
                file.flush()
                os.pwrite(file.fileno(), np.int64(n).tobytes(), HEADER - 8)
                n_ready, n_before = n, int(offsets[-1]) if offsets.size else n_before

            try:
                for block in trains.blocks():
                    if not wanted():
                        break
                    times, indices = np.ascontiguousarray(block.times), np.ascontiguousarray(block.indices, np.int32)
                    neurons = np.empty(times.size, np.int32)
                    # Brian2's own rounding: a time within a thousandth of a step below the next one belongs to that
                    n_kept = grid(
                        times, indices, times.size, trains.n, n_period, 1e-3 * dt, 1 / dt, last, neurons, counts
                    )
                    if n_kept < 0:
                        got = f"times from {times.min()} to {times.max()} s, "
                        got += f"neurons from {indices.min()} to {indices.max()}"
                        expected = f"times within a period of {n_period * dt} s and neurons below {trains.n}"
                        raise AssemblyError("Stimulus", "spikes", expected=expected, got=got)
                    file.seek(0, os.SEEK_END)
                    file.write(neurons[:n_kept].astype(_smallest(trains.n), copy=False).data)
                    n_merged += times.size - n_kept
                    if times.size:  # the last step of a block may go on in the next one
                        now_ready(int(last.max()))
                if wanted():
                    now_ready(n_period)
            except BaseException:
                os.pwrite(file.fileno(), np.int64(-1).tobytes(), HEADER - 8)
                raise
        return n_merged

    @staticmethod
    def n_steps_of(path: Path) -> int:
        """Time steps of the run that the file at `path` is the input of."""
        return int(np.fromfile(path, np.int64, 4)[2])

    @classmethod
    def read(cls, path: Path) -> GriddedSpikes:
        """What `write` wrote."""
        with open(path, "rb") as file:
            n, n_period, n_steps, _, _ = (int(number) for number in np.fromfile(file, np.int64, 5))
            offsets = np.fromfile(file, np.int64, n_period + 1)
            return cls(np.fromfile(file, _smallest(n)), offsets, n, n_period, n_steps)

    def generator(self, dt: Any, name: str) -> SpikeGeneratorGroup:
        """The same spikes as a Brian2 group, for runtime mode."""
        steps = np.repeat(np.arange(self.n_period), np.diff(self.offsets))
        period = self.n_period * dt if self.n_steps > self.n_period else 0 * second
        return SpikeGeneratorGroup(self.n, self.neurons, steps * dt, period=period, sorted=True, name=name)


def _smallest(n: int) -> type[np.integer]:
    """The type in which neurons of a population of `n` are kept in a file."""
    return np.uint16 if n <= 2**16 else np.int32


def _grid(
    times: np.ndarray,
    indices: np.ndarray,
    n_spikes: int,
    n: int,
    n_period: int,
    early: float,
    per_second: float,
    last: np.ndarray,
    neurons: np.ndarray,
    counts: np.ndarray,
) -> int:
    """What ``grid`` in spikes.cpp does, in NumPy."""
    step_of = times * per_second
    if not ((step_of >= 0) & (step_of < n_period) & (indices >= 0) & (indices < n)).all():
        return -1
    steps = np.minimum(((times + early) * per_second).astype(np.int64), n_period - 1)
    first = np.sort(np.unique(steps * n + indices, return_index=True)[1])
    first = first[last[indices[first]] != steps[first]]
    np.maximum.at(last, indices[first], steps[first])
    neurons[: first.size] = indices[first]
    counts += np.bincount(steps[first], minlength=n_period)
    return int(first.size)


@cache
def _compiled_grid() -> Any:
    """``grid`` of spikes.cpp; None where there is no compiler."""
    compiled = library(Path(__file__).with_suffix(".cpp"))
    if compiled is None:
        return None
    whole, real = ctypes.c_int64, ctypes.c_double
    times, indices, steps = (
        np.ctypeslib.ndpointer(dtype, flags="C_CONTIGUOUS") for dtype in (np.float64, np.int32, np.int64)
    )
    compiled.grid.argtypes = (times, indices, whole, whole, whole, real, real, steps, indices, steps)
    compiled.grid.restype = whole
    return compiled.grid


def _whole_steps(time: float, dt: float, name: str) -> int:
    steps = round(time / dt)
    if abs(steps * dt - time) > 1e-6 * dt * max(steps, 1) or steps < 1:
        raise AssemblyError("Stimulus", name, expected=f"a whole number of time steps of {dt} s", got=f"{time} s")
    return steps


class _StreamCode(CPPStandaloneCodeObject):
    templater = CPPStandaloneCodeObject.templater.derive("brian2learn.runs")


def environment_variable(name: str) -> str:
    """The variable that tells a program where the spikes of population `name` lie."""
    return f"BRIAN2LEARN_SPIKES_{name}"


class SpikeStream(Group, CodeRunner, SpikeSource):
    """A source of `n` neurons in a standalone program whose spikes come from a file named at run time."""

    def __init__(self, n: int, name: str) -> None:
        Group.__init__(self, when="thresholds", order=0, name=name)
        self.codeobj_class = _StreamCode
        self._N, self.start, self.stop = n, 0, n
        self.events = {"spike": None}
        self.variables = Variables(self)
        self.variables.create_clock_variables(self._clock)
        self.variables.add_constant("N", value=n)
        self.variables.add_arange("i", n)
        self.variables.add_array("_spikespace", size=n + 1, dtype=np.int32)
        CodeRunner.__init__(
            self, self, "spike_stream", code="", clock=self._clock, when="thresholds", order=0, name=None,
            template_kwds={
                "environment_variable": environment_variable(name), "neuron_type": f"{np.dtype(_smallest(n))}_t"
            },
        )  # fmt: skip
        self._enable_group_attributes()

    @property
    def spikes(self) -> Any:
        """Neurons that fire in the present step."""
        raise NotImplementedError("a spike stream exists in compiled programs only")
