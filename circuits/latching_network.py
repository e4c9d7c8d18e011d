"""A memory network whose assemblies are there from the beginning and take turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from brian2learn.core.declaration import Param, Part, Size

from ._circuit import Cell
from .fatiguing_lif import FatiguingLIF
from .memory_network import MemoryNetwork, Projection

WITHIN = "within"


class LatchingNetwork(MemoryNetwork):
    """A memory network with consolidated assemblies, whose excitatory cells fatigue slowly.

    The excitatory cells are split evenly, in their order, into assemblies. Synapses between cells of one assembly are
    a projection of their own and begin at another weight. All plastic excitatory synapses begin with a reference weight
    equal to their weight, as with the scripts' option that consolidates what is preloaded.

    Differs from the author's code: no latching script was published. The weight within assemblies is the plateau of
    consolidation; the number of assemblies, the jump of the slow conductance (twice the default of the cells' class,
    which the scripts of the memory network switch off) and the first weight of inhibition, with which the network
    fires near the target of inhibitory plasticity, were chosen in runs of two minutes.
    """

    cell = Part(FatiguingLIF.preset("zenke2015_slow", jump_b=0.004), "model of excitatory cells", kind=Cell)
    n_assemblies = Size(4, "number of assemblies", low=1, high=1000)
    w_assembly = Param(0.5, "first weight between cells of one assembly", low=0)
    w_ie = Param(0.4, "first weight from inhibitory to excitatory cells", low=0)

    @property
    def learned(self) -> tuple[str, ...]:  # type: ignore[override]
        kept = ("w", "i", "j") if self.keep == "weights" else ()
        return tuple(f"{name}.{each}" for name in (WITHIN, "e_to_e") for each in kept)

    @property
    def projections(self) -> dict[str, Projection]:
        found = super().projections
        same = f"(i*{self.n_assemblies})//{self.n_excitatory} == (j*{self.n_assemblies})//{self.n_excitatory}"
        others = found["e_to_e"]
        return {
            **found,
            WITHIN: others._replace(w=self.w_assembly, connect={"p": self.p, "condition": f"i != j and {same}"}),
            "e_to_e": others._replace(connect={"p": self.p, "condition": f"not ({same})"}),
        }

    @property
    def assemblies(self) -> np.ndarray:
        """Which excitatory cells each assembly has: (n_assemblies, n_excitatory) bool."""
        own = np.arange(self.n_excitatory) * self.n_assemblies // self.n_excitatory
        return own == np.arange(self.n_assemblies)[:, np.newaxis]

    def initial(self, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
        found = super().initial(sizes, rng)
        for name, each in self.projections.items():
            if any("w_ref" in term.synapse_states for term in each.rule.terms):
                found[f"{name}.w_ref"] = found[f"{name}.w"]
        return found

    @classmethod
    def examples(cls) -> Iterator[LatchingNetwork]:
        """A small network of two assemblies, which is kept."""
        yield cls(n_excitatory=32, n_inhibitory=8, side=8, radius=2.0, p=0.5, n_assemblies=2, keep="weights")
