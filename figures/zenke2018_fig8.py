"""Figure 8 of Zenke & Ganguli 2018: the regulariser."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from brian2learn.analysis.intervals import mean
from brian2learn.circuits.spiking_layers import SpikingLayers
from brian2learn.core.claims import Claim, Interval
from brian2learn.plasticity.super_spike import SuperSpike
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.picture_target import PictureTarget

from . import _style
from ._figure import Figure, Records
from ._zenke2018 import curves, final_cost, ordering, point, sweep

N_HIDDEN = 64
POWERS = {"power 0": 0.0, "power 1": 1.0, "power 4": 4.0}
STRENGTHS = (1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3)
COST, RATE = "final cost (published units)", "rate of hidden units (Hz)"
COLORS = dict(zip(POWERS, (_style.BLACK, _style.SKY, _style.VERMILION), strict=True))


def hidden_rate(record: Record) -> float:
    """Mean rate of hidden units in the second half of a run, Hz."""
    return float(np.sum(record.spikes["hidden1"].t >= record.duration / 2) / N_HIDDEN / (record.duration / 2))


def best(records: Records, kind: str) -> np.ndarray:
    """Lowest final cost over all strengths, seed by seed."""
    return np.min(
        [[final_cost(record) for record in some] for name, some in records.items() if name.startswith(kind)], axis=0
    )


def flat_worse(records: Records) -> Interval:
    """Lowest final cost with power 0 less that with power 4."""
    return mean(best(records, "power 0") - best(records, "power 4"))


def silenced(records: Records) -> Interval:
    """Rate of hidden units at the strongest regulariser of power 4 over that at the weakest."""
    strong, weak = (records[point("power 4", rho)] for rho in (max(STRENGTHS), min(STRENGTHS)))
    return mean([hidden_rate(a) / hidden_rate(b) for a, b in zip(strong, weak, strict=True)], within=(0, np.inf))


class Zenke2018Fig8(Figure):
    """Final cost and rate of hidden units over the strength of the regulariser, for three powers of its trace.

    Random feedback, r0 = 1e-3, 64 hidden units, 20 outputs; a ring of one second for 100 s, a task of our own.
    """

    title = "Zenke & Ganguli 2018, Figure 8: the heterosynaptic regulariser"
    cites = "zenkeganguli2018"
    claims = (
        ordering(
            "flat_worse",
            "A regulariser that does not depend on the rate (power 0) is worse than one of the fourth power: "
            "difference of the lowest costs.",
            "Fig 8",
            flat_worse,
            reason="The ordering alone, at our own picture.",
        ),
        Claim(
            name="silenced",
            sentence="Too strong a regulariser silences hidden units: their rate over that at the weakest one.",
            source="zenkeganguli2018, Fig 8",
            paper_value="silent beyond about 100",
            accept=(0, 0.1),
            reason="A tenth of the rate counts as silent.",
            evidence="paper",
            measure=silenced,
        ),
    )

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        task = PictureTarget(n_loops=4 if small else 100)
        strengths = (STRENGTHS[0], STRENGTHS[-1]) if small else STRENGTHS
        return {
            point(kind, rho): Experiment(
                task,
                SpikingLayers(n_layers=1, n_hidden=N_HIDDEN, feedback="random", rule=SuperSpike(rho=rho, power=power)),
            )
            for kind, power in POWERS.items()
            for rho in strengths
        }

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        return {"sweep": sweep(records, {COST: final_cost, RATE: hidden_rate})}

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 62)
        left, right = canvas.subplots(1, 2)
        for axes, what, label in ((left, COST, "Final cost"), (right, RATE, "Rate of hidden units (Hz)")):
            curves(axes, data["sweep"], what, COLORS)
            axes.set(xscale="log", xlabel=r"Strength $\rho$", ylabel=label)
            axes.set_ylim(bottom=0)
        left.legend()
        for axes, text in ((left, "a"), (right, "b")):
            axes.set_title(" ")  # room for the letter
            _style.letter(axes, text)
        return canvas
