"""Figure 2 of Zenke & Ganguli 2018."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.intervals import bootstrap_median
from brian2learn.circuits.spiking_layers import SpikingLayers
from brian2learn.core.claims import Claim, Interval
from brian2learn.runs.experiment import Experiment
from brian2learn.tasks.poisson_target import PoissonTarget

from . import _style
from ._figure import Figure, Records
from ._seeds import share_of_seeds
from ._zenke2018 import COST, SEED, TIME, TRIAL, cost, first_success, trials

NEURON = "input"


def median_first(records: Records) -> Interval:
    """Median of the first successful trial; a seed without one counts as the number of trials."""
    firsts = [first_success(record) for record in records["single"]]
    return bootstrap_median([each if each is not None else len(trials(r))
                             for each, r in zip(firsts, records["single"], strict=True)])  # fmt: skip


class Zenke2018Fig2(Figure):
    """A silent cell learns to fire five spikes at prescribed times, from frozen Poisson spikes.

    A trial counts as a success if the cell fires five spikes, each within 2 ms of its target. Every seed has inputs of
    its own. Rasters: the first seed.
    """

    title = "Zenke & Ganguli 2018, Figure 2: a single neuron learns five spikes"
    cites = "zenkeganguli2018"
    claims = (
        Claim(
            name="reached",
            sentence="Within 500 trials (250 s) the cell has learned the target. Share of seeds with success.",
            source="zenkeganguli2018, Fig 2b, c and text",
            paper_value="1 of 1 shown",
            accept=(0.5, 1),
            reason="The paper shows one run; more than half of all inputs must do as well.",
            evidence="paper",
            measure=share_of_seeds("single", lambda record: (first_success(record) or np.inf) <= 500),
        ),
        Claim(
            name="earlier",
            sentence="A good approximation is there earlier than after 500 trials. Median of the first success.",
            source="zenkeganguli2018, Fig 2c",
            paper_value="< 500",
            accept=(1, 500),
            reason="The paper's own number.",
            evidence="paper",
            measure=median_first,
            unit="trials",
        ),
    )

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        return {"single": Experiment(PoissonTarget(n_trials=20 if small else 1000), SpikingLayers())}

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        some = records["single"]
        first = some[0]
        spikes = pd.concat(
            pd.DataFrame({TIME: fired * 1e3, TRIAL: number}) for number, fired in enumerate(trials(first), 1)
        )
        inputs = pd.DataFrame({TIME: first.truth["input_times"] * 1e3, NEURON: first.truth["input_neurons"]})
        every = max(1, len(trials(first)) // 100)
        costs = pd.concat(cost(record, every).assign(**{SEED: seed}) for seed, record in enumerate(some))
        return {
            "inputs": inputs,
            "spikes": spikes,
            "targets": pd.DataFrame({TIME: first.truth["target_times"] * 1e3}),
            "cost": costs,
        }

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 70)
        panels = canvas.subplot_mosaic([["a", "c"], ["b", "c"]], height_ratios=[1, 2])
        above, below, right = (panels[name] for name in "abc")
        above.plot(data["inputs"][TIME], data["inputs"][NEURON], ".", color=_style.BLACK, ms=1.5)
        above.set_ylabel("Input")
        above.set_xticklabels([])
        below.plot(data["spikes"][TIME], data["spikes"][TRIAL], ".", color=_style.BLUE, ms=1)
        for k, time in enumerate(data["targets"][TIME]):
            below.axvline(time, color=_style.VERMILION, lw=0.6, alpha=0.7, label=None if k else "target", zorder=0)
        below.set_xlabel("Time in trial (ms)")
        below.set_ylabel("Trial")
        below.legend(loc="lower right", bbox_to_anchor=(1, 1))
        for _, rows in data["cost"].groupby(SEED):
            right.plot(rows[TRIAL], rows[COST], color=_style.GREY, lw=0.6)
        mean = data["cost"].groupby(TRIAL)[COST].mean()
        right.plot(mean.index, mean, color=_style.BLACK, lw=1.4, label="mean over seeds")
        right.set_xlabel("Trial")
        right.set_ylabel(r"van Rossum cost (s$^{-2}$)")
        right.set_ylim(bottom=0)
        right.legend()
        for axes in (above, below):
            axes.set_xlim(0, 500)
        for axes in (above, right):
            axes.set_title(" ")  # room for the letter
        for axes, text in ((above, "a"), (below, "b"), (right, "c")):
            _style.letter(axes, text)
        return canvas
