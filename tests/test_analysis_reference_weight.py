"""Relaxation to a reference weight and the barrier of consolidation, against Monte Carlo and root finding."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from brian2learn.analysis.reference_weight import Consolidating, mean_cube, relaxation_time
from brian2learn.core.errors import DeclarationError


@pytest.mark.parametrize("rate", [5.0, 20.0, 50.0])
def test_the_mean_cube_of_a_trace(rate):
    """Shot noise: the trace is the sum over spikes in the past, far enough back."""
    rng, tau, n = np.random.default_rng(0), 0.02, 200_000
    span = 20 * tau
    counts = rng.poisson(rate * span, n)
    owner = np.repeat(np.arange(n), counts)
    z = np.bincount(owner, np.exp(-rng.uniform(0, span, owner.size) / tau), n)
    assert np.mean(z**3) == pytest.approx(mean_cube(rate, tau), rel=0.02)


@pytest.mark.parametrize(("rate", "printed", "digits"), [(10, 14.9, 1), (20, 2.3, 1), (50, 0.14, 2)])
def test_the_printed_relaxation_times(rate, printed, digits):
    assert round(float(relaxation_time(rate, 0.05, 0.02)), digits) == printed


def test_the_relaxation_time_at_5_hz():
    """By hand: m = 0.1, <z^3> = 0.1/3 + 0.015 + 0.001, times 0.05 and 5 Hz."""
    assert float(relaxation_time(5, 0.05, 0.02)) == pytest.approx(1 / (0.25 * (0.1 / 3 + 0.016)), rel=1e-12)
    assert relaxation_time(0, 0.05, 0.02) == np.inf


@pytest.mark.parametrize(("strength", "printed"), [(0.1 / 0.005859, 0.1026), (20.0, 0.1203)])
def test_the_printed_barriers(strength, printed):
    model = Consolidating(strength, 0.5)
    where, height = model.barrier
    assert (round(where, 3), round(height, 4)) == (0.106, printed)
    found = minimize_scalar(lambda w: -float(model.pull(w)), bounds=(0, 0.25), method="bounded")
    assert found.x == pytest.approx(where, abs=1e-5)
    np.testing.assert_allclose(model.pull([0, 0.25, 0.5]), 0, atol=1e-15)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Consolidating(0.0, 0.5), r"Consolidating\.P"),
        (lambda: Consolidating(20.0, -1), r"Consolidating\.w_P"),
        (lambda: mean_cube(-1, 0.02), r"mean_cube\.rate"),
        (lambda: mean_cube(1, 0), r"mean_cube\.tau"),
        (lambda: relaxation_time(1, 0, 0.02), r"relaxation_time\.beta"),
    ],
)
def test_nonsense_is_refused(make, match):
    with pytest.raises(DeclarationError, match=match):
        make()
