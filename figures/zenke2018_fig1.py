"""Figure 1 of Zenke & Ganguli 2018: optimisers, and beside them the surrogate derivative."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.intervals import bootstrap_median, mean
from brian2learn.circuits.spiking_layers import SpikingLayers
from brian2learn.core.claims import Claim, Interval
from brian2learn.plasticity.fast_sigmoid import FastSigmoid
from brian2learn.plasticity.gradient_descent import GradientDescent
from brian2learn.plasticity.r_max_prop import RMaxProp
from brian2learn.plasticity.rms_prop import RMSProp
from brian2learn.plasticity.super_spike import SuperSpike
from brian2learn.plasticity.triangle import Triangle
from brian2learn.runs.experiment import Experiment
from brian2learn.tasks.poisson_target import PoissonTarget

from . import _style
from ._figure import Figure, Records
from ._zenke2018 import KIND, VALUE, curves, late_cost, ordering, point, sweep

OPTIMISERS = {"fixed rate": GradientDescent, "RMSprop": RMSProp, "RMaxProp": RMaxProp}
SURROGATES = {"fast sigmoid": FastSigmoid, "triangle": Triangle}
RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
WIDTHS = (0.2e-3, 0.5e-3, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3)  # V
COST = "late cost (1/s^2)"
SILENT = 336.0  # 1/s^2, of five missing spikes in half a second
LEARNED = SILENT / 4
COLORS = {"fixed rate": _style.BLACK, "RMSprop": _style.SKY, "RMaxProp": _style.VERMILION}
SHAPES = {"fast sigmoid": _style.BLUE, "triangle": _style.ORANGE}


def breadth(records: Records, kind: str) -> np.ndarray:
    """Share of the sweep's points at which each seed learns: its late cost is a quarter of that of silence."""
    points = [some for name, some in records.items() if name.rpartition(" ")[0] == kind]
    return np.mean([[late_cost(record) < LEARNED for record in some] for some in points], axis=0)


def wider(kind: str, other: str) -> Callable[[Records], Interval]:
    """By how much larger a share of rates one optimiser learns at than another."""
    return lambda records: mean(breadth(records, kind) - breadth(records, other), within=(-1, 1))


def published_width(records: Records) -> Interval:
    """Late cost at the published width."""
    return bootstrap_median([late_cost(record) for record in records[point("fast sigmoid", 1e-3)]])


class Zenke2018Fig1(Figure):
    """Late costs over the learning rate with three optimisers, and over the width of two surrogate derivatives.

    One output, five spikes in half a second, 400 trials; a: four hidden units, symmetric feedback; b: no hidden layer.
    A fixed rate is per unit of the gradient, which is about 0.4 here, so that the axes are comparable.
    """

    title = "Zenke & Ganguli 2018, Figure 1: optimisers over their learning rate; width of the surrogate"
    cites = "zenkeganguli2018"
    claims = (
        ordering(
            "max_wider_than_fixed",
            "RMaxProp works over a wide range of rates, a fixed rate only in a narrow one: difference of the shares of "
            "rates that learn.",
            "Fig 1",
            wider("RMaxProp", "fixed rate"),
            accept=(0, 1),
        ),
        ordering("rms_wider_than_fixed", "So does RMSprop.", "Fig 1", wider("RMSprop", "fixed rate"), accept=(0, 1)),
        Claim(
            name="published_width",
            sentence="At the published width of the surrogate, 1 mV, a single cell learns: its late cost is far below "
            "that of silence. Median over seeds.",
            source="zenkeganguli2018, Table 1, Fig 2",
            paper_value="learns",
            accept=(0, LEARNED),
            reason="A quarter of the cost of silence.",
            evidence="paper",
            measure=published_width,
            unit="1/s^2",
        ),
    )

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        task = PoissonTarget(n_trials=10 if small else 400)
        rates, widths = (RATES[2:3], WIDTHS[2:3]) if small else (RATES, WIDTHS)
        found = {}
        for kind, optimiser in OPTIMISERS.items():
            for r0 in rates:
                found[point(kind, r0)] = SpikingLayers(n_layers=1, rule=SuperSpike(optimiser=optimiser(r0=r0)))
        for kind, surrogate in SURROGATES.items():
            for width in widths:
                found[point(kind, width)] = SpikingLayers(rule=SuperSpike(surrogate=surrogate(width=width)))
        return {name: Experiment(task, net) for name, net in found.items()}

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        table = sweep(records, {COST: late_cost})
        return {"optimisers": table[table[KIND].isin(COLORS)], "surrogates": table[table[KIND].isin(SHAPES)]}

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 62)
        left, right = canvas.subplots(1, 2, sharey=True)
        curves(left, data["optimisers"], COST, COLORS)
        shapes = data["surrogates"].assign(**{VALUE: data["surrogates"][VALUE] * 1e3})
        curves(right, shapes, COST, SHAPES)
        left.set(xscale="log", xlabel=r"Learning rate $r_0$ (V)", ylabel=r"Late van Rossum cost (s$^{-2}$)")
        right.set(xscale="log", xlabel="Width of the surrogate derivative (mV)")
        for axes, text in ((left, "a"), (right, "b")):
            axes.axhline(SILENT, color=_style.GREY, lw=0.8, ls="--", label="silence")
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, columnspacing=1)
            axes.set_title(" ")  # room for the letter
            _style.letter(axes, text)
        left.set_yscale("symlog", linthresh=10)
        left.set_ylim(bottom=0)
        return canvas
