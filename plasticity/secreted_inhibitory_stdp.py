"""Inhibitory plasticity whose sign and size follow a factor that the whole network secretes."""

from __future__ import annotations

from collections.abc import Iterator

from brian2 import Hz, hertz, ms

from brian2learn.core.declaration import Param

from ._rule import Memory, Rule, Trace


class SecretedInhibitorySTDP(Rule):
    """Pre and post spikes close in time change the synapse up or down, as the network fires above or below a rate.

    The factor is the relative excess ``secretion/gamma - 1`` of a low-pass filtered rate of the population over its
    target. The target cell knows that rate as `secretion`. A pre spike changes the weight by itself too.
    """

    cites = "zenke2015"

    eta = Param(
        2e-5, "learning rate at a relative excess of 1", low=0, high=1, source="zenke2015, GlobalPFConnection (code)"
    )
    gamma = Param(4 * Hz, "target rate of the population", low=0.01 * Hz, high=200 * Hz, source="zenke2015 (code)")
    tau = Param(20 * ms, "half width of the window", low=1 * ms, high=500 * ms, source="zenke2015 (code)")
    w_max = Param(5.0, "ceiling of the weight", low=1e-6, high=1e6, source="zenke2015 (code)")

    needs_on_cell = {"secretion": hertz}
    pre_traces = (Trace("x", "tau", "x += 1"),)
    post_traces = (Trace("y", "tau", "y += 1"),)

    on_pre = "w = clip(w + eta * (secretion_post/gamma - 1) * (y + 1), 0, w_max)"
    on_post = "w = clip(w + eta * (secretion_post/gamma - 1) * x, 0, w_max)"

    @classmethod
    def examples(cls) -> Iterator[SecretedInhibitorySTDP]:
        """Factors of both signs with every policy for ties; steps that meet the bounds."""
        for ties in Rule.ties.options:
            yield cls(eta=0.1, gamma=0.5 * Hz, ties=ties)
        yield cls(eta=1.0, gamma=0.5 * Hz, tau=5 * ms, w_max=0.9)

    def pre_spike(self, memory: Memory, now: float) -> None:
        self._add(memory, now, 1 + memory.sum("secreted.post", now, self.tau))
        memory.add("secreted.pre", now)

    def post_spike(self, memory: Memory, now: float) -> None:
        self._add(memory, now, memory.sum("secreted.pre", now, self.tau))
        memory.add("secreted.post", now)

    def _add(self, memory: Memory, now: float, coincidence: float) -> None:
        rate = float(memory.cell["secretion"][round(now / memory.dt)])
        excess = (rate - float(self.gamma)) / float(self.gamma)
        memory.w = min(max(memory.w + self.eta * excess * coincidence, 0.0), float(self.w_max))
