"""Psychometric curves, shares in bins, and kernels, against what choices were drawn from."""

from __future__ import annotations

import os

import numpy as np
import pytest
from brian2 import ms, second
from scipy import stats
from scipy.special import expit

from brian2learn.analysis.accumulator_model import AccumulatorModel
from brian2learn.analysis.click_kernels import excess_rate, logistic_kernel
from brian2learn.analysis.psychometric import CORES, in_bins, psychometric
from brian2learn.analysis.rat_clicks import read_rat
from brian2learn.circuits.accumulator import Accumulator
from brian2learn.core.click_trials import ClickTrials
from brian2learn.core.errors import DeclarationError
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.simulate import simulate
from brian2learn.tasks.parallel_clicks import ParallelClicks

LEVEL = 0.001  # chance that a correct program fails a statistical test
TENTHS = np.linspace(0, 1, 11)


# ---------------------------------------------------------------------- psychometric curves


@pytest.mark.parametrize("core", CORES)
def test_a_known_curve_is_recovered(core):
    rng = np.random.default_rng(0)
    x = rng.integers(-20, 21, 20_000).astype(float)
    truth = {"threshold": 1.5, "width": 4.0, "lapse_low": 0.05, "lapse_high": 0.12}
    chosen = rng.random(x.size) < 0.05 + 0.83 * CORES[core]((x - 1.5) / 4)
    found = psychometric(x, chosen, core)
    steepest = 0.25 if core == "logistic" else 1 / np.sqrt(2 * np.pi)
    for name, value in {**truth, "slope": 0.83 * steepest / 4}.items():
        interval = found.intervals[name]
        spread = (interval.high - interval.low) / 2 / 1.96
        assert abs(interval.value - value) < stats.norm.isf(LEVEL / 10) * spread, name
        assert spread < 0.15 * max(value, 0.2), name
    np.testing.assert_allclose(
        found([-20, 1.5, 20]), 0.05 + 0.83 * CORES[core](np.array([-5.375, 0, 4.625])), atol=0.02
    )


def test_intervals_hold_the_truth():
    """100 fits of 1000 choices: each 95 % interval holds the truth as often as it should, by the binomial."""
    held = {"threshold": 0, "width": 0, "lapse_low": 0, "lapse_high": 0}
    truth = {"threshold": 0.5, "width": 3.0, "lapse_low": 0.1, "lapse_high": 0.15}
    for seed in range(100):
        rng = np.random.default_rng(seed)
        x = rng.integers(-30, 31, 1000).astype(float)
        found = psychometric(x, rng.random(1000) < 0.1 + 0.75 * expit((x - 0.5) / 3))
        for name, value in truth.items():
            held[name] += found.intervals[name].low <= value <= found.intervals[name].high
    for name, n in held.items():
        assert stats.binom.ppf(LEVEL, 100, 0.92) <= n <= stats.binom.ppf(1 - LEVEL, 100, 0.98), name


def test_a_curve_without_lapses_and_one_without_slope():
    x = np.repeat([-2.0, -1, 0, 1, 2], 100)
    found = psychometric(x, x > 0)
    assert found([-2, 2]) == pytest.approx([0, 1], abs=0.01)
    rng = np.random.default_rng(0)
    flat = psychometric(x, rng.random(500) < 0.5)
    assert flat([-2, 2]) == pytest.approx([0.5, 0.5], abs=0.15)


def test_the_units_of_the_stimulus_do_not_matter():
    rng = np.random.default_rng(0)
    x = rng.normal(size=2000)
    chosen = rng.random(2000) < expit(x)
    one, other = psychometric(x, chosen), psychometric(1000 * x, chosen)
    for name, factor in {"threshold": 1e3, "width": 1e3, "slope": 1e-3, "lapse_low": 1}.items():
        assert other.intervals[name].value == pytest.approx(factor * one.intervals[name].value, rel=1e-3, abs=1e-3)


def test_shares_in_bins():
    table = in_bins([0, 1, 1, 2, 3, 5], [0, 1, 0, 1, 1, 1], [0, 2, 3, 4, 5])
    assert table["n"].tolist() == [3, 1, 1, 1]
    assert table["share"].tolist() == pytest.approx([1 / 3, 1, 1, 1])
    assert table["x"].tolist() == pytest.approx([2 / 3, 2, 3, 5])
    assert table["low"].tolist() == [0, 2, 3, 4]
    assert np.all(table["share_low"] < table["share"])


@pytest.fixture(scope="module")
def rat():
    """The behaviour of the rat whose data are beside the clone."""
    return read_rat(os.environ["BRIAN2LEARN_RAT"])


def test_the_rat_lapses(rat):
    found = psychometric(rat.trials.difference, rat.went_right).intervals
    for name in ("lapse_low", "lapse_high"):
        assert 0.1 < found[name].low < found[name].value < found[name].high < 0.3
    assert 0.01 < found["slope"].value < 0.05


# ---------------------------------------------------------------------- kernels


def trials_of(n, seed=0, **more):
    task = ParallelClicks(n_trials=n, low_duration=1 * second, answer="rate", **more)
    return ClickTrials.of_truth(task.draw(np.random.default_rng(seed)).truth)


