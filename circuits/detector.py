"""Afferents onto one or a few cells: who learns to detect a pattern."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2 import Synapses

from brian2learn.core.declaration import Choice, Param, Part, Size
from brian2learn.core.equations import rename
from brian2learn.core.errors import AssemblyError
from brian2learn.plasticity._rule import Plasticity
from brian2learn.plasticity.homeostatic_stdp import HomeostaticSTDP
from brian2learn.plasticity.pair_stdp import PairSTDP

from ._circuit import Cell, Circuit, prefixed
from .instant_lif import InstantLIF
from .srm0 import SRM0


class Detector(Circuit):
    """Every afferent reaches every cell through a plastic synapse; cells may inhibit each other and race to fire.

    A spike inhibits the other cells by an IPSP of the EPSP's shape whose peak is ``inhibition`` times the threshold.
    With ``competition="winner"`` only the cell furthest above threshold fires in a time step; the others are looked
    at again in the next step.

    Where the rule is to count pre spikes in the step of a post spike if and only if they helped to make it,
    ``arrival="before_thresholds"`` is needed: input, potential, trace, threshold, change of weight, reset.
    """

    cites = ("masquelier2008", "masquelier2009", "masquelier2018a")

    inputs = ("afferents",)
    outputs = ("cells",)
    learned = ("plastic.w",)

    cell = Part(SRM0(), "model of the cells", kind=Cell)
    rule = Part(PairSTDP(pairing="reduced_nearest"), "plasticity of the afferent synapses", kind=Plasticity)
    n_cells = Size(1, "number of cells", low=1, high=10_000)
    w_init = Param(0.475, "weight of every synapse at the start", low=0, source="masquelier2008, Methods")
    w_spread = Param(0.0, "spread of the first weights around it, clipped at 0", low=0, source="masquelier2008")
    w_shape = Choice(
        "normal",
        "distribution of the first weights",
        {"normal": "w_spread is the SD of a Gaussian", "uniform": "evenly from w_init - w_spread to w_init + w_spread"},
    )
    arrival = Choice(
        "after_thresholds",
        "when in a time step the afferents' spikes act",
        {
            "after_thresholds": "after all thresholds, as Brian2 does: they are felt in the next step",
            "before_thresholds": "before all thresholds, one step after they were fired (masquelier2018a)",
        },
    )
    inhibition = Param(0.0, "peak of the IPSP that a spike makes in the other cells, in thresholds", low=0, high=10)
    competition = Choice(
        "none",
        "who fires when several cells reach threshold in one time step",
        {"none": "all of them", "winner": "the one furthest above threshold, the first of equals"},
    )

    def build(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        race = self.competition == "winner"
        potential = self.cell.potential
        refractory = " and not_refractory" if self.cell.refractory else ""
        cells = self.cell.group(
            self.n_cells,
            plasticity=self.rule,
            extra="beaten : 1\n" if race else "",
            threshold=" and beaten == 0" if race else "",
            events={"crossing": self.cell.threshold + refractory} if race else None,
        )
        plastic = self.rule.synapses(sources["afferents"], cells, transmit=self.cell.receive, name="plastic")
        if self.arrival == "before_thresholds":
            if self.rule.placed("pre", sources["afferents"]):
                got = f"{sources['afferents'].name}, which holds the rule's trace"
                raise AssemblyError("Detector", "afferents", expected="a source without a trace of its own", got=got)
            if hasattr(plastic, "pre"):
                plastic.pre.when = "before_thresholds"
        built: dict[str, Any] = {"cells": cells, "plastic": plastic}
        if race:
            cells.run_regularly("beaten = 0", when="start", name="new_race")
            cells.set_event_schedule("crossing", when="thresholds", order=-2)
            ahead = f"int({potential}_pre > {potential}_post) + int({potential}_pre == {potential}_post) * int(i < j)"
            built["race"] = Synapses(
                cells, cells, on_pre=f"beaten_post += {ahead}", on_event="crossing", namespace={}, name="race"
            )
            built["race"].pre.when, built["race"].pre.order = "thresholds", -1
            built["race"].connect("i != j")
        if self.n_cells > 1:
            built["lateral"] = Synapses(
                cells,
                cells,
                "inhibition : 1 (shared, constant)",
                on_pre=rename(self.cell.receive, {"w": "(-inhibition * theta_post)"}),
                namespace={},
                name="lateral",
            )
            built["lateral"].connect("i != j")
            built["lateral"].inhibition = self.inhibition
        return built

    @property
    def settings(self) -> dict[str, Any]:
        lateral = prefixed("lateral", {"inhibition": self.inhibition}) if self.n_cells > 1 else {}
        return {
            **prefixed("cells", {**self.cell.constants, **self.rule.cell_constants()}),
            **prefixed("plastic", self.rule.constants),
            **lateral,
        }

    def initial(self, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
        n = sizes["afferents"] * self.n_cells
        on_synapses = {name: np.full(n, value) for name, value in self.rule.synapse_starts.items()}
        on_cells = {name: np.full(self.n_cells, value) for name, value in self.rule.cell_starts().items()}
        shifts = rng.standard_normal(n) if self.w_shape == "normal" else rng.uniform(-1, 1, n)
        w = np.maximum(self.w_init + self.w_spread * shifts, 0)
        return {"plastic.w": w, **prefixed("plastic", on_synapses), **prefixed("cells", on_cells)}

    def check(self) -> None:
        if self.inhibition > 0 and self.n_cells == 1:
            raise self.fields["inhibition"].refuse("Detector", "0 for a single cell", str(self.inhibition))
        if self.competition == "winner" and self.n_cells == 1:
            raise self.fields["competition"].refuse("Detector", "'none' for a single cell", "'winner'")
        if self.arrival == "before_thresholds" and self.rule.ties == "post_first":
            expected = "'after_thresholds' for a rule whose post spike comes first in a step"
            raise self.fields["arrival"].refuse("Detector", expected, "'before_thresholds'")

    @classmethod
    def examples(cls) -> Iterator[Detector]:
        """One cell; three that inhibit one another; three that race as well; a coincidence detector."""
        yield cls()
        yield cls(n_cells=3, inhibition=0.25)
        yield cls(n_cells=3, inhibition=0.25, competition="winner", w_spread=0.2)
        yield cls(
            cell=InstantLIF(), rule=HomeostaticSTDP(), arrival="before_thresholds", w_spread=0.1, w_shape="uniform"
        )
