"""Weights that do not change."""

from __future__ import annotations

from ._rule import Plasticity, Rule


class Fixed(Plasticity):
    """The weight does not change: synapses with a transmission and perhaps a release only."""

    @property
    def terms(self) -> tuple[Rule, ...]:
        return ()

    @property
    def ties(self) -> str:
        return "pre_first"
