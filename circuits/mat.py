"""The multi-timescale adaptive threshold (MAT) cell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import Mohm, ms, mV

from brian2learn.core.declaration import Param, Preset

from ._circuit import Cell

_FIG5 = "kobayashi2009, Fig 5B (author's code)"


class MAT(Cell):
    """A leaky integrator without reset; its threshold rises at spikes and decays with a fast and a slow time constant.

    Two sets of values circulate for regular spiking: that of Fig 5B (RS) and one fitted to a cell (fitted_RS).
    """

    cites = "kobayashi2009"

    tau_m = Param(5 * ms, "membrane time constant", low=0.5 * ms, high=500 * ms, source="kobayashi2009 (code)")
    R = Param(50 * Mohm, "input resistance", low=0.1 * Mohm, high=100_000 * Mohm, source="kobayashi2009 (code)")
    E_L = Param(-65 * mV, "resting potential", low=-150 * mV, high=100 * mV, source="kobayashi2009 (code)")
    omega = Param(-45 * mV, "threshold at rest", low=-150 * mV, high=150 * mV, source=_FIG5)
    alpha_1 = Param(30 * mV, "fast rise of the threshold by a spike", low=-50 * mV, high=500 * mV, source=_FIG5)
    alpha_2 = Param(2 * mV, "slow rise of the threshold by a spike", low=-50 * mV, high=100 * mV, source=_FIG5)
    tau_1 = Param(10 * ms, "decay of the fast rise", low=0.5 * ms, high=1000 * ms, source="kobayashi2009 (code)")
    tau_2 = Param(200 * ms, "decay of the slow rise", low=0.5 * ms, high=10_000 * ms, source="kobayashi2009 (code)")
    tau_ref = Param(2 * ms, "refractory period", low=0 * ms, high=50 * ms, source="kobayashi2009 (code)")

    presets = {
        "RS": Preset({}, _FIG5, "Regular spiking."),
        "IB": Preset({"omega": -46 * mV, "alpha_1": 7.5 * mV, "alpha_2": 1.5 * mV}, _FIG5, "Intrinsically bursting."),
        "FS": Preset({"omega": -55 * mV, "alpha_1": 10 * mV, "alpha_2": 0.2 * mV}, _FIG5, "Fast spiking."),
        "CH": Preset({"omega": -39 * mV, "alpha_1": -0.5 * mV, "alpha_2": 0.4 * mV}, _FIG5, "Chattering."),
        "fitted_RS": Preset(
            {"omega": -46 * mV, "alpha_1": 37 * mV, "alpha_2": 2 * mV},
            "kobayashi2009, author's page (code)",
            "Regular spiking, typical fit; its omega is given as 19 mV above rest.",
        ),
    }

    equations = """
    dv/dt = (E_L - v + R*I)/tau_m : volt
    dh1/dt = -h1/tau_1 : volt
    dh2/dt = -h2/tau_2 : volt
    theta = omega + h1 + h2 : volt
    """
    threshold = "v >= theta"
    reset = "h1 += alpha_1; h2 += alpha_2"
    drive = "I"
    potential = "v"
    refractory = "tau_ref"

    def reference(self, current: np.ndarray, dt: float) -> np.ndarray:
        """Potential in closed form from step to step, threshold from all spikes so far."""
        rest, decay, held = float(self.E_L), np.exp(-dt / float(self.tau_m)), round(float(self.tau_ref) / dt)
        rises = [(float(self.alpha_1), float(self.tau_1)), (float(self.alpha_2), float(self.tau_2))]
        v = rest
        fired: list[int] = []
        for step, i in enumerate(np.asarray(current, float)):
            limit = rest + float(self.R) * i
            v = limit + (v - limit) * decay
            if fired and step - fired[-1] < held:
                continue
            since = (step - np.array(fired)) * dt
            if v >= float(self.omega) + sum(alpha * np.exp(-since / tau).sum() for alpha, tau in rises):
                fired.append(step)
        return np.array(fired) * dt

    @classmethod
    def examples(cls) -> Iterator[MAT]:
        """The published sets."""
        for name in cls.presets:
            yield cls.preset(name)
