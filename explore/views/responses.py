"""What a spike does to its target, and what stands for the derivative of a spike."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import Hz, ms, mV

from brian2learn.core.declaration import Declaration, Param, Size
from brian2learn.plasticity._surrogate import Surrogate
from brian2learn.plasticity._transmission import Transmission

from ..pictures import TICKS, Curve, Picture
from ..synapse import FUNCTIONS
from ._view import View

N_POINTS = 600


class Response(View):
    """The current (or the displacement of the potential) that spikes of weight 1 cause in a cell that is held still."""

    title = "Response to spikes"
    order = 10

    v = Param(-60 * mV, "potential at which the target is held", low=-120 * mV, high=60 * mV)
    n_spikes = Size(3, "spikes", low=1, high=100)
    rate = Param(50 * Hz, "rate of the spikes", low=1 * Hz, high=1000 * Hz)
    t_stop = Param(150 * ms, "end", low=1 * ms, high=5000 * ms)

    @classmethod
    def fits(cls, shown: Declaration) -> bool:
        return isinstance(shown, Transmission)

    def pictures(self, shown: Any) -> tuple[Picture, ...]:
        spikes = np.arange(self.n_spikes) / float(self.rate)
        t = np.union1d(np.linspace(0, float(self.t_stop), N_POINTS), np.concatenate([spikes, spikes - 1e-9]))
        t = t[(t >= 0) & (t <= float(self.t_stop))]
        answer = shown.reference(spikes, np.ones(spikes.size), t, float(self.v))
        scale, label = _readable(answer, "A" if shown.drive else "V")
        what = "current" if shown.drive else "displacement of the potential"
        largest = float(np.max(np.abs(answer))) * scale
        given = Curve("spikes", spikes[spikes <= t[-1]] * 1e3, np.zeros(int((spikes <= t[-1]).sum())), TICKS)
        curves = [Curve("answer", t * 1e3, answer * scale)]
        return (
            Picture("spikes", "time (ms)", "", [given]),
            Picture("response", "time (ms)", f"{what} ({label})", curves, note=f"largest: {largest:.4g} {label}"),
        )


def _readable(values: np.ndarray, unit: str) -> tuple[float, str]:
    """A factor and a unit with which the numbers are neither tiny nor huge."""
    largest = float(np.max(np.abs(values))) if values.size else 0.0
    for scale, prefix in ((1.0, ""), (1e3, "m"), (1e6, "µ"), (1e9, "n"), (1e12, "p")):
        if largest * scale >= 1 or not largest:
            return scale, f"{prefix}{unit}"
    return 1e15, f"f{unit}"


class Derivative(View):
    """What stands for the derivative of a spike, against the distance of the cell to its threshold."""

    title = "Surrogate derivative"
    order = 10

    span = Param(5.0, "ends of the axis, in widths", low=0.5, high=100)

    @classmethod
    def fits(cls, shown: Declaration) -> bool:
        return isinstance(shown, Surrogate) and "width" in shown.numbers

    def pictures(self, shown: Any) -> tuple[Picture, ...]:
        width = float(shown.numbers["width"])
        distance = np.linspace(-self.span, self.span, N_POINTS + 1) * width
        names = {name: float(value) for name, value in shown.numbers.items()}
        # the text of a class, in its numbers; `ready` is a cell that is not refractory
        psi = eval(shown.psi, {"__builtins__": {}, **FUNCTIONS}, {**names, "distance": distance, "ready": 1.0})
        return (Picture("psi", "distance to threshold (V, or 1)", "ψ", [Curve("ψ", distance, psi)]),)
