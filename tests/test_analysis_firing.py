"""Firing: closed forms against small steps and printed digits; statistics against definitions and known trains."""

from __future__ import annotations

import math

import numpy as np
import pytest

from brian2learn.analysis import firing
from brian2learn.core.errors import DeclarationError

CELL = {"tau": 10e-3, "threshold": 10e-3}

# ---------------------------------------------------------------------- closed forms


@pytest.mark.parametrize(
    ("refractory", "expected"), [(0.0, "55.81 91.02 144.27 246.63"), (2e-3, "50.21 77.01 111.96 165.16")]
)
def test_lif_rate_to_the_printed_digits(refractory, expected):
    rates = firing.lif_rate(np.array([12, 15, 20, 30]) * 1e-3, refractory=refractory, **CELL)
    assert " ".join(f"{rate:.2f}" for rate in rates) == expected


@pytest.mark.parametrize("reset", [-5e-3, 0.0, 4e-3])
@pytest.mark.parametrize("drive", [10.5e-3, 15e-3, 40e-3])
def test_lif_rate_is_that_of_small_steps(drive, reset):
    dt, v, last, periods = 1e-6, reset, 0.0, []
    for step in range(1, 60_001):
        v += dt * (drive - v) / 10e-3
        if v >= 10e-3:
            periods.append(step * dt - last)
            v, last = reset, step * dt
    assert 1 / np.mean(periods) == pytest.approx(float(firing.lif_rate(drive, reset=reset, **CELL)), rel=2e-3)


def test_lif_is_silent_up_to_the_rheobase():
    rheobase = firing.rheobase(threshold=10e-3, resistance=50e6)
    assert rheobase == pytest.approx(0.2e-9)
    drive = np.array([-1.0, 0.0, 1.0, 1.0 + 1e-9]) * rheobase * 50e6
    rates = firing.lif_rate(drive, **CELL)
    assert rates[:3].tolist() == [0, 0, 0]
    assert 0 < rates[3] < 5


def test_lif_rate_far_above_the_rheobase():
    """Without refractory time the rate grows as drive / (tau threshold), with it up to 1 / refractory."""
    assert firing.lif_rate(1e4, **CELL) == pytest.approx(1e4 / (10e-3 * 10e-3), rel=1e-5)
    assert firing.lif_rate(1e4, refractory=2e-3, **CELL) == pytest.approx(500, rel=1e-4)


@pytest.mark.parametrize(("threshold", "expected"), [(1.1, "23.026"), (1.3, "12.040"), (1.5, "6.931"), (1.8, "2.231")])
def test_coincidence_limit_to_the_printed_digits(threshold, expected):
    limit = firing.coincidence_limit(tau=10e-3, threshold=threshold)
    assert f"{1e3 * limit:.3f}" == expected
    assert math.exp(-limit / 10e-3) + 1 == pytest.approx(threshold, abs=1e-15)


# ---------------------------------------------------------------------- spikes in a trace


def test_upward_crossings_by_hand():
    v = [0, 49, 50, 60, 30, 55, 19, 20, 50, 10, 49, 10, 100, 100]
    t = np.arange(len(v)) * 1e-3
    found = firing.upward_crossings(t, v, level=50, rearm=20)
    assert found.tolist() == [t[2], t[8], t[12]]  # not at 5 ms, where v was never below 20 since the last spike


def test_upward_crossings_need_a_low_start():
    assert firing.upward_crossings([0.0, 1.0], [30.0, 60.0], level=50, rearm=20).size == 0
    assert firing.upward_crossings([0.0, 1.0], [60.0, 60.0], level=50, rearm=20).size == 0
    assert firing.upward_crossings([], [], level=50, rearm=20).size == 0


def test_upward_crossings_of_a_sine():
    t = np.arange(0, 1, 1e-4)
    found = firing.upward_crossings(t, -np.cos(2 * np.pi * 7 * t), level=0.5, rearm=-0.5)
    np.testing.assert_allclose(found, (np.arange(7) + 1 / 3) / 7, atol=1.01e-4)


# ---------------------------------------------------------------------- regularity


def test_steady_rate_looks_at_the_second_half():
    early = np.arange(0.0, 0.5, 1e-3)
    late = 0.503 + np.arange(10) * 20e-3
    assert firing.steady_rate(np.concatenate([early, late]), t_stop=1.0) == pytest.approx(50.0)
    assert firing.steady_rate(np.concatenate([early, late[:1]]), t_stop=1.0) == 0.0
    assert firing.steady_rate([], t_stop=1.0) == 0.0
    assert firing.steady_rate([2.6, 2.7, 2.9, 3.5], t_start=2.0, t_stop=3.0) == pytest.approx(2 / 0.3)


def test_cv():
    assert firing.cv(np.arange(100) / 7) == pytest.approx(0.0, abs=1e-12)
    assert firing.cv([0.0, 1.0, 3.0]) == pytest.approx(0.5 / 1.5)
    assert math.isnan(firing.cv([0.0, 1.0]))
    poisson = np.cumsum(np.random.default_rng(0).exponential(size=100_000))
    assert firing.cv(poisson) == pytest.approx(1.0, abs=0.016)  # five standard errors of 1 / sqrt(n)
    gamma = np.cumsum(np.random.default_rng(0).gamma(4, size=100_000))
    assert firing.cv(gamma) == pytest.approx(0.5, abs=0.01)


def population(seed, n, rate, duration, common=0.0):
    """Poisson trains; a share of the spikes of each is taken from one common train of the same rate."""
    rng = np.random.default_rng(seed)
    own = [rng.uniform(0, duration, rng.poisson((1 - common) * rate * duration)) for _ in range(n)]
    mother = rng.uniform(0, duration, rng.poisson(rate * duration))
    times = [np.concatenate([each, mother[rng.random(mother.size) < common]]) for each in own]
    indices = np.repeat(np.arange(n), [each.size for each in times])
    flat = np.concatenate(times)
    order = np.argsort(flat)
    return indices[order], flat[order], n