def test_the_excess_of_a_few_trials_by_hand():
    """Two trials to the right and one to the left at gamma 0, so that no clicks are expected of either side."""
    trials = ClickTrials.of_sides([[0.3], [], [0.1, 0.2, 0.7]], [[0.1], [0.2, 0.6], []], [1, 1, 0.9], [0, 0, 0])
    found = excess_rate(trials, [True, True, False], [0, 0.5, 1])
    assert found["n"].tolist() == [3, 2]
    assert found["right"].tolist() == [1, 1]
    assert found["left"].iloc[0] == -4
    assert found["kernel"].iloc[0] == 2.5
    assert np.isnan(found["left"].iloc[1])
    assert excess_rate(trials.pick([0]), [True], [0, 1])["right"].item() == 0


def test_no_excess_without_a_choice():
    """Choices by a coin weigh nothing; nor does the rate of gamma, which is taken off."""
    trials = trials_of(20_000)
    found = excess_rate(trials, np.random.default_rng(1).random(20_000) < 0.5, TENTHS)
    assert stats.chi2.sf(((found["kernel"] / found["sem"]) ** 2).sum(), 10) > LEVEL
    whole = (found["right"] + found["left"]) / 2  # both choices: as many as expected
    assert abs(whole).max() < 4.5 * np.sqrt(40 / 0.1 / 20_000)


def test_weights_of_a_logistic_observer_are_recovered():
    trials = trials_of(10_000)
    truth = np.linspace(0.02, 0.2, 10)
    sign = np.where(trials.right, 1, -1)
    evidence = np.bincount(trials.trial, sign * truth[(trials.times * 10).astype(int).clip(0, 9)], len(trials))
    found = logistic_kernel(trials, np.random.default_rng(1).random(len(trials)) < expit(0.3 + evidence), TENTHS)
    assert stats.chi2.sf((((found["weight"] - truth) / found["sem"]) ** 2).sum(), 10) > LEVEL
    assert found["sem"].max() < 0.03


def test_a_leaky_observer_weighs_late_clicks_more():
    """Weights fall by the leak with the time before the end; small differences keep the curve straight."""
    trials = trials_of(20_000, low_gamma=0.1, high_gamma=0.1, n_gammas=1)
    model = AccumulatorModel(lam=-5, B=np.inf, phi=1, sigma_s2=4, sigma_i2=0, lapse=0)
    chosen = np.random.default_rng(1).random(20_000) < model.p_right(trials)
    last = logistic_kernel(trials, chosen, TENTHS)[-5:]
    error = last["sem"] / last["weight"]
    (slope, _), covariance = np.polyfit(last["high"], np.log(last["weight"]), 1, w=1 / error, cov="unscaled")
    assert abs(slope - 5) < stats.norm.isf(LEVEL / 2) * np.sqrt(covariance[0, 0])
    assert np.sqrt(covariance[0, 0]) < 0.5


@pytest.mark.slow
def test_kernels_of_the_average_rat_and_of_a_perfect_integrator():
    """300,000 trials of 1 s: the first bin of the rat is low, then it is flat; the integrator's is flat.

    The first bin is about 0.16 low; its standard error of 0.037 leaves 3 of them with 90 % power.
    """
    found = {}
    for name, circuit in {"rat": Accumulator(), "integrator": Accumulator.preset("perfect_integrator")}.items():
        task = ParallelClicks(n_trials=300_000, low_duration=1 * second, answer="rate")
        record = simulate(Experiment(task, circuit, dt=1 * ms), 0, mode="standalone")
        found[name] = excess_rate(ClickTrials.of_truth(record.truth), record.final["cells.went_right"], TENTHS)
    for kernel, first in ((found["rat"], 1), (found["integrator"], 0)):
        flat = kernel[first:]
        mean = np.average(flat["kernel"], weights=flat["sem"] ** -2)
        assert mean == pytest.approx(0.40 if first else 0.37, abs=0.08)
        assert stats.chi2.sf((((flat["kernel"] - mean) / flat["sem"]) ** 2).sum(), len(flat) - 1) > LEVEL
    first, rest = found["rat"].iloc[0], found["rat"]["kernel"][1:].mean()
    assert first["kernel"] + 3 * first["sem"] < rest


# ---------------------------------------------------------------------- what is refused


def test_bad_input_is_refused():
    with pytest.raises(DeclarationError, match=r"psychometric\.core: .*got 'logit'.* Did you mean logistic\?"):
        psychometric([1, 2], [0, 1], "logit")
    with pytest.raises(DeclarationError, match=r"psychometric\.x .*two different ones or more"):
        psychometric([1, 1], [0, 1])
    with pytest.raises(DeclarationError, match=r"psychometric\.x .*finite values, got nan at index 1"):
        psychometric([1, np.nan], [0, 1])
    with pytest.raises(DeclarationError, match=r"in_bins\.edges .*ascending"):
        in_bins([1], [1], [1, 0])
    trials = ClickTrials.of_sides([[]], [[0.1]], [0.5], [1])
    with pytest.raises(DeclarationError, match=r"excess_rate\.went_right .*as many as trials \(1\), got 2"):
        excess_rate(trials, [0, 1], [0, 1])
    with pytest.raises(DeclarationError, match=r"excess_rate\.edges .*two or more different ones"):
        excess_rate(trials, [1], [0.5, 0.5])
    with pytest.raises(DeclarationError, match=r"logistic_kernel\.trials: expected choices that the bins do not tell"):
        logistic_kernel(trials, [1], [0, 0.5])
    with pytest.raises(DeclarationError, match=r"logistic_kernel\.trials: .*got 0 trials"):
        logistic_kernel(trials, [1], [0, 1])
