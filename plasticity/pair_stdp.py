"""Spike-timing-dependent plasticity from pairs of spikes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from brian2 import ms

from brian2learn.core.declaration import Choice, Param

from ._rule import Memory, Rule, Trace


class PairSTDP(Rule):
    """A pre spike before a post spike strengthens the synapse, one after it weakens it, less the longer the lag.

    Differs from the paper: the exponential windows are not cut off (masquelier2008 cuts them at seven time constants,
    where 0.1 % is left).
    """

    cites = ("masquelier2008", "song2000", "morrison2008")

    pairing = Choice(
        "all_to_all",
        "which pairs of spikes count",
        {
            "all_to_all": "every pre spike with every post spike",
            "nearest": "each spike with the last spike of the other side only",
            "reduced_nearest": "each post spike with the last pre spike since the post spike before it, "
            "and only the first pre spike after a post spike with that post spike",
        },
        source="morrison2008, Fig 7",
    )
    bounds = Choice(
        "additive",
        "how a step depends on the weight",
        {
            "additive": "not at all; the weight is clipped to [0, w_max]",
            "soft": "steps up shrink with the room left below w_max, steps down with the weight",
        },
    )
    tau_plus = Param(16.8 * ms, "potentiation window", low=0.1 * ms, high=200 * ms, source="masquelier2008, Methods")
    tau_minus = Param(33.7 * ms, "depression window", low=0.1 * ms, high=200 * ms, source="masquelier2008, Methods")
    a_plus = Param(2**-5, "step up at zero lag", low=0, high=0.5, source="masquelier2008, Methods")
    a_minus = Param(0.85 * 2**-5, "step down at zero lag", low=0, high=0.5, source="masquelier2008, Methods")
    w_max = Param(1.0, "ceiling of the weight", low=1e-6, high=1e6, source="masquelier2008, Methods")

    @property
    def pre_traces(self) -> tuple[Trace, ...]:
        return (Trace("x", "tau_plus", self._at_spike("x")),)

    @property
    def post_traces(self) -> tuple[Trace, ...]:
        return (Trace("y", "tau_minus", self._at_spike("y")),)

    def _at_spike(self, trace: str) -> str:
        return f"{trace} += 1" if self.pairing == "all_to_all" else f"{trace} = 1"

    @property
    def on_pre(self) -> str:
        step = "a_minus" if self.bounds == "additive" else "a_minus * w"
        return f"w = clip(w - {step} * y, 0, w_max)" + self._forget("y")

    @property
    def on_post(self) -> str:
        step = "a_plus" if self.bounds == "additive" else "a_plus * (w_max - w)"
        return f"w = clip(w + {step} * x, 0, w_max)" + self._forget("x")

    def _forget(self, trace: str) -> str:
        return f"\n{trace} = 0" if self.pairing == "reduced_nearest" else ""

    @classmethod
    def examples(cls) -> Iterator[PairSTDP]:
        """Every pairing with every bound and every policy for ties; then fast learning and unequal windows."""
        for pairing, bounds, ties in product(cls.pairing.options, cls.bounds.options, cls.ties.options):
            yield cls(pairing=pairing, bounds=bounds, ties=ties)
        yield cls(a_plus=0.5, a_minus=0.4, tau_plus=0.1 * ms, tau_minus=200 * ms)
        yield cls(a_plus=0.0, a_minus=0.3, w_max=3.0, pairing="reduced_nearest")

    def pre_spike(self, memory: Memory, now: float) -> None:
        step = self.a_minus * memory.sum("post", now, self.tau_minus)
        memory.w = min(max(memory.w - step * (1 if self.bounds == "additive" else memory.w), 0), self.w_max)
        self._see(memory, "pre", "post", now)

    def post_spike(self, memory: Memory, now: float) -> None:
        step = self.a_plus * memory.sum("pre", now, self.tau_plus)
        room = 1 if self.bounds == "additive" else self.w_max - memory.w
        memory.w = min(max(memory.w + step * room, 0), self.w_max)
        self._see(memory, "post", "pre", now)

    def _see(self, memory: Memory, own: str, other: str, now: float) -> None:
        """Keep the spikes of each side that later ones of the other side may pair with."""
        if self.pairing == "all_to_all":
            memory.add(own, now)
        else:
            memory.only(own, now)
        if self.pairing == "reduced_nearest":
            memory.clear(other)
