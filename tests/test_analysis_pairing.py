"""Pairing: the data, the error, windows and their fit, mean-field crossovers to the digits of the science."""

from __future__ import annotations

import math

import numpy as np
import pytest

from brian2learn.analysis import pairing
from brian2learn.analysis.pairing import ExponentialWindow, TripletDrift
from brian2learn.core.errors import DeclarationError

STATIC = TripletDrift(0, 6.5e-3, 7.1e-3, 0, 16.8e-3, 33.7e-3, 1.0, 114e-3)  # pfister2006, visual cortex, minimal
FULL = TripletDrift(5e-10, 6.2e-3, 7e-3, 2.3e-4, 16.8e-3, 33.7e-3, 101e-3, 125e-3)
ZENKE2015 = TripletDrift(0, 1e-3, 1e-3, 0, 20e-3, 20e-3, 1.0, 100e-3)


# ---------------------------------------------------------------------- data


def test_the_tables_are_those_of_the_science():
    data = pairing.sjostrom2001()
    assert data.columns.tolist() == ["frequency", "lag", "change", "sem"]
    assert [tuple(row) for row in data.to_numpy()] == [
        (0.1, 10e-3, -0.04, 0.05), (10, 10e-3, 0.14, 0.10), (20, 10e-3, 0.29, 0.14), (40, 10e-3, 0.53, 0.11),
        (50, 10e-3, 0.56, 0.26), (0.1, -10e-3, -0.29, 0.08), (10, -10e-3, -0.41, 0.11), (20, -10e-3, -0.34, 0.10),
        (40, -10e-3, 0.56, 0.32), (50, -10e-3, 0.75, 0.19),
    ]  # fmt: skip
    data = pairing.wang2005()
    assert data.columns.tolist() == ["protocol", "lag_1", "lag_2", "separation", "change", "sem"]
    assert data["protocol"].tolist() == ["pre_post_pre"] * 4 + ["post_pre_post"] * 4 + ["quadruplet"] * 3
    triplets, quadruplets = data[:8], data[8:]
    assert triplets["separation"].isna().all()
    assert [tuple(row) for row in triplets[["lag_1", "lag_2", "change", "sem"]].to_numpy()] == [
        (5e-3, -5e-3, -0.01, 0.04), (10e-3, -10e-3, 0.03, 0.04), (15e-3, -5e-3, 0.01, 0.03),
        (5e-3, -15e-3, 0.24, 0.06), (-5e-3, 5e-3, 0.33, 0.04), (-10e-3, 10e-3, 0.34, 0.04),
        (-5e-3, 15e-3, 0.22, 0.08), (-15e-3, 5e-3, 0.29, 0.05),
    ]  # fmt: skip
    found = quadruplets[["lag_1", "lag_2", "separation", "change", "sem"]].to_numpy()
    expected = [
        (-5e-3, 5e-3, -88.5e-3, -0.003, 0.03), (-5e-3, 5e-3, 20e-3, 0.21, 0.04), (-5e-3, 5e-3, 83.7e-3, 0.06, 0.04)
    ]  # fmt: skip
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_a_table_is_a_copy():
    table = pairing.sjostrom2001()
    table.loc[0, "change"] = 99.0
    assert pairing.sjostrom2001().loc[0, "change"] == -0.04


def test_error_of_the_printed_curve():
    """The model rows of the science file are rounded to 0.001, so the error agrees with 0.356 to as much."""
    model = [0.000, 0.119, 0.228, 0.532, 0.763, -0.317, -0.332, -0.342, 0.174, 0.749]
    data = pairing.sjostrom2001()
    assert pairing.error(model, data["change"], data["sem"]) == pytest.approx(0.356, abs=1e-3)


def test_error_by_hand():
    assert pairing.error([1.0, 2.0], [0.0, 2.0], [0.5, 7.0]) == 2.0


# ---------------------------------------------------------------------- windows

MASQUELIER2008 = ExponentialWindow(2**-5, 0.85 * 2**-5, 16.8e-3, 33.7e-3)


def test_areas_of_the_2008_constants():
    assert MASQUELIER2008.a_minus / MASQUELIER2008.a_plus == pytest.approx(0.85)
    ratio = MASQUELIER2008.ltd_area / MASQUELIER2008.ltp_area
    assert ratio == pytest.approx(0.85 * 33.7 / 16.8, rel=1e-12)
    assert math.floor(100 * ratio) / 100 == 1.70  # 1.705, of which the science file prints the first two decimals


