"""Networks that learn random clicks: what is run, and what their answers are."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import ms, second

from brian2learn.analysis.choice_decoding import counts
from brian2learn.circuits.perturbed_readout import PerturbedReadout
from brian2learn.circuits.recurrent_readout import RecurrentReadout
from brian2learn.core.click_trials import ClickTrials
from brian2learn.plasticity.constant_release import ConstantRelease
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record
from brian2learn.tasks.random_clicks import RandomClicks

from ._bellec2020 import of_trials

BATCH, N_UPDATES = 64, 400
DT = 2 * ms
LONG = 2 * second  # a delay at test, beyond the decay of facilitation


def with_trial(net: RecurrentReadout, task: RandomClicks) -> RecurrentReadout:
    """The net whose trials are the slots of the task."""
    return net.replace(rule=net.rule.replace(chunk=task.trial * second))


def experiment(task: RandomClicks, net: RecurrentReadout, after: Experiment | None = None) -> Experiment:
    """With the score of every trial."""
    return Experiment(task, net, dt=DT, record={"out.score": net.rule.chunk}, after=after)


def training(net: RecurrentReadout, n_updates: int) -> Experiment:
    """Trials in batches, all of them new; their spikes are not kept."""
    return experiment(RandomClicks(n_trials=BATCH * n_updates), net.replace(watched="nothing"))


def held_out(
    trained: Experiment, n_trials: int, *, delay: bool = False, spikes: bool = False, learned: bool = True,
    net: RecurrentReadout | None = None, held: tuple[str, Any, Any] | None = None,
) -> Experiment:  # fmt: skip
    """New trials for a net that learns no more, as it is after training or, unless `learned`, before it.

    Parameters
    ----------
    delay : bool
        Whether the delay is `LONG`.
    net : RecurrentReadout, optional
        Another net with the same weights.
    held : (str, Quantity, Quantity), optional
        What is held at rest, see `PerturbedReadout`; from when in the delay on; how long.
    """
    task = RandomClicks(n_trials=n_trials)
    if delay:
        task = task.replace(low_delay=LONG, high_delay=LONG)
    net = trained.circuit if net is None else net  # type: ignore[assignment]
    assert isinstance(net, RecurrentReadout)
    optimiser = net.rule.optimiser.replace(r0=0)
    frozen = net.replace(rule=net.rule.replace(optimiser=optimiser), watched="spikes" if spikes else "nothing")
    frozen = with_trial(frozen, task)
    if held is not None:
        what, begin, length = held  # a delay of one length begins at one time in the slot
        frozen = PerturbedReadout.of(frozen, held=what, held_from=task.high_duration + begin, held_for=length)
    return experiment(task, frozen, trained if learned else None)


def answers(record: Record) -> np.ndarray:
    """Which side was answered in every trial, 0 or 1."""
    return np.asarray(of_trials(record, "score").argmax(axis=1))


def right(record: Record) -> np.ndarray:
    """Whether each trial was answered rightly."""
    return np.asarray(answers(record) == record.truth["label"])


def clicks(record: Record) -> ClickTrials:
    return ClickTrials.of_truth(record.truth)


def end_of_clicks(record: Record) -> np.ndarray:
    """When the clicks of every trial end and the delay begins, s."""
    return np.asarray(record.truth["onset"] + record.truth["click_duration"])


def cell_counts(record: Record, begins: np.ndarray, length: float, n_cells: int) -> np.ndarray:
    """Spikes of every cell in one window of every trial."""
    t, i = record.spikes["cells"]
    order = np.argsort(t, kind="stable")
    return counts(t[order], i[order], n_cells, begins, length)


def without_release(net: RecurrentReadout) -> RecurrentReadout:
    return net.replace(release=())


def with_constant_release(net: RecurrentReadout, level: float) -> RecurrentReadout:
    """Every spike releases as much, whatever came before."""
    return net.replace(release=(ConstantRelease(level=level),))


def without_facilitation(net: RecurrentReadout) -> RecurrentReadout:
    """The share released falls back at once."""
    (release,) = net.release
    return net.replace(release=(release.replace(tau_fac=1e-3 * ms),))


def mean_release(record: Record, net: RecurrentReadout) -> float:
    """What the synapses among the cells released at a spike, mean of all spikes."""
    (release,), (t, i) = net.release, record.spikes["cells"]
    train = np.floor(t / record.truth["trial"][0] + 1e-9).astype(int) * net.n_cells + i  # each begins at rest
    order = np.lexsort((t, train))
    trains = np.split(t[order], np.flatnonzero(np.diff(train[order])) + 1)
    return float(np.concatenate([release.reference(each) for each in trains]).mean())
