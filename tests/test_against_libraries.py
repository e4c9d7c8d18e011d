"""What libraries say of the same choices; each test needs its library and is left out without it."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import second
from scipy.special import expit

from brian2learn.analysis.click_kernels import logistic_kernel
from brian2learn.analysis.intervals import mean, share
from brian2learn.analysis.psychometric import CORES, psychometric
from brian2learn.core.click_trials import ClickTrials
from brian2learn.tasks.parallel_clicks import ParallelClicks

pytestmark = pytest.mark.filterwarnings("ignore::Warning")  # theirs


def test_wilson_and_t_intervals_are_those_of_statsmodels():
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    weighted = pytest.importorskip("statsmodels.stats.weightstats")
    for k, n in ((0, 7), (1, 7), (50, 100), (999, 1000)):
        found = share(k, n)
        np.testing.assert_allclose((found.low, found.high), proportion.proportion_confint(k, n, method="wilson"),
                                   rtol=1e-12, atol=1e-15)  # fmt: skip
    values = np.random.default_rng(0).normal(size=7)
    found = mean(values)
    np.testing.assert_allclose((found.low, found.high), weighted.DescrStatsW(values).tconfint_mean(), rtol=1e-12)


def test_logistic_kernel_is_the_regression_of_statsmodels():
    models = pytest.importorskip("statsmodels.api")
    task = ParallelClicks(n_trials=2000, low_duration=1 * second, answer="rate")
    trials = ClickTrials.of_truth(task.draw(np.random.default_rng(0)).truth)
    rng = np.random.default_rng(1)
    chosen = rng.random(2000) < expit(0.2 + 0.15 * trials.difference)
    edges = np.linspace(0, 1, 6)
    found = logistic_kernel(trials, chosen, edges)
    x = np.zeros((2000, 5))
    np.add.at(x, (trials.trial, np.digitize(trials.times, edges) - 1), np.where(trials.right, 1, -1))
    other = models.Logit(chosen, models.add_constant(x)).fit(disp=False, tol=1e-12)
    np.testing.assert_allclose(found["weight"], other.params[1:], rtol=1e-8)
    np.testing.assert_allclose(found["sem"], other.bse[1:], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("core", CORES)
def test_psychometric_curve_is_that_of_psignifit(core):
    """Its priors hardly matter for 8000 choices: the same curve to a part of our intervals."""
    psignifit = pytest.importorskip("psignifit")
    rng = np.random.default_rng(0)
    x = np.arange(-20.0, 21, 4).repeat(800)
    chosen = rng.random(x.size) < 0.06 + 0.82 * CORES[core]((x - 1) / 4)
    levels, which = np.unique(x, return_inverse=True)
    counts = np.stack([levels, np.bincount(which, chosen), np.bincount(which)], axis=1)
    theirs = psignifit.psignifit(
        counts, experiment_type="yes/no", sigmoid={"logistic": "logistic", "gaussian": "norm"}[core]
    )
    ours = psychometric(x, chosen, core)
    wanted = theirs.parameter_estimate
    np.testing.assert_allclose(ours(levels), theirs.proportion_correct(levels), atol=0.01)
    for name, key in (("threshold", "threshold"), ("lapse_low", "gamma"), ("lapse_high", "lambda")):
        each = ours.intervals[name]
        assert abs(each.value - wanted[key]) < 0.4 * (each.high - each.low) / 2, name
