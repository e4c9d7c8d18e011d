"""The adaptive exponential cell of Clopath et al. (2010), with spikes of fixed shape."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from brian2 import NeuronGroup, ms, mV, nS, pA, pF
from scipy.integrate import solve_ivp

from brian2learn.core.declaration import Param, Preset

from ._circuit import Cell
from ._twin import TOLERANCE, on_grid, pieces

_CODE = "clopath2010 (code)"
_CUT = 12  # in units of Delta_T; from there the upswing takes C/g_L*exp(-12), less than 0.1 us


class ClopathAdEx(Cell):
    """An adaptive exponential integrate-and-fire cell with a clamped spike, an afterpotential and a moving threshold.

    In the step of a spike the potential is `V_peak`, then `V_hold`, so that the area of the spike at a step of 1 ms is
    that of a finely integrated one; after `t_clamp` it goes on from `V_after`. Adaptation stands still meanwhile.
    """

    cites = "clopath2010"

    C = Param(281 * pF, "capacitance", low=1 * pF, high=100_000 * pF, source=_CODE)
    g_L = Param(30 * nS, "leak", low=0.01 * nS, high=10_000 * nS, source=_CODE)
    E_L = Param(-70.6 * mV, "resting potential", low=-150 * mV, high=100 * mV, source=_CODE)
    Delta_T = Param(2 * mV, "sharpness of the upswing", low=0.1 * mV, high=20 * mV, source=_CODE)
    V_T_rest = Param(-50.4 * mV, "where the upswing begins at rest", low=-150 * mV, high=100 * mV, source=_CODE)
    V_T_rise = Param(20 * mV, "how far a spike shifts that", low=0 * mV, high=200 * mV, source=_CODE)
    tau_T = Param(50 * ms, "decay of that shift", low=1 * ms, high=1000 * ms, source=_CODE)
    V_cut = Param(20 * mV, "potential at which a spike is counted", low=-150 * mV, high=100 * mV, source=_CODE)
    V_peak = Param(29.4 * mV, "potential in the step of a spike", low=-150 * mV, high=200 * mV, source=_CODE)
    V_hold = Param(32.862 * mV, "potential in the rest of a spike", low=-150 * mV, high=200 * mV, source=_CODE)
    V_after = Param(-49.5016 * mV, "potential after a spike", low=-150 * mV, high=100 * mV, source=_CODE)
    t_clamp = Param(2 * ms, "duration of a spike", low=1 * ms, high=50 * ms, source=_CODE)
    tau_w = Param(144 * ms, "time constant of adaptation", low=1 * ms, high=10_000 * ms, source=_CODE)
    a = Param(4 * nS, "adaptation to the potential", low=-1000 * nS, high=1000 * nS, source=_CODE)
    b = Param(0.0805 * pA, "rise of adaptation by a spike", low=0 * pA, high=100_000 * pA, source=_CODE)
    z_spike = Param(400 * pA, "current of the afterpotential", low=0 * pA, high=100_000 * pA, source=_CODE)
    tau_z = Param(40 * ms, "decay of that current", low=1 * ms, high=1000 * ms, source=_CODE)

    presets = {
        "code": Preset({}, "clopath2010 (code)", "b is 0.0805 in a code whose currents are in pA."),
        "paper": Preset({"b": 0.805 * pA}, "clopath2010, Methods", "b as printed; brette2005 has 80.5 pA."),
    }

    equations = """
    dv/dt = int(not_refractory)*(g_L*(E_L - v) + g_L*Delta_T*exp((v - V_T)/Delta_T) - w_ad + z + I)/C : volt
    dw_ad/dt = (a*(v - E_L) - w_ad)/tau_w : amp (unless refractory)
    dz/dt = -z/tau_z : amp (unless refractory)
    dV_T/dt = (V_T_rest - V_T)/tau_T : volt (unless refractory)
    n_since = timestep(t - lastspike, dt) : 1
    V_forced = V_hold + int(n_since == timestep(t_clamp, dt))*(V_after - V_hold) : volt
    """
    threshold = "v > V_cut"
    reset = "v = V_peak; w_ad += b; z = z_spike; V_T = V_T_rest + V_T_rise"
    drive = "I"
    potential = "v"
    refractory = "t_clamp"
    method = "euler"
    largest_dt = 1e-3

    def check(self) -> None:
        super().check()
        for name in ("V_T_rest", "V_after"):
            if self.values[name] >= self.V_cut:
                expected = f"a value below V_cut = {self.V_cut}"
                raise self.fields[name].refuse(type(self).__name__, expected, str(self.values[name]))

    @property
    def start(self) -> dict[str, Any]:
        return {"v": self.E_L, "V_T": self.V_T_rest}

    def group(self, n: int, **more: Any) -> NeuronGroup:
        group = super().group(n, **more)
        # whoever looks at a step sees the spike's own potential, not how far the upswing went; what is "unless
        # refractory" Brian2 lets nobody set, so v is not
        group.resetter["spike"].when = "after_thresholds"
        group.run_regularly(
            "v = v + int(n_since <= timestep(t_clamp, dt))*(V_forced - v)", when="start", name=f"{group.name}_in_spike"
        )
        return group

    def reference(self, current: np.ndarray, dt: float) -> np.ndarray:
        """Adaptive integration in mV, ms, pA, nS and pF, between spikes of the given shape."""
        rest, rest_T, sharp = (float(value) * 1e3 for value in (self.E_L, self.V_T_rest, self.Delta_T))
        g, c, a = float(self.g_L) * 1e9, float(self.C) * 1e12, float(self.a) * 1e9
        tau_w, tau_z, tau_T, clamp = (
            float(value) * 1e3 for value in (self.tau_w, self.tau_z, self.tau_T, self.t_clamp)
        )

        def slope(t: float, y: np.ndarray, i: float) -> list[float]:
            v, w, z, onset = y
            upswing = g * sharp * np.exp((v - onset) / sharp)
            change = (g * (rest - v) + upswing - w + z + i * 1e12) / c
            return [change, (a * (v - rest) - w) / tau_w, -z / tau_z, (rest_T - onset) / tau_T]

        def reached(t: float, y: np.ndarray, *i: float) -> float:
            return float(y[0] - min(y[3] + _CUT * sharp, float(self.V_cut) * 1e3))

        reached.terminal, reached.direction = True, 1  # type: ignore[attr-defined]
        y, fired, free = np.array([rest, 0.0, 0.0, rest_T]), [], 0.0
        for begin, end, i in pieces(current, dt):
            now = max(begin * 1e3, free)
            while now < end * 1e3:
                found = solve_ivp(slope, (now, end * 1e3), y, args=(i,), events=reached, **TOLERANCE)
                now, y = found.t[-1], found.y[:, -1]
                if found.status == 1:
                    fired.append(now * 1e-3)
                    now = free = now + clamp
                    y = np.array([float(self.V_after) * 1e3, y[1] + float(self.b) * 1e12, float(self.z_spike) * 1e12,
                                  rest_T + float(self.V_T_rise) * 1e3])  # fmt: skip
        return on_grid(fired, dt)

    @classmethod
    def examples(cls) -> Iterator[ClopathAdEx]:
        """The published sets, then strong adaptation with a long spike."""
        for name in cls.presets:
            yield cls.preset(name)
        yield cls(b=80.5 * pA, t_clamp=4 * ms)
