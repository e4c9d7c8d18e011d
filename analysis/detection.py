"""How well one cell detects a pattern, from its spike times and the times at which the pattern was shown.

A presentation lasts from its onset to ``onset + length``, the end left out. Presentations may touch but not overlap.
Times less than 1 ns apart are one time: on a clock of 0.1 ms, 0.15 s and 0.1 s + 0.05 s differ by rounding only.
Every function takes sorted times in seconds and counts with binary searches, so a million spikes are no matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brian2learn.core.errors import DeclarationError

from . import _check

TIE = 1e-9


@dataclass(frozen=True, eq=False)
class Detection:
    """Hits and false alarms of one cell in one window of time.

    Attributes
    ----------
    n_presentations : int
        Presentations that begin in the window.
    n_false_alarms : int
        Spikes in the window outside any presentation.
    latencies : (n_hits,) float, s
        First spike of every presentation that was answered, from its onset.
    """

    n_presentations: int
    n_false_alarms: int
    latencies: NDArray[np.float64]

    @property
    def n_hits(self) -> int:
        """Presentations with at least one spike."""
        return self.latencies.size

    @property
    def hit_rate(self) -> float:
        """Share of the presentations that were answered; nan if there was none."""
        return self.n_hits / self.n_presentations if self.n_presentations else float("nan")

    @property
    def mean_latency(self) -> float:
        """Mean of the latencies in s; nan without a hit."""
        return float(self.latencies.mean()) if self.n_hits else float("nan")

    def success(self, *, min_hit_rate: float = 0.98, max_false_alarms: int = 0, max_latency: float = 10e-3) -> bool:
        """Whether the pattern was learned, as masquelier2008 defines it for the last 150 s of a run.

        Parameters
        ----------
        min_hit_rate : float
            The hit rate must be above it.
        max_false_alarms : int
            The false alarms may reach it.
        max_latency : float, s
            The mean latency must be below it.

        Returns
        -------
        bool
            False also where nothing was presented or nothing hit.
        """
        return (
            self.hit_rate > min_hit_rate and self.n_false_alarms <= max_false_alarms and self.mean_latency < max_latency
        )


@dataclass(frozen=True)
class Found:
    """The moment from which a cell fired for the pattern only: its last false alarm.

    Attributes
    ----------
    time : float, s
        Of the last false alarm; 0 if there was none.
    n_discharges : int
        Spikes until then, the false alarm included: it was the ``n_discharges``-th.
    n_presentations : int
        Presentations begun until then.
    """

    time: float
    n_discharges: int
    n_presentations: int


def score(spikes: ArrayLike, onsets: ArrayLike, length: float, *, t_start: float, t_stop: float) -> Detection:
    """Count hits, misses and false alarms between two times.

    A presentation belongs to the window in which it begins, with all its spikes, so that the counts of adjacent windows
    add up. The recording must reach the end of the last presentation.

    Parameters
    ----------
    spikes : (n_spikes,) float, s
        Spike times of one cell, ascending.
    onsets : (n_onsets,) float, s
        Starts of the presentations, ascending.
    length : float, s
        Duration of a presentation.
    t_start, t_stop : float, s
        The window, its end left out; the last 150 s of the run for the criterion of masquelier2008.

    Returns
    -------
    Detection

    Raises
    ------
    DeclarationError
        If times are not ascending or not finite, presentations overlap, or the length or window is not positive.

    Examples
    --------
    >>> detection = score([0.012, 0.3, 1.006], [0.0, 1.0], 0.05, t_start=0.0, t_stop=2.0)
    >>> detection.n_hits, detection.n_false_alarms, round(detection.mean_latency, 6)
    (2, 1, 0.009)
    """
    spikes, onsets = _presented("score", spikes, onsets, length)
    _check.window("score", t_start, t_stop)
    outside = spikes[_presentation(spikes, onsets, length) < 0]
    shown = onsets[_between(onsets, t_start, t_stop)]
    answer = np.append(spikes, np.inf)[np.searchsorted(spikes, shown - TIE)]
    return Detection(
        n_presentations=shown.size,
        n_false_alarms=outside[_between(outside, t_start, t_stop)].size,
        latencies=np.maximum(answer - shown, 0.0)[answer < shown - TIE + length],
    )


def discharge_latencies(spikes: ArrayLike, onsets: ArrayLike, length: float) -> NDArray[np.float64]:
    """Latency of every discharge in order, 0 for a false alarm: the curve of masquelier2008, Fig 5.

    A discharge at the very onset has latency 0 too; what counts hits and false alarms is `score`.

    Parameters
    ----------
    spikes, onsets, length
        As for `score`.

    Returns
    -------
    (n_spikes,) float, s

    Raises
    ------
    DeclarationError
        As `score`.
    """
    spikes, onsets = _presented("discharge_latencies", spikes, onsets, length)
    shown = _presentation(spikes, onsets, length)
    inside = shown >= 0
    latencies = np.zeros(spikes.size)
    latencies[inside] = np.maximum(spikes[inside] - onsets[shown[inside]], 0.0)
    return latencies


def found_at(
    spikes: ArrayLike, onsets: ArrayLike, length: float, *, t_stop: float, quiet: float = 10.0
) -> Found | None:
    """When the cell found the pattern: its last false alarm before `t_stop`.

    Every run has a last false alarm, so it counts only if the cell then kept to the pattern: at least `quiet` seconds
    remain until `t_stop`, and more than half of the presentations that begin in the remaining time are answered. A cell
    that is silent, dies, or never stops its false alarms has found nothing. Whether it detects well is for
    `Detection.success` to say.

    Parameters
    ----------
    spikes, onsets, length
        As for `score`.
    t_stop : float, s
        Only what happens before is looked at: the duration of the run (masquelier2008), or 50 s (hathway2018).
    quiet : float, s
        Least time without false alarms before `t_stop`. The replication hathway2018 asks for none: 0.

    Returns
    -------
    Found or None

    Raises
    ------
    DeclarationError
        As `score`; also unless `quiet` lies in 0..t_stop, t_stop left out.
    """
    where = "found_at"
    spikes, onsets = _presented(where, spikes, onsets, length)
    _check.window(where, 0.0, t_stop)
    if not 0 <= quiet < t_stop:
        raise DeclarationError(
            where,
            "quiet",
            meaning="least time without false alarms, s",
            expected=f"0 or more, below t_stop = {t_stop}",
            got=str(quiet),
        )
    alarms = np.flatnonzero((_presentation(spikes, onsets, length) < 0) & (spikes < t_stop))
    time = float(spikes[alarms[-1]]) if alarms.size else 0.0
    after = score(spikes, onsets, length, t_start=time, t_stop=t_stop)
    if time > t_stop - quiet or not after.hit_rate > 0.5:
        return None
    return Found(time, int(alarms[-1]) + 1 if alarms.size else 0, int(np.searchsorted(onsets, time, side="right")))


def rate(spikes: ArrayLike, t_start: float, t_stop: float) -> float:
    """Mean firing rate between two times, the end left out.

    Parameters
    ----------
    spikes : (n_spikes,) float, s
        Spike times, ascending.
    t_start, t_stop : float, s
        The window.

    Returns
    -------
    float, Hz

    Raises
    ------
    DeclarationError
        If the times are not ascending or the window is not positive.
    """
    array = _check.times("rate", "spikes", "spike times, s", spikes)
    _check.window("rate", t_start, t_stop)
    return array[_between(array, t_start, t_stop)].size / (t_stop - t_start)


def _presented(
    where: str, spikes: ArrayLike, onsets: ArrayLike, length: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    spikes = _check.times(where, "spikes", "spike times, s", spikes)
    onsets = _check.times(where, "onsets", "starts of the presentations, s", onsets)
    _check.positive(where, "length", "duration of a presentation", length, "s")
    gap = np.diff(onsets).min(initial=np.inf)
    if gap < length * (1 - 1e-6):
        raise DeclarationError(
            where,
            "onsets",
            meaning="starts of the presentations, s",
            expected=f"gaps of at least length = {length}",
            got=f"a gap of {gap}",
        )
    return spikes, onsets


def _presentation(spikes: NDArray[np.float64], onsets: NDArray[np.float64], length: float) -> NDArray[np.intp]:
    """Index of the presentation that holds each spike, -1 outside."""
    last = np.searchsorted(onsets - TIE, spikes, side="right") - 1
    end = np.append(onsets - TIE + length, -np.inf)[last]  # before the first onset last is -1, which takes the -inf
    return np.where(spikes < end, last, -1)


def _between(times: NDArray[np.float64], t_start: float, t_stop: float) -> slice:
    return slice(*np.searchsorted(times, [t_start, t_stop]))
