"""Nothing at all, for a while: the task of a circuit that has no input."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import ms, second

from brian2learn.core.declaration import Param

from ._task import Stimulus, Task


class Silence(Task):
    """No population is driven; the circuit is left alone for `duration`."""

    length = Param(1 * second, "how long the run is", low=0.01 * ms, high=1e6 * second)

    @property
    def sizes(self) -> dict[str, int]:
        return {}

    @property
    def duration(self) -> float:
        return float(self.length)

    def draw(self, rng: np.random.Generator) -> Stimulus:
        # nothing repeats as well as anything; a short period makes a short file
        n_periods = self.duration / 0.1
        period = 0.1 if n_periods >= 1 and abs(n_periods - round(n_periods)) < 1e-9 else self.duration
        return Stimulus(spikes={}, period=period, duration=self.duration, truth={})

    @classmethod
    def examples(cls) -> Iterator[Silence]:
        """One second; a run that no longer period divides."""
        yield cls()
        yield cls(length=12.3 * ms)
