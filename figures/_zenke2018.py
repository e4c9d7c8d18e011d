"""What the figures after Zenke & Ganguli 2018 have in common: trials, successes and costs of layers that learn."""

from __future__ import annotations

import numpy as np
import pandas as pd

from brian2learn.analysis.van_rossum import van_rossum_cost
from brian2learn.runs.record import Record

TIME, TRIAL, SEED, COST = "time in trial (ms)", "trial", "seed", "cost (1/s^2)"
CLOSE = 2e-3  # s
HALF_STEP = 5e-5  # s


def trials(record: Record) -> list[np.ndarray]:
    """Output spikes of every trial, s after its beginning."""
    length, times = float(record.truth["trial"][0]), record.spikes["output"].t + HALF_STEP
    n = round(record.duration / length)
    edges = np.searchsorted(times, length * np.arange(n + 1))
    return [times[a:b] - HALF_STEP - k * length for k, (a, b) in enumerate(zip(edges[:-1], edges[1:], strict=True))]


def first_success(record: Record) -> int | None:
    """The first trial, from 1 on, with as many spikes as wanted, each within 2 ms of its target."""
    wanted = record.truth["target_times"]
    for number, fired in enumerate(trials(record), 1):
        if fired.size == wanted.size and np.all(abs(fired - wanted) <= CLOSE + HALF_STEP):
            return number
    return None


def cost(record: Record, every: int) -> pd.DataFrame:
    """Mean cost of the first trial of every few."""
    length, wanted = float(record.truth["trial"][0]), record.truth["target_times"]
    found = trials(record)
    chosen = range(1, len(found), every)
    costs = []
    for k in chosen:  # the trial before leaves its traces
        fired = np.concatenate([found[k - 1], found[k] + length])
        both = np.concatenate([wanted, wanted + length])
        costs.append(van_rossum_cost(fired, both, 2 * length, t_start=length))
    return pd.DataFrame({TRIAL: [k + 1 for k in chosen], COST: costs})
