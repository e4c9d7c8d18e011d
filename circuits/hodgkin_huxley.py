"""The squid axon of Hodgkin and Huxley."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import cm, msiemens, mV, uF, um
from scipy.integrate import solve_ivp

from brian2learn.core.declaration import Param

from ._circuit import Cell
from ._twin import TOLERANCE, on_grid, pieces

_SOURCE = "hodgkin1952, at 6.3 degrees C (code)"


class HodgkinHuxley(Cell):
    """Sodium, potassium and leak currents of the squid axon, the potential counted from rest.

    A spike is a crossing of `V_spike` after the potential has been below `V_rearm`. The input is the current through
    the whole membrane of the given area.
    """

    cites = "hodgkin1952"

    C = Param(1 * uF / cm**2, "capacitance", low=0.01 * uF / cm**2, high=100 * uF / cm**2, source=_SOURCE)
    g_Na = Param(120 * msiemens / cm**2, "most sodium conductance", low=0, high=1e4 * msiemens / cm**2, source=_SOURCE)
    g_K = Param(36 * msiemens / cm**2, "most potassium conductance", low=0, high=1e4 * msiemens / cm**2, source=_SOURCE)
    g_L = Param(0.3 * msiemens / cm**2, "leak", low=0, high=1e3 * msiemens / cm**2, source=_SOURCE)
    E_Na = Param(115 * mV, "reversal potential of sodium", low=0 * mV, high=200 * mV, source=_SOURCE)
    E_K = Param(-12 * mV, "reversal potential of potassium", low=-100 * mV, high=50 * mV, source=_SOURCE)
    E_L = Param(10.613 * mV, "reversal potential of the leak", low=-100 * mV, high=100 * mV, source=_SOURCE)
    area = Param(20_000 * um**2, "area of the membrane", low=1 * um**2, high=1e9 * um**2)
    V_spike = Param(50 * mV, "potential at whose crossing a spike is counted", low=0 * mV, high=100 * mV)
    V_rearm = Param(20 * mV, "potential to fall to before the next spike counts", low=-50 * mV, high=100 * mV)

    equations = """
    dv/dt = (I/area - g_Na*m**3*h*(v - E_Na) - g_K*n**4*(v - E_K) - g_L*(v - E_L))/C : volt
    dm/dt = (1 - m)/(exprel((25*mV - v)/(10*mV))*ms) - m*4*exp(-v/(18*mV))/ms : 1
    dh/dt = (1 - h)*0.07*exp(-v/(20*mV))/ms - h/((exp((30*mV - v)/(10*mV)) + 1)*ms) : 1
    dn/dt = (1 - n)*0.1/(exprel((10*mV - v)/(10*mV))*ms) - n*0.125*exp(-v/(80*mV))/ms : 1
    """
    threshold = "v >= V_spike"
    drive = "I"
    potential = "v"
    refractory = "v > V_rearm"
    method = "rk4"
    largest_dt = 0.05e-3

    def check(self) -> None:
        super().check()
        if not self.V_rearm < self.V_spike:
            expected = f"a value below V_spike = {self.V_spike}"
            raise self.fields["V_rearm"].refuse(type(self).__name__, expected, str(self.V_rearm))

    @property
    def start(self) -> dict[str, Any]:
        return dict(zip("mhn", _steady(0.0), strict=True))

    def reference(self, current: np.ndarray, dt: float) -> np.ndarray:
        """Adaptive integration in mV, ms and per cm2."""
        area = float(self.area) * 1e4
        capacity, sodium, potassium, leak = (float(value) for value in (self.C, self.g_Na, self.g_K, self.g_L))
        capacity, sodium, potassium, leak = capacity * 100, sodium * 0.1, potassium * 0.1, leak * 0.1
        e_na, e_k, e_l = (float(value) * 1e3 for value in (self.E_Na, self.E_K, self.E_L))

        def slope(density: float, y: np.ndarray) -> list[float]:
            v, m, h, n = y
            alphas, betas = _rates(v)
            ionic = sodium * m**3 * h * (v - e_na) + potassium * n**4 * (v - e_k) + leak * (v - e_l)
            gates = [a * (1 - x) - b * x for a, b, x in zip(alphas, betas, (m, h, n), strict=True)]
            return [(density - ionic) / capacity, *gates]

        def risen(t: float, y: np.ndarray) -> float:
            return float(y[0]) - float(self.V_spike) * 1e3

        def fallen(t: float, y: np.ndarray) -> float:
            return float(y[0]) - float(self.V_rearm) * 1e3

        risen.direction, fallen.direction = 1, -1  # type: ignore[attr-defined]
        y, crossings = np.array([0.0, *_steady(0.0)]), []
        for begin, end, i in pieces(current, dt):

            def driven(t: float, y: np.ndarray, density: float = i * 1e6 / area) -> Any:
                return slope(density, y)

            found = solve_ivp(driven, (begin * 1e3, end * 1e3), y, events=(risen, fallen), **TOLERANCE)
            y = found.y[:, -1]
            for up, times in zip((True, False), found.t_events or (), strict=True):
                crossings += [(t, up) for t in times]
        fired, armed = [], True
        for t, up in sorted(crossings):
            if up and armed:
                fired.append(t * 1e-3)
            armed = not up
        return on_grid(fired, dt)


def _rates(v: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Opening and closing rates of m, h and n in 1/ms for a potential in mV, as printed in 1952."""

    def ratio(x: float) -> float:
        return x / np.expm1(x) if abs(x) > 1e-9 else 1 - x / 2

    alphas = ratio((25 - v) / 10), 0.07 * np.exp(-v / 20), 0.1 * ratio((10 - v) / 10)
    betas = 4 * np.exp(-v / 18), 1 / (np.exp((30 - v) / 10) + 1), 0.125 * np.exp(-v / 80)
    return alphas, betas


def _steady(v: float) -> list[float]:
    """m, h and n at a constant potential in mV."""
    return [float(a / (a + b)) for a, b in zip(*_rates(v), strict=True)]
