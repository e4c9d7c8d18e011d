"""A fast excitatory conductance with a slow one that follows it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import ms, mV, nS, uS

from brian2learn.core.declaration import Param, Preset

from ._transmission import Transmission


class NMDA(Transmission):
    """A spike opens an AMPA conductance, which a slower NMDA conductance follows; the current mixes the two.

    The NMDA conductance is the AMPA conductance low-pass filtered, so its rise is the decay of AMPA; there is no
    magnesium block. In one's own group, Brian2's exact integration needs two different time constants.
    """

    cites = ("zenke2013", "zenke2015")

    tau_ampa = Param(5 * ms, "decay of AMPA, rise of NMDA", low=0.1 * ms, high=100 * ms, source="zenke2013 (code)")
    tau_nmda = Param(100 * ms, "decay of NMDA", low=0.1 * ms, high=1000 * ms, source="zenke2013 (code)")
    ampa_share = Param(0.5, "share of AMPA in the current; the rest is NMDA", low=0, high=1, source="zenke2013 (code)")
    E_rev = Param(0 * mV, "reversal potential", low=-20 * mV, high=80 * mV, source="zenke2013 (code)")
    g_unit = Param(1 * nS, "AMPA conductance for weight 1", low=0 * nS, high=1000 * uS)

    presets = {
        "zenke2013": Preset({}, "zenke2013, default of the author's later code", "AMPA to NMDA 1:1."),
        "zenke2015": Preset(
            {"ampa_share": 0.2 / 1.2}, "zenke2015, author's code", "Excitatory cells: AMPA to NMDA 0.2:1."
        ),
        "zenke2015_inhibitory": Preset(
            {"ampa_share": 0.3 / 1.3}, "zenke2015, author's code", "Inhibitory cells: AMPA to NMDA 0.3:1."
        ),
    }

    equations = """
    dg_ampa/dt = -g_ampa/tau_ampa : siemens
    dg_nmda/dt = (g_ampa - g_nmda)/tau_nmda : siemens
    """
    on_spike = "g_ampa_post += w * g_unit"
    drive = "(ampa_share*g_ampa + (1 - ampa_share)*g_nmda)*(E_rev - v)"

    def response(self, s: np.ndarray, v: float) -> np.ndarray:
        fast, slow = float(self.tau_ampa), float(self.tau_nmda)
        ampa = np.exp(-s / fast)
        nmda = s / fast * ampa if fast == slow else fast / (slow - fast) * (np.exp(-s / slow) - ampa)
        share = self.ampa_share
        return float(self.g_unit) * (share * ampa + (1 - share) * nmda) * (float(self.E_rev) - v)

    @classmethod
    def examples(cls) -> Iterator[NMDA]:
        """The published sets; NMDA faster than AMPA, no AMPA in the current."""
        for name in cls.presets:
            yield cls.preset(name)
        yield cls(tau_ampa=20 * ms, tau_nmda=5 * ms, ampa_share=0, E_rev=10 * mV)
