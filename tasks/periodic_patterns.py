"""The input of Masquelier 2018: Poisson trains in which patterns come back at regular intervals."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.core.declaration import Param, Size

from ._task import SpikeBlocks, SpikeTrains, Stimulus, Task, ahead

BLOCK = 2**17  # spikes that are drawn at once


class PeriodicPatterns(Task):
    """Homogeneous Poisson trains that repeat in a part of every interval, each time with fresh jitter.

    The pattern ends two jitters before the end of the interval; the patterns take turns. Spikes around it are drawn
    anew in every interval and jittered too, so that the rate is the same at all times; one that jitter moves out of its
    interval comes back at the other end. Afferents are numbered in the order of their first spike in the first pattern,
    those without one at the end: the first ones are the ones that fire in a window at its beginning.

    The truth of a stimulus:

    ``onset`` : (n_intervals,) float, s
        When a pattern begins.
    ``pattern`` : (n_intervals,) int32
        Which one it is.
    ``pattern_number``, ``pattern_index``, ``pattern_time`` : (number of spikes in the patterns,) int32, int32, float s
        Their spikes before jitter: pattern, afferent and time since onset, sorted by pattern and time.
    ``pattern_length`` : () float, s
        Length of a pattern; jitter moves its spikes out of it to both sides.
    """

    cites = ("masquelier2018a", "masquelier2018b")
    drives = ("afferents",)

    n_afferents = Size(10_000, "afferents", low=1, high=10**6, source="masquelier2018a (code)")
    rate = Param(3.2 * Hz, "rate of an afferent", low=0.01 * Hz, high=500 * Hz, source="masquelier2018a (code)")
    n_patterns = Size(1, "patterns, which take turns", low=1, high=1000, source="masquelier2018a (code)")
    pattern_length = Param(
        100 * ms, "length of a pattern", low=1 * ms, high=10 * second, source="masquelier2018a (code)"
    )
    interval = Param(
        400 * ms, "time from onset to onset", low=1 * ms, high=100 * second, source="masquelier2018a (code)"
    )
    jitter = Param(
        3.2 * ms, "largest displacement of a spike", low=0 * ms, high=100 * ms, source="masquelier2018a (code)"
    )
    n_intervals = Size(600, "intervals shown", low=1, high=10**6, source="masquelier2018a (code)")

    def check(self) -> None:
        needed = self.pattern_length + 3 * self.jitter
        if self.interval < needed:
            expected = f"at least the pattern and three jitters, {needed}"
            raise self.fields["interval"].refuse(type(self).__name__, expected, str(self.interval))

    @property
    def sizes(self) -> dict[str, int]:
        return {"afferents": self.n_afferents}

    @property
    def duration(self) -> float:
        return float(self.interval) * self.n_intervals

    @property
    def onset(self) -> float:
        """When the pattern begins in an interval, s."""
        return float(self.interval - self.pattern_length - 2 * self.jitter)

    def draw(self, rng: np.random.Generator) -> Stimulus:
        patterns = [self._trains(rng, float(self.pattern_length)) for _ in range(self.n_patterns)]
        order = np.argsort(_first_spikes(patterns[0], self.n_afferents), kind="stable")
        number_of = np.argsort(order).astype(np.int32)
        patterns = [SpikeTrains(number_of[each.indices], each.times, each.n) for each in patterns]
        seed = rng.integers(2**63, size=4)

        def make() -> Iterator[SpikeTrains]:
            yield from ahead(self._blocks(patterns, np.random.default_rng(seed)))

        return Stimulus(
            spikes={"afferents": SpikeBlocks(make, self.n_afferents)},
            period=self.duration,
            duration=self.duration,
            truth={
                "onset": np.arange(self.n_intervals) * float(self.interval) + self.onset,
                "pattern": (np.arange(self.n_intervals) % self.n_patterns).astype(np.int32),
                "pattern_number": np.repeat(np.arange(self.n_patterns), [each.times.size for each in patterns]).astype(
                    np.int32
                ),
                "pattern_index": np.concatenate([each.indices for each in patterns]),
                "pattern_time": np.concatenate([each.times for each in patterns]),
                "pattern_length": np.array(float(self.pattern_length)),
            },
        )

    def _trains(self, rng: np.random.Generator, length: float) -> SpikeTrains:
        """Poisson trains of all afferents over some time, s."""
        n_spikes = rng.poisson(float(self.rate) * self.n_afferents * length)
        times = np.sort(rng.uniform(0, length, n_spikes))
        return SpikeTrains(rng.integers(self.n_afferents, size=n_spikes, dtype=np.int32), times, self.n_afferents)

    def _blocks(self, patterns: list[SpikeTrains], rng: np.random.Generator) -> Iterator[SpikeTrains]:
        """The spikes of some intervals at a time."""
        interval, length, jitter = float(self.interval), float(self.pattern_length), float(self.jitter)
        n_together = max(1, round(BLOCK / (float(self.rate) * self.n_afferents * interval)))
        for first in range(0, self.n_intervals, n_together):
            numbers = np.arange(first, min(first + n_together, self.n_intervals))
            shown = [patterns[number % self.n_patterns] for number in numbers]
            around = self._trains(rng, (interval - length) * numbers.size)
            which, times = np.divmod(around.times, interval - length)
            times[times >= self.onset] += length
            starts = np.concatenate(
                [first + which, np.repeat(numbers, [each.times.size for each in shown])], dtype=float
            )
            times = np.concatenate([times, *(each.times + self.onset for each in shown)])
            times = (times + rng.uniform(-jitter, jitter, times.size)) % interval
            times = np.minimum(starts * interval + times, np.nextafter((starts + 1) * interval, 0))
            indices = np.concatenate([around.indices, *(each.indices for each in shown)])
            order = np.argsort(times)
            yield SpikeTrains(indices[order], times[order], self.n_afferents)

    @classmethod
    def examples(cls) -> Iterator[PeriodicPatterns]:
        small = cls(n_afferents=200, n_intervals=10)
        yield small
        yield small.replace(n_patterns=3, jitter=0 * ms, rate=50 * Hz)
        yield small.replace(interval=115 * ms, jitter=5 * ms, n_intervals=1000)
        yield small.replace(n_afferents=1, rate=500 * Hz, n_intervals=1)


def _first_spikes(trains: SpikeTrains, n: int) -> np.ndarray:
    """When each afferent fires first, s; infinite for one that does not."""
    first = np.full(n, np.inf)
    np.minimum.at(first, trains.indices, trains.times)
    return first
