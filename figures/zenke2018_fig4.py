"""Figure 4 of Zenke & Ganguli 2018."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.intervals import bootstrap_median, mean
from brian2learn.circuits.spiking_layers import SpikingLayers
from brian2learn.core.claims import Claim, Interval
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.poisson_target import PoissonTarget

from . import _style
from ._figure import Figure, Records
from ._seeds import difference, share_of_seeds
from ._zenke2018 import COST, HALF_STEP, SEED, TIME, TRIAL, cost, first_success, trials

FEEDBACK, UNIT, WEIGHT, RATE, FIRST = "feedback", "unit", "feedback weight (1)", "rate (Hz)", "first success (trial)"
COLORS = {"symmetric": _style.BLUE, "random": _style.VERMILION, "uniform": _style.GREEN}
LATE = 0.1  # share of a run over which rates are taken


def rates(record: Record) -> np.ndarray:
    """Rates of the hidden units at the end of a run, Hz."""
    begin = (1 - LATE) * record.duration
    spikes = record.spikes["hidden1"]
    counts = np.bincount(spikes.i[spikes.t >= begin], minlength=4)
    return counts / (record.duration - begin)


def first(record: Record) -> int:
    """The first successful trial; the number of trials if there is none."""
    found = first_success(record)
    return len(trials(record)) if found is None else found


def early_output(records: Records) -> Interval:
    """Median of the time (s) of the first output spike with random feedback."""
    times = [record.spikes["output"].t for record in records["random"]]
    ends = [record.duration for record in records["random"]]
    return bootstrap_median([float(t[0]) if t.size else end for t, end in zip(times, ends, strict=True)])


def sign_pays(records: Records) -> Interval:
    """Mean rate of hidden units with positive feedback less that of the others, seed by seed."""
    found = []
    for record in records["random"]:
        positive = record.final["back_to_hidden1_wanted.b"] > 0
        if 0 < positive.sum() < positive.size:
            late = rates(record)
            found.append(late[positive].mean() - late[~positive].mean())
    return mean(found)


def _success(feedback: str) -> Claim:
    return Claim(
        name=f"{feedback}_learns",
        sentence=f"Four hidden units with {feedback} feedback learn the five spikes. Share of seeds with a success.",
        source="zenkeganguli2018, Fig 4 and text",
        paper_value="most of 20 runs",
        accept=(0.5, 1),
        reason="More than half of the seeds.",
        evidence="paper",
        measure=share_of_seeds(feedback, lambda record: first_success(record) is not None),
    )


class Zenke2018Fig4(Figure):
    """Five target spikes with a hidden layer of four silent units; errors reach it by three kinds of feedback.

    A trial counts as a success if the output fires five spikes, each within 2 ms of its target. Rasters: the first
    seed, random feedback. Every seed has inputs, first weights and feedback of its own.
    """

    title = "Zenke & Ganguli 2018, Figure 4: a hidden layer and three kinds of feedback"
    cites = "zenkeganguli2018"
    claims = (
        *(_success(feedback) for feedback in COLORS),
        Claim(
            name="first_outputs",
            sentence="With random feedback a silent net has its first output spikes by 40 s. Median of the first one.",
            source="zenkeganguli2018, Fig 4a, b",
            paper_value="by 40 s",
            accept=(0, 40),
            reason="The paper's own number, of one run.",
            evidence="paper",
            measure=early_output,
            unit="s",
        ),
        Claim(
            name="sign",
            sentence="Hidden units with positive feedback become active, those with negative feedback silent or "
            "inhibitory: rate of the former less that of the latter.",
            source="zenkeganguli2018, section 4.1",
            paper_value="> 0",
            accept=(0, 200),
            reason="The sign alone.",
            evidence="paper",
            measure=sign_pays,
            unit="Hz",
        ),
        Claim(
            name="uniform_as_symmetric",
            sentence="Uniform feedback does as well as symmetric feedback on this task: trials to the first success, "
            "uniform less symmetric.",
            source="zenkeganguli2018, Fig 4d, e",
            paper_value="no difference",
            accept=(-100, 100),
            reason="A tenth of the run; the paper compares learning curves by eye.",
            evidence="paper",
            measure=difference(first, "uniform", "symmetric"),
            unit="trials",
        ),
    )

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        task = PoissonTarget(n_trials=20 if small else 1000)
        return {
            feedback: Experiment(task, SpikingLayers(n_layers=1, n_hidden=4, feedback=feedback)) for feedback in COLORS
        }

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        shown = records["random"][0]
        spikes = pd.concat(
            pd.DataFrame({TIME: fired * 1e3, TRIAL: number}) for number, fired in enumerate(trials(shown), 1)
        )
        every = max(1, len(trials(shown)) // 50)
        costs = [
            cost(record, every).assign(**{SEED: seed, FEEDBACK: name})  # type: ignore[arg-type]
            for name, some in records.items() for seed, record in enumerate(some)
        ]  # fmt: skip
        units = pd.concat(
            pd.DataFrame({WEIGHT: record.final["back_to_hidden1_wanted.b"], RATE: rates(record), SEED: seed})
            for seed, record in enumerate(records["random"])
        )
        hidden, length = shown.spikes["hidden1"], float(shown.truth["trial"][0])
        late = hidden.t >= shown.duration - 20 * length - HALF_STEP
        raster = pd.DataFrame({
            TIME: ((hidden.t[late] + HALF_STEP) % length - HALF_STEP) * 1e3,
            TRIAL: np.floor((hidden.t[late] + HALF_STEP) / length) + 1, UNIT: hidden.i[late] + 1,
        })  # fmt: skip
        return {
            "spikes": spikes, "targets": pd.DataFrame({TIME: shown.truth["target_times"] * 1e3}), "hidden": raster,
            "cost": pd.concat(costs), "units": units,
        }  # fmt: skip

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 80)
        panels = canvas.subplot_mosaic([["b", "c", "d"], ["a", "c", "d"]], height_ratios=[1, 2],
                                       width_ratios=[1.2, 1.2, 1])  # fmt: skip
        hidden, output, curves, units = (panels[name] for name in "bacd")
        n_shown = data["hidden"][TRIAL].max() - 20 if len(data["hidden"]) else 0
        for unit in range(1, 5):
            rows = data["hidden"][data["hidden"][UNIT] == unit]
            hidden.plot(rows[TIME], unit + 0.8 * ((rows[TRIAL] - n_shown) / 20 - 0.5), ".", color=_style.BLACK, ms=1)
        hidden.set(ylabel="Hidden unit", ylim=(0.4, 4.6), yticks=[1, 2, 3, 4], xticklabels=[])
        output.plot(data["spikes"][TIME], data["spikes"][TRIAL], ".", color=_style.VERMILION, ms=1)
        for k, time in enumerate(data["targets"][TIME]):
            output.axvline(time, color=_style.BLUE, lw=0.6, alpha=0.6, label=None if k else "target", zorder=0)
        output.set(xlabel="Time in trial (ms)", ylabel="Trial")
        for axes in (hidden, output):
            axes.set_xlim(0, 500)
        for name, rows in data["cost"].groupby(FEEDBACK, sort=False):
            for _, each in rows.groupby(SEED):
                curves.plot(each[TRIAL], each[COST], color=COLORS[str(name)], lw=0.4, alpha=0.35)
            whole = rows.groupby(TRIAL)[COST].mean()
            curves.plot(whole.index, whole, color=COLORS[str(name)], lw=1.4, label=name)
        curves.set(xlabel="Trial", ylabel=r"van Rossum cost (s$^{-2}$)", ylim=(0, None))
        curves.legend(title="Feedback")
        units.axvline(0, color=_style.GREY, lw=0.6)
        units.plot(data["units"][WEIGHT], data["units"][RATE], "o", color=_style.VERMILION, ms=3)
        units.set(xlabel="Random feedback weight", ylabel="Rate of hidden unit (Hz)")
        for axes, text in ((hidden, "a"), (output, "b"), (curves, "c"), (units, "d")):
            if axes is not output:
                axes.set_title(" ")
            _style.letter(axes, text)
        return canvas
