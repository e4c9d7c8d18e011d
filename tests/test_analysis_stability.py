"""Exact stability of rate units: Jacobians against finite differences, boundaries against trace and determinant."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from brian2learn.analysis.stability import BCMUnit, Linear, SlowOja, oja_instant, swings, turning_ratio
from brian2learn.core.errors import DeclarationError

MODELS = [
    SlowOja(1.0, 0.05), SlowOja(0.3, 20.0), BCMUnit(1.0, 0.9), BCMUnit(0.2, 3.0, 4.0), BCMUnit(5.0, 1.0, 0.5),
]  # fmt: skip
each_model = pytest.mark.parametrize("model", MODELS, ids=str)


@each_model
def test_the_jacobian_is_the_derivative_of_the_slopes(model):
    rng = np.random.default_rng(0)
    for w, s in rng.uniform(0.2, 2, (5, 2)):
        for k, (dw, ds) in enumerate(np.eye(2) * 1e-6):
            ahead, behind = model.slopes(w + dw, s + ds), model.slopes(w - dw, s - ds)
            wanted = (np.array(ahead) - np.array(behind)) / 2e-6
            np.testing.assert_allclose(model.jacobian(w, s)[:, k], wanted, rtol=1e-6, atol=1e-8)


@each_model
def test_nothing_changes_at_the_fixed_point(model):
    np.testing.assert_array_equal(model.slopes(*model.fixed_point), 0)
    matrix = model.jacobian(*model.fixed_point)
    np.testing.assert_allclose(
        np.sort_complex(model.linear.eigenvalues), np.sort_complex(np.linalg.eigvals(matrix).astype(complex)),
        rtol=1e-9, atol=1e-12,
    )  # fmt: skip


@pytest.mark.parametrize(("eta", "kappa"), [(1, 1), (10, 1), (1, 4), (0.2, 0.5)])
def test_the_threshold_of_bcm_must_be_faster_than_learning(eta, kappa):
    """tau eta kappa = 1, where the trace vanishes; the determinant eta kappa / tau does not."""
    critical = BCMUnit(eta, 1.0, kappa).critical_tau
    assert critical == 1 / (eta * kappa)
    found = brentq(lambda tau: BCMUnit(eta, tau, kappa).linear.trace, 1e-3 * critical, 1e3 * critical, xtol=1e-14)
    assert found == pytest.approx(critical, rel=1e-9)
    for ratio, stable in ((0.1, True), (0.999, True), (1.001, False), (10, False)):
        model = BCMUnit(eta, ratio * critical, kappa)
        assert model.ratio == pytest.approx(ratio)
        assert model.linear.determinant == pytest.approx(eta * kappa / model.tau)
        assert model.linear.is_stable is stable
    assert BCMUnit(eta, critical, kappa).linear.period == pytest.approx(2 * np.pi * critical)


@pytest.mark.parametrize("eta", [0.1, 1, 20])
def test_slow_oja_is_never_unstable_but_spirals_beyond_an_eighth(eta):
    for ratio in np.geomspace(1e-3, 1e4, 50):
        linear = SlowOja(eta, ratio / eta).linear
        assert linear.is_stable
        assert linear.spirals is bool(ratio > 1 / 8)
        assert linear.trace == pytest.approx(-eta / ratio)
        assert linear.determinant == pytest.approx(2 * eta**2 / ratio)
    assert SlowOja(eta, 1.0).critical_tau == float("inf")
    assert SlowOja(eta, 1.0).spiral_tau == 1 / (8 * eta)


def test_what_euler_steps_make_of_the_boundary():
    """1 + dt trace + dt^2 det = 1: with steps of 1e-3/eta the boundary lies at a ratio of 0.999."""
    assert Linear(0.0, 4.0).growth() == 0
    for dt, boundary in ((1e-3, 0.999), (1e-4, 0.9999)):
        found = brentq(lambda ratio, dt=dt: BCMUnit(1.0, ratio).linear.growth(dt), 0.9, 1.1)
        assert found == pytest.approx(boundary, abs=1e-9)
    exact = BCMUnit(1.0, 0.9).linear
    errors = [abs(exact.growth(dt) - exact.growth()) for dt in (2e-3, 1e-3)]
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.01)


OVERSHOOTS = {0.1: 1.000, 0.5: 1.094, 0.9: 1.388, 0.99: 1.477}


@pytest.mark.parametrize(("ratio", "peak"), OVERSHOOTS.items())
def test_overshoots_of_bcm(ratio, peak):
    assert round(BCMUnit(1.0, ratio).course(0.5, 0.25, 40.0).peak, 2) == round(peak, 2)  # listed for Euler steps
    assert BCMUnit(4.0, ratio / 12, 3.0).course(1.5, 0.75, 40 / 12).peak == pytest.approx(3 * peak, rel=2e-3)


def test_bcm_collapses_after_a_large_overshoot():
    course = BCMUnit(1.0, 2.0).course(0.5, 0.25, 8.0, n=8001)
    assert course.peak == pytest.approx(3.81, rel=0.01)
    assert 1e-5 < course.w[course.w.argmax() :].min() < 1e-3


@pytest.mark.parametrize("ratio", [5.0, 7.0, 10.0, 100.0])
def test_bcm_with_a_threshold_five_times_too_slow_explodes_from_everywhere(ratio):
    for w in (0.5, 1.1, 2.0):
        for s in (0.0, 0.5):
            found = BCMUnit(1.0, ratio).course(w, s, 100.0)
            assert found.t_explosion < 20
            assert found.peak == float("inf")


def test_the_explosion_of_bcm_takes_a_finite_time():
    """With a threshold that hardly moves, w' = eta w (w - s) has a pole at log(w/(w - s)) / (eta s)."""
    assert BCMUnit(1.0, 1e9).course(0.5, 0.25, 10.0).t_explosion == pytest.approx(np.log(2) / 0.25, rel=1e-4)
    assert round(BCMUnit(1.0, 10.0).course(0.5, 0.25, 10.0).t_explosion, 1) == 2.9


