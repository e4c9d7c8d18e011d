"""What is known of Masquelier, Guyonneau & Thorpe (2008) at paper size, failures included. Seeds are 0, 1, 2, …"""

import numpy as np
import pytest
from _helpers import rest_slow
from brian2 import ms, second

from brian2learn.analysis.intervals import mean, share
from brian2learn.analysis.weights import potentiated
from brian2learn.figures._masquelier2008 import detection, scored, spikes_of, standard
from brian2learn.runs.simulate import simulate

STANDARD = standard().replace(record={})


def ran(experiment, duration, seeds, **task):
    """Records of a shorter run, drawn once."""
    shorter = experiment.replace(task=experiment.task.replace(period=duration * second, n_repeats=1, **task))
    return [simulate(shorter, seed) for seed in seeds]


def with_rule(**changes):
    return STANDARD.replace(circuit=STANDARD.circuit.replace(rule=STANDARD.circuit.rule.replace(**changes)))


def test_first_second_is_at_63_hz():
    """The spread between seeds is about 0.4 Hz: with 10, a rate off by 1.2 Hz would be caught nearly always."""
    rate = mean([np.sum(spikes_of(record) < 1) for record in ran(STANDARD, 1, range(10))])
    assert 62 <= rate.low <= rate.high <= 64


def test_pattern_is_found_within_50_s():
    for record in ran(STANDARD, 50, range(2)):
        found = scored(record, 40, 50)
        assert found.hit_rate > 0.9
        assert found.n_false_alarms == 0


def test_without_a_pattern_the_cell_falls_silent():
    for record in ran(STANDARD, 60, range(2), pattern_share=0.0):
        assert np.sum(spikes_of(record) < 1) > 55
        assert np.sum(spikes_of(record) > 50) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("pairing", rest_slow(["all_to_all", "nearest"]))
def test_other_pairings_silence_the_cell(pairing):
    """The replication's Fig 7A: with the paper's numbers only reduced nearest-neighbour pairing learns."""
    for record in ran(with_rule(pairing=pairing), 5, range(2)):
        assert np.sum(spikes_of(record) < 1) < 30
        assert np.sum(spikes_of(record) > 3) <= 1


@pytest.mark.slow
def test_a_time_step_of_1_ms_runs_away_if_ties_count_as_pre_first():
    """The replication's finding: all weights grow. It is the ties that do it; see the next test."""
    for record in ran(with_rule(ties="pre_first").replace(dt=1 * ms), 20, range(2)):
        assert record.final["plastic.w"].mean() > 0.9


@pytest.mark.slow
def test_a_time_step_of_1_ms_learns_if_ties_count_as_the_mean():
    for record in ran(STANDARD.replace(dt=1 * ms), 50, range(2)):
        assert scored(record, 40, 50).hit_rate > 0.9
        assert record.final["plastic.w"].mean() < 0.25


@pytest.mark.full
def test_success_over_seeds():
    """96 % in the paper, 90 % when its code was run again, 94 % in the replication."""
    records = [simulate(STANDARD, seed) for seed in range(10)]
    n_success = sum(detection(record).success() for record in records)
    assert share(n_success, 10).high >= 0.9
    assert n_success >= 6  # with a true share of 0.9, fewer than 6 come in 0.2 % of cases
    for record in records:
        if detection(record).success():
            count = potentiated(record.final["plastic.w"], record.truth["in_pattern"])
            assert count.n_outside == 0
            assert 200 < count.n_inside < 450
