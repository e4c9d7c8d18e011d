"""What the figures of Masquelier, Guyonneau & Thorpe 2008 share: the experiment and what is measured on its records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np
from brian2 import ms, second

from brian2learn.analysis.detection import TIE, Detection, Found, discharge_latencies, found_at, score
from brian2learn.analysis.intervals import mean, share
from brian2learn.circuits.detector import Detector
from brian2learn.core.claims import Interval
from brian2learn.plasticity.pair_stdp import PairSTDP
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.hidden_pattern import HiddenPattern

LAST = 150.0  # s; the paper judges success in the last 150 s
EARLY = 50.0  # s; the replication looks for the moment of finding in the first 50 s


def standard(*, small: bool = False) -> Experiment:
    """One cell, 2000 afferents, a pattern of 50 ms in half of them during a quarter of the time; 450 s.

    The replication (hathway2018) found that at a time step of 0.1 ms a pre and a post spike in the same step must
    count as the mean of both orders; it is not a free choice here either.
    """
    rule = PairSTDP(pairing="reduced_nearest", ties="mean")
    task = HiddenPattern(period=5 * second, n_repeats=2) if small else HiddenPattern()
    return Experiment(task, Detector(rule=rule), dt=0.1 * ms, record={"cells.u": 0.5 * ms})


def weak() -> Experiment:
    """The first second of the standard experiment, with all weights at 0.325 at its start."""
    full = standard()
    return full.replace(task=HiddenPattern(period=1 * second, n_repeats=1), circuit=full.circuit.replace(w_init=0.325))


def spikes_of(record: Record) -> np.ndarray:
    """Spike times of the cell, s."""
    return record.spikes["cells"].t


def length_of(record: Record) -> float:
    """Length of the pattern, s."""
    return float(record.truth["pattern_length"])


def scored(record: Record, t_start: float, t_stop: float) -> Detection:
    """Hits and false alarms between two times, s."""
    return score(spikes_of(record), record.truth["onset"], length_of(record), t_start=t_start, t_stop=t_stop)


def last(record: Record) -> float:
    """How much of the end of a run is judged, s: 150 s, or a third of a shorter run."""
    return min(LAST, record.duration / 3)


def detection(record: Record) -> Detection:
    """Hits and false alarms in the last 150 s."""
    return scored(record, record.duration - last(record), record.duration)


def found(record: Record) -> Found | None:
    """The last false alarm of the whole run, after which the cell kept to the pattern (the paper's definition)."""
    return _found_until(record, record.duration)


def emerged(record: Record) -> Found | None:
    """The same in the first 50 s only, as in the replication: a stray discharge minutes later does not move it."""
    return _found_until(record, min(EARLY, record.duration))


def _found_until(record: Record, t_stop: float) -> Found | None:
    onsets, quiet = record.truth["onset"], min(10.0, t_stop / 3)
    return found_at(spikes_of(record), onsets, length_of(record), t_stop=t_stop, quiet=quiet)


def latencies_of(record: Record) -> np.ndarray:
    """Latency of every discharge in ms, 0 for a false alarm."""
    return discharge_latencies(spikes_of(record), record.truth["onset"], length_of(record)) * 1e3


def is_false_alarm(record: Record) -> np.ndarray:
    """Whether each discharge lies outside all presentations."""
    spikes, onsets = spikes_of(record), record.truth["onset"]
    at_onset = np.searchsorted(onsets, spikes + TIE) > np.searchsorted(onsets, spikes - TIE)
    return (latencies_of(record) == 0) & ~at_onset


def first_intervals(record: Record) -> np.ndarray:
    """Intervals between the discharges of the first second, s."""
    spikes = spikes_of(record)
    return np.diff(spikes[spikes < 1])


def first_rate(records: Sequence[Record]) -> Interval:
    """Rate in the first second, Hz: one over the mean interval between discharges."""
    period = over_seeds_or_within(records, first_intervals)
    low, high = (1 / end if end > 0 else np.inf for end in (period.high, period.low))
    return Interval(1 / period.value, low, high, period.n, period.method)


def over_seeds_or_within(records: Sequence[Record], values: Callable[[Record], Iterable[float]]) -> Interval:
    """Mean over several records of the mean of `values`; from one record, over its `values`."""
    samples = [np.asarray(list(values(record)), float) for record in records]
    if len(samples) == 1:
        return mean(samples[0])
    return mean([sample.mean() for sample in samples if sample.size])


def percent(k: int, n: int) -> Interval:
    """Share of `k` in `n` with its Wilson interval, in percent."""
    return in_percent(share(k, n))


def in_percent(interval: Interval) -> Interval:
    """A share in percent."""
    return replace(interval, value=100 * interval.value, low=100 * interval.low, high=100 * interval.high)
