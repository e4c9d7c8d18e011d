"""Accumulation of cues by e-prop, after Bellec et al. 2020."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from brian2learn.circuits.recurrent_readout import RecurrentReadout
from brian2learn.core.claims import Claim
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.cue_accumulation import CueAccumulation

from . import _style
from ._bellec2020 import ERROR, ITERATION, NET, SEED, experiment, of_trials
from ._figure import Figure, Records
from ._seeds import over_seeds, share_of_seeds

BATCH, N_ITERATIONS, BLOCK = 32, 500, 10
NETS = {"adaptive": "50 of 100 cells adaptive", "plain": "no adaptive cells"}
COLORS = dict(zip(NETS, (_style.VERMILION, _style.BLACK), strict=True))
DIFFERENCE, RIGHT = "cues on the right less left (1)", "answered to the right (1)"


def wrong(record: Record) -> np.ndarray:
    """Whether each trial was answered wrongly; every trial is new, so the answer is one that was not trained."""
    return np.asarray(of_trials(record, "score").argmax(axis=1) != record.truth["label"])


def blocks(record: Record) -> np.ndarray:
    """Share of wrong answers in blocks of ten iterations."""
    found = wrong(record)
    size = min(BATCH * BLOCK, found.size)
    return found[: found.size // size * size].reshape(-1, size).mean(axis=1)


class Bellec2020Cues(Figure):
    """Which side had more of seven cues is answered after a second of silence, learned by e-prop with random feedback.

    Batches of 32 trials, all of them new. Psychometric curve: the last 1000 trials of all seeds.
    """

    title = "Bellec et al. 2020: accumulation of cues by e-prop"
    cites = "bellec2020"
    claims = (
        Claim(
            name="learns",
            sentence="Within 500 iterations of 32 trials fewer than 7 % of the answers are wrong. Share of seeds.",
            source="bellec2020, README of the code",
            paper_value="< 0.07 after 200-500 iterations",
            accept=(0.5, 1),
            reason="More than half of the seeds.",
            evidence="code",
            measure=share_of_seeds("adaptive", lambda record: blocks(record).min() < 0.07),
        ),
        Claim(
            name="memory",
            sentence="Without adaptive cells the answers stay near chance: share of wrong ones in the end.",
            source="bellec2020, Fig 3",
            paper_value="fails",
            accept=(0.35, 0.6),
            reason="Chance is 0.5; something may be left of the last cues.",
            evidence="secondary",
            measure=over_seeds("plain", lambda record: float(blocks(record)[-1]), (0, 1)),
        ),
    )

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        task = CueAccumulation(n_trials=BATCH * (2 if small else N_ITERATIONS))
        nets = {
            "adaptive": RecurrentReadout.preset("evidence"),
            "plain": RecurrentReadout.preset("evidence", n_adaptive=0),
        }
        return {name: experiment(task, net) for name, net in nets.items()}

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        curves, answers = [], []
        for name, some in records.items():
            for seed, record in enumerate(some):
                found = blocks(record)
                ends = np.linspace(0, wrong(record).size / BATCH, found.size + 1)[1:]
                curves.append(pd.DataFrame({ITERATION: ends, ERROR: found, NET: NETS[name], SEED: seed}))
                cues = record.truth["cues"]
                answered = of_trials(record, "score").argmax(axis=1)
                frame = pd.DataFrame({DIFFERENCE: (2 * cues - 1).sum(axis=1), RIGHT: answered, NET: NETS[name]})
                answers.append(frame[-1000:])
        table = pd.concat(answers).groupby([NET, DIFFERENCE], sort=True)[RIGHT].mean().reset_index()
        return {"curves": pd.concat(curves), "answers": table}

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 65)
        left, right = canvas.subplots(1, 2)
        for name, label in NETS.items():
            rows = data["curves"][data["curves"][NET] == label]
            for _, each in rows.groupby(SEED):
                left.plot(each[ITERATION], each[ERROR], color=COLORS[name], lw=0.5, alpha=0.5)
            whole = rows.groupby(ITERATION)[ERROR].mean()
            left.plot(whole.index, whole, color=COLORS[name], lw=1.4, label=label)
            table = data["answers"][data["answers"][NET] == label]
            right.plot(table[DIFFERENCE], table[RIGHT], "o-", color=COLORS[name], ms=3, lw=1)
        left.axhline(0.07, color=_style.GREY, lw=0.8, ls="--", label="published criterion")
        left.set(xlabel="Iteration (32 trials)", ylabel="Share of wrong answers", ylim=(0, 0.7))
        left.legend()
        right.set(xlabel="Cues on the right less left", ylabel="Share of answers to the right", ylim=(-0.03, 1.03))
        for axes, text in ((left, "a"), (right, "b")):
            axes.set_title(" ")  # room for the letter
            _style.letter(axes, text)
        return canvas
