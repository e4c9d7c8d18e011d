"""The best detector of masquelier2018a: the published optima to the printed digits, formulas against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from brian2learn.analysis.optimal_detection import OptimalDetection
from brian2learn.core.errors import DeclarationError

# patterns: window and tau (ms) as hard-coded by the author, the ratio there, and M, noise mean and peak at these values
TABLE = {
    1: (("23", "18", "81"), ("710", "40.9", "406.8")),
    2: (("17", "13", "55"), ("1031", "42.9", "295.7")),
    5: (("11", "8.9", "31"), ("1614", "46.0", "196.2")),
    10: (("8.1", "6.8", "20"), ("2283", "49.7", "148.3")),
    20: (("5.7", "5.6", "12"), ("3057", "54.8", "116.9")),
    40: (("3.7", "5.1", "6.7"), ("3772", "61.6", "98.8")),
}


@pytest.mark.parametrize("n_patterns", TABLE)
def test_the_optimum_to_the_printed_digits(n_patterns):
    found = OptimalDetection(n_patterns=n_patterns).optimum
    assert tuple(f"{each:.2g}" for each in (found.window * 1e3, found.tau * 1e3, found.snr)) == TABLE[n_patterns][0]


@pytest.mark.parametrize("n_patterns", TABLE)
def test_the_potential_at_the_authors_values(n_patterns):
    theory, ((*printed, _), wanted) = OptimalDetection(n_patterns=n_patterns), TABLE[n_patterns]
    at = tuple(float(each) * 1e-3 for each in printed)
    got = f"{theory.n_connected(at[0]):.0f}", f"{theory.noise_mean(*at):.1f}", f"{theory.peak(*at):.1f}"
    assert got == wanted


def test_the_closed_form_of_the_ratio():
    theory = OptimalDetection(n_patterns=3)
    window, tau = 12e-3, 9e-3
    m = theory.n_connected(window)
    wanted = np.sqrt(2 * tau * 3.2) * (10_000 - m) * theory.rise(window, tau) / np.sqrt(m)
    assert theory.snr(window, tau) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("jitter", [0.0, 1e-3, 3.2e-3, 20e-3])
@pytest.mark.parametrize(("window", "tau"), [(5e-3, 20e-3), (23e-3, 18e-3), (6.4e-3, 3e-3)])
def test_the_rise_is_the_peak_of_the_filtered_rate(window, tau, jitter):
    """Rate in the window, smeared by the jitter, through a leaky integrator, step by step."""
    dt = 2e-6
    t = np.arange(-jitter - dt, window + jitter + dt, dt) + dt / 2
    box = (t > 0) & (t < window)
    rate = (
        np.clip((np.minimum(t + jitter, window) - np.maximum(t - jitter, 0)) / (2 * jitter), 0, None)
        if jitter
        else box.astype(float)
    )
    v, highest = 0.0, 0.0
    decay = np.exp(-dt / tau)
    for each in rate:
        v = each + (v - each) * decay
        highest = max(highest, v)
    assert OptimalDetection(jitter=jitter).rise(window, tau) == pytest.approx(highest, abs=1e-5)


def test_no_point_near_the_optimum_is_better():
    theory = OptimalDetection()
    best = theory.optimum
    windows, taus = np.meshgrid(np.geomspace(1e-3, 0.2, 300), np.geomspace(1e-3, 0.2, 300))
    ratios = theory.snr(windows, taus)
    assert ratios.max() <= best.snr
    assert ratios.max() == pytest.approx(best.snr, rel=1e-3)


def test_without_jitter_the_optimum_collapses():
    """With the best ratio of window to tau, shorter is always better; the optimum scales with a small jitter."""
    exact = OptimalDetection(jitter=0.0)
    taus = np.geomspace(1e-6, 1e-2, 30)
    assert np.all(np.diff(exact.snr(1.26 * taus, taus)) < 0)
    optima = [OptimalDetection(jitter=jitter).optimum.tau for jitter in (3.2e-3, 3.2e-4, 3.2e-5, 3.2e-6)]
    assert np.all(np.diff(optima) < 0)
    assert optima[-1] < 1e-3
    with pytest.raises(DeclarationError, match=r"OptimalDetection\.jitter .*expected above 0 s for an optimum, got 0"):
        exact.optimum  # noqa: B018


def test_the_potential_of_simulated_shot_noise():
    """600 s of Poisson spikes of 710 afferents: 40.9 and 4.5; the potential forgets in 18 ms, so its mean is good to
    4.5 * sqrt(2 * 0.018 / 600) = 0.035."""
    rng, dt = np.random.default_rng(0), 1e-3
    v, values = 40.0, []
    for count in rng.poisson(710 * 3.2 * dt, 600_000):
        v = v * np.exp(-dt / 18e-3) + count * np.exp(-dt / 36e-3)  # a spike comes in the middle of the step, on average
        values.append(v)
    theory = OptimalDetection()
    assert np.mean(values) == pytest.approx(theory.noise_mean(23e-3, 18e-3), rel=0.005)
    assert np.std(values) == pytest.approx(theory.noise_sd(23e-3, 18e-3), rel=0.02)


@pytest.mark.parametrize(
    ("wrong", "got"), [({"rate": 0}, "0"), ({"jitter": -1}, "-1"), ({"n_afferents": float("nan")}, "nan")]
)
def test_nonsense_is_refused(wrong, got):
    with pytest.raises(DeclarationError, match=rf"OptimalDetection\.{next(iter(wrong))} .* got {got}"):
        OptimalDetection(**wrong)


@pytest.mark.parametrize("method", ["n_connected", "snr"])
def test_times_must_be_positive(method):
    with pytest.raises(DeclarationError, match=r"\.window .*expected above 0 s, got 0\.0"):
        getattr(OptimalDetection(), method)(*[[1e-3, 0.0], 1e-3][: 1 if method == "n_connected" else 2])
