"""Choices on random clicks, after Brunton et al. 2013: the accumulator of the average rat, and one rat.

The rat is that of the file which the environment variable ``BRIAN2LEARN_RAT`` names, in the format of the lab; without
one its curves are missing and its claims cannot be judged.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
from brian2 import ms, second
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.accumulator_fit import RANGES, AccumulatorFit, fit, log_likelihood
from brian2learn.analysis.accumulator_model import AccumulatorModel
from brian2learn.analysis.click_kernels import excess_rate
from brian2learn.analysis.intervals import exact, share
from brian2learn.analysis.psychometric import in_bins, psychometric
from brian2learn.analysis.rat_clicks import Behaviour, read_rat
from brian2learn.circuits.accumulator import Accumulator
from brian2learn.core.claims import Claim, Interval
from brian2learn.core.click_trials import ClickTrials
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.parallel_clicks import ParallelClicks

from . import _style
from ._figure import Figure, Records

VARIABLE = "BRIAN2LEARN_RAT"
NOTHING = Interval(np.nan, -np.inf, np.inf, 0, "no file")
DIFFERENCES = np.array([-40, -16, -10, -6, -3, 0, 1, 4, 7, 11, 17, 41])
DURATIONS = np.array([0.1, 0.2, 0.4, 0.6, 0.8, 1.0])  # s
TENTHS = np.linspace(0, 1, 11)  # s
AGENT, RAT, INTEGRATOR, FITTED = "model, average rat", "one rat", "perfect integrator", "model without bound"
COLORS = {AGENT: _style.BLUE, RAT: _style.VERMILION, INTEGRATOR: _style.GREY, FITTED: _style.BLUE}
SHADES = {1.0: _style.SKY, 2.0: _style.GREEN, 3.0: _style.BLUE}
LABELS = {
    "lam": "$\\lambda$\n(1/s)", "sigma_a2": "$\\sigma_a^2$\n(clicks$^2$/s)",
    "sigma_s2": "$\\sigma_s^2$\n(clicks$^2$)", "sigma_i2": "$\\sigma_i^2$\n(clicks$^2$)", "phi": "$\\phi$\n",
    "tau_phi": "$\\tau_\\phi$\n(s)", "bias": "bias\n(clicks)", "lapse": "lapse\n",
}  # fmt: skip
WHO, CLICKS, TIME, RIGHT, LOW, HIGH, CORRECT, GAMMA, RATE = (
    "who", "clicks right less left (1)", "time (s)", "share right (1)", "low (1)", "high (1)", "share correct (1)",
    "gamma (1)", "excess rate (Hz)",
)  # fmt: skip


@cache
def the_rat() -> Behaviour | None:
    """The rat of the file, if there is one."""
    return read_rat(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def behaviour(record: Record) -> Behaviour:
    """What the model heard and chose in one run."""
    trials, right = ClickTrials.of_truth(record.truth), record.final["cells.went_right"] > 0.5
    return Behaviour(trials, right, right == (record.truth["label"] == 1))


def together(records: Records, name: str) -> list[Behaviour]:
    return [behaviour(each) for each in records[name]]


_fits: dict[str, AccumulatorFit] = {}  # one serves the panel and the claims


def fit_of(key: str, some: Behaviour, **fixed: float) -> AccumulatorFit:
    """The most likely parameters for what has this key, some of them given."""
    key = f"{key}{sorted(fixed.items())}"
    if key not in _fits:
        start = replace(AccumulatorModel(), **fixed)  # type: ignore[arg-type]
        free = [name for name in RANGES if name not in fixed]
        _fits[key] = fit(some.trials, some.went_right, start, free, with_intervals=not fixed)
    return _fits[key]


def correct(records: Records) -> Interval:
    """Share of trials in which the model chose the side with more clicks, all seeds."""
    found = np.concatenate([each.correct for each in together(records, "mix")])
    return share(int(found.sum()), found.size)


def at_bound(records: Records) -> Interval:
    found = np.concatenate([each.final["cells.stuck"] > 0.5 for each in records["mix"]])
    return share(int(found.sum()), found.size)


def kernel(records: Records, name: str) -> pd.DataFrame:
    """Excess rate before choices, bins averaged over seeds."""
    tables = [excess_rate(each.trials, each.went_right, TENTHS) for each in together(records, name)]
    whole = tables[0].copy()
    whole["kernel"] = np.mean([each["kernel"] for each in tables], axis=0)
    whole["sem"] = np.sqrt(np.sum([each["sem"] ** 2 for each in tables], axis=0)) / len(tables)
    return whole


def first_bin(records: Records, name: str) -> Interval:
    """Excess in the first tenth of a second over the mean of the others."""
    found = kernel(records, name)
    rest, value = found["kernel"][1:].mean(), found["kernel"].iloc[0]
    error = np.hypot(found["sem"].iloc[0] / rest, value / rest**2 * np.sqrt((found["sem"][1:] ** 2).sum()) / 9)
    return Interval(value / rest, value / rest - 1.96 * error, value / rest + 1.96 * error, 10, "standard errors")


def trend(records: Records, name: str) -> Interval:
    """Change of the kernel from 0.1 s to the end, over its mean there: 0 if flat."""
    found = kernel(records, name)[1:]
    (slope, _), covariance = np.polyfit(found["low"], found["kernel"], 1, w=1 / found["sem"], cov="unscaled")
    scale = 0.9 / found["kernel"].mean()
    value, half = slope * scale, 1.96 * np.sqrt(covariance[0, 0]) * scale
    return Interval(value, value - half, value + half, 9, "standard errors")


def rise(records: Records) -> Interval:
    """Share correct in trials of 0.8 to 1 s less that in trials of 0.1 to 0.2 s, each seed."""
    found = []
    for each in together(records, "mix"):
        decided, duration = each.trials.difference != 0, each.trials.duration
        long, short = (each.correct[decided & which] for which in (duration >= 0.8, duration < 0.2))
        found.append((long.mean() - short.mean(), long.var() / long.size + short.var() / short.size))
    values, variances = np.array(found).T
    value, half = float(values.mean()), 1.96 * float(np.sqrt(variances.sum())) / values.size
    return Interval(value, value - half, value + half, values.size, "binomial")


def held(records: Records) -> Interval:
    """Share of parameters whose interval, where it has ends, holds the value that trials were simulated with."""
    truth, found = AccumulatorModel(), []
    for record in records["unbounded"]:
        intervals = fit_of(record.key, behaviour(record)).intervals
        found += [each.low <= getattr(truth, name) <= each.high for name, each in intervals.items()
                  if np.isfinite(each.high)]  # fmt: skip
    return share(sum(map(bool, found)), len(found))


def memory_noise(records: Records) -> Interval:
    """Twice the gain in log likelihood by noise of the memory, in the rat."""
    rat = the_rat()
    if rat is None:
        return NOTHING
    gain = fit_of("rat", rat).log_likelihood - fit_of("rat", rat, sigma_a2=0).log_likelihood
    return exact(max(0.0, 2 * gain), len(rat.trials))


def bound(records: Records) -> Interval:
    """Twice the largest gain in log likelihood by a bound of 5, 9, 14 or 20 clicks, all else kept, in the rat."""
    rat = the_rat()
    if rat is None:
        return NOTHING
    best = fit_of("rat", rat)
    gains = [
        log_likelihood(replace(best.model, B=B).p_right_bounded(rat.trials), rat.went_right) - best.log_likelihood
        for B in (5.0, 9.0, 14.0, 20.0)
    ]
    return exact(max(0.0, 2 * max(gains)), len(rat.trials))


def _claim(
    name: str, sentence: str, paper_value: str, accept: tuple[float, float], reason: str,
    measure: Callable[[Records], Interval], *, source: str = "brunton2013, fitted parameters (code of the lab)",
    evidence: str = "derived",
) -> Claim:  # fmt: skip
    return Claim(name, sentence, source, paper_value, accept, reason, evidence, measure)


class Brunton2013(Figure):
    """The accumulator with the average rat's parameters chooses as rats do: with lapses, better the longer it hears.

    Kernels are reverse correlations of trials of 1 s. Parameters: fits of the closed form, without bound, to simulated
    choices without bound (line: what they were simulated with) and to the rat's.
    """

    title = "Brunton et al. 2013: random clicks, model and rat"
    cites = ("brunton2013", "erlich2015", "piet2018")
    claims = (
        _claim("accuracy", "The average rat's parameters choose the side with more clicks in this share of the "
               "standard mix.", "0.791", (0.781, 0.801), "The reference plays both sides on a grid of 1 ms, which "
               "shifts it a little.", correct),
        _claim("bound_hits", "In this share of the trials the bound is reached.", "0.106", (0.096, 0.116),
               "As for the accuracy.", at_bound),
        _claim("longer_is_better", "Choices are better in trials of 0.8 to 1 s than in those of 0.1 to 0.2 s: "
               "difference of shares.", "0.867 - 0.661 = 0.206", (0.17, 0.24), "Three standard errors of the "
               "reference.", rise),
        _claim("kernel_flat", "After the first 0.1 s clicks weigh the same whenever they come: change of the average "
               "rat's kernel until the end, over its mean.", "flat", (-0.6, 0.6), "The reference has a noise of 0.1 in "
               "every bin of 0.4.", lambda records: trend(records, "kernel")),
        _claim("kernel_first_bin", "Clicks of the first 0.1 s weigh less, for the pair at the onset depresses them: "
               "first bin over the others.", "0.11 / 0.40 = 0.28", (0, 0.75), "Below one by more than noise.",
               lambda records: first_bin(records, "kernel")),
        _claim("integrator_flat", "A perfect integrator with the same noise of the senses weighs clicks the same "
               "throughout: change of its kernel after 0.1 s, over its mean.", "flat", (-0.6, 0.6),
               "As for the average rat.", lambda records: trend(records, "integrator"),
               source="brunton2013, ideal integration"),
        _claim("recovery", "The fit finds the parameters that choices were simulated with: share of 95 % intervals "
               "that hold them.", "0.95", (0.85, 1), "95 % less 0.1: parameters along a ridge are missed together.",
               held, source="brunton2013, model fits"),
        _claim("memory_without_noise", "In most rats noise of the memory cannot be told from none: likelihood ratio in "
               "one rat.", "not significant", (0, 2.71), "The 5 % limit of a parameter at the end of its range (half a "
               "chi squared).", memory_noise, source="brunton2013, abstract", evidence="abstract"),
        _claim("bound_not_told", "Choices often do not tell the bound: likelihood ratio of the best of four bounds in "
               "one rat.", "its interval includes infinity", (0, 3.84), "The 5 % limit of chi squared.", bound,
               source="brunton2013, bound of the accumulator", evidence="secondary"),
    )  # fmt: skip

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        n = 1000 if small else 20_000
        mix = ParallelClicks(n_trials=n)
        one_second = ParallelClicks(n_trials=n if small else 3 * n, low_duration=1 * second, answer="rate")
        shown = {
            "mix": (mix, Accumulator()),
            "unbounded": (mix.replace(n_trials=min(n, 4000)), Accumulator(B=1e9)),
            "kernel": (one_second, Accumulator()),
            "integrator": (one_second, Accumulator.preset("perfect_integrator")),
        }
        return {name: Experiment(task, circuit, dt=1 * ms) for name, (task, circuit) in shown.items()}

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        rat = the_rat()
        observers = {AGENT: together(records, "mix")} | ({RAT: [rat]} if rat else {})
        points, curves, lengths = [], [], []
        for who, some in observers.items():
            difference = np.concatenate([each.trials.difference for each in some])
            right = np.concatenate([each.went_right for each in some])
            points.append(_named(in_bins(difference, right, DIFFERENCES), CLICKS, RIGHT).assign(**{WHO: who}))
            x = np.linspace(-35, 35, 141)
            curves.append(pd.DataFrame({CLICKS: x, RIGHT: psychometric(difference, right)(x), WHO: who}))
            duration = np.concatenate([each.trials.duration for each in some])
            correct = np.concatenate([each.correct for each in some])
            gamma = np.abs(np.concatenate([each.trials.gamma for each in some]))
            for level in SHADES:
                which = (difference != 0) & np.isclose(gamma, level)
                table = _named(in_bins(duration[which], correct[which], DURATIONS), TIME, CORRECT)
                table[WHO], table[GAMMA] = who, level
                lengths.append(table)
        kernels = []
        for name, who in (("kernel", AGENT), ("integrator", INTEGRATOR)):
            found = kernel(records, name)
            middle = (found["low"] + found["high"]) / 2
            kernels.append(
                pd.DataFrame({TIME: middle, RATE: found["kernel"], "standard error (Hz)": found["sem"], WHO: who})
            )
        fits = {FITTED: fit_of(records["unbounded"][0].key, behaviour(records["unbounded"][0]))}
        fits |= {RAT: fit_of("rat", rat)} if rat else {}
        truth = AccumulatorModel()
        rows = [
            {WHO: who, "parameter": name, "value (SI)": each.value, "low (SI)": each.low, "high (SI)": each.high,
             "simulated (SI)": getattr(truth, name) if who == FITTED else np.nan}
            for who, found in fits.items() for name, each in found.intervals.items()
        ]  # fmt: skip
        return {
            "choices": pd.concat(points), "curves": pd.concat(curves), "durations": pd.concat(lengths),
            "kernels": pd.concat(kernels), "parameters": pd.DataFrame(rows),
        }  # fmt: skip

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 115)
        grid = canvas.add_gridspec(2, 1, height_ratios=(1, 0.7))
        above, below = grid[0].subgridspec(1, 3), grid[1].subgridspec(1, len(LABELS))
        choices, durations, kernels = (canvas.add_subplot(above[k]) for k in range(3))
        panels = [canvas.add_subplot(below[k]) for k in range(len(LABELS))]
        for who, points in _by(data["choices"], WHO):
            spread = [points[RIGHT] - points[LOW], points[HIGH] - points[RIGHT]]
            choices.errorbar(points[CLICKS], points[RIGHT], spread, color=COLORS[who], fmt="o", ms=3, lw=0.8, label=who)
            curve = data["curves"][data["curves"][WHO] == who]
            choices.plot(curve[CLICKS], curve[RIGHT], color=COLORS[who], lw=1)
        choices.set(xlabel="Clicks right less left", ylabel="Share of choices to the right", ylim=(0, 1))
        choices.legend(loc="upper left")
        for who, rows in _by(data["durations"], WHO):
            model = who == AGENT
            for level, color in SHADES.items():
                points = rows[rows[GAMMA] == level]
                durations.plot(
                    points[TIME], points[CORRECT], "-" if model else "--", color=color, lw=1, ms=3,
                    marker="o" if model else "s", mfc=color if model else "white",
                    label=rf"$|\gamma|$ = {level:g}" if model else None,
                )  # fmt: skip
        if (data["durations"][WHO] == RAT).any():
            durations.plot([], [], "s--", color=_style.GREY, mfc="white", ms=3, lw=1, label=RAT)
        durations.set(xlabel="Duration (s)", ylabel="Share correct", ylim=(0.45, 1.1))
        durations.legend(loc="upper left", ncols=2)
        for who, found in _by(data["kernels"], WHO):
            kernels.errorbar(
                found[TIME], found[RATE], found["standard error (Hz)"], color=COLORS[who], marker="o", ms=3, lw=1,
                label=who,
            )  # fmt: skip
        kernels.axhline(0, color=_style.GREY, lw=0.6)
        kernels.set(xlabel="Time from onset (s)", ylabel="Excess click rate (Hz)")
        kernels.legend(loc="upper right")
        kernels.margins(y=0.25)
        titles = ("psychometric", "chronometric", "reverse correlation")
        for axes, text, title in zip((choices, durations, kernels), "abc", titles, strict=True):
            axes.set_title(title)
            _style.letter(axes, text)
        _draw_parameters(panels, data["parameters"])
        canvas.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        return canvas


def _by(table: pd.DataFrame, column: str) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of every name in a column, in the order of the table."""
    for name in dict.fromkeys(table[column]):
        yield str(name), table[table[column] == name]


