"""Pairs of one pre and one post spike, at every lag and frequency at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.core.declaration import Param, Preset, Size

from ._protocol import Protocol, trains
from ._task import Stimulus


class SpikePairing(Protocol):
    """Pre and post neuron fire in pairs, at a fixed lag and frequency, in a row or in bursts.

    Pre neuron k belongs to post neuron k, and each such couple is one point of a curve: all lags at the first
    frequency, then all lags at the next one. Lags and frequencies are evenly spaced. The first spike of the first pair
    is at time 0.

    The truth of a stimulus:

    ``lag`` : (n_frequencies * n_lags,) float, s
        Post minus pre, as shown (a multiple of `resolution`).
    ``frequency`` : (n_frequencies * n_lags,) float, Hz
        Pairs per second within a burst.
    """

    cites = ("pfister2006", "sjostrom2001")
    drives = ("pre", "post")
    presets: ClassVar[Mapping[str, Preset]] = MappingProxyType(
        {
            "slow": Preset(
                {"low_frequency": 0.1 * Hz, "high_frequency": 0.1 * Hz, "n_frequencies": 1},
                "pfister2006",
                "60 pairs at 0.1 Hz, the first point of the curve against frequency; it lasts 10 min.",
            ),
            "bursts": Preset(
                {"n_pairs": 5, "n_bursts": 15, "burst_rate": 0.1 * Hz},
                "sjostrom2001",
                "The protocol of the experiment; triplet models were fitted to 60 pairs in a row instead.",
            ),
        }
    )

    low_lag = Param(-10 * ms, "shortest lag, post minus pre", low=-1 * second, high=1 * second, source="sjostrom2001")
    high_lag = Param(10 * ms, "longest lag", low=-1 * second, high=1 * second, source="sjostrom2001")
    n_lags = Size(2, "lags", low=1, high=10**4)
    low_frequency = Param(10 * Hz, "lowest frequency", low=1e-3 * Hz, high=1000 * Hz, source="sjostrom2001")
    high_frequency = Param(50 * Hz, "highest frequency", low=1e-3 * Hz, high=1000 * Hz, source="sjostrom2001")
    n_frequencies = Size(5, "frequencies", low=1, high=10**4)
    n_pairs = Size(60, "pairs in a burst", low=1, high=10**5, source="pfister2006")
    n_bursts = Size(1, "bursts; 1 for pairs in a row", low=1, high=10**4)
    burst_rate = Param(0.1 * Hz, "bursts per second", low=1e-3 * Hz, high=100 * Hz, source="sjostrom2001")

    def check(self) -> None:
        self._expect_range("lag", "lags")
        self._expect_range("frequency", "frequencies")
        fastest = 1 / (2 * self.resolution)
        self._expect("high_frequency", self.high_frequency <= fastest, f"at most {fastest}, every other `resolution`")
        apart = int(self._dates(1 / self.burst_rate)) > self._burst_end
        needed = f"less than 1 / {self._times(self._burst_end)} s, the length of a burst"
        self._expect("burst_rate", self.n_bursts == 1 or apart, needed)

    @property
    def sizes(self) -> dict[str, int]:
        n = self.n_frequencies * self.n_lags
        return {"pre": n, "post": n}

    @property
    def _burst_end(self) -> int:
        """Date of the last spike of the longest burst."""
        last = self._dates((self.n_pairs - 1) / float(self.low_frequency))
        return int(last + abs(self._dates(self._evenly("lag", "lags"))).max())

    @property
    def _last(self) -> int:
        return self._burst_end + int(self._dates((self.n_bursts - 1) / float(self.burst_rate)))

    def draw(self, rng: np.random.Generator) -> Stimulus:
        lags = np.tile(self._dates(self._evenly("lag", "lags")), self.n_frequencies)
        frequencies = np.repeat(self._evenly("frequency", "frequencies"), self.n_lags)
        bursts = self._dates(np.arange(self.n_bursts) / float(self.burst_rate))
        first = [
            (bursts[:, np.newaxis] + self._dates(np.arange(self.n_pairs) / frequency)).ravel()
            for frequency in frequencies
        ]
        pre = [self._times(dates + max(0, -lag)) for dates, lag in zip(first, lags, strict=True)]
        post = [self._times(dates + max(0, lag)) for dates, lag in zip(first, lags, strict=True)]
        return Stimulus(
            spikes={"pre": trains(pre), "post": trains(post)},
            period=self.duration,
            duration=self.duration,
            truth={"lag": self._times(lags), "frequency": frequencies},
        )

    @classmethod
    def examples(cls) -> Iterator[SpikePairing]:
        yield cls()
        yield cls.preset("slow", n_pairs=3)
        yield cls.preset("bursts", n_bursts=3, burst_rate=2 * Hz)
        yield cls(low_lag=-100 * ms, n_lags=23, low_frequency=1 * Hz, high_frequency=1 * Hz, n_frequencies=1, n_pairs=3)
        yield cls(low_lag=0 * ms, high_lag=0 * ms, n_lags=1, n_pairs=1, silence=0 * second)
        yield cls(low_frequency=3 * Hz, high_frequency=70 * Hz, n_frequencies=7, resolution=1 * ms, n_pairs=7)
