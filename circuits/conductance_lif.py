"""The leaky integrate-and-fire cell for synaptic conductances."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import ms, mV, nS, pF

from brian2learn.core.declaration import Param, Preset

from ._circuit import Cell
from ._twin import leaky


class ConductanceLIF(Cell):
    """A leaky integrator, C V' = g_L (E_L - V) + I, that fires at threshold and is held at reset while refractory."""

    cites = ("vogels2011", "gerstner2014")

    C = Param(200 * pF, "capacitance", low=1 * pF, high=100_000 * pF, source="vogels2011, recurrent network (code)")
    g_L = Param(10 * nS, "leak", low=0.01 * nS, high=10_000 * nS, source="vogels2011, recurrent network (code)")
    E_L = Param(-60 * mV, "resting potential", low=-150 * mV, high=100 * mV, source="vogels2011 (code)")
    V_t = Param(-50 * mV, "threshold", low=-150 * mV, high=150 * mV, source="vogels2011 (code)")
    V_reset = Param(-60 * mV, "potential after a spike", low=-150 * mV, high=100 * mV, source="vogels2011 (code)")
    tau_ref = Param(5 * ms, "refractory period", low=0 * ms, high=50 * ms, source="vogels2011 (code)")

    presets = {
        "vogels2011": Preset(
            {}, "vogels2011, recurrent network (code)",
            "An external current of 200 pA goes with it; AMPA and GABA have its decays and reversal potentials.",
        ),
    }  # fmt: skip

    equations = "dv/dt = (g_L*(E_L - v) + I)/C : volt (unless refractory)"
    threshold = "v >= V_t"
    reset = "v = V_reset"
    drive = "I"
    potential = "v"
    refractory = "tau_ref"

    def reference(self, current: np.ndarray, dt: float) -> np.ndarray:
        return leaky(
            current, dt, tau=self.C / self.g_L, resistance=1 / self.g_L, rest=self.E_L, reset=self.V_reset,
            threshold=lambda since: float(self.V_t), tau_ref=self.tau_ref,
        )  # fmt: skip

    @classmethod
    def examples(cls) -> Iterator[ConductanceLIF]:
        """The default; a small, fast cell that is never refractory."""
        yield cls()
        yield cls(C=50 * pF, g_L=5 * nS, E_L=-70 * mV, V_reset=-65 * mV, tau_ref=0 * ms)
