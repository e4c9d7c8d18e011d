"""The leaky integrate-and-fire cell with an exponential synaptic current."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brian2 import ms

from brian2learn.core.declaration import Param

from ._circuit import Cell, check_rise, epsp_gain


class LIF(Cell):
    """A leaky integrator that fires at threshold and is set back; the synaptic current goes on.

    The current is scaled so that a spike of weight ``w`` makes a potential of peak ``w``, as in `SRM0`.
    """

    cites = ("masquelier2008", "stein1965")

    tau_m = Param(10 * ms, "membrane time constant", low=0.5 * ms, high=200 * ms, source="masquelier2008, Methods")
    tau_s = Param(2.5 * ms, "synaptic time constant", low=0.1 * ms, high=100 * ms, source="masquelier2008, Methods")
    theta = Param(500.0, "threshold, in peaks of an EPSP of weight 1", low=1e-6, source="masquelier2008, Methods")
    u_rest = Param(0.0, "resting potential")
    u_reset = Param(0.0, "potential after a spike")
    tau_ref = Param(1 * ms, "refractory period", low=0 * ms, high=50 * ms, source="masquelier2008, Methods")

    equations = """
    du/dt = (u_rest - u + current)/tau_m : 1
    dcurrent/dt = -current/tau_s : 1
    """
    threshold = "u >= theta"
    reset = "u = u_reset"
    receive = "current_post += gain_post * w"
    refractory = "tau_ref"

    def check(self) -> None:
        check_rise(self)
        super().check()
        if not max(self.u_reset, self.u_rest) < self.theta:
            raise self.fields["theta"].refuse(type(self).__name__, "a value above rest and reset", str(self.theta))

    @property
    def derived(self) -> dict[str, Any]:
        return {"gain": epsp_gain(self.tau_m, self.tau_s) * float((self.tau_m - self.tau_s) / self.tau_s)}

    @classmethod
    def examples(cls) -> Iterator[LIF]:
        """The default; one with rest and reset apart, never refractory."""
        yield cls()
        yield cls(u_rest=1.0, u_reset=-2.0, theta=4.0, tau_ref=0 * ms)
