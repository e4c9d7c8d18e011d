"""What stimulation protocols share: evenly spaced values, spikes on a grid of times, trains sorted by time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from brian2 import ms, second

from brian2learn.core.declaration import Param, plain

from ._task import SpikeTrains, Task


class Protocol(Task):
    """Spikes at prescribed times, shown once.

    A date is a whole number of `resolution`, so that a lag is the same number of time steps wherever it occurs.
    """

    resolution = Param(0.1 * ms, "prescribed times are rounded to a multiple of this", low=1e-3 * ms, high=10 * ms)
    silence = Param(1 * second, "silence after the last spike", low=0 * second, high=1000 * second)

    @property
    def duration(self) -> float:
        """Length of the run, s: until the last spike and through the silence."""
        return float(self._times(self._last + max(1, int(self._dates(self.silence)))))

    @property
    def _last(self) -> int:
        """Date of the last spike."""
        raise NotImplementedError

    def _dates(self, times: np.ndarray | float) -> np.ndarray:
        """Times (s) as whole numbers of `resolution`."""
        return np.rint(np.asarray(times) / float(self.resolution)).astype(np.int64)

    def _times(self, dates: np.ndarray | int) -> np.ndarray:
        return np.asarray(dates) * float(self.resolution)

    def _evenly(self, each: str, several: str) -> np.ndarray:
        """The values, in SI units, from ``low_EACH`` to ``high_EACH``, ``n_SEVERAL`` of them."""
        low, high, n = self.values[f"low_{each}"], self.values[f"high_{each}"], self.values[f"n_{several}"]
        return np.linspace(plain(low), plain(high), n)

    def _expect_range(self, each: str, several: str) -> None:
        """Refuse a range that runs backwards or says one thing twice."""
        low, high, n = self.values[f"low_{each}"], self.values[f"high_{each}"], self.values[f"n_{several}"]
        self._expect(f"high_{each}", plain(high) >= plain(low), f"at least low_{each} = {low}")
        one = plain(low) == plain(high)
        self._expect(f"n_{several}", (n == 1) == one, f"1 if low_{each} equals high_{each}, else 2 or more")

    def _expect(self, name: str, fits: bool, expected: str) -> None:
        if not fits:
            raise self.fields[name].refuse(type(self).__name__, expected, str(self.values[name]))


def trains(times: Sequence[np.ndarray]) -> SpikeTrains:
    """The spikes of neurons that fire at these times (s), sorted by time and then by neuron."""
    indices = np.repeat(np.arange(len(times), dtype=np.int32), [each.size for each in times])
    flat = np.concatenate(times)
    order = np.argsort(flat, kind="stable")
    return SpikeTrains(indices[order], flat[order], len(times))
