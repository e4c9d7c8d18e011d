"""The leaky integrate-and-fire cell whose threshold jumps at a spike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from brian2 import ms, mV, nS, pF

from brian2learn.core.declaration import Param, Preset

from ._circuit import Cell
from ._twin import leaky


class AdaptiveThresholdLIF(Cell):
    """A leaky integrator whose threshold is set far up at a spike and decays, which stands for refractoriness."""

    cites: ClassVar[tuple[str, ...]] = ("zenke2013", "zenke2015")

    C = Param(
        200 * pF, "capacitance; C/g_L is the time constant", low=1 * pF, high=100_000 * pF, source="zenke2013 (code)"
    )
    g_L = Param(10 * nS, "leak, to which the weights of the paper are relative", low=0.01 * nS, high=10_000 * nS)
    E_L = Param(-70 * mV, "resting potential", low=-150 * mV, high=100 * mV, source="zenke2013 (code)")
    V_t = Param(-50 * mV, "threshold at rest", low=-150 * mV, high=150 * mV, source="zenke2013 (code)")
    V_reset = Param(-70 * mV, "potential after a spike", low=-150 * mV, high=100 * mV, source="zenke2013 (code)")
    theta_spike = Param(
        100 * mV, "rise of the threshold by a spike", low=0 * mV, high=500 * mV, source="zenke2013 (code)"
    )
    tau_theta = Param(5 * ms, "decay of the rise", low=0.1 * ms, high=1000 * ms, source="zenke2013 (code)")

    presets = {
        "zenke2013": Preset(
            {}, "zenke2013, default of the author's later code", "Excitatory cells, time constant 20 ms."
        ),
        "zenke2013_inhibitory": Preset(
            {"C": 100 * pF}, "zenke2013, default of the author's later code", "Inhibitory cells, time constant 10 ms."
        ),
    }

    equations = """
    dv/dt = (g_L*(E_L - v) + I)/C : volt
    dtheta/dt = -theta/tau_theta : volt
    """
    threshold = "v >= V_t + theta"
    reset = "v = V_reset; theta = theta_spike"
    drive = "I"
    potential = "v"

    def reference(self, current: np.ndarray, dt: float) -> np.ndarray:
        def threshold(since: float) -> float:
            return float(self.V_t) + float(self.theta_spike) * float(np.exp(-since / float(self.tau_theta)))

        return leaky(
            current, dt, tau=self.C / self.g_L, resistance=1 / self.g_L, rest=self.E_L, reset=self.V_reset,
            threshold=threshold,
        )  # fmt: skip

    @classmethod
    def examples(cls) -> Iterator[AdaptiveThresholdLIF]:
        """The published cells; one with a small, slow rise."""
        for name in cls.presets:
            yield cls.preset(name)
        yield cls(theta_spike=3 * mV, tau_theta=100 * ms, V_reset=-60 * mV)
