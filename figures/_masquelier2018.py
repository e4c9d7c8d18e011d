"""What the figures of Masquelier 2018 share: a cell that learns to detect patterns, and how it is scored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from brian2 import ms

from brian2learn.circuits.detector import Detector
from brian2learn.circuits.instant_lif import InstantLIF
from brian2learn.plasticity.homeostatic_stdp import HomeostaticSTDP
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.periodic_patterns import PeriodicPatterns

N_TEST = 100  # presentations of each pattern at the end of a run, on which it is judged


def to_9_digits(value: float) -> float:
    """For a number that is an input: the last digits of an exponential differ between processors, and so would keys."""
    return float(f"{value:.9g}")


def learning(task: PeriodicPatterns, cell: InstantLIF, rule: HomeostaticSTDP, distance: float) -> Experiment:
    """The experiment of the author's code: all weights alike, so that at first the cell fires at any input.

    Parameters
    ----------
    task, cell, rule : PeriodicPatterns, InstantLIF, HomeostaticSTDP
    distance : float
        How many SDs of the potential its mean lies above the threshold at the start.
    """
    n_spikes = float(cell.tau_m) * float(task.rate) * task.n_afferents  # in a time constant
    w_init = to_9_digits(cell.theta / n_spikes / (1 - distance / np.sqrt(2 * n_spikes)))
    circuit = Detector(cell=cell, rule=rule, w_init=w_init, arrival="before_thresholds")
    return Experiment(task, circuit, dt=0.1 * ms)


@dataclass(frozen=True)
class Scores:
    """The last presentations of a run.

    Attributes
    ----------
    counts : (n_intervals,) int
        Spikes during each presentation; jitter widens it to both sides.
    pattern : (n_intervals,) int32
        Which pattern it was.
    n_false_alarms : int
        Intervals with a spike outside.
    n_strong : int
        Weights above one half.
    latencies : (n_hits,) float, ms
        First spike of every presentation with one, since the onset.
    """

    counts: np.ndarray
    pattern: np.ndarray
    n_false_alarms: int
    n_strong: int
    latencies: np.ndarray

    @property
    def hit_rate(self) -> float:
        """Share of presentations with a spike, %."""
        return 100 * float(np.mean(self.counts > 0))

    @property
    def false_alarm_rate(self) -> float:
        """Share of intervals with a spike outside the presentation, %."""
        return 100 * self.n_false_alarms / self.counts.size

    @property
    def hits(self) -> np.ndarray:
        """Share of presentations with a spike for every pattern, %: (n_patterns,) float."""
        shown = np.bincount(self.pattern)
        return 100 * np.bincount(self.pattern, self.counts > 0) / shown


def scores_of(record: Record) -> Scores:
    """How the last `N_TEST` presentations of each pattern were answered, or the last sixth of a shorter run."""
    task = record.info["experiment"]["task"]
    interval, jitter = task["interval"]["si"], task["jitter"]["si"]
    onsets, spikes = record.truth["onset"], record.spikes["cells"].t
    n = min(N_TEST * task["n_patterns"], max(onsets.size // 6, task["n_patterns"]))
    starts, ends = onsets[-n:] - jitter, onsets[-n:] + float(record.truth["pattern_length"]) + jitter
    first, stop = np.searchsorted(spikes, starts), np.searchsorted(spikes, ends)
    late = spikes[spikes >= record.duration - n * interval]
    number = np.minimum(((late - record.duration) // interval).astype(int) + n, n - 1)
    outside = (late < starts[number]) | (late >= ends[number])
    answered = stop > first
    return Scores(
        counts=stop - first,
        pattern=record.truth["pattern"][-n:],
        n_false_alarms=np.unique(number[outside]).size,
        n_strong=int(np.sum(record.final["plastic.w"] > 0.5)),
        latencies=1e3 * (spikes[first[answered]] - onsets[-n:][answered]),
    )


def hit_rate(record: Record) -> float:
    """Share of the presentations in the test with a spike, %."""
    return scores_of(record).hit_rate


def spikes_per_presentation(record: Record) -> float:
    """Mean over the test."""
    return float(scores_of(record).counts.mean())


def n_strong(record: Record) -> float:
    """Weights above one half at the end."""
    return float(scores_of(record).n_strong)
