"""Rate units fed by inputs whose rates are constant or step through patterns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2 import NeuronGroup, ms, second

from brian2learn.core.declaration import Choice, Param, Part, Size
from brian2learn.plasticity._rate_rule import RateRule
from brian2learn.plasticity.bcm import BCM
from brian2learn.plasticity.oja import Oja

from ._circuit import Circuit, prefixed


class RateUnit(Circuit):
    """Linear units, each the weighted sum of all inputs, with plastic weights; the inputs go through patterns.

    Input j has rate 1 in pattern ``j % n_patterns`` and the rate `background` in the others. Other patterns are set in
    one's own script: ``network["inputs"].pattern_0 = ...``.
    """

    cites = "zenkegerstner2017"

    learned = ("plastic.w",)

    rule = Part(BCM(), "plasticity of the weights", kind=RateRule)
    n_units = Size(1, "number of units", low=1, high=10_000)
    n_inputs = Size(1, "number of inputs", low=1, high=100_000)
    n_patterns = Size(1, "number of patterns that follow one another", low=1, high=100)
    dwell = Param(100 * ms, "time a pattern stays", low=0.01 * ms)
    background = Param(0.0, "rate of an input in patterns not its own", low=0, high=1)
    w_init = Param(0.5, "mean of the first weights", low=0)
    w_spread = Param(0.0, "SD of a Gaussian added to the first weights, clipped at 0", low=0)
    slow_init = Choice(
        "own",
        "first values of what the rule brings to the units",
        {"own": "those of the rule", "settled": "where they come to rest under the first weights and pattern"},
    )

    def check(self) -> None:
        if self.slow_init != "own" and not self.rule.cell_states:
            raise self.fields["slow_init"].refuse(
                "RateUnit", "'own' with a rule that brings nothing to the units", repr(self.slow_init)
            )
        if self.n_patterns > self.n_inputs:
            expected = f"at most n_inputs = {self.n_inputs}"
            raise self.fields["n_patterns"].refuse("RateUnit", expected, str(self.n_patterns))

    def build(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        patterns = range(self.n_patterns)
        chosen = " + ".join(f"pattern_{k}*int(timestep(t, dwell) % {self.n_patterns} == {k})" for k in patterns)
        lines = [f"x = {chosen} : 1 (constant over dt)", "dwell : second (shared, constant)"]
        lines += [f"pattern_{k} : 1" for k in patterns]
        inputs = NeuronGroup(self.n_inputs, "\n".join(lines), namespace={}, name="inputs")
        inputs.dwell = self.dwell
        model = "y : 1\n" + self.rule.cell_equations
        units = NeuronGroup(self.n_units, model, method="euler", namespace={}, name="units")
        # pair by pair, so that Brian2 knows how many there are
        i, j = np.indices((self.n_inputs, self.n_units))
        plastic = self.rule.synapses(inputs, units, connect={"i": i.ravel(), "j": j.ravel()}, name="plastic")
        return {"inputs": inputs, "units": units, "plastic": plastic}

    @property
    def settings(self) -> dict[str, Any]:
        return {
            **prefixed("inputs", {"dwell": self.dwell}),
            **prefixed("units", self.rule.cell_constants()),
            **prefixed("plastic", self.rule.constants),
        }

    def initial(self, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
        own = np.arange(self.n_inputs) % self.n_patterns
        spread = self.w_spread * rng.standard_normal(self.n_inputs * self.n_units)
        patterns = [np.where(own == k, 1, self.background) for k in range(self.n_patterns)]
        w = np.maximum(self.w_init + spread, 0)
        slow: dict[str, Any] = {}
        if self.slow_init == "settled":
            y = patterns[0] @ w.reshape(self.n_inputs, self.n_units)
            slow = {self.rule.on_neuron(name): value for name, value in self.rule.settled(y).items()}
        return {
            **{f"inputs.pattern_{k}": each for k, each in enumerate(patterns)},
            "plastic.w": w,
            **prefixed("units", slow),
        }

    @classmethod
    def examples(cls) -> Iterator[RateUnit]:
        """One input; two that alternate, for units to tell apart; many of both, no bounds; a settled threshold."""
        yield cls()
        yield cls(n_inputs=2, n_patterns=2, n_units=3, w_spread=0.1, background=0.1, dwell=5 * ms)
        yield cls(rule=Oja(compensation="slow"), n_inputs=6, n_patterns=3, n_units=4, w_spread=0.1, dwell=1 * ms)
        yield cls(rule=BCM(tau=0.9 * second), n_inputs=3, n_units=2, w_spread=0.1, slow_init="settled")
