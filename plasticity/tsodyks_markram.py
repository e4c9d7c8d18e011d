"""Short-term depression and facilitation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from brian2 import ms, second

from brian2learn.core.declaration import Choice, Param, Preset

from ._release import Release
from ._trace import Trace

LOWEST = 1e-3 * ms


class TsodyksMarkram(Release):
    """A spike releases the share u of the transmitter x that is there; x recovers, and u is raised for a while.

    Written in ``d = 1 - x`` and ``f``, which is u, or u - U in the second form, so that both decay to 0. From rest both
    forms release the same; they differ in what is called u, by ``U + (1 - U) u`` for u. At rest f is 0: the first spike
    releases U. Without facilitation (``tau_fac`` at its lower bound) f has decayed to ``exp(-100)`` after a time step
    of 0.1 ms.
    """

    cites = ("tsodyks1998", "tsodyks2000", "zenke2015")

    form = Choice(
        "facilitate_first",
        "whether u is raised before or after the release",
        {
            "facilitate_first": "u decays to 0; a spike raises it by U (1 - u), then releases u x",
            "release_first": "u relaxes to U; a spike releases u x, then raises u by U (1 - u)",
        },
        source="tsodyks1998; zenke2015, author's code",
    )
    U = Param(0.03, "share released at rest", low=1e-3, high=1, source="tsodyks1998, Fig 1B (code)")
    tau_rec = Param(130 * ms, "recovery", low=0.1 * ms, high=10 * second, source="tsodyks1998, Fig 1B (code)")
    tau_fac = Param(
        530 * ms, "decay of facilitation; 1 us for none", low=LOWEST, high=10 * second,
        source="tsodyks1998, Fig 1B (code)",
    )  # fmt: skip

    presets = {
        "tsodyks1998_depressing": Preset(
            {"U": 0.5, "tau_rec": 800 * ms, "tau_fac": LOWEST},
            "tsodyks1998, Fig 1A, Brian2's example",
            "The example itself needs U = 0.6 to match the plot.",
        ),
        "tsodyks1998_facilitating": Preset({}, "tsodyks1998, Fig 1B and 1C, Brian2's example"),
        "tsodyks2000_onto_excitatory": Preset(
            {"U": 0.5, "tau_rec": 800 * ms, "tau_fac": LOWEST}, "tsodyks2000, public code", "E to E and I to E."
        ),
        "tsodyks2000_onto_inhibitory": Preset(
            {"U": 0.04, "tau_rec": 100 * ms, "tau_fac": 1000 * ms}, "tsodyks2000, public code", "E to I and I to I."
        ),
        "zenke2015": Preset(
            {"form": "release_first", "U": 0.2, "tau_rec": 200 * ms, "tau_fac": 600 * ms},
            "zenke2015, author's code",
            "One version of the code has tau_rec = 150 ms.",
        ),
        "mongillo2008": Preset(
            {"U": 0.2, "tau_rec": 200 * ms, "tau_fac": 1500 * ms}, "mongillo2008", "Recalled, not confirmed."
        ),
        **{
            f"maass2002_{name}": Preset(
                {"U": U, "tau_rec": tau_rec * second, "tau_fac": tau_fac * second},
                "maass2002, after Markram, Wang & Tsodyks 1998",
                "Recalled, not confirmed.",
            )
            for name, U, tau_rec, tau_fac in (
                ("e_to_e", 0.5, 1.1, 0.05),
                ("e_to_i", 0.05, 0.125, 1.2),
                ("i_to_e", 0.25, 0.7, 0.02),
                ("i_to_i", 0.32, 0.144, 0.06),
            )
        },
    }

    @property
    def _u(self) -> str:
        """The share that a spike releases, in what there is before it."""
        return "(f + U*(1 - f))" if self.form == "facilitate_first" else "(U + f)"

    @property
    def amount(self) -> str:
        return f"{self._u}*(1 - d)"

    @property
    def pre_traces(self) -> tuple[Trace, ...]:
        raised = "f += U*(1 - f)" if self.form == "facilitate_first" else "f += U*(1 - U - f)"
        return (Trace("d", "tau_rec", f"d += {self._u}*(1 - d)"), Trace("f", "tau_fac", raised))

    def reference(self, times: np.ndarray) -> np.ndarray:
        facilitate_first = self.form == "facilitate_first"
        rest = 0.0 if facilitate_first else self.U
        u, x, last = rest, 1.0, -np.inf
        released = []
        for now in times:
            u = rest + (u - rest) * np.exp(-(now - last) / float(self.tau_fac))
            x = 1 + (x - 1) * np.exp(-(now - last) / float(self.tau_rec))
            if facilitate_first:
                u = u + self.U * (1 - u)
            released.append(u * x)
            x = x - u * x
            if not facilitate_first:
                u = u + self.U * (1 - u)
            last = now
        return np.array(released)

    @classmethod
    def examples(cls) -> Iterator[Any]:
        """The published sets; all transmitter at once, the slowest and the fastest."""
        for name in cls.presets:
            yield cls.preset(name)
        yield cls(U=1.0, tau_rec=10 * second, tau_fac=10 * second)
        yield cls(form="release_first", U=1e-3, tau_rec=0.1 * ms, tau_fac=10 * second)
        yield cls(form="release_first", U=0.5, tau_rec=20 * ms, tau_fac=LOWEST)
