"""Spike-timing-dependent plasticity from pairs of spikes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import inf
from typing import Any, ClassVar

from brian2 import ms

from brian2learn.core.declaration import Choice, Param, Preset

from ._rule import Memory, Rule, Trace


class PairSTDP(Rule):
    """A pre spike before a post spike strengthens the synapse, one after it weakens it, less the longer the lag.

    Differs from the paper: the exponential windows are not cut off (masquelier2008 cuts them at seven time constants,
    where 0.1 % is left).
    """

    cites = ("masquelier2008", "song2000", "vanrossum2000", "morrison2008")

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
            "van_rossum": "steps up are constant, steps down in proportion to the weight; no ceiling",
        },
    )
    tau_plus = Param(16.8 * ms, "potentiation window", low=0.1 * ms, high=200 * ms, source="masquelier2008, Methods")
    tau_minus = Param(33.7 * ms, "depression window", low=0.1 * ms, high=200 * ms, source="masquelier2008, Methods")
    a_plus = Param(2**-5, "step up at zero lag", low=0, high=0.5, source="masquelier2008, Methods")
    a_minus = Param(0.85 * 2**-5, "step down at zero lag", low=0, high=0.5, source="masquelier2008, Methods")
    w_max = Param(
        1.0, "ceiling of the weight, unless there is none", low=1e-6, high=1e6, source="masquelier2008, Methods"
    )

    presets: ClassVar[Mapping[str, Preset]] = {
        "masquelier2008": Preset({"pairing": "reduced_nearest"}, "masquelier2008, Methods"),
        "song2000": Preset(
            {"tau_plus": 20 * ms, "tau_minus": 20 * ms, "a_plus": 0.005, "a_minus": 1.05 * 0.005},
            "song2000, two ports (code) and a report of the paper",
            "Weights in units of g_max = 0.015 g_L. Brian2's example STDP.py has other values.",
        ),
        "vanrossum2000": Preset(
            {"bounds": "van_rossum", "tau_plus": 20 * ms, "tau_minus": 20 * ms, "a_plus": 0.007, "a_minus": 0.003},
            "vanrossum2000, one port (code)",
            "Weights in nS. The step up is 7 pS in the port; whether the paper has 7 or 1 pS is recalled both ways, "
            "not confirmed. Without the noise of the weight changes.",
        ),
    }

    @property
    def pre_traces(self) -> tuple[Trace, ...]:
        return (Trace("x", "tau_plus", self._at_spike("x")),)

    @property
    def post_traces(self) -> tuple[Trace, ...]:
        return (Trace("y", "tau_minus", self._at_spike("y")),)

    def _at_spike(self, trace: str) -> str:
        return f"{trace} += 1" if self.pairing == "all_to_all" else f"{trace} = 1"

    @property
    def numbers(self) -> dict[str, Any]:
        """Without the ceiling where there is none."""
        return {k: v for k, v in super().numbers.items() if k != "w_max" or self.bounds != "van_rossum"}

    @property
    def on_pre(self) -> str:
        step = "a_minus" if self.bounds == "additive" else "a_minus * w"
        high = "w" if self.bounds == "van_rossum" else "w_max"
        return f"w = clip(w - {step} * y, 0, {high})" + self._forget("y")

    @property
    def on_post(self) -> str:
        step = "a_plus * (w_max - w)" if self.bounds == "soft" else "a_plus"
        up = f"w + {step} * x"
        return ("w = " + up if self.bounds == "van_rossum" else f"w = clip({up}, 0, w_max)") + self._forget("x")

    def _forget(self, trace: str) -> str:
        return f"\n{trace} = 0" if self.pairing == "reduced_nearest" else ""

    @classmethod
    def examples(cls) -> Iterator[PairSTDP]:
        """Every pairing with every bound and every policy for ties; then fast learning and unequal windows."""
        for pairing, bounds, ties in product(cls.pairing.options, cls.bounds.options, cls.ties.options):
            yield cls(pairing=pairing, bounds=bounds, ties=ties)
        yield cls(a_plus=0.5, a_minus=0.4, tau_plus=0.1 * ms, tau_minus=200 * ms)
        yield cls(a_plus=0.0, a_minus=0.3, w_max=3.0, pairing="reduced_nearest")
        yield cls(a_plus=0.5, a_minus=0.5, bounds="van_rossum")

    def pre_spike(self, memory: Memory, now: float) -> None:
        step = self.a_minus * memory.sum("post", now, self.tau_minus)
        memory.w = min(max(memory.w - step * (1 if self.bounds == "additive" else memory.w), 0), self._ceiling)
        self._see(memory, "pre", "post", now)

    def post_spike(self, memory: Memory, now: float) -> None:
        step = self.a_plus * memory.sum("pre", now, self.tau_plus)
        room = self.w_max - memory.w if self.bounds == "soft" else 1
        memory.w = min(max(memory.w + step * room, 0), self._ceiling)
        self._see(memory, "post", "pre", now)

    @property
    def _ceiling(self) -> float:
        return inf if self.bounds == "van_rossum" else float(self.w_max)

    def _see(self, memory: Memory, own: str, other: str, now: float) -> None:
        """Keep the spikes of each side that later ones of the other side may pair with."""
        if self.pairing == "all_to_all":
            memory.add(own, now)
        else:
            memory.only(own, now)
        if self.pairing == "reduced_nearest":
            memory.clear(other)
