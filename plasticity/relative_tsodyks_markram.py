"""Short-term plasticity in units of a synapse at rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from brian2 import ms, second

from brian2learn.core.declaration import Param

from ._release import Release
from ._trace import Trace


class RelativeTsodyksMarkram(Release):
    """A spike raises the share u that is released, which then relaxes to U; of the transmitter x it releases u x/U.

    Amounts are divided by U, so that a weight says what a spike does at ``u = U`` and ``x = 1``, whatever U is. From
    rest the first spike releases ``2 - U``, for it raises u by ``U (1 - u)`` before. `TsodyksMarkram` gives shares of
    the whole, and U at the first spike. Written in ``d = 1 - x`` and ``f = u - U``, which decay to 0.
    """

    cites = ("mongillo2008", "tsodyks1998")

    U = Param(0.03, "share released at rest", low=1e-3, high=1, source="tsodyks1998, Fig 1B (code)")
    tau_rec = Param(130 * ms, "recovery", low=0.1 * ms, high=10 * second, source="tsodyks1998, Fig 1B (code)")
    tau_fac = Param(530 * ms, "decay of facilitation", low=1e-3 * ms, high=10 * second,
                    source="tsodyks1998, Fig 1B (code)")  # fmt: skip

    share = "(U + f + U*(1 - U - f))"
    amount = f"{share}*(1 - d)/U"
    pre_traces = (Trace("d", "tau_rec", f"d += {share}*(1 - d)"), Trace("f", "tau_fac", "f += U*(1 - U - f)"))

    @property
    def most(self) -> float:
        """All of the transmitter, in units of the share at rest."""
        return 1 / self.U

    def reference(self, times: np.ndarray) -> np.ndarray:
        u, x, last = self.U, 1.0, -np.inf
        released = []
        for now in times:
            u = self.U + (u - self.U) * np.exp(-(now - last) / float(self.tau_fac))
            x = 1 + (x - 1) * np.exp(-(now - last) / float(self.tau_rec))
            u += self.U * (1 - u)
            released.append(u * x / self.U)
            x -= u * x
            last = now
        return np.array(released)

    @classmethod
    def examples(cls) -> Iterator[Any]:
        """The default; all transmitter at once; little that comes back at once; no facilitation."""
        yield cls()
        yield cls(U=1.0, tau_rec=10 * second, tau_fac=10 * second)
        yield cls(U=1e-3, tau_rec=0.1 * ms, tau_fac=10 * second)
        yield cls(U=0.5, tau_rec=20 * ms, tau_fac=1e-3 * ms)