@pytest.mark.parametrize(("side", "area"), [(1, MASQUELIER2008.ltp_area), (-1, -MASQUELIER2008.ltd_area)])
def test_areas_are_integrals(side, area):
    edges = np.linspace(0, 1, 200_001)
    lags = side * (edges[1:] + edges[:-1]) / 2
    assert MASQUELIER2008.change(lags).sum() * edges[1] == pytest.approx(area, rel=1e-6)


def test_window_at_zero_lag_says_nothing():
    assert np.isnan(MASQUELIER2008.change(0.0))


@pytest.mark.parametrize(
    "window",
    [
        MASQUELIER2008,
        ExponentialWindow(0.005, 0.00525, 20e-3, 20e-3),
        ExponentialWindow(-0.3, 2.0, 1.0, 5e-3),  # the wrong way round, as in anti-Hebbian synapses
    ],
)
@pytest.mark.parametrize("n", [2, 40])
def test_a_fit_finds_the_window_it_is_shown(window, n):
    lags = np.concatenate([-np.linspace(2e-3, 100e-3, n), np.linspace(2e-3, 100e-3, n)])
    found = ExponentialWindow.fit(lags, window.change(lags))
    for name in ("a_plus", "a_minus", "tau_plus", "tau_minus"):
        assert getattr(found, name) == pytest.approx(getattr(window, name), rel=1e-5)


def test_a_fit_has_the_least_squares():
    rng = np.random.default_rng(0)
    lags = np.concatenate([-np.linspace(1e-3, 80e-3, 60), np.linspace(1e-3, 80e-3, 60)])
    changes = MASQUELIER2008.change(lags) + rng.normal(0, 2e-3, lags.size)

    def misfit(window):
        return np.sum((window.change(lags) - changes) ** 2)

    best = ExponentialWindow.fit(lags, changes)
    assert best.tau_plus == pytest.approx(16.8e-3, rel=0.2)
    assert best.tau_minus == pytest.approx(33.7e-3, rel=0.2)
    for name in ("a_plus", "a_minus", "tau_plus", "tau_minus"):
        for factor in (0.999, 1.001):
            other = ExponentialWindow(**{**vars(best), name: factor * getattr(best, name)})
            assert misfit(other) > misfit(best)


def test_a_fit_to_late_lags_does_not_underflow():
    lags = np.array([-0.5, -0.49, 0.5, 0.49])
    window = ExponentialWindow(1.0, 1.0, 10e-3, 10e-3)
    assert ExponentialWindow.fit(lags, window.change(lags)).tau_plus == pytest.approx(10e-3, rel=1e-5)


# ---------------------------------------------------------------------- crossovers


def test_crossovers_to_the_printed_digits():
    assert f"{STATIC.crossover():.1f}" == "19.2"
    assert ZENKE2015.crossover() == pytest.approx(10.0, rel=1e-12)
    assert f"{STATIC.a2_minus_for(3.0):.3e}" == "1.108e-03"
    assert f"{STATIC.a3_plus * STATIC.tau_plus * STATIC.tau_y:.5e}" == "1.24488e-05"


def test_the_sliding_amplitude_puts_the_crossover_there():
    for kappa in (1.0, 3.0, 10.0):
        sliding = TripletDrift(0, 6.5e-3, STATIC.a2_minus_for(kappa), 0, 16.8e-3, 33.7e-3, 1.0, 114e-3)
        assert sliding.crossover() == pytest.approx(kappa, rel=1e-12)


@pytest.mark.parametrize("pre", [None, 0.0, 5.0, 60.0])
@pytest.mark.parametrize("rule", [STATIC, FULL, ZENKE2015])
def test_the_drift_changes_sign_at_the_crossover(rule, pre):
    post = rule.crossover(pre)
    assert post > 0
    below, above = 0.99 * post, 1.01 * post
    before = [below, above] if pre is None else [pre or 1e-9] * 2
    assert rule.drift(before[0], below) < 0 < rule.drift(before[1], above)


def test_no_crossover():
    assert math.isnan(TripletDrift(1e-3, 1e-3, 0, 0, 0.02, 0.02, 0.1, 0.1).crossover())  # always potentiation
    assert math.isnan(TripletDrift(0, 0, 1e-3, 0, 0.02, 0.02, 0.1, 0.1).crossover())  # always depression
    assert math.isnan(TripletDrift(0, 1e-3, 1e-3, 2e-3, 0.02, 0.02, 0.1, 0.1).crossover())  # down at all equal rates


