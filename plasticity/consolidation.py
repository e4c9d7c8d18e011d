"""A reference weight that slowly follows the weight, with two stable values of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from brian2 import ms, second

from brian2learn.core.declaration import Param, Preset

from ._rule import Memory, Rule


class Consolidation(Rule):
    """The reference weight follows the weight and is drawn to 0 or to a plateau; only lasting changes take it across.

    From 0 it goes to the plateau if w - w_ref stays above the maximum of ``P w_ref (w_P/2 - w_ref) (w_P - w_ref)``.
    Euler steps of `dt_cons`, the first at the start of the run. It is not clipped: under a weight above w_P it settles
    above w_P. Steps that jump over 0 or w_P are refused; weights far above w_P want shorter ones still.
    """

    cites = "zenke2015"

    tau_cons = Param(1200 * second, "consolidation", low=1 * ms, high=1e7 * second, source="zenke2015 (code)")
    dt_cons = Param(
        1.2 * second, "time between Euler steps", low=0.1 * ms, high=1e4 * second, source="zenke2015 (code)",
        structural=True,
    )  # fmt: skip
    P = Param(
        0.1 / 0.005859, "strength of the two stable values", low=0, high=1e4, source="zenke2015, simulation (code)"
    )
    w_P = Param(0.5, "plateau of a consolidated weight", low=1e-6, high=1e6, source="zenke2015 (code)")
    w_ref_start = Param(0.0, "reference weight at the start", low=0, high=1e6, source="zenke2015 (code)")

    presets: ClassVar[Mapping[str, Preset]] = {
        "zenke2015": Preset({}, "zenke2015, simulation (code)", "The simulation sets P = 0.1/0.005859 = 17.07."),
        "zenke2015_class": Preset({"P": 20.0}, "zenke2015, default of the class P10 (code)"),
    }

    synapse_equations = "w_ref : 1"
    start = {"w_ref": "w_ref_start"}
    every = "dt_cons"

    regularly = "w_ref = w_ref + dt_cons/tau_cons * (w - w_ref - P * w_ref * (w_P/2 - w_ref) * (w_P - w_ref))"

    def check(self) -> None:
        super().check()
        longest = self.tau_cons / (1 + self.P * self.w_P**2 / 2)  # 1 over the steepest decay to 0 or w_P
        if self.dt_cons > longest:
            raise self.fields["dt_cons"].refuse(
                type(self).__name__, f"at most {longest} with this tau_cons, P and w_P", str(self.dt_cons)
            )

    @classmethod
    def examples(cls) -> Iterator[Consolidation]:
        """Quick consolidation under every policy for ties; a low plateau, with the default start."""
        for ties in Rule.ties.options:
            yield cls(tau_cons=100 * ms, dt_cons=2 * ms, w_ref_start=0.1, ties=ties)
        yield cls(tau_cons=200 * ms, dt_cons=10 * ms, P=100.0, w_P=0.3)

    def tick(self, memory: Memory, now: float) -> None:
        share, reference = float(self.dt_cons / self.tau_cons), memory.states["w_ref"]
        cubic = reference**3 - 1.5 * self.w_P * reference**2 + 0.5 * self.w_P**2 * reference
        memory.states["w_ref"] = reference + share * (memory.w - reference) - share * self.P * cubic
