"""What the figures after Zenke & Ganguli 2018 have in common: trials, successes and costs of layers that learn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from brian2learn.analysis.van_rossum import AURYN, filtered_error, refractory_floor, van_rossum_cost
from brian2learn.core.claims import Claim, Interval
from brian2learn.runs.record import Record
from brian2learn.tasks.picture_target import darkness
from brian2learn.tasks.ssbm import SETS

from ._figure import Records

TIME, TRIAL, SEED, COST = "time in trial (ms)", "trial (1)", "seed", "cost (1/s^2)"
KIND, VALUE = "kind", "value (unit of its kind)"
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


def n_loops(record: Record) -> int:
    """How often a picture was shown."""
    return round(record.duration / float(record.truth["period"][0]))


def n_outputs(record: Record) -> int:
    """How many outputs are to draw the picture."""
    task = record.info["experiment"]["task"]
    return darkness(task["picture"]).shape[0] if "picture" in task else SETS[task["data"]].n_targets


def loop_cost(record: Record, k: int) -> float:
    """Mean over outputs of the cost of showing a picture for the k-th time, from 1 on, in published units."""
    loop, dt = float(record.truth["period"][0]), float(record.info["dt"])
    n = round(loop / dt)
    events = np.zeros((2 * n, n_outputs(record)))  # the loop before leaves its traces
    steps = np.floor(record.truth["target_times"] / dt + 1e-3).astype(int)
    for begin in (0, n):
        np.add.at(events, (steps + begin, record.truth["target_neurons"]), 1)
    fired = record.spikes["output"]
    steps = np.rint(fired.t / dt).astype(int) - (k - 1) * n
    here = (steps >= 0) & (steps < 2 * n)
    np.add.at(events, (steps[here], fired.i[here]), -1)
    return AURYN * float(np.mean(filtered_error(events, dt)[n:] ** 2))


def final_cost(record: Record) -> float:
    """Mean cost of the last five loops."""
    last = n_loops(record)
    return float(np.mean([loop_cost(record, k) for k in range(max(1, last - 5), last)]))


def refractory_targets(record: Record) -> tuple[int, int, float]:
    """Targets of one loop, those of them that the cells are too refractory to fire, and the cost these leave at least.

    The cost is a mean over outputs, in published units.
    """
    neurons, times = record.truth["target_neurons"], record.truth["target_times"]
    loop, dt = float(record.truth["period"][0]), float(record.info["dt"])
    tau_ref = record.info["experiment"]["circuit"]["cell"]["tau_ref"]["si"]
    found = [refractory_floor(times[neurons == k], loop, tau_ref, dt=dt) for k in range(n_outputs(record))]
    return times.size, sum(n for n, _ in found), AURYN * float(np.mean([cost for _, cost in found]))


def late_cost(record: Record) -> float:
    """Mean cost of five trials from the last quarter of a run, 1/s^2."""
    n = len(trials(record))
    return float(cost(record, max(1, n // 20)).tail(5)[COST].mean())


def ordering(
    name: str, sentence: str, place: str, measure: Callable[[Records], Interval], *,
    accept: tuple[float, float] = (0, np.inf), reason: str = "The ordering alone.",
) -> Claim:  # fmt: skip
    """A claim that one net does better than another, of which no number is known: a difference above 0."""
    source = f"zenkeganguli2018, {place}"
    return Claim(name, sentence, source, "> 0", accept, reason, "paper", measure)


def point(kind: str, value: float) -> str:
    """Name of the experiment of one point of a sweep."""
    return f"{kind} {value:g}"


def sweep(records: Mapping[str, Sequence[Record]], measures: Mapping[str, Callable[[Record], float]]) -> pd.DataFrame:
    """A row for every point and seed: its kind, its value and what was measured."""
    rows = []
    for name, some in records.items():
        kind, _, value = name.rpartition(" ")
        for seed, record in enumerate(some):
            found = {what: measure(record) for what, measure in measures.items()}
            rows.append({KIND: kind, VALUE: float(value), SEED: seed, **found})
    return pd.DataFrame(rows)


def curves(axes: Axes, table: pd.DataFrame, what: str, colors: Mapping[str, str]) -> None:
    """Means over seeds of what was measured at the points of every kind, and the single seeds."""
    for kind, color in colors.items():
        rows = table[table[KIND] == kind]
        axes.plot(rows[VALUE], rows[what], ".", color=color, ms=3, alpha=0.5)
        means = rows.groupby(VALUE)[what].mean()
        axes.plot(means.index, means, color=color, lw=1.2, label=kind)
