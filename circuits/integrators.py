"""Leaky integrators without threshold, each of which hears of the first so many afferents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2 import NeuronGroup, ms

from brian2learn.core.declaration import Param, Size
from brian2learn.plasticity.fixed import Fixed

from ._circuit import Circuit


class Integrators(Circuit):
    """A grid of cells: every membrane time constant with every number of afferents, each of weight 1.

    Cell ``m * n_counts + k`` has time constant m and hears of the first ``counts[k]`` afferents; both are evenly spaced
    in logarithm. A spike lifts the potential at once by its weight.
    """

    cites = ("masquelier2018a",)

    inputs = ("afferents",)

    low_tau = Param(4.5 * ms, "shortest time constant", low=0.1 * ms, high=1000 * ms)
    high_tau = Param(72 * ms, "longest time constant", low=0.1 * ms, high=1000 * ms)
    n_taus = Size(5, "time constants", low=1, high=1000)
    low_count = Param(177.5, "fewest afferents that a cell hears of", low=1)
    high_count = Param(2840.0, "most afferents that a cell hears of", low=1)
    n_counts = Size(5, "numbers of afferents", low=1, high=1000)

    def check(self) -> None:
        for n, low, high in (("n_taus", "low_tau", "high_tau"), ("n_counts", "low_count", "high_count")):
            values = self.values
            if values[low] > values[high]:
                raise self.fields[high].refuse("Integrators", f"at least {low} = {values[low]}", str(values[high]))
            if (values[n] == 1) != (values[low] == values[high]):
                expected = f"1 if {low} equals {high}, else 2 or more"
                raise self.fields[n].refuse("Integrators", expected, str(values[n]))

    @property
    def taus(self) -> np.ndarray:
        """All time constants: (n_taus,) float, s."""
        return np.geomspace(float(self.low_tau), float(self.high_tau), self.n_taus)

    @property
    def counts(self) -> np.ndarray:
        """All numbers of afferents: (n_counts,) int."""
        return np.rint(np.geomspace(self.low_count, self.high_count, self.n_counts)).astype(int)

    def build(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        model = "du/dt = -u/tau_m : 1\ntau_m : second (constant)"
        cells = NeuronGroup(self.n_taus * self.n_counts, model, method="exact", namespace={}, name="cells")
        heard = Fixed().synapses(sources["afferents"], cells, transmit="u_post += w", name="heard")
        return {"cells": cells, "heard": heard}

    @property
    def settings(self) -> dict[str, Any]:
        return {}

    def initial(self, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
        is_heard = np.arange(sizes["afferents"])[:, np.newaxis] < np.tile(self.counts, self.n_taus)
        return {"cells.tau_m": self.taus.repeat(self.n_counts), "heard.w": is_heard.ravel().astype(float)}

    @classmethod
    def examples(cls) -> Iterator[Integrators]:
        """The default; a small grid."""
        yield cls()
        yield cls(n_taus=2, n_counts=3)
