"""The cell of Izhikevich."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from brian2 import mV, nA, pA

from brian2learn.core.declaration import Param, Preset

from ._circuit import Cell
from ._twin import resetting

_SOURCE = "izhikevich2003 (ModelDB 39948, code)"


class Izhikevich(Cell):
    """A quadratic upswing and one recovery variable, which four numbers tune to many firing patterns.

    Differs from the paper: the equations are integrated by the midpoint rule and the input is in amperes. The paper's
    script takes steps of 0.5 ms for the potential and 1 ms for the recovery, and can fire once in each; with an input
    of 10 for 1 s it gives 20 (RS), 63 (FS) and 67 (TC) spikes, the equations give 23, 137 and 277.
    """

    cites = "izhikevich2003"

    a = Param(0.02, "speed of recovery, per ms", low=-1, high=2, source=_SOURCE)
    b = Param(0.2, "coupling of recovery to the potential", low=-2, high=2, source=_SOURCE)
    c = Param(-65 * mV, "potential after a spike", low=-100 * mV, high=0 * mV, source=_SOURCE)
    d = Param(8 * mV, "rise of recovery by a spike", low=-50 * mV, high=50 * mV, source=_SOURCE)
    V_peak = Param(30 * mV, "potential at which a spike is counted", low=0 * mV, high=100 * mV, source=_SOURCE)
    i_unit = Param(1 * pA, "current that counts as 1 in the published equations", low=1e-3 * pA, high=1000 * nA,
                   source="izhikevich2003, as in NEST (code)")  # fmt: skip

    presets = {
        "RS": Preset({}, _SOURCE, "Regular spiking."),
        "IB": Preset({"c": -55 * mV, "d": 4 * mV}, _SOURCE, "Intrinsically bursting."),
        "CH": Preset({"c": -50 * mV, "d": 2 * mV}, _SOURCE, "Chattering."),
        "FS": Preset({"a": 0.1, "d": 2 * mV}, _SOURCE, "Fast spiking."),
        "TC": Preset({"b": 0.25, "d": 0.05 * mV}, _SOURCE, "Thalamo-cortical."),
        "RZ": Preset({"a": 0.1, "b": 0.26, "d": 2 * mV}, _SOURCE, "Resonator."),
        "LTS": Preset({"b": 0.25, "d": 2 * mV}, _SOURCE, "Low-threshold spiking."),
    }

    equations = """
    dv/dt = (0.04*v**2/mV + 5*v + 140*mV - u + I/i_unit*mV)/ms : volt
    du/dt = a*(b*v - u)/ms : volt
    """
    threshold = "v >= V_peak"
    reset = "v = c; u += d"
    drive = "I"
    potential = "v"
    method = "rk2"

    @property
    def start(self) -> dict[str, Any]:
        return {"v": -65 * mV, "u": self.b * -65 * mV}

    def reference(self, current: np.ndarray, dt: float) -> np.ndarray:
        """Adaptive integration of the published equations."""

        def slope(i: float, y: np.ndarray) -> list[float]:
            v, u = y
            i = i / float(self.i_unit)
            return [(0.04 * v**2 + 5 * v + 140 - u + i) * 1e3, self.a * (self.b * v - u) * 1e3]

        def reset(y: np.ndarray) -> list[float]:
            return [float(self.c) * 1e3, y[1] + float(self.d) * 1e3]

        return resetting(slope, [-65.0, self.b * -65.0], float(self.V_peak) * 1e3, reset, current, dt)

    @classmethod
    def examples(cls) -> Iterator[Izhikevich]:
        """The published classes."""
        for name in cls.presets:
            yield cls.preset(name)
