"""Plastic synapses onto cells whose potential is held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2 import NeuronGroup, ms, mV

from brian2learn.core.declaration import Param, Part, Size
from brian2learn.plasticity._rule import Plasticity
from brian2learn.plasticity.clopath_stdp import ClopathSTDP

from ._circuit import Circuit, prefixed


class VoltageClamp(Circuit):
    """Every pre neuron reaches every cell; each cell is held at its own potential; the potentials are evenly spaced."""

    cites = "clopath2010"

    inputs = ("pre",)
    learned = ("plastic.w",)

    rule = Part(ClopathSTDP(), "plasticity of the synapses", kind=Plasticity)
    n_cells = Size(801, "number of cells", low=1, high=10**6)
    v_low = Param(-80 * mV, "potential of the first cell", low=-200 * mV, high=200 * mV)
    v_high = Param(0 * mV, "potential of the last cell", low=-200 * mV, high=200 * mV)
    wait = Param(200 * ms, "axonal delay, in which the cells settle", low=0 * ms, high=10_000 * ms, structural=True)
    w_init = Param(1.0, "weight of every synapse at the start", low=0)

    def check(self) -> None:
        if self.n_cells == 1 and self.v_low != self.v_high:
            expected = f"v_low = {self.v_low}, for there is one cell"
            raise self.fields["v_high"].refuse("VoltageClamp", expected, str(self.v_high))
        if self.v_low > self.v_high:
            raise self.fields["v_high"].refuse("VoltageClamp", f"at least v_low = {self.v_low}", str(self.v_high))

    @property
    def potentials(self) -> np.ndarray:
        """Potential of every cell: (n_cells,) float, V."""
        return np.linspace(float(self.v_low), float(self.v_high), self.n_cells)

    def build(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        cells = NeuronGroup(
            self.n_cells, "v : volt (constant)\n" + self.rule.cell_equations, threshold="False", reset="", namespace={},
            method="exact", name="cells",
        )  # fmt: skip
        plastic = self.rule.synapses(sources["pre"], cells, transmit="", delay=self.wait, name="plastic")
        return {"cells": cells, "plastic": plastic}

    @property
    def settings(self) -> dict[str, Any]:
        return {**prefixed("cells", self.rule.cell_constants()), **prefixed("plastic", self.rule.constants)}

    def initial(self, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
        n = sizes["pre"] * self.n_cells
        on_synapses = {"w": self.w_init, **self.rule.synapse_starts}
        on_cells = {name: np.full(self.n_cells, float(value)) for name, value in self.rule.cell_starts().items()}
        return {
            **prefixed("plastic", {name: np.full(n, float(value)) for name, value in on_synapses.items()}),
            **prefixed("cells", {"v": self.potentials, **on_cells}),
        }

    @classmethod
    def examples(cls) -> Iterator[VoltageClamp]:
        """A range of potentials, and one."""
        yield cls(n_cells=9)
        yield cls(n_cells=1, v_low=-30 * mV, v_high=-30 * mV, wait=0 * ms)
