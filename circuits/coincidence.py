"""Cells that hear of two spikes each: how close together must they be?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2 import ms

from brian2learn.core.declaration import Param, Part, Size, plain
from brian2learn.core.errors import AssemblyError
from brian2learn.plasticity.delta import Delta
from brian2learn.plasticity.fixed import Fixed

from ._circuit import Cell, Circuit, prefixed
from .current_lif import CurrentLIF


class Coincidence(Circuit):
    """Couple k of the two populations moves the potential of one cell for every threshold by two equal jumps.

    A threshold is counted in jumps, and it is the jump that differs between cells: from rest to threshold, divided by
    the threshold. A jump is compared with the threshold in its own time step, before it decays. Cell
    ``m * n_couples + k`` has threshold m and hears of couple k.
    """

    cites = "stein1965"

    inputs = ("pre", "post")
    outputs = ("cells",)

    cell = Part(CurrentLIF(), "model of the cells, a leaky integrator", kind=Cell)
    low_threshold = Param(0.9, "lowest threshold, in jumps", low=0.01, high=100)
    high_threshold = Param(2.1, "highest threshold, in jumps", low=0.01, high=100)
    n_thresholds = Size(7, "thresholds, evenly spaced", low=1, high=10**4)

    def check(self) -> None:
        if not {"E_L", "V_t"} <= {*self.cell.values}:
            raise self.fields["cell"].refuse("Coincidence", "a cell with E_L and V_t", repr(self.cell))
        low, high = self.low_threshold, self.high_threshold
        if low > high:
            raise self.fields["high_threshold"].refuse("Coincidence", f"at least low_threshold = {low}", str(high))
        if (self.n_thresholds == 1) != (low == high):
            expected = "1 if low_threshold equals high_threshold, else 2 or more"
            raise self.fields["n_thresholds"].refuse("Coincidence", expected, str(self.n_thresholds))

    @property
    def thresholds(self) -> np.ndarray:
        """All thresholds: (n_thresholds,) float, in jumps."""
        return np.linspace(self.low_threshold, self.high_threshold, self.n_thresholds)

    def build(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        n = len(sources["pre"])
        if len(sources["post"]) != n:
            got = f"{n} and {len(sources['post'])} neurons"
            raise AssemblyError("Coincidence", "pre, post", expected="two populations of one size", got=got)
        jump = Delta()
        built = {"cells": self.cell.group(n * self.n_thresholds, transmissions=[jump])}
        every = {"j": f"k * N_pre + i for k in range({self.n_thresholds})"}
        for name, population in zip(("first", "second"), self.inputs, strict=True):
            synapses = Fixed().synapses(sources[population], built["cells"], transmit=jump, connect=every, name=name)
            synapses.pre.when = "before_thresholds"  # later it would have decayed for a step
            built[name] = synapses
        return built

    @property
    def settings(self) -> dict[str, Any]:
        return prefixed("cells", {**self.cell.constants, **Delta().cell_constants})

    def initial(self, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
        start = {name: np.asarray(float(value)) for name, value in self.cell.start.items()}
        gap = plain(self.cell.values["V_t"] - self.cell.values["E_L"])
        w = np.tile(gap / (self.thresholds * float(Delta().v_unit)), sizes["pre"])
        return {**prefixed("cells", start), "first.w": w, "second.w": w}

    @classmethod
    def examples(cls) -> Iterator[Coincidence]:
        """The default; two thresholds and a slow cell."""
        yield cls()
        yield cls(cell=CurrentLIF(tau_m=30 * ms), low_threshold=0.8, high_threshold=1.8, n_thresholds=2)
