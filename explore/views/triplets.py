"""Weight change by triplets of spikes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.core.declaration import Declaration, Param, Size
from brian2learn.tasks.spike_triplets import SpikeTriplets

from ..pictures import Picture, Surface
from ._spikes import SpikeView, by_neuron, drawn, has_window


class Triplets(SpikeView):
    """Weight change per triplet against both of its gaps: pre-post-pre and post-pre-post."""

    title = "Triplets"
    order = 30

    shortest = Param(1 * ms, "shortest gap", low=1 * ms, high=100 * ms)
    longest = Param(40 * ms, "longest gap", low=2 * ms, high=200 * ms)
    n_triplets = Size(10, "triplets", low=1, high=100)
    frequency = Param(1 * Hz, "triplets per second", low=0.1 * Hz, high=2 * Hz)

    SLOW: ClassVar[Mapping[str, Any]] = {"dt": 1 * ms, "n_triplets": 1}
    N_GAPS: ClassVar[int] = 20

    @classmethod
    def fits(cls, shown: Declaration) -> bool:
        return super().fits(shown) and has_window(shown)  # type: ignore[arg-type]

    def check(self) -> None:
        if self.longest <= self.shortest:
            expected = f"more than shortest = {self.shortest}"
            raise self.fields["longest"].refuse(type(self).__name__, expected, str(self.longest))

    @property
    def task(self) -> SpikeTriplets:
        """The protocol; it also shows one quadruplet, which is left out here."""
        n, dt = self.N_GAPS, self.dt
        return SpikeTriplets(
            low_gap_1=self.shortest, high_gap_1=self.longest, n_gaps_1=n, low_gap_2=self.shortest,
            high_gap_2=self.longest, n_gaps_2=n, low_separation=50 * ms, high_separation=50 * ms, n_separations=1,
            rate=self.frequency, n_triplets=self.n_triplets, resolution=dt, silence=0.1 * second,
        )  # fmt: skip

    def trains(self) -> tuple[list[np.ndarray], list[np.ndarray], float]:
        stimulus, n = drawn(self.task), 2 * self.N_GAPS**2
        return by_neuron(stimulus, "pre")[:n], by_neuron(stimulus, "post")[:n], stimulus.duration

    def script_end(self, shown: Any) -> str:
        return f"print(*((plastic.w[:] - {float(self.w_init)!r})/{self.n_triplets}))\n"

    def pictures(self, shown: Any) -> tuple[Picture, ...]:
        n = self.N_GAPS
        change = ((self.final(shown) - float(self.w_init)) / self.n_triplets).reshape(2, n, n)
        gaps = np.linspace(float(self.shortest), float(self.longest), n) * 1e3
        return tuple(
            Picture(
                name,
                f"first gap, {first} (ms)",
                f"second gap, {second_gap} (ms)",
                title=title,
                surface=Surface(gaps, gaps, surface.T, "weight change per triplet"),
            )  # fmt: skip
            for name, title, first, second_gap, surface in (
                ("pre_post_pre", "pre – post – pre", "pre to post", "post to pre", change[0]),
                ("post_pre_post", "post – pre – post", "post to pre", "pre to post", change[1]),
            )
        )
