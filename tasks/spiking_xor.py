"""Exclusive or of two groups of spikes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import Hz, ms

from brian2learn.core.declaration import Param, Size

from ._task import SpikeTrains, Stimulus, Task

N_GROUPS = 3


class SpikingXOR(Task):
    """One output is to answer if one of two groups of inputs fires with a third one, the other if both do or neither.

    The third group, a reference in time, fires in every pattern; every input of a group fires once, at a frozen time
    within a few ms. Between patterns all inputs fire at random. Targets of the right output fire twice: when its
    time to answer begins, with the pattern, and when it ends. The truth of every pattern: ``onset`` (s), ``first`` and
    ``second`` (whether the groups fire), ``label`` (1 if one of them does), and ``answer_until`` (s).

    Differs from the paper, which does not say how large groups are nor how long the pauses: a third of the inputs each,
    pauses evenly distributed from half to one and a half of their mean.
    """

    cites = "zenkeganguli2018"
    drives = ("inputs", "targets")

    n_inputs = Size(100, "inputs", low=3, high=10**6, source="zenkeganguli2018, section 4.2")
    n_patterns = Size(1000, "patterns shown", low=1, high=10**7)
    width = Param(10 * ms, "stretch in which a group fires", low=1 * ms, high=1000 * ms,
                  source="zenkeganguli2018, section 4.2")  # fmt: skip
    after = Param(15 * ms, "time to answer beyond it", low=1 * ms, high=1000 * ms,
                  source="zenkeganguli2018, section 4.2")  # fmt: skip
    pause = Param(200 * ms, "mean time from an end of answering to the next pattern", low=1 * ms, high=10_000 * ms)
    rate = Param(4 * Hz, "rate of every input between patterns", low=0 * Hz, high=1000 * Hz,
                 source="zenkeganguli2018, section 4.2")  # fmt: skip

    @property
    def sizes(self) -> dict[str, int]:
        return {"inputs": self.n_inputs, "targets": 2}

    @property
    def duration(self) -> float:
        """Length of a run, s: of all patterns and their mean pauses."""
        return self.n_patterns * float(self.width + self.after + self.pause)

    def draw(self, rng: np.random.Generator) -> Stimulus:
        width, window, pause = float(self.width), float(self.width + self.after), float(self.pause)
        offsets, group = rng.uniform(0, width, self.n_inputs), np.arange(self.n_inputs) * N_GROUPS // self.n_inputs
        pauses = rng.uniform(0.5, 1.5, self.n_patterns)
        pauses *= pause * self.n_patterns / pauses.sum()  # so that the length of a run is known
        onset = np.cumsum(pauses) + window * np.arange(self.n_patterns) - pauses / 2
        bits = rng.integers(0, 2, (self.n_patterns, 2)).astype(bool)
        fires = np.column_stack([np.ones(self.n_patterns, bool), bits])
        pattern, neuron = np.nonzero(fires[:, group])
        n = rng.poisson(self.n_inputs * float(self.rate) * self.duration)
        at, who = rng.uniform(0, self.duration, n), rng.integers(0, self.n_inputs, n)
        last = np.searchsorted(onset, at, side="right") - 1
        between = (last < 0) | (at >= onset[last] + window)
        times = np.concatenate([onset[pattern] + offsets[neuron], at[between]])
        neurons = np.concatenate([neuron, who[between]]).astype(np.int32)
        order = np.argsort(times, kind="stable")
        label = (bits[:, 0] ^ bits[:, 1]).astype(np.int32)
        return Stimulus(
            spikes={
                "inputs": SpikeTrains(neurons[order], times[order], self.n_inputs),
                "targets": SpikeTrains(np.repeat(label, 2), np.column_stack([onset, onset + window]).ravel(), 2),
            },
            period=self.duration,
            duration=self.duration,
            truth={
                "onset": onset, "answer_until": onset + window, "first": bits[:, 0], "second": bits[:, 1],
                "label": label,
            },
        )  # fmt: skip

    @classmethod
    def examples(cls) -> Iterator[SpikingXOR]:
        """The default, shortened; few inputs without noise."""
        yield cls(n_patterns=20)
        yield cls(n_inputs=3, n_patterns=5, rate=0 * Hz)
