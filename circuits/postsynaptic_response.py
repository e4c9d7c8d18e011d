"""What single synapses do to their targets: one afferent, one synapse, one cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2 import Mohm, ms, mV

from brian2learn.core.declaration import Param, Part
from brian2learn.plasticity._release import Release
from brian2learn.plasticity._transmission import Transmission
from brian2learn.plasticity.exponential_current import ExponentialCurrent
from brian2learn.plasticity.fixed import Fixed
from brian2learn.plasticity.tsodyks_markram import TsodyksMarkram

from ._circuit import Cell, Circuit, prefixed
from .current_lif import CurrentLIF


class PostsynapticResponse(Circuit):
    """Afferent k reaches cell k through one synapse with short-term plasticity; its weight does not change.

    By default the threshold is out of reach, so that the potential shows every response.
    """

    cites = "tsodyks1998"

    inputs = ("pre",)
    outputs = ("cells",)

    cell = Part(CurrentLIF(tau_m=60 * ms, R=1000 * Mohm, V_t=150 * mV), "model of the targets", kind=Cell)
    transmission = Part(ExponentialCurrent(tau=1.5 * ms), "how a spike acts on its target", kind=Transmission)
    release = Part(TsodyksMarkram(), "short-term plasticity", kind=Release)
    w = Param(1540.0, "weight, in units of the transmission", low=0, source="tsodyks1998, Fig 1B (code)")

    def build(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        cells = self.cell.group(len(sources["pre"]), transmissions=(self.transmission,))
        synapses = Fixed().synapses(
            sources["pre"], cells, transmit=self.transmission, release=self.release, connect={"j": "i"}, name="synapses"
        )  # fmt: skip
        return {"cells": cells, "synapses": synapses}

    @property
    def settings(self) -> dict[str, Any]:
        return {
            **prefixed("cells", {**self.cell.constants, **self.transmission.cell_constants}),
            **prefixed("synapses", self.release.constants),
        }

    def initial(self, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
        n = sizes["pre"]
        on_cells = {name: np.full(n, float(value)) for name, value in self.cell.start.items()}
        return {"synapses.w": np.full(n, self.w), **prefixed("cells", on_cells)}

    @classmethod
    def examples(cls) -> Iterator[Any]:
        """The default; a depressing synapse."""
        yield cls()
        yield cls(release=TsodyksMarkram.preset("tsodyks1998_depressing"), w=250.0)
