"""A trained circuit of recurrent cells that is disturbed in every trial: what of it remembers?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from brian2 import ms, second

from brian2learn.core.declaration import Choice, Param, Part
from brian2learn.plasticity._release import Release
from brian2learn.plasticity.e_prop import EProp
from brian2learn.plasticity.gradient_descent import GradientDescent
from brian2learn.plasticity.triangle import Triangle
from brian2learn.plasticity.tsodyks_markram import TsodyksMarkram

from .recurrent_readout import RecurrentReadout


class PerturbedReadout(RecurrentReadout):
    """The circuit `RecurrentReadout`, with cells or short-term plasticity held at rest for a while in every trial.

    For tests of what was learned: weights stay as they are. Held cells neither fire nor hear, while short-term
    plasticity recovers by itself; held short-term plasticity releases at every spike what the first one releases, while
    cells fire. Whatever outlives the hold of one was carried by the other.
    """

    rule = Part(
        EProp(surrogate=Triangle(width=0.03), optimiser=GradientDescent(r0=0.0)), "how weights changed; r0 is 0",
        kind=EProp,
    )  # fmt: skip
    held = Choice("cells", "what is held at rest", {
        "cells": "potentials of the cells, at 0",
        "release": "short-term plasticity of the synapses among the cells",
        "both": "both; what came before is left in adaptation only",
    })  # fmt: skip
    held_from = Param(500 * ms, "time in a trial when this begins", low=0 * ms, high=1000 * second)
    held_for = Param(300 * ms, "and for how long it goes on", low=0 * ms, high=1000 * second)

    presets = {}

    @classmethod
    def of(cls, net: RecurrentReadout, **changes: Any) -> PerturbedReadout:
        """The same net, that learns no more."""
        optimiser = net.rule.optimiser.replace(r0=0.0)
        return cls(**{**net.values, "rule": net.rule.replace(optimiser=optimiser), **changes})

    def check(self) -> None:
        super().check()
        where = type(self).__name__
        if self.rule.optimiser.r0:  # the gradient would not know of what is done
            expected = "one that learns no more, of r0 = 0"
            raise self.fields["rule"].refuse(where, expected, f"r0 = {self.rule.optimiser.r0:g}")
        if self.held != "cells" and not self.release:
            raise self.fields["held"].refuse(where, "cells, for there is no short-term plasticity", repr(self.held))
        if self.held_from + self.held_for > self.rule.chunk:
            expected = f"at most what is left of a trial of {self.rule.chunk} from {self.held_from} on"
            raise self.fields["held_for"].refuse(where, expected, str(self.held_for))

    @property
    def _cell_numbers(self) -> dict[str, Any]:
        return {**super()._cell_numbers, "held_from": self.held_from, "held_for": self.held_for}

    def build(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        built = super().build(sources)
        trial = f"({float(self.rule.chunk)!r}*second)"
        now = f"(t + dt/2 - {trial}*floor((t + dt/2)/{trial}))"  # in the middle of the step
        if self.held != "release":
            held = f"int({now} > held_from)*int({now} < held_from + held_for)"
            built["cells"].run_regularly(f"v *= 1 - {held}", when="before_thresholds", order=3, name="cells_held")
        if self.held != "cells":
            held = f"int({now} > held_from_post)*int({now} < held_from_post + held_for_post)"
            names = [Release.on_synapse(trace.name) for trace in self.release[0].pre_traces]
            rest = "\n".join(f"{name} *= 1 - {held}" for name in names)  # 0 and 1 are right for what decays, too
            built["recurrent"].run_regularly(rest, when="start", order=3, name="recurrent_held")
        return built

    @classmethod
    def examples(cls) -> Iterator[PerturbedReadout]:
        """Signals with cells held; classes with short-term plasticity held, and with both."""
        yield cls(n_cells=8)
        net = RecurrentReadout.preset("evidence", n_adaptive=0, release=[TsodyksMarkram(U=0.03)], n_cells=10)
        for held in ("release", "both"):
            yield cls.of(net, held=held, held_from=1 * second, held_for=100 * ms)
