"""Short-term plasticity: what a train of spikes releases, and the steady state."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
from brian2 import Hz, second

from brian2learn.analysis.short_term import ShortTerm
from brian2learn.core.declaration import Declaration, Param, Size, plain
from brian2learn.plasticity._release import Release
from brian2learn.tasks.pulse_trains import PulseTrains

from ..pictures import DASHES, LINE, POINTS, Curve, Picture
from ._spikes import by_neuron, drawn
from ._view import View


class PulseTrain(View):
    """What every spike of a regular train releases, and what one more spike releases some time later."""

    title = "Pulse train"
    order = 10

    rate = Param(20 * Hz, "rate of the train", low=0.1 * Hz, high=500 * Hz)
    n_pulses = Size(10, "spikes of the train", low=1, high=200)
    recovery = Param(0.5 * second, "from the end of the train to one more spike", low=1e-3 * second, high=100 * second)

    @classmethod
    def fits(cls, shown: Declaration) -> bool:
        return isinstance(shown, Release)

    @property
    def times(self) -> np.ndarray:
        """When the spikes come, s."""
        task = PulseTrains(
            low_rate=self.rate, high_rate=self.rate, n_rates=1, n_pulses=self.n_pulses, recovery=self.recovery
        )
        (times,) = by_neuron(drawn(task), "pre")
        return times

    def pictures(self, shown: Any) -> tuple[Picture, ...]:
        times = self.times
        released = shown.reference(times)
        bars = np.repeat(times, 3), np.stack([np.zeros_like(released), released, np.full_like(released, np.nan)], 1)
        curves = [Curve("each spike", bars[0], bars[1].ravel()), Curve("released", times, released, POINTS)]
        note = f"last of the train / first = {released[-2] / released[0]:.4g}; after the pause {released[-1]:.4g}"
        return (Picture("train", "time (s)", "released share", curves, note=note),)


class SteadyRelease(View):
    """Release per spike and per second at the end of a long regular train, against its rate."""

    title = "Steady state"
    order = 20
    side_by_side = True

    low_rate = Param(0.5 * Hz, "lowest rate", low=0.01 * Hz, high=100 * Hz)
    high_rate = Param(100 * Hz, "highest rate", low=0.1 * Hz, high=1000 * Hz)

    N_RATES: ClassVar[int] = 30
    N_PULSES: ClassVar[int] = 100

    @classmethod
    def fits(cls, shown: Declaration) -> bool:
        return isinstance(shown, Release)

    def check(self) -> None:
        if self.high_rate <= self.low_rate:
            expected = f"more than low_rate = {self.low_rate}"
            raise self.fields["high_rate"].refuse(type(self).__name__, expected, str(self.high_rate))

    def pictures(self, shown: Any) -> tuple[Picture, ...]:
        rates = np.geomspace(float(self.low_rate), float(self.high_rate), self.N_RATES)
        released = np.array([shown.reference(np.arange(self.N_PULSES) / rate)[-1] for rate in rates])
        first, per_second = (
            [Curve("twin, spike 100", rates, released, POINTS)],
            [Curve("twin, spike 100", rates, rates * released, POINTS)],
        )
        note = ""
        model = closed_form(shown)
        if model is not None:
            fine = np.geomspace(rates[0], rates[-1], 300)
            for curves, factor in ((first, np.ones_like(fine)), (per_second, fine)):
                curves.append(Curve("endless train", fine, factor * model.steady_release(fine), LINE))
                curves.append(Curve("Poisson, approximate", fine, factor * model.poisson_release(fine), DASHES))
            peak, height = model.peak
            note = (
                f"Releases most per spike at {peak:.4g} Hz: {height:.4g}"
                if peak
                else f"No train releases more per spike than a lone spike; limiting rate {model.limiting_rate:.3g} Hz"
            )
        return (
            Picture("per_spike", "rate (Hz)", "released share per spike", first, log_x=True, note=note),
            Picture("per_second", "rate (Hz)", "released share per second", per_second, log_x=True),
        )


def closed_form(shown: Declaration) -> ShortTerm | None:
    """The closed form of a release whose numbers are those of that model; facilitation at its lower bound is none."""
    names = [field.name for field in fields(ShortTerm)]
    if not {*names} <= {*shown.numbers}:
        return None
    values = {name: float(plain(shown.numbers[name])) for name in names}
    low: Any = shown.fields["tau_fac"]
    if values["tau_fac"] <= plain(low.low):
        values["tau_fac"] = 0.0
    return ShortTerm(**values)
