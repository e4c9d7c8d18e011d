"""The pairing protocol of Clopath et al. (2010), at five frequencies and both orders at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import ms, second

from brian2learn.core.declaration import Param, Size

from ._protocol import Protocol, trains
from ._task import Stimulus

FREQUENCIES = (0.1, 10.0, 20.0, 40.0, 50.0)
"""Pairs per second, those of sjostrom2001."""


class ClopathPairing(Protocol):
    """Bursts of five pairs, 15 times at 0.1 Hz; pairs that are themselves at 0.1 Hz come in ten trains of five.

    As in the published code: where post comes first, a burst ends with one more post spike; trains at 0.1 Hz follow
    each other with `lag` and a millisecond between them; and what falls before `begin` is not shown, which is the very
    first post spike where post comes first.

    Pre neuron k belongs to post neuron k; such a couple is one point of the curve: pre first and post first at the
    lowest frequency, then at the next.

    The truth of a stimulus:

    ``lag`` : (10,) float, s
        Post minus pre within a pair.
    ``frequency`` : (10,) float, Hz
        Pairs per second within a burst.
    """

    cites = ("clopath2010", "sjostrom2001")
    drives = ("pre", "post")

    lag = Param(10 * ms, "time between the spikes of a pair", low=1 * ms, high=19 * ms, source="clopath2010 (code)")
    n_pairs = Size(5, "pairs in a burst", low=1, high=1000, source="clopath2010 (code)")
    n_bursts = Size(15, "bursts", low=1, high=1000, source="clopath2010 (code)")
    n_trains = Size(10, "trains of pairs at 0.1 Hz", low=1, high=1000, source="clopath2010 (code)")
    interval = Param(
        10 * second, "from burst to burst", low=1 * second, high=1000 * second, source="clopath2010 (code)"
    )
    begin = Param(3 * ms, "what comes earlier is left out", low=0 * ms, high=9 * ms, source="clopath2010 (code)")

    @property
    def sizes(self) -> dict[str, int]:
        n = 2 * len(FREQUENCIES)
        return {"pre": n, "post": n}

    @property
    def _last(self) -> int:
        return max(int(times.max()) for k in range(2 * len(FREQUENCIES)) for times in self._pair(k))

    def _pair(self, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Dates of the pre and the post spikes of a couple."""
        frequency, order = FREQUENCIES[k // 2], (1, -1)[k % 2]
        apart, lag = int(self._dates(1 / frequency)), int(self._dates(self.lag))
        length = self.n_pairs * apart + lag
        first = np.arange(self.n_pairs) * apart
        pre = first + lag
        post = first + 2 * lag if order > 0 else np.append(first, self.n_pairs * apart)
        if length < self._dates(self.interval):
            starts = np.arange(self.n_bursts) * self._dates(self.interval)
        else:
            starts = np.arange(self.n_trains) * (length + self._dates(float(1 * ms)))
        return tuple((starts[:, np.newaxis] + dates).ravel() for dates in (pre, post))

    def draw(self, rng: np.random.Generator) -> Stimulus:
        couples = [self._pair(k) for k in range(2 * len(FREQUENCIES))]
        shown = [
            [self._times(dates[dates >= self._dates(self.begin)]) for dates in side]
            for side in zip(*couples, strict=True)
        ]
        return Stimulus(
            spikes={name: trains(times) for name, times in zip(self.drives, shown, strict=True)},
            period=self.duration,
            duration=self.duration,
            truth={
                "lag": np.tile(np.array([1, -1]) * self._times(self._dates(self.lag)), len(FREQUENCIES)),
                "frequency": np.repeat(FREQUENCIES, 2),
            },
        )

    @classmethod
    def examples(cls) -> Iterator[ClopathPairing]:
        yield cls(n_bursts=2, n_trains=1)
        yield cls(n_pairs=1, n_bursts=1, n_trains=2, lag=1 * ms, begin=0 * ms, interval=1 * second)
