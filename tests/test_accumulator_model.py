"""The accumulator without simulation: published values, against the circuit with and without bound, and its fit."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest
from brian2 import Hz, ms
from scipy import stats

from brian2learn.analysis.accumulator_fit import ENDS, RANGES, fit, log_likelihood
from brian2learn.analysis.accumulator_model import PARAMETERS, AccumulatorModel, Volleys
from brian2learn.analysis.rat_clicks import read_rat
from brian2learn.circuits.accumulator import Accumulator
from brian2learn.core.click_trials import ClickTrials
from brian2learn.core.errors import DeclarationError
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.simulate import simulate
from brian2learn.tasks.parallel_clicks import ParallelClicks

LEVEL = 0.001  # chance that a correct program fails a statistical test


def trials_of(n, seed=0, **more):
    task = ParallelClicks(n_trials=n, **more)
    return ClickTrials.of_truth(task.draw(np.random.default_rng(seed)).truth)


@pytest.mark.parametrize(
    ("left", "right", "phi", "strengths"),
    [
        ([], [0, 0.1, 0.3], 0.9, [1, 0.9487, 0.9615]),
        ([0], [0, 0.1, 0.3], 0.9, [0, 0, 0.4866, 0.8518]),
        ([], [0, 0.1, 0.3, 0.5, 0.55], 1.2, [1, 1.1027, 1.0852, 1.0797, 1.2118]),
    ],
)
def test_published_strengths(left, right, phi, strengths):
    found = AccumulatorModel(phi=phi, tau_phi=0.15).strengths(ClickTrials.of_sides([left], [right], [1], [1]))
    np.testing.assert_allclose(found, strengths, atol=5e-5)


@pytest.mark.parametrize("adaptation", ["across", "within"])
@pytest.mark.parametrize("pairs", ["cancel", "count"])
def test_the_mean_is_that_of_the_twin(adaptation, pairs):
    """Trials of different length, some without clicks, clicks at one time on both sides."""
    trials = trials_of(100, stereo="none", low_duration=20 * ms, answer="rate").on_grid(5e-3)
    assert np.any(np.diff(trials.offsets) == 0)
    for lam, phi in ((-4, 0.4), (0, 1.3), (2, 0)):
        circuit = Accumulator(lam=lam * Hz, B=1e9, phi=phi, adaptation=adaptation, pairs=pairs)
        mean, _ = AccumulatorModel.of(circuit.values).moments(trials)
        np.testing.assert_allclose(mean, circuit.reference(trials), rtol=1e-9, atol=1e-9)


def test_the_variance_of_one_trial():
    trials = ClickTrials.of_sides([[0, 0.1]], [[0, 0.1, 0.2]], [0.4], [1])
    model = AccumulatorModel(lam=-2, sigma_a2=3, sigma_s2=0.5, sigma_i2=2, phi=0.5, tau_phi=0.1, noise="C2")
    strength = 1 - np.exp(-1)
    expected = 2 * np.exp(-1.6) + 3 * (1 - np.exp(-1.6)) / 4 + 0.5 * strength**2 * np.exp(-0.8)
    assert model.moments(trials)[1][0] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("noise", ["C", "C2"])
@pytest.mark.parametrize("adaptation", ["across", "within"])
@pytest.mark.parametrize("pairs", ["cancel", "count"])
def test_slopes_are_differences_of_the_closed_form(noise, adaptation, pairs):
    volleys = Volleys.of(trials_of(50, low_duration=20 * ms))
    for lam, phi in ((-0.7, 0.4), (0.0, 1.3)):
        model = AccumulatorModel(
            lam=lam, sigma_i2=0.4, phi=phi, tau_phi=0.2, bias=0.5, noise=noise, adaptation=adaptation, pairs=pairs
        )
        p, slopes = model.p_right_and_slopes(volleys)
        np.testing.assert_array_equal(p, model.p_right(volleys))
        assert set(slopes) == set(PARAMETERS) - {"B"}
        for name, found in slopes.items():
            value, step = getattr(model, name), 1e-5
            high, low = (replace(model, **{name: value + sign * step}).p_right(volleys) for sign in (1, -1))
            np.testing.assert_allclose(found, (high - low) / (2 * step), atol=2e-7, err_msg=name)


def test_bias_and_lapses():
    trials = ClickTrials.of_sides([[]], [[0.1]], [0.2], [1])
    model = AccumulatorModel(lam=0, sigma_a2=0, sigma_s2=4, sigma_i2=0, bias=0.5, lapse=0.2)
    assert model.p_right(trials)[0] == pytest.approx(0.1 + 0.8 * stats.norm.cdf(0.25))


def deviations(circuit, p_of, n, seed=0):
    """How far the simulated choices of trials of each gamma are from a theory, in standard errors."""
    record = simulate(Experiment(ParallelClicks(n_trials=n), circuit, dt=1 * ms), seed, mode="runtime")
    trials = ClickTrials.of_truth(record.truth).on_grid(1e-3)
    p, chosen = p_of(trials), record.final["cells.went_right"]
    groups = [trials.gamma == gamma for gamma in np.unique(trials.gamma)]
    return np.array([(chosen - p)[each].sum() / np.sqrt((p * (1 - p))[each].sum()) for each in groups])


@pytest.mark.parametrize(
    "circuit",
    [
        Accumulator(B=1e9),
        pytest.param(Accumulator(B=1e9, lam=-3 * Hz, noise="C2", pairs="count", adaptation="within"),
                     marks=pytest.mark.slow),
    ],
    ids=["average rat", "other conventions"],
)  # fmt: skip
def test_closed_form_is_the_simulation_without_bound(circuit):
    found = deviations(circuit, AccumulatorModel.of(circuit.values).p_right, 5000)
    assert abs(found).max() < stats.norm.isf(LEVEL / 12)


@pytest.mark.parametrize(
    "circuit",
    [
        Accumulator(B=4.0),
        pytest.param(Accumulator(), marks=pytest.mark.slow),
        pytest.param(Accumulator(B=5.0, lam=-3 * Hz, sigma_a2=0 * Hz), marks=pytest.mark.slow),
        pytest.param(Accumulator(B=6.0, lam=2 * Hz), marks=pytest.mark.slow),
    ],
    ids=["low bound", "average rat", "leak", "unstable"],
)
def test_fokker_planck_is_the_simulation_with_bound(circuit):
    found = deviations(circuit, AccumulatorModel.of(circuit.values).p_right_bounded, 2000)
    assert abs(found).max() < stats.norm.isf(LEVEL / 12)


def test_a_far_bound_is_none():
    trials = trials_of(40)
    for model in (AccumulatorModel(B=25.0), AccumulatorModel(B=20.0, lam=-2, sigma_a2=0, bias=1)):
        np.testing.assert_allclose(model.p_right_bounded(trials), model.p_right(trials), atol=0.02)
        few = trials.pick(np.arange(10))
        np.testing.assert_allclose(model.p_right_bounded(few, 0.005, 161), model.p_right(few), atol=0.005)


def test_a_bound_of_every_size_keeps_all_chances_between_lapses():
    trials = trials_of(40)
    for B in (0.5, 2, 7):
        p = AccumulatorModel(B=B, lapse=0.2).p_right_bounded(trials)
        assert 0.1 <= p.min() < p.max() <= 0.9


# ---------------------------------------------------------------------- fit


ELSEWHERE = AccumulatorModel(
    lam=-1, sigma_a2=8, sigma_s2=0.9, sigma_i2=5, B=np.inf, phi=0.4, tau_phi=0.2, bias=0.6, lapse=0.12
)
"""Differs in every parameter from the average rat, with which fits begin."""


def choices(n, seed):
    trials = trials_of(n, seed)
    return trials, np.random.default_rng([seed, 1]).random(n) < ELSEWHERE.p_right(trials)


def test_ends_of_intervals_are_where_the_likelihood_has_lost_enough():
    trials, chosen = choices(1500, 0)
    start = replace(ELSEWHERE, bias=0, lapse=0.3, phi=0.6)
    free = ("phi", "bias", "lapse")
    found = fit(trials, chosen, start, free)
    assert found.log_likelihood >= log_likelihood(ELSEWHERE.p_right(trials), chosen)
    assert found.model.lam == ELSEWHERE.lam
    for name, interval in found.intervals.items():
        others = [each for each in free if each != name]
        for end in (interval.low, interval.high):
            there = fit(trials, chosen, replace(found.model, **{name: end}), others, with_intervals=False)
            lost, limit = 2 * (found.log_likelihood - there.log_likelihood), stats.chi2.isf(0.05, 1)
            assert lost == pytest.approx(limit, abs=0.2) or ((name, end) in ENDS and lost < limit), name
        assert interval.low < interval.value < interval.high


def test_an_interval_ends_with_the_range_or_not_at_all():
    """Choices at random tell nothing of a memory; that its noise has no variance below 0 is known without them."""
    trials = trials_of(200)
    chosen = np.random.default_rng(1).random(200) < 0.5
    found = fit(trials, chosen, replace(ELSEWHERE, lapse=0.99), ("sigma_a2", "tau_phi")).intervals
    assert found["sigma_a2"].low == 0
    assert (found["sigma_a2"].high, found["tau_phi"].low, found["tau_phi"].high) == (np.inf, -np.inf, np.inf)


def lost(n_repeats, n_trials):
    """Twice the log likelihood lost by the true value of every parameter, in every repeat: (n_repeats, 8) float."""
    found = []
    for seed in range(n_repeats):
        trials, chosen = choices(n_trials, seed)
        best = fit(trials, chosen, with_intervals=False)
        row = []
        for name in RANGES:
            start = replace(best.model, **{name: getattr(ELSEWHERE, name)})
            others = [each for each in RANGES if each != name]
            there = fit(trials, chosen, start, others, with_intervals=False)
            row.append(2 * (best.log_likelihood - there.log_likelihood))
        found.append(row)
    return np.array(found)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_coverage_of_the_intervals():
    """20 repeats of 20,000 trials, all parameters free: an interval holds the truth where the truth loses little."""
    found = lost(20, 20_000)
    held = found < stats.chi2.isf(0.05, 1)
    print(dict(zip(RANGES, held.sum(axis=0), strict=True)))
    assert found.min() > -0.01  # else the fit was not the best
    for name, each in zip(RANGES, held.T, strict=True):
        assert each.sum() >= stats.binom.ppf(LEVEL, 20, 0.95), name
    assert held.mean() > 0.88


@pytest.fixture(scope="module")
def rat():
    """The behaviour of the rat whose data are beside the clone."""
    return read_rat(os.environ["BRIAN2LEARN_RAT"])


@pytest.mark.slow
def test_fit_of_the_rat(rat):
    found = fit(rat.trials, rat.went_right)
    assert found.log_likelihood == pytest.approx(-2224.2, abs=0.1)
    assert found.model.lapse == pytest.approx(0.364, abs=0.03)
    assert 0.05 < found.intervals["lapse"].high - found.intervals["lapse"].low < 0.3
    assert found.intervals["sigma_a2"].low == 0


# ---------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"lapse": 1.1}, r"lapse: expected a value from 0 to 1, got 1.1"),
        ({"tau_phi": 0}, r"tau_phi: expected a value above 0, got 0"),
        ({"B": -1}, r"B: expected a value above 0, got -1"),
        ({"lam": np.nan}, r"lam: expected a finite number, got nan"),
        ({"noise": "c"}, r"noise: expected one of its options, got 'c'.* It has: C, C2"),
    ],
)
def test_bad_parameters_are_refused(values, message):
    with pytest.raises(DeclarationError, match=rf"AccumulatorModel\.{message}"):
        AccumulatorModel(**values)


def test_a_fit_of_what_does_not_fit_is_refused():
    trials = trials_of(5)
    with pytest.raises(DeclarationError, match=r"free .*got 'lambda'.* Did you mean lam\?"):
        fit(trials, np.ones(5), free=("lambda",))
    with pytest.raises(DeclarationError, match=r"went_right \(choices\): expected as many as trials \(5\), got 4"):
        fit(trials, np.ones(4))
    with pytest.raises(DeclarationError, match=r"went_right \(choices\): expected finite values, got nan at index 2"):
        fit(trials, [0, 1, np.nan, 0, 1])
    assert Volleys.of(trials).counts.sum() == trials.times.size
