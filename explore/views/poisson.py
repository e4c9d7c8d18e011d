"""Mean weight change under independent Poisson trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.core.declaration import Declaration, Param, Size
from brian2learn.tasks.poisson_pairs import PoissonPairs

from ..pictures import LINE, Curve, Picture
from ._spikes import SpikeView, by_neuron, drawn, synapses_of


class Poisson(SpikeView):
    """Mean drift of the weight while pre and post fire independently, against the post rate."""

    title = "Poisson rates"
    order = 40

    pre_rate = Param(10 * Hz, "rate of the pre neuron", low=0 * Hz, high=200 * Hz)
    high_rate = Param(50 * Hz, "highest rate of the post neuron", low=1 * Hz, high=400 * Hz)
    n_pairs = Size(16, "synapses at each rate", low=2, high=200)
    length = Param(2 * second, "how long they fire", low=0.01 * second, high=20 * second)
    seed = Size(0, "seed of the trains", low=0, high=2**31 - 1)

    SLOW: ClassVar[Mapping[str, Any]] = {"dt": 1 * ms, "length": 0.5 * second}
    N_RATES: ClassVar[int] = 16

    @classmethod
    def fits(cls, shown: Declaration) -> bool:
        return super().fits(shown) and any(synapses_of(shown).codes.values())  # type: ignore[arg-type]

    @property
    def rates(self) -> np.ndarray:
        """Post rates, Hz."""
        return np.linspace(0, float(self.high_rate), self.N_RATES)

    def trains(self) -> tuple[list[np.ndarray], list[np.ndarray], float]:
        dt = float(self.dt)
        t_stop = max(round(float(self.length) / dt), 1) * dt
        pre: list[np.ndarray] = []
        post: list[np.ndarray] = []
        for k, rate in enumerate(self.rates):
            task = PoissonPairs(n_pairs=self.n_pairs, pre_rate=self.pre_rate, post_rate=rate * Hz, length=self.length)
            stimulus = drawn(task, self.seed + k)
            for side, all_trains in (("pre", pre), ("post", post)):
                steps = [np.unique(np.floor(train / dt)) for train in by_neuron(stimulus, side)]
                all_trains += [each[each * dt < t_stop - dt / 2] * dt for each in steps]
        return pre, post, t_stop

    def script_end(self, shown: Any) -> str:
        w, length = float(self.w_init), float(self.length)
        return f"drift = (plastic.w[:] - {w!r})/{length!r}\nprint(*drift.reshape({self.N_RATES}, -1).mean(axis=1))\n"

    def pictures(self, shown: Any) -> tuple[Picture, ...]:
        drift = (self.final(shown) - float(self.w_init)) / float(self.length)
        by_rate = drift.reshape(self.N_RATES, self.n_pairs)
        mean, sem = by_rate.mean(axis=1), by_rate.std(axis=1, ddof=1) / np.sqrt(self.n_pairs)
        curve = Curve(f"pre at {float(self.pre_rate):.3g} Hz, mean ± SEM", self.rates, mean, LINE, sem)
        return (Picture("drift", "post rate (Hz)", "weight change per second", [curve]),)
