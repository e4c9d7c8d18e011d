"""Masquelier, Guyonneau & Thorpe (2009): the input with several patterns, who codes what, and stacking."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Hz, ms, second

from brian2learn.core.errors import DeclarationError
from brian2learn.figures import _masquelier2009 as shared
from brian2learn.figures import masquelier2009_patterns, masquelier2009_stacking
from brian2learn.figures._masquelier2009 import coding, competing, responses, spacing
from brian2learn.runs.record import Record, Spikes
from brian2learn.runs.simulate import simulate
from brian2learn.tasks import hidden_pattern
from brian2learn.tasks.hidden_patterns import HiddenPatterns

SMALL = HiddenPatterns(n_afferents=200, n_pattern=100, period=15 * second, n_repeats=2)
QUIET = SMALL.replace(noise_rate=0 * Hz, jitter=0 * ms)
LENGTH = 50 * 10**6  # ns


# ---------------------------------------------------------------------- the input


def packed(trains):
    """Date (ns) and afferent of every spike as rows, sorted."""
    rows = np.stack([np.rint(trains.times * 1e9).astype(np.int64), trains.indices], axis=1)
    return rows[np.lexsort(rows.T[::-1])]


def own_trains(task, seed=0):
    """What the afferents emit before a pattern is pasted, with the same random numbers."""
    rng = np.random.default_rng(seed)
    rng.permutation(task._schedule(rng).size)
    members = [rng.permutation(task.n_afferents) for _ in range(task.n_patterns)]
    walk = hidden_pattern._Walk(task, rng)
    for each in members:
        task._cut_of(walk, each < task.n_pattern, np.empty(0, int))
    spikes = np.sort(np.concatenate(list(task._own(walk, np.empty(0, int)))))
    return np.stack([hidden_pattern._dates(spikes), hidden_pattern._indices(spikes)], axis=1)


def test_patterns_are_pasted_exactly_and_nothing_else_changes():
    stimulus = QUIET.draw(np.random.default_rng(0))
    truth = stimulus.truth
    now, before = packed(stimulus.spikes["afferents"]), own_trains(QUIET)
    starts = np.rint(truth["onset"] * 1e9).astype(int)
    shown = dict(zip(starts.tolist(), truth["pattern"].tolist(), strict=True))

    def section(rows, start):
        chosen = rows[(rows[:, 0] >= start) & (rows[:, 0] < start + LENGTH)] - [start, 0]
        return chosen[np.lexsort(chosen.T[::-1])]

    for start in range(0, 15 * 10**9, LENGTH):
        new, old = section(now, start), section(before, start)
        if start not in shown:
            np.testing.assert_array_equal(new, old)
            continue
        number = truth["pattern_number"] == shown[start]
        wanted = np.stack([np.rint(truth["pattern_time"] * 1e9).astype(int), truth["pattern_index"]], axis=1)[number]
        member = truth["in_pattern"][shown[start]]
        np.testing.assert_array_equal(new[member[new[:, 1]]], wanted[np.lexsort(wanted.T[::-1])])
        np.testing.assert_array_equal(new[~member[new[:, 1]]], old[~member[old[:, 1]]])


def test_patterns_share_out_the_slots_and_choose_their_afferents():
    truth = SMALL.draw(np.random.default_rng(0)).truth
    assert truth["onset"].size == truth["pattern"].size == 200  # a third of 300 sections, twice
    assert np.bincount(truth["pattern"]).tolist() == [68, 66, 66]
    np.testing.assert_array_equal(truth["pattern"][:100], truth["pattern"][100:])
    assert not np.array_equal(truth["pattern"][:-1], np.sort(truth["pattern"][:-1]))
    member = truth["in_pattern"]
    assert member.sum(1).tolist() == [100, 100, 100]
    overlap = np.sum(member[0] & member[1])
    assert 30 < overlap < 70  # 50 on average, SD 3.5
    assert all(member[k][truth["pattern_index"][truth["pattern_number"] == k]].all() for k in range(3))


def test_rate_is_the_same_inside_and_outside():
    stimulus = SMALL.replace(n_afferents=1000, n_pattern=500, period=30 * second).draw(np.random.default_rng(0))
    times, onsets = stimulus.spikes["afferents"].times, stimulus.truth["onset"][:200]
    inside = np.searchsorted(times, onsets + 0.05) - np.searchsorted(times, onsets)
    assert inside.mean() / 0.05 / 1000 == pytest.approx(64, abs=2)
    assert (times.size - inside.sum()) / 20 / 1000 == pytest.approx(64, abs=0.5)


def test_without_slots_there_is_no_pattern():
    stimulus = QUIET.replace(pattern_share=0.0).draw(np.random.default_rng(0))
    assert stimulus.truth["onset"].size == stimulus.truth["pattern_index"].size == 0
    assert not stimulus.truth["in_pattern"].any()


def test_more_patterns_than_slots_are_refused():
    with pytest.raises(DeclarationError, match=r"HiddenPatterns\.n_patterns .* there are slots, 100, got 101"):
        SMALL.replace(n_patterns=101)


# ---------------------------------------------------------------------- who codes what, by hand


def record_of(answers, *, n_patterns=2, alarms=()):
    """A run of 30 s with a presentation every 0.2 s, the patterns in turn.

    `answers` gives the latency in s of each (cell, pattern), and `alarms` a number of false alarms in the last 10 s for
    each cell.
    """
    onsets = np.arange(150) * 0.2
    shown = np.arange(150) % n_patterns
    n_cells = 3
    t = [onsets[shown == pattern] + late for (_, pattern), late in answers.items()]
    i = [np.full(each.size, cell) for (cell, _), each in zip(answers, t, strict=True)]
    for cell, n in enumerate(alarms):
        t.append(20.15 + np.arange(n) * 0.2)
        i.append(np.full(n, cell))
    t, i = np.concatenate(t), np.concatenate(i).astype(np.int32)
    order = np.argsort(t)
    return Record(
        key="0" * 64,
        info={"duration": 30.0, "seed": 0, "experiment": {"circuit": {"n_cells": n_cells}}},
        spikes={"cells": Spikes(t[order], i[order])},
        states={},
        final={},
        truth={
            "onset": onsets, "pattern": shown.astype(np.int32), "pattern_length": np.array(0.05),
            "in_pattern": np.ones((n_patterns, 5), bool),
        },
    )  # fmt: skip


def test_responses_by_hand():
    record = record_of({(0, 0): 0.006, (1, 0): 0.017, (2, 1): 0.004}, alarms=(0, 3))
    found = {(each.cell, each.pattern): each for each in responses(record)}
    assert len(found) == 6
    assert found[0, 0].hit_rate == 1
    assert found[0, 0].latency == pytest.approx(6)
    assert found[0, 1].hit_rate == 0
    assert np.isnan(found[0, 1].latency)
    assert found[1, 0].false_alarm_rate == pytest.approx(0.3)
    assert [(each.cell, each.pattern) for each in responses(record) if each.codes] == [(0, 0), (1, 0), (2, 1)]
    assert [each.cell for each in coding(record, 0)] == [0, 1]
    assert spacing(record) == pytest.approx(11)


def test_a_cell_that_never_stops_codes_nothing():
    record = record_of({(0, 0): 0.006}, n_patterns=1, alarms=(50,))
    assert responses(record)[0].hit_rate == 1
    assert coding(record, 0) == []
    assert spacing(record) is None


def test_spacing_is_the_mean_over_patterns():
    record = record_of({(0, 0): 0.005, (1, 0): 0.015, (1, 1): 0.030, (2, 1): 0.010})
    assert spacing(record) == pytest.approx((10 + 20) / 2)
    assert masquelier2009_patterns.n_covered(record) == 2
    assert masquelier2009_patterns.patterns_of_cells(record)[:3].tolist() == [1, 2, 1]


def test_growth_is_the_slope_over_the_inhibition():
    records = {
        masquelier2009_stacking.name_of(strength): [
            record_of({(0, 0): 0.005, (1, 0): 0.010 + slope * strength}, n_patterns=1) for slope in (0.01, 0.03)
        ]
        for strength in masquelier2009_stacking.STRENGTHS
    }
    found = masquelier2009_stacking.growth(records)
    assert found.value == pytest.approx(20)
    assert found.n == 2


# ---------------------------------------------------------------------- the model


@pytest.mark.slow
def test_without_inhibition_all_cells_learn_the_same_part():
    record = simulate(competing(1, 3, 0.0), 0)
    found = coding(record, 0)
    assert len(found) == 3
    assert found[-1].latency - found[0].latency < 1
    assert max(each.false_alarm_rate for each in found) == 0


@pytest.mark.slow
def test_inhibition_stacks_the_cells():
    """The spacing with 0.25 thresholds is about 10 ms; of cells that learn the same part it is below 1 ms."""
    record = simulate(competing(1, 3), 0)
    assert len(coding(record, 0)) >= 2
    assert spacing(record) > 5


@pytest.mark.full
def test_nine_cells_share_out_three_patterns():
    for seed in range(2):
        record = simulate(competing(3, 9), seed)
        assert masquelier2009_patterns.patterns_of_cells(record).max() == 1
        assert masquelier2009_patterns.n_covered(record) == 3


def test_small_runs_are_a_fifteenth():
    assert float(competing(3, 9, small=True).task.period) == 15
    assert float(competing(1, 3).task.duration) == 225
    assert competing(3, 9).circuit.cell.theta == shared.THETA == 550
