"""Spike-timing-dependent plasticity from pairs of spikes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from brian2 import ms

from brian2learn.core.declaration import Choice, Param

from ._rule import Rule, Trace


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

    def reference(self, pre: np.ndarray, post: np.ndarray, w: float) -> float:
        """Walk through the spikes and look back at the pairs of each: no traces, no decay from step to step."""
        # what the other side may still pair with: (time, share); the share is 1/2 after a tie under the mean policy
        seen_pre: list[tuple[float, float]] = []
        seen_post: list[tuple[float, float]] = []

        def lag_sum(seen: list[tuple[float, float]], now: float, tau: float) -> float:
            return sum(share * np.exp(-(now - then) / tau) for then, share in seen)

        def depress(w: float, now: float) -> float:
            step = float(self.a_minus) * lag_sum(seen_post, now, float(self.tau_minus))
            return min(max(w - step * (1 if self.bounds == "additive" else w), 0), self.w_max)

        def potentiate(w: float, now: float) -> float:
            step = float(self.a_plus) * lag_sum(seen_pre, now, float(self.tau_plus))
            return min(max(w + step * (1 if self.bounds == "additive" else self.w_max - w), 0), self.w_max)

        def see(seen: list[tuple[float, float]], others: list[tuple[float, float]], now: float) -> None:
            if self.pairing != "all_to_all":
                seen.clear()
            if self.pairing == "reduced_nearest":
                others.clear()
            seen.append((now, 1.0))

        def pre_spike(w: float, now: float) -> float:
            w = depress(w, now)
            see(seen_pre, seen_post, now)
            return w

        def post_spike(w: float, now: float) -> float:
            w = potentiate(w, now)
            see(seen_post, seen_pre, now)
            return w

        for now in sorted({*map(float, pre), *map(float, post)}):
            spikes = [spike for spike, times in ((pre_spike, pre), (post_spike, post)) if now in times]
            if self.ties == "post_first":
                spikes.reverse()
            if len(spikes) == 2 and self.ties == "mean":
                before = w, list(seen_pre), list(seen_post)
                w_pre_first = post_spike(pre_spike(w, now), now)
                seen_pre[:], seen_post[:] = before[1:]
                w_post_first = pre_spike(post_spike(before[0], now), now)
                w = (w_pre_first + w_post_first) / 2
                if (
                    self.pairing == "reduced_nearest"
                ):  # one order leaves the pre spike to pair with, the other the post spike
                    seen_pre[:], seen_post[:] = [(now, 0.5)], [(now, 0.5)]
            else:
                for spike in spikes:
                    w = spike(w, now)
        return float(w)
