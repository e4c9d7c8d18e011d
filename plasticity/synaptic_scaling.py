"""Multiplication of all weights of a cell so that its rate comes to a target."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import exp
from typing import ClassVar

from brian2 import Hz, ms, second

from brian2learn.core.declaration import Param, Preset

from ._rule import Memory, Rule, Trace


class SynapticScaling(Rule):
    """Weights grow in proportion to themselves while the target fires below its target rate, and shrink above it.

    The rate is a running mean of the post spikes, held to have been `kappa` before the run. Euler steps of `dt_scl`,
    the first at the start of the run.
    """

    cites = "zenke2013"

    tau_scl = Param(3600 * second, "scaling", low=1 * ms, high=1e8 * second, source="zenke2013, stim_scaling (code)")
    dt_scl = Param(
        0.1 * second, "time between Euler steps", low=0.1 * ms, high=1e4 * second, source="zenke2013 (code)",
        structural=True,
    )  # fmt: skip
    tau_rate = Param(50 * second, "rate detector", low=1 * ms, high=1e6 * second, source="zenke2013 (code)")
    kappa = Param(3 * Hz, "target rate", low=1e-3 * Hz, high=1e3 * Hz, source="zenke2013 (code)")
    w_max = Param(1.0, "ceiling of the weight", low=1e-6, high=1e6, source="zenke2013 (code)")

    presets: ClassVar[Mapping[str, Preset]] = {
        "zenke2013": Preset({}, "zenke2013, sim_stim_scaling (code)", "Meant with TripletSTDP's zenke2013_static."),
        "zenke2013_fast": Preset({"tau_scl": 1 * second}, "zenke2013, sim_bg_scaling2 (code)"),
    }

    post_traces = (Trace("z_rate", "tau_rate", "z_rate += 1"),)
    every = "dt_scl"

    # before the run the rate was kappa: what is left of that is the first term
    regularly = "w = clip(w + w * dt_scl/tau_scl * (1 - (exp(-t/tau_rate) + z_rate/(tau_rate*kappa))**3), 0, w_max)"

    @classmethod
    def examples(cls) -> Iterator[SynapticScaling]:
        """Quick scaling under every policy for ties, around a target between the rates of the tests; a low target."""
        for ties in Rule.ties.options:
            yield cls(tau_scl=200 * ms, dt_scl=2 * ms, tau_rate=50 * ms, kappa=150 * Hz, ties=ties)
        yield cls(tau_scl=1 * second, dt_scl=10 * ms, tau_rate=20 * ms, kappa=20 * Hz, w_max=2.0)

    def post_spike(self, memory: Memory, now: float) -> None:
        memory.add("scaling.post", now)

    def tick(self, memory: Memory, now: float) -> None:
        tau = float(self.tau_rate)
        rate = float(self.kappa) * exp(-now / tau) + memory.sum("scaling.post", now, tau) / tau
        growth = 1 - (rate / float(self.kappa)) ** 3
        memory.w = min(max(memory.w * (1 + growth * float(self.dt_scl / self.tau_scl)), 0.0), float(self.w_max))
