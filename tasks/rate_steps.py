"""Poisson trains whose common rate steps or ramps from one level to the next."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.core.declaration import Choice, Param, Size, plain

from ._task import SpikeTrains, Stimulus, Task


class RateSteps(Task):
    """Independent Poisson trains follow one rate that goes through evenly spaced levels, in steps or in ramps.

    Every level from the first to the last is held for `hold`, or the rate runs straight from each to the next within
    that time. Times are drawn exactly, by inverting the integral of the rate. Repeats show the same spikes again.

    The truth of a stimulus is the rate, piece by piece over the whole duration:

    ``t_start``, ``t_stop`` : (n_pieces,) float, s
        When a piece begins and ends.
    ``rate_start``, ``rate_stop`` : (n_pieces,) float, Hz
        The rate at its ends, straight in between.
    """

    drives = ("afferents",)

    n_afferents = Size(100, "afferents", low=1, high=10**6)
    first_rate = Param(5 * Hz, "rate at the first level", low=0 * Hz, high=1000 * Hz)
    last_rate = Param(20 * Hz, "rate at the last level", low=0 * Hz, high=1000 * Hz)
    n_levels = Size(2, "levels", low=2, high=10**4)
    hold = Param(1 * second, "time of a level, or of a ramp to the next", low=1 * ms, high=3600 * second)
    shape = Choice(
        "steps", "how the rate gets from level to level", {"steps": "at once", "ramps": "in a straight line"}
    )
    n_repeats = Size(1, "times the whole is shown", low=1, high=10**4)

    @property
    def sizes(self) -> dict[str, int]:
        return {"afferents": self.n_afferents}

    @property
    def duration(self) -> float:
        """Length of the run, s."""
        return self._period * self.n_repeats

    @property
    def _period(self) -> float:
        return self._rates[0].size * plain(self.hold)

    @property
    def _rates(self) -> tuple[np.ndarray, np.ndarray]:
        """Rate at the start and at the end of every piece, Hz."""
        levels = np.linspace(plain(self.first_rate), plain(self.last_rate), self.n_levels)
        return (levels, levels) if self.shape == "steps" else (levels[:-1], levels[1:])

    def draw(self, rng: np.random.Generator) -> Stimulus:
        starts, stops = self._rates
        hold, period = plain(self.hold), self._period
        passed = np.concatenate(([0.0], np.cumsum(hold * (starts + stops) / 2)))  # integral of the rate
        n_spikes = rng.poisson(self.n_afferents * passed[-1])
        area = passed[-1] * (1 - rng.random(n_spikes))  # above 0, so that none falls into a piece without spikes
        piece = np.searchsorted(passed, area) - 1
        rest, rate, slope = area - passed[piece], starts[piece], (stops - starts)[piece] / hold
        # the root of rate s + slope s**2 / 2 = rest, in the form that also holds without slope
        within = 2 * rest / (rate + np.sqrt(np.maximum(rate**2 + 2 * slope * rest, 0.0)))
        times = np.clip(piece * hold + np.minimum(within, hold), 0.0, np.nextafter(period, 0))
        times.sort()
        indices = rng.integers(self.n_afferents, size=n_spikes, dtype=np.int32)
        t_start = np.arange(starts.size * self.n_repeats) * hold
        return Stimulus(
            spikes={"afferents": SpikeTrains(indices, times, self.n_afferents)},
            period=period,
            duration=self.duration,
            truth={
                "t_start": t_start,
                "t_stop": t_start + hold,
                "rate_start": np.tile(starts, self.n_repeats),
                "rate_stop": np.tile(stops, self.n_repeats),
            },
        )

    @classmethod
    def examples(cls) -> Iterator[RateSteps]:
        yield cls()
        yield cls(shape="ramps", n_levels=4, n_repeats=3)
        yield cls(n_afferents=1, first_rate=0 * Hz, last_rate=1000 * Hz, n_levels=5, hold=10 * ms, shape="ramps")
        yield cls(first_rate=100 * Hz, last_rate=0 * Hz, n_levels=3)
        yield cls(first_rate=0 * Hz, last_rate=0 * Hz)
