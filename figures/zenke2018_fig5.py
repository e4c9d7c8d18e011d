"""Figure 5 of Zenke & Ganguli 2018."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Canvas

from brian2learn.circuits.spiking_layers import SpikingLayers
from brian2learn.core.claims import Claim
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.spiking_xor import SpikingXOR

from . import _style
from ._figure import Figure, Records
from ._seeds import difference, share_of_seeds
from ._zenke2018 import HALF_STEP, SEED, ordering

PATTERN, ERRORS, NET = "pattern (1)", "share of wrong answers (1)", "net"
BLOCK = 100
NETS = {
    "random": "random feedback",
    "symmetric": "symmetric feedback",
    "uniform": "uniform feedback",
    "direct": "no hidden layer",
}
COLORS = dict(zip(NETS, (_style.VERMILION, _style.BLUE, _style.GREEN, _style.BLACK), strict=True))


def wrong(record: Record) -> np.ndarray:
    """Whether each pattern was answered wrongly: by silence of the right output or a spike of the other one."""
    times, outputs = record.spikes["output"].t + HALF_STEP, record.spikes["output"].i
    counts = [
        np.subtract(*(np.searchsorted(times[outputs == k], record.truth[end]) for end in ("answer_until", "onset")))
        for k in (0, 1)
    ]
    fired, label = np.column_stack(counts) > 0, record.truth["label"]
    each = np.arange(label.size)
    return ~fired[each, label] | fired[each, 1 - label]


def blocks(record: Record) -> np.ndarray:
    """Share of wrong answers in blocks of patterns."""
    found = wrong(record)
    size = min(BLOCK, max(1, found.size // 10))
    return found[: found.size // size * size].reshape(-1, size).mean(axis=1)


def last(record: Record) -> float:
    """Share of wrong answers in the last tenth of a run."""
    found = wrong(record)
    return float(found[-max(1, found.size // 10) :].mean())


def in_a_row(record: Record) -> bool:
    """Whether a block of 100 patterns has no wrong answer."""
    return bool(np.any(blocks(record) == 0))


def _perfect(
    net: str, name: str, sentence: str, paper_value: str, reason: str, accept: tuple[float, float] = (0.5, 1)
) -> Claim:
    source = "zenkeganguli2018, Fig 5 and text"
    return Claim(name, sentence, source, paper_value, accept, reason, "paper", share_of_seeds(net, in_a_row))


def _noisier(net: str, other: str, name: str, sentence: str) -> Claim:
    return ordering(name, sentence, "section 4.2", difference(last, net, other, (-1, 1)), accept=(0, 1))


class Zenke2018Fig5(Figure):
    """Exclusive or of two groups of spikes, with four hidden cells and each feedback, and without a hidden layer.

    Every seed has groups, pauses and first weights of its own.
    """

    title = "Zenke & Ganguli 2018, Figure 5: exclusive or"
    cites = "zenkeganguli2018"
    claims = (
        _perfect(
            "random",
            "random_perfect",
            "With four hidden units and random feedback the net answers all patterns rightly. Share of seeds with 100 "
            "right answers in a row.",
            "zero error in the mean of 20 trials",
            "More than half of the seeds; the paper shows one net.",
        ),
        _perfect(
            "symmetric",
            "symmetric_perfect",
            "So it does with symmetric feedback.",
            "zero error",
            "More than half of the seeds.",
        ),
        _perfect(
            "direct",
            "direct_fails",
            "Without a hidden layer it does not. Share of seeds with 100 right answers in a row.",
            "fails",
            "Fewer than half of the seeds.",
            accept=(0, 0.5),
        ),
        _noisier(
            "random",
            "symmetric",
            "symmetric_less_noisy",
            "Symmetric feedback makes less noise in the end: wrong answers with random less those with symmetric "
            "feedback.",
        ),
        _noisier(
            "uniform",
            "random",
            "uniform_worse",
            "Uniform feedback is worse on average than random feedback: difference of wrong answers.",
        ),
    )

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        task = SpikingXOR(n_patterns=100 if small else 6000)
        nets = {
            name: SpikingLayers(n_layers=1, feedback=name, teacher="answers")
            for name in ("random", "symmetric", "uniform")
        }
        nets["direct"] = SpikingLayers(n_layers=0, teacher="answers")
        return {name: Experiment(task, net) for name, net in nets.items()}

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        rows = []
        for name, some in records.items():
            for seed, record in enumerate(some):
                found = blocks(record)
                ends = np.linspace(0, record.truth["label"].size, found.size + 1)[1:]
                rows.append(pd.DataFrame({PATTERN: ends, ERRORS: found, NET: NETS[name], SEED: seed}))
        return {"errors": pd.concat(rows)}

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        canvas = _style.canvas(_style.TWO_COLUMNS, 60)
        errors = data["errors"]
        shown = [(name, label) for name, label in NETS.items() if label in set(errors[NET])]
        panels = canvas.subplots(1, len(shown), sharey=True)
        for axes, (name, label), text in zip(panels, shown, "abcd", strict=False):
            rows = errors[errors[NET] == label]
            for _, each in rows.groupby(SEED):
                axes.plot(each[PATTERN], each[ERRORS], color=_style.GREY, lw=0.5, alpha=0.7)
            whole = rows.groupby(PATTERN)[ERRORS].mean()
            axes.plot(whole.index, whole, color=COLORS[name], lw=1.4)
            axes.set_title(label.capitalize(), fontsize=7)
            axes.set_xlabel("Pattern")
            axes.set_ylim(0, 1)
            axes.set_xlim(left=0)
            _style.letter(axes, text)
        panels[0].set_ylabel("Share of wrong answers")
        return canvas