def test_drift_is_that_of_poisson_trains():
    """All-to-all triplet rule on 4000 s of two Poisson trains of 20 and 30 Hz, each term by itself."""
    rng = np.random.default_rng(0)
    pre, post = (np.sort(rng.uniform(0, 4000, rng.poisson(4000 * rate))) for rate in (20, 30))
    order = np.argsort(np.concatenate([pre, post]))
    is_post = (np.arange(order.size) >= pre.size)[order]
    taus = np.array([16.8e-3, 101e-3, 33.7e-3, 125e-3])
    sums, traces, now = np.zeros(4), np.zeros(4), 0.0
    for time, after in zip(np.concatenate([pre, post])[order], is_post, strict=True):
        traces = traces * np.exp((now - time) / taus)
        now = time
        r1, r2, o1, o2 = traces
        if after:
            sums += [r1, r1 * o2, 0, 0]
            traces[2:] += 1
        else:
            sums += [0, 0, o1, o1 * r2]
            traces[:2] += 1
    for term, found in enumerate(sums / 4000):
        amplitudes = np.eye(4)[term]
        expected = abs(float(TripletDrift(*amplitudes, 16.8e-3, 33.7e-3, 101e-3, 125e-3).drift(20.0, 30.0)))
        assert found == pytest.approx(expected, rel=0.03)


def test_inhibitory_target_to_the_printed_digits():
    assert pairing.inhibitory_target(0.25) == pytest.approx(6.25, rel=1e-15)
    assert pairing.inhibitory_target(0.12) == pytest.approx(3.0, rel=1e-15)
    assert pairing.inhibitory_alpha(6.25) == pytest.approx(0.25, rel=1e-15)
    assert pairing.inhibitory_alpha(5.0, tau=10e-3) == pytest.approx(0.1, rel=1e-15)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pairing.error([], [], []), r"^error\.sem .* got none\.$"),
        (lambda: pairing.error([1.0], [1.0], [0.0]), r"^error\.sem .* got 0\.0\.$"),
        (lambda: pairing.error([1.0], [1.0, 2.0], [1.0]), r"^error\.measured .* got 2\.$"),
        (lambda: pairing.error([1.0], [1.0], [1.0, 1.0]), r"^error\.sem .* got 2\.$"),
        (lambda: pairing.error([math.nan], [1.0], [1.0]), r"^error\.change .* got nan"),
        (lambda: ExponentialWindow(1.0, 1.0, 0.0, 1.0), r"^ExponentialWindow\.tau_plus .* got 0\.0"),
        (lambda: ExponentialWindow(math.inf, 1.0, 1.0, 1.0), r"^ExponentialWindow\.a_plus, a_minus .* got inf"),
        (lambda: ExponentialWindow.fit([0.0, 1.0], [1.0, 1.0]), r"^ExponentialWindow\.fit\.lags .* none at 0"),
        (lambda: ExponentialWindow.fit([1.0, 2.0], [2.0, 1.0]), r"^ExponentialWindow\.fit\.lags .* two negative"),
        (lambda: ExponentialWindow.fit([-1, -2, 1], [1, 1, 1]), r"^ExponentialWindow\.fit\.lags .* two positive"),
        (lambda: ExponentialWindow.fit([-2, -1, 1, 2], [1, 2, 1, 2]), r"^ExponentialWindow\.fit\.changes .* positive"),
        (lambda: ExponentialWindow.fit([-1, 1], [1]), r"^ExponentialWindow\.fit\.changes .* got 1\.$"),
        (lambda: TripletDrift(-1, 0, 0, 0, 1, 1, 1, 1), r"^TripletDrift\.a2_plus .* got -1\.$"),
        (lambda: TripletDrift(0, 0, 0, 0, 1, 0, 1, 1), r"^TripletDrift\.tau_minus .* got 0\.$"),
        (lambda: STATIC.crossover(-1.0), r"^crossover\.pre .* got -1\.0\.$"),
        (lambda: STATIC.a2_minus_for(0.0), r"^a2_minus_for\.rate .* got 0\.0\.$"),
        (lambda: pairing.inhibitory_alpha(0.0), r"^inhibitory_alpha\.rate .* got 0\.0\.$"),
        (lambda: pairing.inhibitory_alpha(1.0, tau=-1.0), r"^inhibitory_alpha\.tau .* got -1\.0\.$"),
        (lambda: pairing.inhibitory_target(-1.0), r"^inhibitory_target\.alpha .* got -1\.0\.$"),
        (lambda: pairing.inhibitory_target(1.0, tau=0.0), r"^inhibitory_target\.tau .* got 0\.0\.$"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(DeclarationError, match=message):
        call()
