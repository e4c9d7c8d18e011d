"""Potentiation by pre spikes before a post spike, and the same depression of all synapses at every post spike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import exp
from typing import ClassVar

from brian2 import ms

from brian2learn.core.declaration import Choice, Param, Preset

from ._rule import Memory, Rule, Trace


class HomeostaticSTDP(Rule):
    """A post spike strengthens a synapse by the pre spikes before it, all of them, then weakens every synapse alike.

    A synapse breaks even if its spike came ``tau_plus * log(a_plus / a_homeo)`` before the post spike. The weight is
    clipped to [0, 1] after each of the two steps, and the step down depends on the weight after the step up. In the
    author's code a pre spike in the same time step counts in full, which is the policy ``pre_first``.
    """

    cites = ("masquelier2018a", "masquelier2018b")

    bounds = Choice(
        "additive",
        "how a step depends on the weight",
        {
            "additive": "not at all (masquelier2018a)",
            "soft": "both steps are in proportion to w (1 - w) (masquelier2018b)",
        },
    )
    tau_plus = Param(20 * ms, "potentiation window", low=0.1 * ms, high=200 * ms, source="masquelier2018a (code)")
    a_plus = Param(0.01, "step up at zero lag", low=0, high=1, source="masquelier2018a (code)")
    a_homeo = Param(
        0.01 * exp(-23 / 20) * 1.1, "step down at a post spike", low=0, high=1, source="masquelier2018a (code)"
    )

    presets: ClassVar[Mapping[str, Preset]] = {
        "masquelier2018a_high_threshold": Preset(
            {}, "masquelier2018a, ModelDB 230138 (code)", "Meant with the threshold 369.8: one spike per pattern."
        ),
        "masquelier2018a_low_threshold": Preset(
            {"a_homeo": 0.01 * exp(-23 / 20) * 1.1**-7},
            "masquelier2018a, ModelDB 230138 (code)",
            "Meant with the threshold 252.6: two spikes per pattern.",
        ),
        "masquelier2018b_five_patterns": Preset(
            {"bounds": "soft", "a_plus": 0.1, "a_homeo": 0.0062},
            "masquelier2018b, ModelDB 244684 (code)",
            "Five patterns; meant with the resting threshold 178 and its adaptation.",
        ),
    }

    pre_traces = (Trace("x", "tau_plus", "x += 1"),)

    @property
    def on_post(self) -> str:
        share = "" if self.bounds == "additive" else " * w * (1 - w)"
        return f"w = clip(w + a_plus * x{share}, 0, 1)\nw = clip(w - a_homeo{share}, 0, 1)"

    @classmethod
    def examples(cls) -> Iterator[HomeostaticSTDP]:
        """Both bounds with every policy for ties and steps large enough to meet a bound; the defaults."""
        for bounds, ties in product(cls.bounds.options, cls.ties.options):
            yield cls(bounds=bounds, ties=ties, a_plus=0.2, a_homeo=0.1)
        yield cls()
        yield cls(bounds="soft", a_plus=1.0, a_homeo=1.0, tau_plus=2 * ms)

    def post_spike(self, memory: Memory, now: float) -> None:
        for step in (self.a_plus * memory.sum("homeostatic.pre", now, self.tau_plus), -self.a_homeo):
            change = step if self.bounds == "additive" else step * (memory.w - memory.w**2)
            memory.w = min(max(memory.w + change, 0.0), 1.0)

    def pre_spike(self, memory: Memory, now: float) -> None:
        memory.add("homeostatic.pre", now)
