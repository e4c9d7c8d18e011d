"""Synapses between neurons whose spikes are given on both sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from brian2learn.core.declaration import Param, Part
from brian2learn.core.errors import AssemblyError
from brian2learn.plasticity._rule import Plasticity
from brian2learn.plasticity.pair_stdp import PairSTDP

from ._circuit import Circuit, prefixed


class Paired(Circuit):
    """Pre neuron k and post neuron k, which fire when the task says so, are joined by one plastic synapse.

    The post neurons are spikes without a cell, as in a pairing experiment: a rule that asks something of its target is
    refused.
    """

    inputs = ("pre", "post")

    rule = Part(PairSTDP(), "plasticity of the synapses", kind=Plasticity)
    w_init = Param(0.5, "weight of every synapse at the start", low=0)

    @property
    def learned(self) -> tuple[str, ...]:  # type: ignore[override]
        """The weight and the further states that the rule starts, at the end."""
        return tuple(f"plastic.{name}" for name in ("w", *self.rule.synapse_starts))

    def build(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        pre, post = (sources[name] for name in self.inputs)
        if len(pre) != len(post):
            got = f"{len(pre)} and {len(post)} neurons"
            raise AssemblyError(type(self).__name__, "pre, post", expected="two populations of one size", got=got)
        own = np.arange(len(pre))  # as numbers, so that Brian2 knows how many there are
        return {"plastic": self.rule.synapses(pre, post, transmit="", connect={"i": own, "j": own}, name="plastic")}

    @property
    def settings(self) -> dict[str, Any]:
        return prefixed("plastic", self.rule.constants)

    def initial(self, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
        starts = {"w": self.w_init, **self.rule.synapse_starts}
        return {f"plastic.{name}": np.full(sizes["pre"], float(value)) for name, value in starts.items()}

    @classmethod
    def examples(cls) -> Iterator[Any]:
        """The default; traces that belong to the pair, a strong synapse."""
        yield cls()
        yield cls(rule=PairSTDP(pairing="reduced_nearest", ties="mean"), w_init=0.9)
