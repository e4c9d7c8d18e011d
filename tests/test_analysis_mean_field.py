"""Mean field of the plastic network: boundary, scalings and explosions, against eigenvalues and finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from brian2learn.analysis.mean_field import (
    MetaplasticNetwork,
    ScalingNetwork,
    balanced_rate,
    gain,
    hebbian_rate,
    low_pass_critical_tau,
    low_pass_is_stable,
    mean_depression,
)
from brian2learn.analysis.pairing import TripletDrift
from brian2learn.core.errors import DeclarationError

ETA = hebbian_rate(6.5e-3, 16.8e-3, 114e-3)
CRITICAL = 0.16 / (ETA * 27 * 10)  # s, at a gain of 10


def network(ratio=1.0, *, eta=ETA, kappa=3.0, slope=10.0):
    """A metaplastic network whose detector takes `ratio` times the critical time constant of the default one."""
    return MetaplasticNetwork(eta, kappa, ratio * CRITICAL, slope)


def test_the_constant_in_the_authors_code():
    assert f"{ETA:.5e}" == "1.24488e-05"


def test_the_formula_is_that_of_the_rule():
    """Mean drift of the sliding triplet rule for Poisson trains, with the depression of a detected rate."""
    nu, detected = 4.0, 3.5
    rule = TripletDrift(0.0, 6.5e-3, 0.0, 0.0, 16.8e-3, 33.7e-3, 0.1, 114e-3)
    sliding = TripletDrift(
        0.0, 6.5e-3, rule.a2_minus_for(detected**2 / 3.0), 0.0, 16.8e-3, 33.7e-3, 0.1, 114e-3
    )  # fmt: skip
    model = network()
    w = model.w_0 + (nu - 3.0) / model.slope
    assert float(model.slopes(w, detected)[0]) == pytest.approx(float(sliding.drift(nu, nu)), rel=1e-12)


@pytest.mark.parametrize(
    "model", [network(0.7), network(2.0, slope=3.0), ScalingNetwork(ETA, 3.0, 20.0, 10.0, 0.16, 900.0)]
)
def test_the_jacobian_is_the_derivative_of_the_slopes(model):
    np.testing.assert_allclose(model.slopes(*model.fixed_point), 0, atol=1e-15)
    for w, s in ((0.16, 3.0), (0.17, 2.0), (0.155, 4.0)):
        for k, step in enumerate(np.diag([1e-7, 1e-5])):
            ahead, behind = model.slopes(w + step[0], s + step[1]), model.slopes(w - step[0], s - step[1])
            wanted = (np.array(ahead) - np.array(behind)) / (2 * step[k])
            np.testing.assert_allclose(model.jacobian(w, s)[:, k], wanted, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(("ratio", "stable"), [(0.5, True), (0.9, True), (0.999, True), (1.001, False), (1.1, False)])
def test_the_network_is_stable_up_to_the_critical_time_constant(ratio, stable):
    model = network(ratio)
    assert model.critical_tau == pytest.approx(CRITICAL) == pytest.approx(476 / 10, rel=1e-3)
    assert model.linear.is_stable is stable
    assert np.max(np.linalg.eigvals(model.jacobian(*model.fixed_point)).real) < 0 or not stable


def test_the_three_scalings():
    """Ten times longer for a tenth of the learning rate, 1/kappa^2 at a given slope, 1/gain."""
    assert network(eta=ETA / 10).critical_tau == pytest.approx(10 * CRITICAL, rel=1e-12)
    assert network(slope=20).critical_tau == pytest.approx(CRITICAL / 2, rel=1e-12)
    at_6 = network(kappa=6.0, slope=5.0)  # the same rise of the rate with the weight
    assert at_6.slope == network().slope
    assert at_6.critical_tau == pytest.approx(CRITICAL / 4, rel=1e-12)
    for model in (network(eta=ETA / 10), network(slope=20), at_6):
        for ratio, stable in ((0.99, True), (1.01, False)):
            changed = MetaplasticNetwork(model.eta, model.kappa, ratio * model.critical_tau, model.gain)
            assert changed.linear.is_stable is stable


def euler(model, kick, dt, t_stop):
    """Explosion time of Euler steps: when the rate passes 1 kHz."""
    (w, s), t = model.fixed_point, 0.0
    w += kick
    while t < t_stop:
        if model.rate(w) > 1000:
            return t
        nu = max(model.kappa + model.slope * (w - model.w_0), 0.0)
        w, s = w + dt * model.eta * nu**2 * (nu - s**2 / model.kappa), s + dt * (nu - s) / model.tau
        t += dt
    return np.inf


def test_a_small_kick_dies_away_below_and_explodes_above():
    for ratio in (0.5, 0.9):
        course = network(ratio).course(0.161, 3.0, 5000.0)
        assert course.t_explosion == np.inf
        assert abs(course.w[-1] - 0.16) < 1e-3 * 0.16
    assert network(2.0).course(0.161, 3.0, 5000.0).t_explosion == pytest.approx(497, abs=1)
    assert euler(network(2.0), 1e-3, 0.1, 3000) == pytest.approx(500, rel=0.1)


def test_close_to_the_boundary_the_time_of_explosion_depends_on_the_steps():
    """The published 2030 s are those of Euler steps; in continuous time it is one turn more until the rate escapes."""
    assert network(1.1).course(0.161, 3.0, 5000.0).t_explosion == pytest.approx(2660, abs=3)
    assert euler(network(1.1), 1e-3, 0.1, 3000) == pytest.approx(2031, abs=2)


@pytest.mark.parametrize(("rate", "tau"), [(3.0, 2.0), (1.6, 0.5)])
def test_a_fast_detector_still_holds_the_spikes_of_the_trace(rate, tau):
    """Monte Carlo of both filters of one Poisson train."""
    rng, n, tau_minus = np.random.default_rng(0), 200_000, 33.7e-3
    span = 12 * tau
    counts = rng.poisson(rate * span, n)
    owner, lag = np.repeat(np.arange(n), counts), rng.uniform(0, span, counts.sum())
    z = np.bincount(owner, np.exp(-lag / tau_minus), n)
    detected = np.bincount(owner, np.exp(-lag / tau) / tau, n)
    measured = z * detected**2 / (rate * tau_minus)
    error = measured.std() / np.sqrt(n)
    assert abs(measured.mean() - mean_depression(rate, tau, tau_minus)) < 4 * error
    assert measured.mean() - rate**2 > 10 * error


def test_the_balanced_rate_lies_below_the_target():
    for tau in (1.5, 2.0, 10.0, 1e4):
        rate = balanced_rate(3.0, tau)
        assert mean_depression(rate, tau, 33.7e-3) == pytest.approx(3.0 * rate)
    assert balanced_rate(3.0, 1e4) == pytest.approx(3.0, abs=1e-3)
    assert np.isnan(balanced_rate(3.0, 0.5))


def test_scaling_needs_a_fast_detector_and_fast_scaling():
    limit = ScalingNetwork(ETA, 3.0, 1.0, 10.0).critical_tau_scl
    assert limit == pytest.approx(3 * 0.16 / (ETA * 27))
    for tau_ratio, scl_ratio, stable in ((0.9, 0.9, True), (1.1, 0.9, False), (0.9, 1.1, False), (0.01, 1.1, False)):
        model = ScalingNetwork(ETA, 3.0, tau_ratio * CRITICAL, 10.0, 0.16, scl_ratio * limit)
        assert model.critical_tau == pytest.approx(CRITICAL)
        assert model.linear.is_stable is stable
    assert limit < 3600  # so the scaling of the published stimulation runs is too slow at this learning rate


@pytest.mark.parametrize("tau_lp", [1e-3, 1.0, 30.0, 120.0, 1e5])
def test_filtered_weight_changes_are_less_stable(tau_lp):
    runaway = 1 / CRITICAL
    critical = low_pass_critical_tau(runaway, tau_lp)
    assert CRITICAL / 2 < critical < CRITICAL
    assert low_pass_is_stable(runaway, tau_lp, 0.999 * critical)
    assert not low_pass_is_stable(runaway, tau_lp, 1.001 * critical)


def test_the_gain_of_a_power_law():
    w = np.array([0.14, 0.16, 0.17, 0.2])
    slope, error = gain(w, 3 * (w / 0.16) ** 7.5)
    assert slope == pytest.approx(7.5)
    assert error < 1e-6


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: network(slope=0.0), r"MetaplasticNetwork\.gain"),
        (lambda: hebbian_rate(0, 1, 1), r"hebbian_rate\.a3_plus"),
        (lambda: gain([0.1, 0.2], [1, 2]), r"gain\.weights, rates: expected at least three"),
        (lambda: gain([0.1, 0.2, 0.3], [1, 2, 0]), r"gain\.weights, rates: expected at least three"),
        (lambda: low_pass_critical_tau(1.0, 0.0), r"low_pass_critical_tau\.tau_lp"),
    ],
)
def test_nonsense_is_refused(make, match):
    with pytest.raises(DeclarationError, match=match):
        make()
