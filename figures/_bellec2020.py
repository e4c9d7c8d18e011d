"""What the figures after Bellec et al. 2020 have in common: what readouts did in every trial."""

from __future__ import annotations

import numpy as np
from brian2 import ms

from brian2learn.circuits.recurrent_readout import RecurrentReadout
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks._task import Task

TRIAL, ITERATION, SEED, LOSS, ERROR, NET, RATE = (
    "trial (1)", "iteration (1)", "seed", "loss (1)", "share of wrong answers (1)", "net", "rate (Hz)",
)  # fmt: skip


def experiment(task: Task, circuit: RecurrentReadout) -> Experiment:
    """In steps of 1 ms, with loss and score of every trial."""
    chunk = circuit.rule.chunk
    return Experiment(task, circuit, dt=1 * ms, record={"out.loss": chunk, "out.score": chunk})


def of_trials(record: Record, name: str) -> np.ndarray:
    """``loss`` or ``score`` of every trial and readout: (n_trials, n_readouts) float."""
    before = record.states[f"out.{name}"].values[1:]  # what a trial begins with is of the one before
    return np.vstack([before, record.final[f"out.{name}"]])


def rate(record: Record, n_cells: int, last: float) -> float:
    """Mean rate of the cells in the last seconds of a run, Hz."""
    return float(np.sum(record.spikes["cells"].t >= record.duration - last) / n_cells / last)
