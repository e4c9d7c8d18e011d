"""A current that jumps and decays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import ms, nA, pA

from brian2learn.core.declaration import Param

from ._transmission import Transmission


class ExponentialCurrent(Transmission):
    """A spike adds a current that jumps to its peak and decays exponentially, whatever the potential."""

    cites = "tsodyks1998"

    tau = Param(3 * ms, "decay of the current", low=0.1 * ms, high=500 * ms, source="tsodyks1998, Fig 1A (code)")
    i_unit = Param(1 * pA, "peak for weight 1", low=0 * pA, high=1000 * nA)

    equations = "dI/dt = -I/tau : amp"
    on_spike = "I_post += w * i_unit"
    drive = "I"

    def response(self, s: np.ndarray, v: float) -> np.ndarray:
        return float(self.i_unit) * np.exp(-s / float(self.tau))

    @classmethod
    def examples(cls) -> Iterator[ExponentialCurrent]:
        """The default; a slow, strong one."""
        yield cls()
        yield cls(tau=100 * ms, i_unit=1 * nA)
