"""Weight change against the frequency of pairing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.analysis.pairing import sjostrom2001
from brian2learn.core.declaration import Choice, Declaration, Param, Size
from brian2learn.tasks.spike_pairing import SpikePairing

from ..pictures import POINTS, Curve, Picture
from ._spikes import SpikeView, by_neuron, drawn, has_window


class Frequency(SpikeView):
    """Weight change in first weights by pairs in a row at different frequencies, pre first and post first."""

    title = "Pairing frequency"
    order = 20

    lag = Param(10 * ms, "lag of a pair, both ways", low=0.1 * ms, high=100 * ms)
    n_pairs = Size(60, "pairs", low=1, high=1000)
    low_frequency = Param(2 * Hz, "lowest frequency", low=0.1 * Hz, high=100 * Hz)
    high_frequency = Param(50 * Hz, "highest frequency", low=0.2 * Hz, high=400 * Hz)
    data = Choice(
        "none", "measurements beside it", {"none": "nothing", "sjostrom2001": "pairs in visual cortex, ±10 ms"}
    )

    SLOW: ClassVar[Mapping[str, Any]] = {"dt": 1 * ms, "low_frequency": 10 * Hz, "n_pairs": 15}
    N_FREQUENCIES: ClassVar[int] = 25

    @classmethod
    def fits(cls, shown: Declaration) -> bool:
        return super().fits(shown) and has_window(shown)  # type: ignore[arg-type]

    @property
    def task(self) -> SpikePairing:
        """The protocol."""
        one = self.low_frequency == self.high_frequency
        return SpikePairing(
            low_lag=-self.lag, high_lag=self.lag, n_lags=2, low_frequency=self.low_frequency,
            high_frequency=self.high_frequency, n_frequencies=1 if one else self.N_FREQUENCIES, n_pairs=self.n_pairs,
            resolution=self.dt, silence=0.1 * second,
        )  # fmt: skip

    def check(self) -> None:
        if self.high_frequency < self.low_frequency:
            expected = f"at least low_frequency = {self.low_frequency}"
            raise self.fields["high_frequency"].refuse(type(self).__name__, expected, str(self.high_frequency))

    def trains(self) -> tuple[list[np.ndarray], list[np.ndarray], float]:
        stimulus = drawn(self.task)
        return by_neuron(stimulus, "pre"), by_neuron(stimulus, "post"), stimulus.duration

    def script_end(self, shown: Any) -> str:
        return f"print(*(plastic.w[:]/{float(self.w_init)!r} - 1))\n"

    def pictures(self, shown: Any) -> tuple[Picture, ...]:
        truth = drawn(self.task).truth
        w = float(self.w_init)
        with np.errstate(divide="ignore", invalid="ignore"):
            change = self.final(shown) / w - 1
        lag = f"{float(self.lag) * 1e3:.3g} ms"
        curves = [
            Curve(f"{word} first, {lag}", truth["frequency"][side], change[side])
            for word, side in (("pre", truth["lag"] > 0), ("post", truth["lag"] < 0))
        ]
        if self.data == "sjostrom2001":
            for word, of_lag in sjostrom2001().groupby("lag", sort=False):
                name = f"data, {'pre' if float(str(word)) > 0 else 'post'} first"
                x, y, sem = (of_lag[key].to_numpy() for key in ("frequency", "change", "sem"))
                curves.append(Curve(name, x, y, POINTS, sem))
        note = (
            ""
            if self.data == "none"
            else "Measured with 15 bursts of 5 pairs; models are fitted with 60 pairs in a row."
        )
        return (Picture("frequency", "frequency of pairs (Hz)", "weight change / first weight", curves, note=note),)
