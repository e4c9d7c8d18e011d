"""The leaky integrate-and-fire cell with an input current and real units."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import Mohm, ms, mV

from brian2learn.core.declaration import Param

from ._circuit import Cell
from ._twin import leaky


class CurrentLIF(Cell):
    """A leaky integrator, tau V' = E_L - V + R I, that fires at threshold and is held at reset while refractory."""

    cites = ("stein1965", "gerstner2014")

    tau_m = Param(10 * ms, "membrane time constant", low=0.5 * ms, high=500 * ms)
    R = Param(100 * Mohm, "input resistance", low=0.1 * Mohm, high=100_000 * Mohm)
    E_L = Param(-60 * mV, "resting potential", low=-150 * mV, high=100 * mV)
    V_t = Param(-50 * mV, "threshold", low=-150 * mV, high=150 * mV)
    V_reset = Param(-60 * mV, "potential after a spike", low=-150 * mV, high=100 * mV)
    tau_ref = Param(2 * ms, "refractory period", low=0 * ms, high=50 * ms)

    equations = "dv/dt = (E_L - v + R*I)/tau_m : volt (unless refractory)"
    threshold = "v >= V_t"
    reset = "v = V_reset"
    drive = "I"
    potential = "v"
    refractory = "tau_ref"

    def reference(self, current: np.ndarray, dt: float) -> np.ndarray:
        return leaky(
            current, dt, tau=self.tau_m, resistance=self.R, rest=self.E_L, reset=self.V_reset,
            threshold=lambda since: float(self.V_t), tau_ref=self.tau_ref,
        )  # fmt: skip

    @classmethod
    def examples(cls) -> Iterator[CurrentLIF]:
        """The default; reset below rest, never refractory."""
        yield cls()
        yield cls(tau_m=30 * ms, V_reset=-70 * mV, tau_ref=0 * ms)
