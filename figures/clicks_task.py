"""The random-clicks task: trains, rates, and what an ideal counter makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import pandas as pd
from brian2 import ms, second
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.intervals import mean, share
from brian2learn.circuits.accumulator import Accumulator
from brian2learn.core.claims import Claim, Interval
from brian2learn.core.click_trials import ClickTrials
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.parallel_clicks import ParallelClicks

from . import _style
from ._figure import Figure, Records

DURATIONS = (0.1, 0.3, 0.5, 1.0)  # s
IDEAL = {  # by gamma, at these durations
    1: (0.820, 0.950, 0.984, 0.999),
    2: (0.945, 0.998, 1.000, 1.000),
    3: (0.978, 1.000, 1.000, 1.000),
}
COLORS = {1: _style.BLUE, 2: _style.ORANGE, 3: _style.GREEN}
SIDE_COLORS = {"left": _style.BLUE, "right": _style.VERMILION}
N_SHOWN = 6  # trials of each gamma
TIME, GAMMA, DURATION, RATE, RIGHT = "time (s)", "gamma (1)", "duration (s)", "rate (Hz)", "share correct (1)"


def trials_of(record: Record) -> ClickTrials:
    return ClickTrials.of_truth(record.truth)


def correct(record: Record, gamma: int) -> np.ndarray:
    """Whether each trial of this difficulty had more clicks on the side of gamma; a half at equal numbers."""
    trials = trials_of(record)
    toward = (trials.difference * np.sign(trials.gamma))[np.isclose(abs(trials.gamma), gamma)]
    return np.asarray((toward > 0) + 0.5 * (toward == 0))


def favoured(record: Record, gamma: int) -> np.ndarray:
    """Rate in every trial of this difficulty on the side of gamma, without the pair at the onset, Hz."""
    trials = trials_of(record)
    side = trials.counts[np.arange(len(trials)), (trials.gamma > 0).astype(int)] - 1
    chosen = np.isclose(abs(trials.gamma), gamma)
    return np.asarray((side / trials.duration)[chosen])


def at_duration(gamma: int, duration: float) -> Callable[[Records], Interval]:
    """Share of trials with more clicks on the side of gamma, all seeds."""

    def measure(records: Records) -> Interval:
        return mean(np.concatenate([correct(each, gamma) for each in records[f"{duration:g}"]]), within=(0, 1))

    return measure


def rate_of(gamma: int) -> Callable[[Records], Interval]:
    return lambda records: mean(np.concatenate([favoured(each, gamma) for each in records["1"]]))


def agreement(records: Records) -> Interval:
    """Share of trials with unequal numbers in which the counter in Brian2 chose the side that played more."""
    right = n = 0
    for record in records["1"]:
        trials = trials_of(record).on_grid(float(record.info["dt"]))
        decided = trials.difference != 0
        right += int(((record.final["cells.went_right"] > 0.5) == (trials.difference > 0))[decided].sum())
        n += int(decided.sum())
    return share(right, n)


def _claims() -> Iterator[Claim]:
    for gamma, rate in {1: 29.2, 2: 35.2, 3: 38.1}.items():
        yield Claim(
            name=f"rate_{gamma}",
            sentence=f"With gamma = {gamma} the favoured side plays {rate} of 40 clicks per second, beside the pair at "
            "the onset.",
            source="brunton2013, task (data of a rat)",
            paper_value=f"{rate} Hz",
            accept=(rate - 0.3, rate + 0.3),
            reason="Less than 1 % of the rate; the printed digit alone would be 0.05.",
            evidence="code",
            measure=rate_of(gamma),
            unit="Hz",
        )
    for gamma in (1, 2, 3):
        for duration, value in zip(DURATIONS[:2], IDEAL[gamma][:2], strict=True):
            yield Claim(
                name=f"ideal_{gamma}_{duration:g}",
                sentence=f"In trials of {duration:g} s with gamma = {gamma} an ideal counter chooses the side of gamma "
                f"in a share of {value:.3f} of the trials, a coin deciding at equal numbers.",
                source="brunton2013, task, ideal counter",
                paper_value=f"{value:.3f}",
                accept=(value - 0.01, value + 0.01),
                reason="Two binomial standard errors of the reference, and as much of our own.",
                evidence="derived",
                measure=at_duration(gamma, duration),
            )
    yield Claim(
        name="counter",
        sentence="The accumulator without noise, leak, bound and adaptation is that counter: share of decided trials "
        "in which it chooses the side with more clicks.",
        source="brunton2013, model without noise",
        paper_value="1",
        accept=(0.999, 1),
        reason="No exception in thousands of trials.",
        evidence="derived",
        measure=agreement,
    )


class ClicksTask(Figure):
    """Clicks come at random on two sides; the difference of rates and the length of the trial make it easy or hard.

    Curves are those of an ideal counter, which is right as often as the clicks themselves allow.
    """

    title = "The random-clicks task"
    cites = ("brunton2013", "erlich2015")
    claims = tuple(_claims())

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        found = {}
        for duration in DURATIONS:
            length = duration * second
            task = ParallelClicks(
                n_trials=300 if small else 30_000, low_duration=length, high_duration=length, answer="rate"
            )
            found[f"{duration:g}"] = Experiment(task, Accumulator.preset("ideal_counter"), dt=1 * ms)
        return found

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        trials = trials_of(records["1"][0])
        shown, rates, ideal = [], [], []
        for gamma in IDEAL:
            chosen = np.flatnonzero(np.isclose(trials.gamma, gamma))[:N_SHOWN]
            some = trials.pick(chosen)
            side = np.where(some.right, "right", "left")
            shown.append(pd.DataFrame({GAMMA: float(gamma), "trial": some.trial, TIME: some.times, "side": side}))
            toward = np.concatenate([favoured(each, gamma) for each in records["1"]])
            counts = np.arange(60)
            seen = np.bincount(np.rint(toward).astype(int), minlength=60)[:60] / toward.size
            rates.append(pd.DataFrame({GAMMA: float(gamma), RATE: counts.astype(float), "share of trials (1)": seen}))
            for duration in DURATIONS:
                each = at_duration(gamma, duration)(records)
                row = {
                    GAMMA: float(gamma),
                    DURATION: duration,
                    RIGHT: each.value,
                    "low (1)": each.low,
                    "high (1)": each.high,
                }
                ideal.append(row)
        return {"clicks": pd.concat(shown), "rates": pd.concat(rates), "ideal": pd.DataFrame(ideal)}

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 62)
        raster, rates, ideal = canvas.subplots(1, 3, width_ratios=(1.5, 1, 1))
        rows = 0.0
        for gamma, some in data["clicks"].groupby(GAMMA):
            for _, one in some.groupby("trial"):
                for side, clicks in one.groupby("side"):
                    height = rows + (0.42 if side == "right" else 0)
                    raster.vlines(clicks[TIME], height, height + 0.38, color=SIDE_COLORS[str(side)], lw=0.7)
                rows += 1
            raster.text(1.03, rows - N_SHOWN / 2, rf"$\gamma$ = {gamma:g}", va="center", fontsize=7)
            rows += 0.8
        for side, color in SIDE_COLORS.items():
            raster.plot([], [], color=color, lw=1.2, label=f"{side} clicks")
        raster.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
        raster.set(xlabel="Time from onset (s)", ylabel="Trials", yticks=[], xlim=(-0.02, 1.02))
        for gamma, color in COLORS.items():
            some = data["rates"][np.isclose(data["rates"][GAMMA], gamma)]
            rates.step(some[RATE], some["share of trials (1)"], where="mid", color=color, lw=1)
            points = data["ideal"][np.isclose(data["ideal"][GAMMA], gamma)]
            spread = [points[RIGHT] - points["low (1)"], points["high (1)"] - points[RIGHT]]
            ideal.errorbar(
                points[DURATION],
                points[RIGHT],
                spread,
                color=color,
                marker="o",
                ms=3,
                lw=1,
                label=rf"$\gamma$ = {gamma}",
            )
        rates.set(xlabel="Clicks on favoured side in 1 s", ylabel="Share of trials", ylim=(0, None))
        ideal.set(xlabel="Duration (s)", ylabel="Share correct, ideal counter", ylim=(0.78, 1.01))
        ideal.legend()
        for axes, text in ((raster, "a"), (rates, "b"), (ideal, "c")):
            _style.letter(axes, text, left=3 if text == "a" else 8.5)
        return canvas
