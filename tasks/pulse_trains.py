"""Trains of pulses at several rates at once, each with a late pulse that tests the recovery."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.core.declaration import Choice, Param, Size

from ._protocol import Protocol, trains
from ._task import Stimulus


class PulseTrains(Protocol):
    """Presynaptic neurons fire at different steady rates, fall silent, and fire once more.

    Rates are evenly spaced; the neurons of the first rate come first. A regular train begins at time 0. A Poisson train
    fills the time that `n_pulses` take at its rate; its pulses come at any time, and `n_trains` neurons share a rate.

    The truth of a stimulus, for every neuron:

    ``rate`` : (n_rates * n_trains,) float, Hz
        Of its train.
    ``recovery_time`` : (n_rates * n_trains,) float, s
        When its last pulse comes.
    """

    cites = "tsodyks1998"
    drives = ("pre",)

    low_rate = Param(5 * Hz, "lowest rate", low=1e-2 * Hz, high=1000 * Hz)
    high_rate = Param(40 * Hz, "highest rate", low=1e-2 * Hz, high=1000 * Hz)
    n_rates = Size(8, "rates", low=1, high=10**4)
    n_pulses = Size(20, "pulses of a train, on average if Poisson", low=1, high=10**6)
    timing = Choice(
        "regular",
        "how pulses follow each other",
        {"regular": "at even intervals", "poisson": "independently of each other"},
    )
    n_trains = Size(1, "trains of each rate, all different; 1 if regular", low=1, high=10**4)
    recovery = Param(500 * ms, "from the end of a train to its last pulse", low=0.1 * ms, high=1000 * second)

    def check(self) -> None:
        self._expect_range("rate", "rates")
        fastest = 1 / (2 * self.resolution)
        self._expect("high_rate", self.high_rate <= fastest, f"at most {fastest}, every other `resolution`")
        self._expect("n_trains", self.n_trains == 1 or self.timing == "poisson", "1, since regular trains are equal")
        self._expect("recovery", int(self._dates(self.recovery)) > 0, f"at least resolution = {self.resolution}")

    @property
    def sizes(self) -> dict[str, int]:
        return {"pre": self.n_rates * self.n_trains}

    @property
    def _ends(self) -> np.ndarray:
        """Date at which each train ends: its last regular pulse, or the end of its time if Poisson."""
        intervals = self.n_pulses - (self.timing == "regular")
        return self._dates(intervals / np.repeat(self._evenly("rate", "rates"), self.n_trains))

    @property
    def _last(self) -> int:
        return int(self._ends.max() + self._dates(self.recovery))

    def draw(self, rng: np.random.Generator) -> Stimulus:
        rates = np.repeat(self._evenly("rate", "rates"), self.n_trains)
        recovery_times = self._times(self._ends + self._dates(self.recovery))
        if self.timing == "regular":
            times = [self._times(self._dates(np.arange(self.n_pulses) / rate)) for rate in rates]
        else:
            spans = self._times(self._ends)
            counts = rng.poisson(rates * spans)
            times = [np.sort(rng.uniform(0, span, count)) for span, count in zip(spans, counts, strict=True)]
        return Stimulus(
            spikes={"pre": trains([np.append(train, late) for train, late in zip(times, recovery_times, strict=True)])},
            period=self.duration,
            duration=self.duration,
            truth={"rate": rates, "recovery_time": recovery_times},
        )

    @classmethod
    def examples(cls) -> Iterator[PulseTrains]:
        yield cls()
        yield cls(timing="poisson", n_trains=5)
        yield cls(low_rate=20 * Hz, high_rate=20 * Hz, n_rates=1, n_pulses=1, silence=0 * second, recovery=0.1 * ms)
        yield cls(low_rate=1 * Hz, high_rate=500 * Hz, n_rates=3, resolution=1 * ms, timing="poisson", n_pulses=5)