def test_cv_of_cells_is_that_of_each():
    indices, times, n = population(0, 20, 10, 30)
    indices, times = np.concatenate([indices, [20]]), np.concatenate([times, [31.0]])
    found = firing.cv_of_cells(indices, times, n + 2)
    np.testing.assert_allclose(found[:20], [firing.cv(times[indices == cell]) for cell in range(20)])
    assert np.isnan(found[20:]).all()


def test_population_rate():
    rate = firing.population_rate([0, 1, 1, 0], [0.1, 0.2, 0.25, 0.3], 2, t_start=0.0, t_stop=0.45, width=0.1)
    np.testing.assert_allclose(rate, [0, 5, 10, 5])  # spikes per cell and second; 0.4 to 0.45 is no whole bin
    indices, times, n = population(1, 100, 10, 20)
    rates = firing.population_rate(indices, times, n, t_start=0.0, t_stop=20.0, width=0.1)
    assert rates.size == 200
    assert rates.mean() == pytest.approx(times.size / n / 20)
    assert rates.mean() == pytest.approx(10, abs=5 * math.sqrt(10 / 100 / 20))


def test_mean_correlation_is_the_mean_over_pairs():
    indices, times, n = population(2, 12, 20, 20, common=0.3)
    counts = np.array([np.histogram(times[indices == cell], np.arange(201) * 0.1)[0] for cell in range(n)])
    matrix = np.corrcoef(counts)
    expected = matrix[np.triu_indices(n, 1)].mean()
    window = {"t_start": 0.0, "t_stop": 20.0, "width": 0.1}
    assert firing.mean_correlation(indices, times, n, **window) == pytest.approx(expected, abs=1e-12)
    assert firing.mean_correlation(indices, times, n + 3, **window) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("common", [0.0, 0.2, 0.5])
def test_mean_correlation_of_common_input(common):
    """Trains that take each spike of a common train with chance c share c**2 of their variance; 1 with themselves."""
    indices, times, n = population(3, 50, 20, 400, common=common)
    found = firing.mean_correlation(indices, times, n, t_start=0.0, t_stop=400.0, width=0.1)
    assert found == pytest.approx(common**2, abs=0.02)


def test_mean_correlation_without_spikes():
    assert math.isnan(firing.mean_correlation(np.array([], int), [], 5, t_start=0.0, t_stop=1.0, width=0.1))


WINDOW = {"t_start": 0.0, "t_stop": 1.0, "width": 0.1}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: firing.lif_rate(0.02, tau=0.0, threshold=0.01), r"^lif_rate\.tau .* got 0\.0\.$"),
        (lambda: firing.lif_rate(0.02, tau=0.01, threshold=0.01, reset=0.01), r"^lif_rate\.reset .* got 0\.01\.$"),
        (lambda: firing.lif_rate(0.02, refractory=-1e-3, **CELL), r"^lif_rate\.refractory .* got -0\.001\.$"),
        (lambda: firing.lif_rate([0.02, math.nan], **CELL), r"^lif_rate\.drive .* got nan\.$"),
        (lambda: firing.rheobase(threshold=0.0, resistance=1.0), r"^rheobase\.threshold .* got 0\.0\.$"),
        (lambda: firing.rheobase(threshold=0.01, resistance=-1.0), r"^rheobase\.resistance .* got -1\.0\.$"),
        (lambda: firing.coincidence_limit(tau=0.01, threshold=1.0), r"^coincidence_limit\.threshold .* got 1\.0\.$"),
        (lambda: firing.coincidence_limit(tau=0.01, threshold=2.0), r"^coincidence_limit\.threshold .* got 2\.0\.$"),
        (lambda: firing.coincidence_limit(tau=-1.0, threshold=1.5), r"^coincidence_limit\.tau .* got -1\.0\.$"),
        (lambda: firing.upward_crossings([0, 1], [1], level=1, rearm=0), r"^upward_crossings\.v .* got 1\.$"),
        (lambda: firing.upward_crossings([0], [1], level=1, rearm=2), r"^upward_crossings\.rearm .* got 2\.$"),
        (lambda: firing.upward_crossings([1, 0], [1, 1], level=1, rearm=0), r"^upward_crossings\.t .* ascending"),
        (lambda: firing.steady_rate([0.1], t_stop=0.0), r"^steady_rate\.t_stop .* got 0\.0\.$"),
        (lambda: firing.cv([2.0, 1.0]), r"^cv\.spikes .* ascending"),
        (lambda: firing.cv_of_cells([0], [0.1, 0.2], 1), r"^cv_of_cells\.indices .* got 1\.$"),
        (lambda: firing.cv_of_cells([1], [0.1], 1), r"^cv_of_cells\.indices .* from 0 to 0, got 1\.$"),
        (lambda: firing.cv_of_cells([0.0], [0.1], 1), r"^cv_of_cells\.indices .* float64"),
        (lambda: firing.cv_of_cells([], [], 0), r"^cv_of_cells\.n .* got 0\.$"),
        (
            lambda: firing.population_rate([0], [0.1], 1, t_start=0.0, t_stop=1.0, width=2.0),
            r"^population_rate\.width .* got 2\.0\.$",
        ),
        (lambda: firing.population_rate([-1], [0.1], 1, **WINDOW), r"^population_rate\.indices .* got -1\.$"),
        (lambda: firing.mean_correlation([0], [math.nan], 1, **WINDOW), r"^mean_correlation\.times .* got nan"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(DeclarationError, match=message):
        call()
