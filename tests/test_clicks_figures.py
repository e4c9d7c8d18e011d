"""What the figure of the networks for random clicks measures, by hand, and what it runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from brian2 import ms, second

from brian2learn.circuits import PerturbedReadout, RecurrentReadout
from brian2learn.figures import cosyne2019
from brian2learn.figures._clicks_networks import LONG, clicks, held_out, mean_release, right, training
from brian2learn.plasticity import RelativeTsodyksMarkram
from brian2learn.runs.record import Record, Spikes, States
from brian2learn.tasks import RandomClicks

NET = RecurrentReadout.preset("clicks_facilitating")


def record_of(task, wrong=(), spikes=((), ())):
    """Answers are right but in some trials."""
    truth = task.draw(np.random.default_rng(0)).truth
    answer = truth["label"] ^ np.isin(np.arange(task.n_trials), wrong)
    score = np.stack([1.0 - answer, answer], axis=1)
    before = np.vstack([np.zeros((1, 2)), score[:-1]])  # at the beginning of a trial, that of the one before
    t, i = (np.asarray(each, float) for each in spikes)
    return Record(
        key="0" * 64, info={"duration": task.duration}, spikes={"cells": Spikes(t, i.astype(np.int32))},
        states={"out.score": States(task.trial * np.arange(task.n_trials), before)},
        final={"out.score": score[-1]}, truth=truth,
    )  # fmt: skip


def test_answers_and_how_they_rise_with_the_length_of_trials():
    task = RandomClicks(n_trials=300)
    long = clicks(record_of(task)).duration >= 0.8
    record = record_of(task, wrong=np.flatnonzero(long)[:6])
    assert right(record).sum() == 294
    found = cosyne2019.accuracy("facilitating")({"facilitating_test": [record]})
    assert found.value == pytest.approx(0.98)
    longer, stronger = (
        next(each.measure for each in cosyne2019.Cosyne2019.claims if each.name == f"{name}_is_better")
        for name in ("longer", "stronger")
    )
    assert longer({"facilitating_test": [record]}).value == pytest.approx(-6 / long.sum())
    weak = np.abs(clicks(record).gamma) == 1
    record = record_of(task, wrong=np.flatnonzero(weak)[:9])
    assert stronger({"facilitating_test": [record]}).value == pytest.approx(9 / weak.sum())
    record = record_of(task, wrong=np.flatnonzero(long)[:6])
    other = record_of(task, wrong=range(60))
    lost = cosyne2019.lost("uniform")({"facilitating_test": [record], "uniform": [other]})
    assert lost.value == pytest.approx(54 / 300)


def test_a_net_is_compared_with_the_average_rat_at_its_worst_duration():
    task = RandomClicks(n_trials=300)
    duration = clicks(record_of(task)).duration
    one, all_right = (duration >= 0.4) & (duration < 0.6), record_of(task)
    model = replace(
        all_right, final={"cells.went_right": (clicks(all_right).difference > 0) ^ (duration < 0.2).astype(bool)}
    )  # wrong below 0.2 s
    found = cosyne2019.above_the_rat({"adaptive_test": [all_right], "model": [model]})
    assert found.value == 0  # equal but there
    worse = record_of(task, wrong=np.flatnonzero(one)[:5])
    found = cosyne2019.above_the_rat({"adaptive_test": [worse], "model": [model]})
    assert found.value == pytest.approx(-5 / one.sum())


def test_cells_that_tell_the_answer_at_the_end_of_the_delay():
    """Of two cells that fire one tells the side, in the last 0.2 s of the delay; the other fires in it at random."""
    task = RandomClicks(n_trials=40, low_delay=LONG, high_delay=LONG)
    truth = record_of(task).truth
    cue = task.trial * np.arange(1, 41) - 0.15
    side = np.flatnonzero(truth["label"] == 1)
    rng = np.random.default_rng(1)
    by_chance = np.flatnonzero(rng.random(40) < 0.5)
    t = np.concatenate([cue[side] - 0.1, cue[side] - 0.05, cue[by_chance] - 0.19, cue[side] - 0.21, cue[side] + 0.01])
    i = np.repeat([0, 0, 1, 2, 3], [side.size, side.size, by_chance.size, side.size, side.size])
    order = np.argsort(t)
    record = record_of(task, spikes=(t[order], i[order]))
    assert cosyne2019.told_by_cells({"long": [record]}).value == pytest.approx(0.01)  # of 100 cells
    assert cosyne2019.decoded_at_the_end({"long": [record]}).value == 1


def test_the_mean_of_what_spikes_release_begins_anew_in_every_trial():
    task = RandomClicks(n_trials=3)
    train = np.array([0.1, 0.15, 0.3])
    t = np.concatenate([train, train + 2 * task.trial, [0.2]])
    order = np.argsort(t)
    record = record_of(task, spikes=(t[order], np.array([5, 5, 5, 5, 5, 5, 7])[order]))
    (release,) = NET.release
    assert isinstance(release, RelativeTsodyksMarkram)
    expected = (2 * release.reference(train).sum() + 1.97) / 7
    assert mean_release(record, NET) == pytest.approx(expected, rel=1e-12)


def test_what_is_held_is_held_within_the_delay():
    """A delay of one length begins when the clicks end, at one time in every slot."""
    learn = training(NET, 1)
    found = held_out(learn, 10, delay=True, held=("cells", 1 * second, 300 * ms))
    assert isinstance(found.circuit, PerturbedReadout)
    assert found.after == learn
    truth = found.task.draw(np.random.default_rng(0)).truth
    begin = truth["onset"] + truth["click_duration"] - truth["trial"] * np.arange(10)
    np.testing.assert_allclose(begin, float(found.circuit.held_from) - 1)
    assert found.circuit.rule.chunk == 3150 * ms
    whole = held_out(learn, 10, delay=True, held=("cells", 0 * second, LONG)).circuit
    assert float(whole.held_from + whole.held_for) == pytest.approx(3.15 - 0.15)
