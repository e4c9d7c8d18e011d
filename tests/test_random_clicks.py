"""Random clicks: the trials themselves, what the tasks promise about them, and their statistics."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Hz, ms, second
from scipy import stats

from brian2learn.core.click_trials import ClickTrials
from brian2learn.core.errors import DeclarationError
from brian2learn.tasks.parallel_clicks import ParallelClicks
from brian2learn.tasks.random_clicks import RandomClicks

LEVEL = 0.001  # chance that a correct program fails a statistical test


def drawn(task, seed=0):
    return task.draw(np.random.default_rng(seed))


def trials_of(task, seed=0):
    return ClickTrials.of_truth(drawn(task, seed).truth)


def fixed(gamma, duration=1.0, n=2000, **more):
    """Trials of one length and one gamma, above 0: on the right."""
    same = {"low_gamma": gamma, "high_gamma": gamma, "n_gammas": 1, "p_right": 1, "answer": "rate"}
    lengths = {"low_duration": duration * second, "high_duration": duration * second}
    return ParallelClicks(n_trials=n, **same, **lengths, **more)


def same_trials(one, other):
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in vars(one))


# ---------------------------------------------------------------------- trials

TWO = ClickTrials.of_sides([[0, 0.1], []], [[0, 0.05, 0.1], [0.2]], [0.3, 0.4], [1, -1])


def test_trials_from_two_sides():
    assert TWO.times.tolist() == [0, 0, 0.05, 0.1, 0.1, 0.2]
    assert TWO.right.tolist() == [False, True, True, False, True, True]
    assert TWO.offsets.tolist() == [0, 5, 6]
    assert TWO.trial.tolist() == [0, 0, 0, 0, 0, 1]
    assert TWO.counts.tolist() == [[2, 3], [0, 1]]
    assert TWO.difference.tolist() == [1, 1]
    assert len(TWO) == 2


def test_trials_come_back_from_their_truth():
    assert same_trials(ClickTrials.of_truth(TWO.truth), TWO)


def test_some_of_the_trials():
    assert same_trials(TWO.pick([1, 0]).pick([1, 0]), TWO)
    assert same_trials(TWO.pick([True, False]), ClickTrials.of_sides([[0, 0.1]], [[0, 0.05, 0.1]], [0.3], [1]))


def test_trials_on_a_grid():
    fine = ClickTrials.of_sides([[0, 0.0019, 0.0021]], [[0, 0.0011, 0.0018, 0.00299999999]], [0.0035], [1])
    grid = fine.on_grid(1e-3)
    np.testing.assert_allclose(grid.times, [0, 0, 0.001, 0.001, 0.002, 0.003])
    assert grid.right.tolist() == [False, True, False, True, False, True]
    np.testing.assert_allclose(grid.duration, [0.003])
    assert same_trials(grid.on_grid(1e-3), grid)


@pytest.mark.parametrize(
    ("left", "right", "duration", "gamma", "message"),
    [
        (
            [[0.1]],
            [[0.4]],
            [0.3],
            [1],
            r"times \(click times, s\): expected times from 0 to 0.3 s, got 0.4 s in trial 0",
        ),
        ([[], [-0.1]], [[], []], [0.3, 0.3], [1, 1], r"times .*expected times from 0 to 0.3 s, got -0.1 s in trial 1"),
        ([[0.2, 0.1]], [[]], [0.3], [1], r"left .*expected ascending times, got 0.2 before 0.1 s in trial 0"),
        ([[]], [[0.1, np.nan]], [0.3], [1], r"times .*expected finite times, got nan in trial 0"),
        ([[]], [[]], [np.nan], [1], r"duration .*expected finite values, got nan in trial 0"),
        ([[], []], [[], []], [0.1, 0], [1, 1], r"duration .*expected more than 0 s, got 0.0 s in trial 1"),
        ([[]], [[]], [0.1], [np.inf], r"gamma .*expected finite values, got inf in trial 0"),
        ([], [], [], [], r"duration .*expected at least one trial, got none"),
        ([[]], [[], []], [0.1], [1], r"right .*expected as many trials as on the left, 1, got 2"),
        ([[]], [[]], [0.1], [1, 2], r"gamma .*expected 1 values, got 2"),
        ([[[0.1, 0.2]]], [[]], [0.3], [1], r"left .*got an array of shape \(1, 2\)"),
    ],
)
def test_bad_trials_are_refused(left, right, duration, gamma, message):
    with pytest.raises(DeclarationError, match=rf"ClickTrials\.{message}"):
        ClickTrials.of_sides(left, right, duration, gamma)


def test_offsets_and_order_are_checked():
    with pytest.raises(
        DeclarationError, match=r"offsets .*expected ascending numbers from 0 to the 1 clicks, got 0 to 2"
    ):
        ClickTrials([0.1], [True], [0, 2], [1.0], [1.0])
    with pytest.raises(DeclarationError, match=r"times .*got 0.2 before 0.1 s in trial 0"):
        ClickTrials([0.2, 0.1], [True, False], [0, 2], [1.0], [1.0])


# ---------------------------------------------------------------------- statistics


@pytest.mark.parametrize(("gamma", "rates"), [(1, (29.2, 10.8)), (2, (35.2, 4.8)), (3, (38.1, 1.9))])
def test_rates_of_gamma(gamma, rates):
    """Printed rates to their last digit, and Poisson counts around them; the pair at the onset comes on top."""
    share = 1 / (1 + np.exp(-gamma))
    assert (round(40 * share, 1), round(40 * (1 - share), 1)) == rates
    counts = trials_of(fixed(gamma)).counts - 1
    for found, rate in zip(counts.T[::-1], (40 * share, 40 * (1 - share)), strict=True):
        assert abs(found.mean() - rate) < stats.norm.isf(LEVEL / 2) * np.sqrt(rate / found.size)
        dispersion = ((found - rate) ** 2).sum() / rate
        assert LEVEL / 2 < stats.chi2.sf(dispersion, found.size) < 1 - LEVEL / 2


def test_clicks_come_at_any_time():
    trials = trials_of(fixed(1, stereo="none"))
    assert stats.kstest(trials.times, "uniform").pvalue > LEVEL
    gaps = np.diff(trials.times)[np.diff(trials.trial) == 0]
    early = trials.times[:-1][np.diff(trials.trial) == 0] < 0.7  # else long gaps are cut off by the end
    assert stats.kstest(np.minimum(gaps[early], 0.3) * 40, stats.expon.cdf).pvalue > LEVEL


def test_the_pair_at_the_onset():
    trials = trials_of(ParallelClicks(n_trials=200))
    first = trials.offsets[:-1]
    assert not trials.times[first].any()
    assert not trials.times[first + 1].any()
    assert not trials.right[first].any()
    assert trials.right[first + 1].all()
    assert np.sum(trials.times == 0) == 400


@pytest.mark.parametrize(
    ("gamma", "duration", "share"),
    [(1, 0.1, 0.820), (1, 0.3, 0.950), (1, 0.5, 0.984), (1, 1.0, 0.999), (2, 0.1, 0.945), (2, 0.3, 0.998),
     (3, 0.1, 0.978)],
)  # fmt: skip
def test_the_ideal_counter(gamma, duration, share):
    """More clicks on the side of gamma, ties half: the printed shares, and 20,000 trials, against the exact ones."""
    rates = 40 * duration / (1 + np.exp([-gamma, gamma]))
    exact = stats.skellam.sf(0, *rates) + 0.5 * stats.skellam.pmf(0, *rates)
    assert exact == pytest.approx(share, abs=0.005)
    difference = trials_of(fixed(gamma, duration, n=20_000)).difference
    found = (difference > 0) + 0.5 * (difference == 0)
    assert abs(found.mean() - exact) < stats.norm.isf(LEVEL / 2) * stats.sem(found)


def test_the_standard_mix():
    """Ideal counter 0.988 by the side of gamma, ties half; a counter of the inputs' spikes 0.998 by more clicks."""
    mixed = trials_of(ParallelClicks(n_trials=20_000, answer="rate"))
    right = mixed.difference * np.sign(mixed.gamma)
    assert np.mean((right > 0) + 0.5 * (right == 0)) == pytest.approx(0.988, abs=0.003)
    assert mixed.duration.min() >= 0.1
    assert stats.kstest(mixed.duration, "uniform", (0.1, 0.9)).pvalue > LEVEL
    assert stats.chisquare(np.unique(mixed.gamma, return_counts=True)[1]).pvalue > LEVEL
    task = RandomClicks(n_trials=5000, n_go=0, n_noise=0)
    stimulus = drawn(task)
    inputs = stimulus.spikes["inputs"]
    trial = (inputs.times / task.trial).astype(int)
    counts = np.bincount(2 * trial + inputs.indices // 20, minlength=10_000).reshape(-1, 2)
    found = (counts[:, 1] > counts[:, 0]) + 0.5 * (counts[:, 1] == counts[:, 0])
    assert np.mean(np.where(stimulus.truth["label"], found, 1 - found)) == pytest.approx(0.998, abs=0.003)


def test_ties():
    short = {"n_trials": 500, "low_duration": 10 * ms, "high_duration": 100 * ms}
    again = drawn(ParallelClicks(**short))
    trials = ClickTrials.of_truth(again.truth)
    assert np.all(trials.difference != 0)
    np.testing.assert_array_equal(again.truth["label"], trials.difference > 0)
    coin = drawn(ParallelClicks(**short, answer="clicks_or_coin"))
    difference = ClickTrials.of_truth(coin.truth).difference
    assert np.sum(difference == 0) > 50
    assert stats.binomtest(int(coin.truth["label"][difference == 0].sum()), int(np.sum(difference == 0))).pvalue > LEVEL
    np.testing.assert_array_equal(coin.truth["label"][difference != 0], difference[difference != 0] > 0)
    rate = drawn(ParallelClicks(**short, answer="rate"))
    np.testing.assert_array_equal(rate.truth["label"], rate.truth["click_gamma"] > 0)


def test_clicks_in_slots():
    task = RandomClicks.preset("cues", n_trials=2000)
    stimulus = drawn(task)
    trials = ClickTrials.of_truth(stimulus.truth)
    np.testing.assert_allclose(trials.times.reshape(2000, 7), np.tile(0.15 * (np.arange(7) + 0.5), (2000, 1)))
    assert np.all(trials.difference % 2 == 1)
    on_side = trials.right == (trials.gamma[trials.trial] > 0)
    assert stats.binomtest(int(on_side.sum()), on_side.size, 0.7).pvalue > LEVEL
    assert task.trial == pytest.approx(2.25)


# ---------------------------------------------------------------------- how they are played


def test_parallel_trials():
    task = ParallelClicks(n_trials=50)
    stimulus = drawn(task)
    trials = ClickTrials.of_truth(stimulus.truth)
    played, stops = stimulus.spikes["clicks"], stimulus.spikes["stops"]
    for k in range(50):
        for side in (0, 1):
            mine = slice(*trials.offsets[k : k + 2])
            np.testing.assert_array_equal(
                played.times[played.indices == 2 * k + side], trials.times[mine][trials.right[mine] == side]
            )
    np.testing.assert_array_equal(stops.times[np.argsort(stops.indices)], trials.duration)
    assert task.duration == pytest.approx(1.01)


def test_trials_for_a_network():
    """Each ends with its slot; clicks, delay and answer follow each other; nothing fires before the onset."""
    task = RandomClicks(n_trials=300, p_spike=1)
    stimulus = drawn(task)
    truth, inputs, targets = stimulus.truth, stimulus.spikes["inputs"], stimulus.spikes["targets"]
    trials = ClickTrials.of_truth(truth)
    ends = 1.65 * np.arange(1, 301)
    np.testing.assert_allclose(truth["onset"] + trials.duration + truth["delay"] + 0.15, ends, atol=1e-9)
    assert stats.kstest(truth["delay"], "uniform", (0.3, 0.2)).pvalue > LEVEL
    np.testing.assert_allclose(targets.times, ends - 0.15)
    np.testing.assert_array_equal(targets.indices, truth["label"])
    trial = np.searchsorted(ends, inputs.times, side="right")
    since = inputs.times - truth["onset"][trial]
    assert since.min() >= 0
    group = np.digitize(inputs.indices, [20, 40, 50])
    for side in (0, 1):  # every click in all inputs of its side, and nothing else
        for neuron in (0, 19):
            mine = inputs.indices == 20 * side + neuron
            np.testing.assert_allclose(np.sort(since[mine]), np.sort(trials.times[trials.right == side]), atol=1e-9)
    until = (ends[trial] - inputs.times)[group == 2]
    assert until.max() <= 0.15
    assert stats.kstest(until / 0.15, "uniform").pvalue > LEVEL
    for which, expected in ((2, 10 * 50 * 0.15 * 300), (3, 10 * 10 * np.sum(ends - truth["onset"]))):
        assert abs(np.sum(group == which) - expected) < stats.norm.isf(LEVEL / 2) * np.sqrt(expected)


def test_half_of_the_inputs_fire_at_a_click():
    task = RandomClicks(n_trials=200, n_go=0, n_noise=0)
    stimulus = drawn(task)
    n = 20 * ClickTrials.of_truth(stimulus.truth).times.size
    assert stats.binomtest(stimulus.spikes["inputs"].times.size, n, 0.5).pvalue > LEVEL
    assert stats.chisquare(np.bincount(stimulus.spikes["inputs"].indices % 20)).pvalue > LEVEL


@pytest.mark.parametrize(
    ("cls", "values", "name"),
    [
        (ParallelClicks, {"low_gamma": 4}, "high_gamma"),
        (RandomClicks, {"low_duration": 2 * second}, "high_duration"),
        (RandomClicks, {"n_gammas": 1}, "n_gammas"),
        (ParallelClicks, {"low_gamma": 3}, "n_gammas"),
        (RandomClicks, {"low_delay": 1 * second}, "high_delay"),
        (RandomClicks, {"timing": "slots", "rate": 5 * Hz}, "low_duration"),
    ],
)
def test_what_does_not_go_together_is_refused(cls, values, name):
    with pytest.raises(DeclarationError) as caught:
        cls(**values)
    assert (caught.value.where, caught.value.name) == (cls.__name__, name)
