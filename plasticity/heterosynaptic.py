"""Return of the weight to a reference at bursts of the target, whatever the synapse itself did."""

from __future__ import annotations

from collections.abc import Iterator

from brian2 import ms

from brian2learn.core.declaration import Param

from ._rule import Memory, Rule, Trace


class Heterosynaptic(Rule):
    """Every post spike takes the weight towards a reference, the more the more post spikes came shortly before.

    The trace is read before the present spike adds to it: a lone post spike changes nothing. A step can be larger than
    the distance to the reference; then the weight overshoots and is clipped only at 0 and `w_max`. In a sum it acts on
    what the terms before it have left; put first, it acts on the same weight as a sum of rates would.
    """

    cites = "zenke2015"

    beta = Param(0.05, "share of the distance per cubed trace", low=0, high=10, source="zenke2015, P10 (code)")
    tau_het = Param(20 * ms, "memory of post spikes", low=0.1 * ms, high=1000 * ms, source="zenke2015 (code)")
    w_ref_start = Param(0.0, "reference weight at the start", low=0, high=1e6, source="zenke2015 (code)")
    w_max = Param(5.0, "ceiling of the weight", low=1e-6, high=1e6, source="zenke2015 (code)")

    synapse_equations = "w_ref : 1"
    start = {"w_ref": "w_ref_start"}
    post_traces = (Trace("z_het", "tau_het", "z_het += 1"),)

    on_post = "w = clip(w - beta * (w - w_ref) * z_het**3, 0, w_max)"

    @classmethod
    def examples(cls) -> Iterator[Heterosynaptic]:
        """Every policy for ties with a reference inside the range; the default; steps that overshoot."""
        for ties in Rule.ties.options:
            yield cls(w_ref_start=0.7, ties=ties)
        yield cls()
        yield cls(beta=2.0, tau_het=50 * ms, w_ref_start=1.5, w_max=2.0)

    def post_spike(self, memory: Memory, now: float) -> None:
        share = self.beta * memory.sum("heterosynaptic.post", now, self.tau_het) ** 3
        moved = (1 - share) * memory.w + share * memory.states["w_ref"]
        memory.w = min(max(moved, 0.0), float(self.w_max))
        memory.add("heterosynaptic.post", now)
