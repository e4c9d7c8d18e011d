"""Symmetric plasticity of inhibitory synapses that holds the target cell at a rate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from brian2 import Hz, ms, second

from brian2learn.core.declaration import Param, Preset

from ._rule import Memory, Rule, Trace
from ._twin import SAME_TIME


class InhibitorySTDP(Rule):
    """Pre and post spikes close in time, in either order, strengthen the synapse; a pre spike alone weakens it.

    Between uncorrelated trains the mean change vanishes where the target fires at ``rho0``. In the paper's symbols,
    alpha = 2 rho0 tau. Learning can begin later than the run, with traces that are then already in their course.

    Differs from the paper's network code: a spike acts with the weight before its own change, not after it.
    """

    cites = "vogels2011"

    eta = Param(1e-2, "learning rate", low=0, high=1, source="vogels2011, recurrent network (code)")
    rho0 = Param(3 * Hz, "target rate", low=0 * Hz, high=200 * Hz, source="vogels2011, recurrent network (code)")
    tau = Param(20 * ms, "half width of the window", low=1 * ms, high=500 * ms, source="vogels2011 (code)")
    w_max = Param(100.0, "ceiling of the weight", low=1e-6, high=1e6, source="vogels2011, recurrent network (code)")
    onset = Param(0 * second, "when learning begins", low=0 * second, high=1e5 * second)

    presets: ClassVar[Mapping[str, Preset]] = {
        "vogels2011_recurrent": Preset(
            {}, "vogels2011, recurrent network (code)",
            "Weights in nS. The published run learns from 1 s on: onset=1*second.",
        ),
        "vogels2011_feed_forward": Preset(
            {"eta": 1e-3, "rho0": 6.25 * Hz, "w_max": 1e6}, "vogels2011, inhib_plasticity.m (code)",
            "The code has alpha = 0.25, of which rho0 = 6.25 Hz is derived, and no ceiling: 1e6 is never reached. "
            "Weights in units of 0.035 g_L = 350 pS.",
        ),
        "nest": Preset(
            {"eta": 1e-3, "w_max": 1.0}, "vogels2011, as the defaults of NEST's vogels_sprekeler_synapse (code)",
            "alpha = 0.12 there, of which rho0 = 3 Hz is derived.",
        ),
    }  # fmt: skip

    pre_traces = (Trace("x", "tau", "x += 1"),)
    post_traces = (Trace("y", "tau", "y += 1"),)

    on_pre = "w = clip(w + int(t >= onset - 0.5*dt) * eta * (y - 2*rho0*tau), 0, w_max)"
    on_post = "w = clip(w + int(t >= onset - 0.5*dt) * eta * x, 0, w_max)"

    @property
    def alpha(self) -> float:
        """What a pre spike alone takes, in learning rates."""
        return float(2 * self.rho0 * self.tau)

    @classmethod
    def examples(cls) -> Iterator[InhibitorySTDP]:
        """A high target, so that weights meet 0 (only there the order of ties matters); a late onset; a low ceiling."""
        for ties in Rule.ties.options:
            yield cls(eta=0.1, rho0=80 * Hz, w_max=1.0, ties=ties)
        yield cls(eta=0.1, rho0=5 * Hz, tau=5 * ms, w_max=2.0, onset=20 * ms)
        yield cls(eta=0.5, rho0=20 * Hz, tau=100 * ms, w_max=0.5)

    def pre_spike(self, memory: Memory, now: float) -> None:
        self._add(memory, now, memory.sum("inhibitory.post", now, self.tau) - self.alpha)
        memory.add("inhibitory.pre", now)

    def post_spike(self, memory: Memory, now: float) -> None:
        self._add(memory, now, memory.sum("inhibitory.pre", now, self.tau))
        memory.add("inhibitory.post", now)

    def _add(self, memory: Memory, now: float, change: float) -> None:
        if now >= float(self.onset) - SAME_TIME:
            memory.w = min(max(memory.w + self.eta * change, 0.0), float(self.w_max))
