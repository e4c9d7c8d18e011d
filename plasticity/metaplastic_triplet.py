"""Triplet plasticity whose depression follows the rate of the target cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import exp
from typing import ClassVar

from brian2 import Hz, ms, second

from brian2learn.core.declaration import Param, Preset

from ._rule import Memory, Rule, Trace
from ._twin import SAME_TIME


class MetaplasticTriplet(Rule):
    """Post-pre-post triplets strengthen, post-pre pairs weaken, the more the faster the target has been firing.

    The step down is ``a3_plus * tau_plus * tau_slow * nubar**2 / (tau_minus * kappa)``, so that mean potentiation and
    depression balance at the rate kappa. The rate nubar is a running mean of the post spikes, held to have been kappa
    before the run. The slow trace is read before the present post spike adds to it. Weights are clipped to [0, w_max]
    at every step; inside these bounds this is the same as clipping steps down at 0 and steps up at w_max.
    """

    cites: ClassVar[tuple[str, ...]] = ("zenke2013", "zenke2015")

    tau_plus = Param(16.8 * ms, "potentiation window", low=0.1 * ms, high=1 * second, source="zenke2013 (code)")
    tau_minus = Param(33.7 * ms, "depression window", low=0.1 * ms, high=1 * second, source="zenke2013 (code)")
    tau_slow = Param(114 * ms, "slow post trace", low=0.1 * ms, high=10 * second, source="zenke2013 (code)")
    a3_plus = Param(6.5e-3, "step up of a triplet", low=0, high=1, source="zenke2013 (code)")
    tau_hom = Param(50 * second, "rate detector", low=1 * ms, high=1e6 * second, source="zenke2013 (code)")
    kappa = Param(3 * Hz, "rate at which the change balances", low=1e-3 * Hz, high=1e3 * Hz, source="zenke2013 (code)")
    w_max = Param(1.0, "ceiling of the weight", low=1e-6, high=1e6, source="zenke2013 (code)")
    onset = Param(0 * second, "when learning begins; traces run before", low=0 * second, high=1e6 * second)

    presets: ClassVar[Mapping[str, Preset]] = {
        "zenke2013": Preset(
            {}, "zenke2013, TripletConnection (code)",
            "The later code of the author, not the table of the paper; its benchmark has tau_hom = 10 s.",
        ),
        "zenke2015_p11": Preset(
            {"tau_plus": 20 * ms, "tau_minus": 20 * ms, "tau_slow": 100 * ms, "a3_plus": 1e-3, "kappa": 10 * Hz,
             "tau_hom": 600 * second, "w_max": 5.0},
            "zenke2015, P11 of 2018 (code)",
            "The Hebbian terms alone. A report of the supplement has tau_hom = 1200 s.",
        ),
    }  # fmt: skip

    pre_traces = (Trace("z_plus", "tau_plus", "z_plus += 1"),)
    post_traces = (
        Trace("z_minus", "tau_minus", "z_minus += 1"),
        Trace("z_slow", "tau_slow", "z_slow += 1"),
        Trace("z_hom", "tau_hom", "z_hom += 1"),
    )

    # before the run the rate was kappa: what is left of that is the first term
    on_pre = (
        "w = clip(w - int(t >= onset - 0.5*dt) * a3_plus*tau_plus*tau_slow/tau_minus"
        " * (kappa*exp(-t/tau_hom) + z_hom/tau_hom)**2/kappa * z_minus, 0, w_max)"
    )
    on_post = "w = clip(w + int(t >= onset - 0.5*dt) * a3_plus * z_plus * z_slow, 0, w_max)"

    @classmethod
    def examples(cls) -> Iterator[MetaplasticTriplet]:
        """Large steps and a quick detector under every policy for ties; a slow one, an onset; far above target."""
        for ties in Rule.ties.options:
            yield cls(a3_plus=0.02, tau_hom=200 * ms, kappa=100 * Hz, ties=ties)
        yield cls(a3_plus=0.02, kappa=50 * Hz, onset=20 * ms)
        yield cls(a3_plus=0.005, tau_hom=50 * ms, kappa=20 * Hz, w_max=5.0)

    def pre_spike(self, memory: Memory, now: float) -> None:
        tau = float(self.tau_hom)
        rate = float(self.kappa) * exp(-now / tau) + memory.sum("metaplastic.post", now, tau) / tau
        balance = float(self.a3_plus * self.tau_plus * self.tau_slow / self.tau_minus) * rate**2 / float(self.kappa)
        if now >= float(self.onset) - SAME_TIME:
            memory.w = max(memory.w - balance * memory.sum("metaplastic.post", now, self.tau_minus), 0.0)
        memory.add("metaplastic.pre", now)

    def post_spike(self, memory: Memory, now: float) -> None:
        pairs, before = (
            memory.sum(f"metaplastic.{side}", now, tau)
            for side, tau in (("pre", self.tau_plus), ("post", self.tau_slow))
        )
        if now >= float(self.onset) - SAME_TIME:
            memory.w = min(memory.w + self.a3_plus * pairs * before, float(self.w_max))
        memory.add("metaplastic.post", now)
