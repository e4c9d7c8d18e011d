"""Potentiation by presynaptic spikes alone."""

from __future__ import annotations

from collections.abc import Iterator

from brian2learn.core.declaration import Param

from ._rule import Memory, Rule


class TransmitterInduced(Rule):
    """Every pre spike adds a small step, so that a synapse cannot stay silent."""

    cites = "zenke2015"

    delta = Param(2e-5, "step up", low=0, high=1, source="zenke2015, P10 (code)")
    w_max = Param(5.0, "ceiling of the weight", low=1e-6, high=1e6, source="zenke2015 (code)")

    on_pre = "w = clip(w + delta, 0, w_max)"

    @classmethod
    def examples(cls) -> Iterator[TransmitterInduced]:
        """Every policy for ties; steps that reach the ceiling."""
        for ties in Rule.ties.options:
            yield cls(delta=0.05, ties=ties)
        yield cls(delta=0.5, w_max=1.5)

    def pre_spike(self, memory: Memory, now: float) -> None:
        memory.w = min(memory.w + self.delta, float(self.w_max))