PEAKS = {0.125: 1.00, 0.5: 1.13, 1: 1.42, 30: 18.2}


def test_peaks_of_slow_oja_grow_with_tau_but_the_weight_comes_back():
    found = []
    for ratio in (*PEAKS, 300, 3000):
        course = SlowOja(1.0, ratio).course(0.1, 0.1, max(30 * ratio, 20), n=200_001)
        assert course.t_explosion == float("inf")
        assert course.w[-1] == pytest.approx(1, abs=1e-3)
        found.append(course.peak)
    np.testing.assert_allclose(found[:4], list(PEAKS.values()), rtol=5e-3)
    assert np.all(np.diff(found) > 0)


def test_instant_oja_in_closed_form():
    t = np.linspace(0, 3, 7)
    for w in (0.1, 2.0):
        # a compensation that follows at once is the limit of a quick one
        quick = SlowOja(1.0, 1e-4).course(w, w, 3.0, n=7).w
        np.testing.assert_allclose(oja_instant(t, w, 1.0), quick, rtol=1e-3)
        assert oja_instant(t, w, 1.0).max() <= max(w, 1)
    np.testing.assert_allclose(np.diff(np.log(np.abs(oja_instant([8, 9], 0.1, 1.0) - 1))), -2, rtol=1e-4)


def test_swings_of_a_known_oscillation():
    t = np.arange(0, 30, 0.01)
    found = swings(t, 3 + np.exp(0.05 * t) * np.sin(2 * t), 3)
    np.testing.assert_allclose(np.diff(found.times), np.pi, rtol=1e-4)
    assert found.growth == pytest.approx(0.05, rel=1e-5)
    assert found.period == pytest.approx(np.pi, rel=1e-5)
    nothing = swings(t, np.ones(t.size), 3)
    assert np.isnan([nothing.growth, nothing.period]).all()


def test_the_ratio_where_a_growth_turns_round():
    assert turning_ratio([1, 2, 4], [-2, -1, 3]) == 2.5
    assert np.isnan(turning_ratio([1, 2], [1, 2]))
    assert np.isnan(turning_ratio([1, 2, 3, 4], [-1, 1, -1, 1]))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: BCMUnit(1.0, -1.0), r"BCMUnit\.tau .* above 0, got -1"),
        (lambda: SlowOja(0.0, 1.0), r"SlowOja\.eta .* above 0, got 0"),
        (lambda: BCMUnit(1.0, 1.0).course(0.5, np.nan, 1.0), r"course\.s .*finite number, got nan"),
        (lambda: BCMUnit(1.0, 1.0).course(0.5, 0.5, 0.0), r"course\.t_stop .*above 0 s, got 0"),
        (lambda: oja_instant([1.0], 0.0, 1.0), r"oja_instant\.w"),
        (lambda: swings([0, 1], [1.0], 0), r"swings\.w"),
        (lambda: turning_ratio([2, 1], [0, 1]), r"turning_ratio\.ratios"),
    ],
)
def test_nonsense_is_refused(make, match):
    with pytest.raises(DeclarationError, match=match):
        make()
