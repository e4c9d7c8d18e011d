"""Pre neurons, each with a cell of its own that is made to fire by pulses of current."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2 import Synapses, uA

from brian2learn.core.declaration import Param, Part
from brian2learn.plasticity._rule import Plasticity
from brian2learn.plasticity.clopath_stdp import ClopathSTDP

from ._circuit import Circuit, prefixed
from .clopath_ad_ex import ClopathAdEx


class PulsedPairs(Circuit):
    """Pre neuron k has a plastic synapse onto cell k, which fires in the step in which ``post`` k says so.

    A pulse lasts one time step and acts in that very step, before the cell is compared with its threshold. The synapse
    adds no current of its own: what the cell does is known, as in an experiment with pulses into the soma.
    """

    cites = "clopath2010"

    inputs = ("pre", "post")
    outputs = ("cells",)
    learned = ("plastic.w",)

    cell = Part(ClopathAdEx(), "model of the cells", kind=ClopathAdEx)
    rule = Part(ClopathSTDP(), "plasticity of the synapses", kind=Plasticity)
    w_init = Param(0.5, "weight of every synapse at the start", low=0, source="clopath2010 (code)")
    pulse = Param(1 * uA, "current that makes a cell fire", low=0 * uA, high=1000 * uA, source="clopath2010 (code)")

    def build(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        n = len(sources["post"])
        cells = self.cell.group(n, plasticity=self.rule)
        cells.thresholder["spike"].order = 2
        plastic = self.rule.synapses(sources["pre"], cells, transmit="", connect={"j": "i"}, name="plastic")
        pulses = Synapses(
            sources["post"],
            cells,
            "pulse : amp (shared, constant)",
            on_pre="v_post += int(not_refractory_post)*pulse*dt/C_post",
            namespace={},
            name="pulses",
        )
        pulses.pre.when, pulses.pre.order = "thresholds", 1
        pulses.connect(j="i")
        pulses.pulse = self.pulse
        return {"cells": cells, "plastic": plastic, "pulses": pulses}

    @property
    def settings(self) -> dict[str, Any]:
        return {
            **prefixed("cells", {**self.cell.constants, **self.rule.cell_constants()}),
            **prefixed("plastic", self.rule.constants),
            **prefixed("pulses", {"pulse": self.pulse}),
        }

    def initial(self, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
        def each(values: Mapping[str, Any]) -> dict[str, np.ndarray]:
            return {name: np.full(sizes["post"], float(value)) for name, value in values.items()}

        on_synapses = each({"w": self.w_init, **self.rule.synapse_starts})
        return {
            **prefixed("plastic", on_synapses),
            **prefixed("cells", each({**self.cell.start, **self.rule.cell_starts()})),
        }

    @classmethod
    def examples(cls) -> Iterator[PulsedPairs]:
        """With and without the lag of the averages; with homeostasis."""
        yield cls()
        yield cls(rule=ClopathSTDP(n_delay=0))
        yield cls(rule=ClopathSTDP(depression="homeostatic"))
