"""The cell with a moving threshold that its own spikes also hold back for a while."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import ms, mV, nS, pF, second

from brian2learn.core.declaration import Param, Preset

from .adaptive_threshold_lif import AdaptiveThresholdLIF


class FatiguingLIF(AdaptiveThresholdLIF):
    """A leaky integrator with a moving threshold, in which every spike opens a fast and a slow potassium conductance.

    Both are conductances relative to the leak, with one reversal potential. Without the jump of the slow one, as in the
    published scripts, only the fast one is left.
    """

    cites = ("zenke2015",)

    E_K = Param(
        -80 * mV, "reversal potential of both", low=-150 * mV, high=100 * mV, source="zenke2015, AIF2Group (code)"
    )
    jump_a = Param(0.1, "jump of the fast one at a spike", low=0, high=100, source="zenke2015, AIF2Group (code)")
    tau_a = Param(
        100 * ms, "decay of the fast one", low=1 * ms, high=100 * second, source="zenke2015, AIF2Group (code)"
    )
    jump_b = Param(0.0, "jump of the slow one at a spike", low=0, high=100, source="zenke2015, scripts (code)")
    tau_b = Param(
        20 * second, "decay of the slow one", low=1 * ms, high=1000 * second, source="zenke2015, AIF2Group (code)"
    )

    presets = {
        "zenke2015": Preset(
            {"C": 200 * pF, "g_L": 10 * nS, "jump_a": 0.1, "jump_b": 0.0}, "zenke2015, author's code",
            "Excitatory cells; the scripts switch the slow conductance off."
        ),
        "zenke2015_slow": Preset(
            {"jump_b": 0.002}, "zenke2015, default of the class AIF2Group (code)", "With the slow conductance."
        ),
    }  # fmt: skip

    equations = """
    dv/dt = (g_L*(E_L - v) + g_L*(a + b)*(E_K - v) + I)/C : volt
    dtheta/dt = -theta/tau_theta : volt
    da/dt = -a/tau_a : 1
    db/dt = -b/tau_b : 1
    """
    reset = "v = V_reset; theta = theta_spike; a += jump_a; b += jump_b"
    method = "exponential_euler"

    def reference(self, current: np.ndarray, dt: float) -> np.ndarray:
        """Conductances in closed form from all spikes so far; the potential relaxes within a step in closed form."""
        leak, capacitance = float(self.g_L), float(self.C)
        v, fired = float(self.E_L), np.empty(0)
        for step, i in enumerate(np.asarray(current, float)):
            since = step * dt - fired
            opened = sum(
                jump * np.exp(-since / float(tau)).sum()
                for jump, tau in ((self.jump_a, self.tau_a), (self.jump_b, self.tau_b))
            )
            total = leak * (1 + opened)
            limit = (leak * float(self.E_L) + leak * opened * float(self.E_K) + i) / total
            v = limit + (v - limit) * float(np.exp(-dt * total / capacitance))
            rise = float(self.theta_spike) * np.exp(-since[-1] / float(self.tau_theta)) if fired.size else 0.0
            if v >= float(self.V_t) + rise:
                v, fired = float(self.V_reset), np.append(fired, step * dt)
        return fired

    @classmethod
    def examples(cls) -> Iterator[FatiguingLIF]:
        """The published cells; strong and slow conductances."""
        for name in cls.presets:
            yield cls.preset(name)
        yield cls(jump_a=0.5, tau_a=20 * ms, jump_b=0.2, tau_b=500 * ms)
