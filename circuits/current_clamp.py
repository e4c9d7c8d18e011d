"""Cells that nobody talks to, each with a constant current: what a cell does on its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2 import ms, nA, pA

from brian2learn.core.declaration import Choice, Param, Part, Size

from ._circuit import Cell, Circuit, prefixed
from .current_lif import CurrentLIF
from .mat import MAT


class CurrentClamp(Circuit):
    """Equal cells, each with its own constant current from the start of the run on; the currents are evenly spaced."""

    cites = ("stein1965", "hodgkin1952")

    outputs = ("cells",)

    cell = Part(CurrentLIF(), "model of the cells", kind=Cell)
    n_cells = Size(21, "number of cells", low=1, high=10**6)
    i_low = Param(0 * nA, "current into the first cell", low=-10_000 * nA, high=10_000 * nA)
    i_high = Param(0.4 * nA, "current into the last cell", low=-10_000 * nA, high=10_000 * nA)
    method = Choice(
        "own",
        "how the cells are integrated",
        {"own": "as the cell says", "euler": "forward Euler, as published code may"},
    )

    def check(self) -> None:
        if not self.cell.drive:
            raise self.fields["cell"].refuse("CurrentClamp", "a cell with an input current", repr(self.cell))
        if self.n_cells == 1 and self.i_low != self.i_high:
            expected = f"i_low = {self.i_low}, for there is one cell"
            raise self.fields["i_high"].refuse("CurrentClamp", expected, str(self.i_high))
        if self.i_low > self.i_high:
            raise self.fields["i_high"].refuse("CurrentClamp", f"at least i_low = {self.i_low}", str(self.i_high))

    @property
    def currents(self) -> np.ndarray:
        """Current into every cell: (n_cells,) float, A."""
        return np.linspace(float(self.i_low), float(self.i_high), self.n_cells)

    def build(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        return {"cells": self.cell.group(self.n_cells, method="" if self.method == "own" else self.method)}

    @property
    def settings(self) -> dict[str, Any]:
        return prefixed("cells", self.cell.constants)

    def initial(self, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
        start = {name: np.asarray(float(value)) for name, value in self.cell.start.items()}
        return prefixed("cells", {**start, f"{self.cell.drive}_ext": self.currents})

    @classmethod
    def examples(cls) -> Iterator[CurrentClamp]:
        """The default; two cells by Euler's method, one of them pulled down."""
        yield cls()
        yield cls(cell=MAT(tau_ref=1 * ms), n_cells=2, i_low=-10 * pA, i_high=500 * pA, method="euler")
