"""Frozen Poisson spikes as input, evenly spaced spikes as target."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import Hz, second

from brian2learn.core.declaration import Param, Size

from ._task import SpikeTrains, Stimulus, Task


class PoissonTarget(Task):
    """The same Poisson spikes over and over; every output should fire at evenly spaced times within each trial.

    The truth of a stimulus: the spikes of one trial, ``target_times``, ``target_neurons``, ``input_times`` and
    ``input_neurons`` (times in s).
    """

    cites = "zenkeganguli2018"
    drives = ("inputs", "targets")

    n_inputs = Size(100, "inputs", low=1, high=10**6, source="zenkeganguli2018, section 4.1")
    n_targets = Size(1, "outputs", low=1, high=10**6)
    n_spikes = Size(5, "spikes that every output should fire in a trial", low=1, high=1000,
                    source="zenkeganguli2018, Fig 2")  # fmt: skip
    n_trials = Size(1000, "trials", low=1, high=10**7)
    trial = Param(0.5 * second, "length of a trial", low=0.01 * second, high=100 * second,
                  source="zenkeganguli2018, Fig 2")  # fmt: skip
    rate = Param(5 * Hz, "rate of every input", low=0.01 * Hz, high=1000 * Hz)

    @property
    def sizes(self) -> dict[str, int]:
        return {"inputs": self.n_inputs, "targets": self.n_targets}

    @property
    def duration(self) -> float:
        """Length of a run, s."""
        return self.n_trials * float(self.trial)

    def draw(self, rng: np.random.Generator) -> Stimulus:
        trial = float(self.trial)
        n = rng.poisson(self.n_inputs * float(self.rate) * trial)
        times = np.sort(rng.uniform(0, trial, n))
        neurons = rng.integers(0, self.n_inputs, n).astype(np.int32)
        wanted = np.repeat(trial * np.arange(1, self.n_spikes + 1) / (self.n_spikes + 1), self.n_targets)
        outputs = np.tile(np.arange(self.n_targets, dtype=np.int32), self.n_spikes)
        return Stimulus(
            spikes={
                "inputs": SpikeTrains(neurons, times, self.n_inputs),
                "targets": SpikeTrains(outputs, wanted, self.n_targets),
            },
            period=trial,
            duration=self.duration,
            truth={
                "target_times": wanted, "target_neurons": outputs, "input_times": times, "input_neurons": neurons,
                "trial": np.array([trial]),
            },
        )  # fmt: skip

    @classmethod
    def examples(cls) -> Iterator[PoissonTarget]:
        """The default, shortened; many outputs with many spikes; one of everything."""
        yield cls(n_trials=3)
        yield cls(n_targets=7, n_spikes=20, n_trials=2, rate=50 * Hz)
        yield cls(n_inputs=1, n_spikes=1, n_trials=1)
