"""The accumulator without simulation: published values, against the circuit with and without bound."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Hz, ms
from scipy import stats

from brian2learn.analysis.accumulator_model import AccumulatorModel
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