def _named(table: pd.DataFrame, x: str, y: str) -> pd.DataFrame:
    """Bins with the names of the columns of this figure."""
    kept = table[["x", "share", "share_low", "share_high", "n"]]
    return kept.rename(columns={"x": x, "share": y, "share_low": LOW, "share_high": HIGH})


def _draw_parameters(panels: Sequence[Axes], rows: pd.DataFrame) -> None:
    """One panel for every parameter: each fit with its interval; arrows where that has no end."""
    who = list(dict.fromkeys(rows[WHO]))
    for k, (axes, (name, label)) in enumerate(zip(panels, LABELS.items(), strict=True)):
        some = rows[rows["parameter"] == name]
        for at, (_, row) in enumerate(some.iterrows()):
            color, value, ends = COLORS[row[WHO]], row["value (SI)"], (row["low (SI)"], row["high (SI)"])
            for end, marker in zip(ends, "v^", strict=True):
                if np.isfinite(end):
                    axes.plot([at, at], [value, end], color=color, lw=1)
                else:
                    axes.plot(at, value, marker, color=color, ms=7, mfc="white")
            axes.plot(at, value, "o", color=color, ms=3.5, label=row[WHO])
            if np.isfinite(row["simulated (SI)"]):
                axes.hlines(row["simulated (SI)"], at - 0.35, at + 0.35, color=_style.BLACK, lw=1,
                            label="simulated with")  # fmt: skip
        axes.set(xticks=[], xlim=(-0.7, len(who) - 0.3))
        axes.set_title(label, fontsize=7)
        axes.margins(y=0.25)
        if k == 0:
            _style.letter(axes, "d")
