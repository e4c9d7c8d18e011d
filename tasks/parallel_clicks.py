"""Random clicks in many trials at once, for models of a single observer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import ms, second

from ._clicks import Clicks
from ._task import SpikeTrains, Stimulus


class ParallelClicks(Clicks):
    """All trials begin at once; two neurons of ``clicks`` play each, and one of ``stops`` fires when it ends.

    Neurons ``2 k`` and ``2 k + 1`` are left and right of trial k. The truth: ``label`` (0 left, 1 right), and the
    clicks as `ClickTrials.truth`.
    """

    drives = ("clicks", "stops")

    @property
    def sizes(self) -> dict[str, int]:
        return {"clicks": 2 * self.n_trials, "stops": self.n_trials}

    @property
    def duration(self) -> float:
        """Length of a run, s: 10 ms more than the longest trial, rounded up to 10 ms."""
        return float(np.ceil(float(self.high_duration) * 100 - 1e-9) + 1) / 100

    def draw(self, rng: np.random.Generator) -> Stimulus:
        trials, label = self._drawn(rng)
        who = (2 * trials.trial + trials.right).astype(np.int32)
        order = np.argsort(trials.times, kind="stable")
        ends = np.argsort(trials.duration, kind="stable")
        return Stimulus(
            spikes={
                "clicks": SpikeTrains(who[order], trials.times[order], 2 * self.n_trials),
                "stops": SpikeTrains(ends.astype(np.int32), trials.duration[ends], self.n_trials),
            },
            period=self.duration,
            duration=self.duration,
            truth={"label": label, **trials.truth},
        )

    @classmethod
    def examples(cls) -> Iterator[ParallelClicks]:
        """A few trials; all of one length and gamma; in slots."""
        yield cls(n_trials=20)
        yield cls(n_trials=5, low_duration=1 * second, low_gamma=2, high_gamma=2, n_gammas=1, p_right=1)
        yield cls(n_trials=5, timing="slots", stereo="none", low_duration=50 * ms, high_duration=200 * ms)
