"""The adaptive exponential integrate-and-fire (AdEx) cell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import ms, mV, nA, nS, pF

from brian2learn.core.declaration import Param, Preset

from ._circuit import Cell
from ._twin import resetting


class AdEx(Cell):
    """A leaky integrator with an exponential upswing and an adaptation current that follows potential and spikes."""

    cites = "brette2005"

    C = Param(281 * pF, "capacitance", low=1 * pF, high=100_000 * pF, source="brette2005 (code)")
    g_L = Param(30 * nS, "leak", low=0.01 * nS, high=10_000 * nS, source="brette2005 (code)")
    E_L = Param(-70.6 * mV, "resting potential", low=-150 * mV, high=100 * mV, source="brette2005 (code)")
    V_T = Param(-50.4 * mV, "where the upswing begins", low=-150 * mV, high=100 * mV, source="brette2005 (code)")
    Delta_T = Param(2 * mV, "sharpness of the upswing", low=0.1 * mV, high=20 * mV, source="brette2005 (code)")
    V_cut = Param(-40.4 * mV, "potential at which a spike is counted", low=-150 * mV, high=100 * mV,
                  source="brette2005 (code), V_T + 5 Delta_T")  # fmt: skip
    V_reset = Param(-70.6 * mV, "potential after a spike", low=-150 * mV, high=100 * mV, source="brette2005 (code)")
    tau_w = Param(144 * ms, "time constant of adaptation", low=0.5 * ms, high=10_000 * ms, source="brette2005 (code)")
    a = Param(4 * nS, "adaptation to the potential", low=-1000 * nS, high=1000 * nS, source="brette2005 (code)")
    b = Param(0.0805 * nA, "rise of adaptation by a spike", low=0 * nA, high=100 * nA, source="brette2005 (code)")

    presets = {
        "regular_spiking": Preset({}, "brette2005 (Brian2 example)", "As in the paper."),
        "bursting": Preset(
            {"tau_w": 20 * ms, "b": 0.5 * nA, "V_reset": -45.4 * mV},
            "brette2005 (Brian2 example)",
            "V_reset = V_T + 5 mV.",
        ),
        "fast_spiking": Preset(
            {"a": 2 * 281 * pF / (144 * ms), "b": 0 * nA}, "brette2005 (Brian2 example)", "a = 2 C/tau_w."
        ),
    }

    equations = """
    dv/dt = (g_L*(E_L - v) + g_L*Delta_T*exp((v - V_T)/Delta_T) - w_ad + I)/C : volt
    dw_ad/dt = (a*(v - E_L) - w_ad)/tau_w : amp
    """
    threshold = "v >= V_cut"
    reset = "v = V_reset; w_ad += b"
    drive = "I"
    potential = "v"
    method = "rk2"

    def check(self) -> None:
        super().check()
        for name in ("V_T", "V_reset"):
            if self.values[name] >= self.V_cut:
                expected = f"a value below V_cut = {self.V_cut}"
                raise self.fields[name].refuse(type(self).__name__, expected, str(self.values[name]))

    def reference(self, current: np.ndarray, dt: float) -> np.ndarray:
        """Adaptive integration in mV, ms, pA, nS and pF."""
        g, c, a, tau = float(self.g_L) * 1e9, float(self.C) * 1e12, float(self.a) * 1e9, float(self.tau_w) * 1e3
        rest, onset, sharp = (float(value) * 1e3 for value in (self.E_L, self.V_T, self.Delta_T))

        def slope(i: float, y: np.ndarray) -> list[float]:
            v, w = y
            upswing = g * sharp * np.exp((v - onset) / sharp)
            return [(g * (rest - v) + upswing - w + i * 1e12) / c * 1e3, (a * (v - rest) - w) / tau * 1e3]

        def reset(y: np.ndarray) -> list[float]:
            return [float(self.V_reset) * 1e3, y[1] + float(self.b) * 1e12]

        return resetting(slope, [rest, 0.0], float(self.V_cut) * 1e3, reset, current, dt)

    @classmethod
    def examples(cls) -> Iterator[AdEx]:
        """The published sets."""
        for name in cls.presets:
            yield cls.preset(name)
