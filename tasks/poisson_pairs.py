"""Independent Poisson trains on both sides of many synapses."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.core.declaration import Param, Size

from ._task import SpikeTrains, Stimulus, Task


class PoissonPairs(Task):
    """Pre neurons fire at one rate, post neurons at another, all independently of each other.

    Pre neuron k belongs to post neuron k. The truth of a stimulus is empty: the rates are parameters.
    """

    drives = ("pre", "post")

    n_pairs = Size(1000, "pairs of neurons", low=1, high=10**6)
    pre_rate = Param(10 * Hz, "rate of a pre neuron", low=0 * Hz, high=1000 * Hz)
    post_rate = Param(10 * Hz, "rate of a post neuron", low=0 * Hz, high=1000 * Hz)
    length = Param(1 * second, "how long they fire", low=1 * ms, high=1e6 * second)

    @property
    def sizes(self) -> dict[str, int]:
        return {"pre": self.n_pairs, "post": self.n_pairs}

    @property
    def duration(self) -> float:
        """Length of the run, s."""
        return float(self.length)

    def draw(self, rng: np.random.Generator) -> Stimulus:
        def side(rate: float) -> SpikeTrains:
            n_spikes = rng.poisson(rate * self.duration * self.n_pairs)
            times = np.sort(rng.uniform(0, self.duration, n_spikes))
            return SpikeTrains(rng.integers(self.n_pairs, size=n_spikes, dtype=np.int32), times, self.n_pairs)

        spikes = {"pre": side(float(self.pre_rate)), "post": side(float(self.post_rate))}
        return Stimulus(spikes=spikes, period=self.duration, duration=self.duration, truth={})

    @classmethod
    def examples(cls) -> Iterator[PoissonPairs]:
        """The default; no spikes on one side; a high rate."""
        yield cls()
        yield cls(n_pairs=10, pre_rate=0 * Hz)
        yield cls(n_pairs=3, post_rate=400 * Hz, length=300 * ms)
