"""What the figures of one rate unit share: its runs, and what is measured in them. Times are in 1/eta."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from brian2 import Hz, ms, second

from brian2learn.analysis.intervals import exact
from brian2learn.analysis.stability import EXPLODED
from brian2learn.circuits.rate_unit import RateUnit
from brian2learn.core.claims import Claim, Interval
from brian2learn.plasticity._rate_rule import RateRule
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.silence import Silence

from ._figure import Records

ETA = 10 * Hz  # with steps of 0.1 ms: Euler steps of 1e-3/eta, for which the published peaks were recomputed
STEP = 0.01  # 1/eta; between samples
TIME, WEIGHT, SLOW, RATIO, PEAK = "time (1/eta)", "weight (1)", "slow state (1)", "tau eta (1)", "peak weight (1)"


def alone(rule: RateRule, w: float, length: float, *, eta: Any = ETA, slow: str = "") -> Experiment:
    """One unit with one input of rate 1, for `length` times 1/eta."""
    unit = RateUnit(rule=rule, w_init=w, slow_init="settled" if slow else "own")
    every = round(float(STEP / ETA) / 1e-3) * ms
    record = {"plastic.w": every, **({f"units.{slow}": every} if slow else {})}
    return Experiment(Silence(length=round(length / float(eta), 3) * second), unit, record=record)


def eta_of(record: Record) -> float:
    """Learning rate of a run, 1/s."""
    return float(record.info["experiment"]["circuit"]["rule"]["eta"]["si"])


def ratio_of(record: Record) -> float:
    """``tau eta`` of a run."""
    return float(record.info["experiment"]["circuit"]["rule"]["tau"]["si"]) * eta_of(record)


def course(record: Record) -> pd.DataFrame:
    """Weight and slow state over time, until they explode."""
    columns = {TIME: record.states["plastic.w"].t * eta_of(record)}
    for key, states in record.states.items():
        columns[WEIGHT if key == "plastic.w" else SLOW] = states.values[:, 0].astype(float)
    table = pd.DataFrame(columns)
    with np.errstate(invalid="ignore"):
        (far,) = np.nonzero(~(table[WEIGHT].to_numpy() < EXPLODED))
    return table.iloc[: far[0]] if far.size else table


def explosion(record: Record) -> float:
    """When the weight explodes, in 1/eta; infinite if it does not."""
    t = record.states["plastic.w"].t
    n = len(course(record))
    return float(t[n] * eta_of(record)) if n < t.size else float("inf")


def first_peak(record: Record) -> float:
    """Top of the first excursion above the fixed point 1; infinite if it explodes on the way."""
    w = course(record)[WEIGHT].to_numpy()
    above = w > 1
    if not above.any():
        return float(w.max()) if np.isinf(explosion(record)) else float("inf")
    start = int(np.argmax(above))
    end = start + int(np.argmin(above[start:])) if not above[start:].all() else w.size
    if end == w.size and np.isfinite(explosion(record)):
        return float("inf")
    return float(w[start:end].max())


def peak_at(ratio: float) -> Callable[[Records], Interval]:
    """The first peak of the run with this ratio."""
    return lambda records: exact(first_peak(records[f"ratio {ratio:g}"][0]))


def peaks(records: Records, ratios: Sequence[float]) -> pd.DataFrame:
    """First peak of every run that is called by its ratio."""
    found = [peak_at(ratio)(records).value for ratio in ratios]
    return pd.DataFrame({RATIO: np.array(ratios, float), PEAK: found})


def digit_claim(
    name: str, ratio: float, paper_value: str, measure: Callable[[Records], Interval], **more: str
) -> Claim:
    """A claim that a number comes out to the printed digits."""
    half = 0.5 * 10.0 ** -len(paper_value.partition(".")[2])
    value = float(paper_value)
    return Claim(
        name=f"{name}_{ratio:g}".replace(".", "_"),
        paper_value=f"{paper_value} (recomputed from the model)",
        accept=(value - half, value + half),
        reason="Half of the last printed digit.",
        evidence="derived",
        measure=measure,
        **more,
    )
