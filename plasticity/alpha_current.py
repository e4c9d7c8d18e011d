"""A current that rises and decays with one time constant."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import ms, nA, pA

from brian2learn.core.declaration import Param

from ._transmission import Transmission


class AlphaCurrent(Transmission):
    """A spike adds a current of the shape of an alpha function, s/tau exp(1 - s/tau), whose peak is its weight."""

    cites = "gerstner2014"

    tau = Param(5 * ms, "time from the spike to the peak", low=0.1 * ms, high=500 * ms)
    i_unit = Param(1 * pA, "peak for weight 1", low=0 * pA, high=1000 * nA)

    equations = """
    dI/dt = (rise - I)/tau : amp
    drise/dt = -rise/tau : amp
    """
    on_spike = "rise_post += exp(1) * w * i_unit"
    drive = "I"

    def response(self, s: np.ndarray, v: float) -> np.ndarray:
        x = s / float(self.tau)
        return float(self.i_unit) * x * np.exp(1 - x)

    @classmethod
    def examples(cls) -> Iterator[AlphaCurrent]:
        """The default; a slow, strong one."""
        yield cls()
        yield cls(tau=50 * ms, i_unit=1 * nA)
