"""Metaplastic triplet plasticity whose changes take effect slowly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import exp
from typing import ClassVar

from brian2 import Hz, ms, second

from brian2learn.core.declaration import Param, Preset

from ._rule import Memory, Rule
from ._twin import SAME_TIME
from .metaplastic_triplet import MetaplasticTriplet


class FilteredMetaplasticTriplet(MetaplasticTriplet):
    """Triplets strengthen and pairs weaken as in the metaplastic rule; the weight follows through a low-pass filter.

    Every change is first pending; the weight takes up what is pending with the time constant `tau_lp`, in Euler steps
    of `dt_lp`, the first at the start of the run. Weight and pending change together stay in [0, w_max]. The filter
    delays the answer to a rate and makes the rule less stable.
    """

    cites = ("zenke2013",)

    tau_lp = Param(120 * second, "filter of changes", low=1 * ms, high=1e6 * second, source="zenke2013 (code)")
    dt_lp = Param(0.1 * second, "time between Euler steps", low=0.1 * ms, high=1e4 * second, structural=True)

    presets: ClassVar[Mapping[str, Preset]] = {
        "zenke2013": Preset({}, "zenke2013, LPTripletConnection (code)", "The interval of the steps is ours."),
    }

    synapse_equations = "pending : 1"
    start = {"pending": "0"}
    every = "dt_lp"

    on_pre = (
        "pending = clip(w + pending - int(t >= onset - 0.5*dt) * a3_plus*tau_plus*tau_slow/tau_minus"
        " * (kappa*exp(-t/tau_hom) + z_hom/tau_hom)**2/kappa * z_minus, 0, w_max) - w"
    )
    on_post = "pending = clip(w + pending + int(t >= onset - 0.5*dt) * a3_plus * z_plus * z_slow, 0, w_max) - w"
    regularly = "w = w + pending * dt_lp/tau_lp\npending = pending * (1 - dt_lp/tau_lp)"

    def check(self) -> None:
        super().check()
        if self.dt_lp > self.tau_lp:
            raise self.fields["dt_lp"].refuse(type(self).__name__, f"at most tau_lp = {self.tau_lp}", str(self.dt_lp))

    @classmethod
    def examples(cls) -> Iterator[FilteredMetaplasticTriplet]:
        """Large steps, a quick detector and a quick filter under every policy for ties; one step of the filter."""
        for ties in Rule.ties.options:
            yield cls(a3_plus=0.02, tau_hom=200 * ms, kappa=100 * Hz, tau_lp=20 * ms, dt_lp=2 * ms, ties=ties)
        yield cls(a3_plus=0.02, kappa=50 * Hz, onset=20 * ms, tau_lp=4 * ms, dt_lp=4 * ms)

    def pre_spike(self, memory: Memory, now: float) -> None:
        tau = float(self.tau_hom)
        rate = float(self.kappa) * exp(-now / tau) + memory.sum("filtered.post", now, tau) / tau
        balance = float(self.a3_plus * self.tau_plus * self.tau_slow / self.tau_minus) * rate**2 / float(self.kappa)
        self._want(memory, now, -balance * memory.sum("filtered.post", now, self.tau_minus))
        memory.add("filtered.pre", now)

    def post_spike(self, memory: Memory, now: float) -> None:
        pairs = memory.sum("filtered.pre", now, self.tau_plus)
        self._want(memory, now, self.a3_plus * pairs * memory.sum("filtered.post", now, self.tau_slow))
        memory.add("filtered.post", now)

    def _want(self, memory: Memory, now: float, change: float) -> None:
        if now >= float(self.onset) - SAME_TIME:
            wanted = min(max(memory.w + memory.states["pending"] + change, 0.0), float(self.w_max))
            memory.states["pending"] = wanted - memory.w

    def tick(self, memory: Memory, now: float) -> None:
        taken = memory.states["pending"] * float(self.dt_lp / self.tau_lp)
        memory.w += taken
        memory.states["pending"] -= taken
