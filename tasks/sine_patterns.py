"""Sums of sines to be read out of cells with frozen input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import Hz, ms

from brian2learn.core.declaration import Param, Size
from brian2learn.core.fixed_point import N_NEURONS, spikes_of

from ._task import SpikeTrains, Stimulus, Task

CYCLES = (1, 2, 3, 5)


class SinePatterns(Task):
    """The same Poisson spikes over and over; readouts are to show a sum of four sines each.

    The sines have 1, 2, 3 and 5 cycles in a trial, amplitudes from 0.5 to 2 and any phase; their sum begins at 0 and is
    scaled to 1. The truth: ``signals`` (n_steps, n_signals), the same in every trial. Nothing fires in the first step.
    """

    cites = "bellec2020"
    drives = ("inputs", "targets")

    n_inputs = Size(100, "inputs", low=1, high=10**6, source="bellec2020 (code)")
    n_signals = Size(1, "signals", low=1, high=1000, source="bellec2020 (code)")
    n_trials = Size(500, "trials", low=1, high=10**7)
    trial = Param(1000 * ms, "length of a trial", low=10 * ms, high=100_000 * ms, source="bellec2020 (code)")
    step = Param(1 * ms, "from one value of a signal to the next", low=0.01 * ms, high=100 * ms)
    rate = Param(50 * Hz, "rate of every input", low=0 * Hz, high=1000 * Hz, source="bellec2020 (code)")

    def check(self) -> None:
        ratio = float(self.trial / self.step)
        if abs(ratio - round(ratio)) > 1e-6:
            raise self.fields["trial"].refuse("SinePatterns", f"a multiple of step = {self.step}", str(self.trial))

    @property
    def sizes(self) -> dict[str, int]:
        return {"inputs": self.n_inputs, "targets": self.n_signals * N_NEURONS}

    @property
    def duration(self) -> float:
        """Length of a run, s."""
        return self.n_trials * float(self.trial)

    def draw(self, rng: np.random.Generator) -> Stimulus:
        trial, step = float(self.trial), float(self.step)
        n_steps = round(trial / step)
        n = rng.poisson(self.n_inputs * float(self.rate) * (trial - step))
        times = np.sort(rng.uniform(step, trial, n))
        neurons = rng.integers(0, self.n_inputs, n).astype(np.int32)
        amplitudes = rng.uniform(0.5, 2, (self.n_signals, len(CYCLES)))
        phases = rng.uniform(0, 2 * np.pi, amplitudes.shape)
        turns = 2 * np.pi * np.linspace(0, 1, n_steps)[:, None, None] * np.array(CYCLES)
        signals = np.sum(amplitudes * np.sin(turns + phases), axis=2)
        signals -= signals[0]
        signals /= abs(signals).max(axis=0)
        told, dates = spikes_of(signals, step)
        return Stimulus(
            spikes={
                "inputs": SpikeTrains(neurons, times, self.n_inputs),
                "targets": SpikeTrains(told, dates, self.n_signals * N_NEURONS),
            },
            period=trial,
            duration=self.duration,
            truth={"signals": signals, "trial": np.array([trial])},
        )

    @classmethod
    def examples(cls) -> Iterator[SinePatterns]:
        """The default, shortened; two signals; few steps."""
        yield cls(n_trials=3)
        yield cls(n_signals=2, n_trials=1, n_inputs=5)
        yield cls(trial=20 * ms, step=2 * ms, n_trials=2)
