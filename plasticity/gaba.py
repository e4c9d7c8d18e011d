"""A fast inhibitory conductance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import ms, mV, nS, uS

from brian2learn.core.declaration import Param

from ._transmission import Transmission


class GABA(Transmission):
    """A spike opens an inhibitory conductance that jumps and decays exponentially."""

    cites = "vogels2011"

    tau = Param(
        10 * ms, "decay of the conductance", low=0.1 * ms, high=500 * ms, source="vogels2011, recurrent network (code)"
    )
    E_rev = Param(
        -80 * mV, "reversal potential", low=-120 * mV, high=-40 * mV, source="vogels2011, recurrent network (code)"
    )
    g_unit = Param(1 * nS, "conductance for weight 1", low=0 * nS, high=1000 * uS)

    equations = "dg/dt = -g/tau : siemens"
    on_spike = "g_post += w * g_unit"
    drive = "g*(E_rev - v)"

    def response(self, s: np.ndarray, v: float) -> np.ndarray:
        return float(self.g_unit) * np.exp(-s / float(self.tau)) * (float(self.E_rev) - v)

    @classmethod
    def examples(cls) -> Iterator[GABA]:
        """The default; a slow, strong one."""
        yield cls()
        yield cls(tau=100 * ms, E_rev=-70 * mV, g_unit=1 * uS)
