"""The closed form of the spike response neuron: printed constants, numerical integrals, an independent state form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

from brian2learn.analysis.spike_response import SpikeResponse
from brian2learn.core.errors import DeclarationError

PAPER = SpikeResponse()
NEURONS = [PAPER, SpikeResponse(tau_m=20e-3, tau_s=1e-3, threshold=3.0, k1=1.5, k2=5.0, refractory=3e-3)]


def state_form(neuron, t, in_spikes, weights, out_spikes):
    """u = p - q, two exponentials moved from event to event: science/pattern_detection.md 1.1."""
    ratio = neuron.tau_m / neuron.tau_s
    k = 1 / (ratio ** (-1 / (ratio - 1)) - ratio ** (-ratio / (ratio - 1)))  # the peak of eps is where its slope is 0
    p = q = now = 0.0
    u = np.empty(len(t))
    events = [(time, 0, w) for time, w in zip(in_spikes, weights, strict=True)]
    events += [(time, 1, 0.0) for time in out_spikes] + [(time, 2, i) for i, time in enumerate(t)]
    for time, kind, value in sorted(events):  # on a tie input, then output, then a look
        p, q = p * math.exp((now - time) / neuron.tau_m), q * math.exp((now - time) / neuron.tau_s)
        now = time
        if kind == 0:
            p, q = p + k * value, q + k * value
        elif kind == 1:  # eta = T (K1 - K2) exp(-s/tau_m) + T K2 exp(-s/tau_s)
            p, q = neuron.threshold * (neuron.k1 - neuron.k2), -neuron.threshold * neuron.k2
        else:
            u[value] = p - q
    return u


def test_constants_to_the_printed_digits():
    assert f"{PAPER.k:.5f}" == "2.11653"
    assert f"{1e3 * PAPER.peak_time:.2f}" == "4.62"
    assert f"{1e3 * PAPER.integral:.3f}" == "15.874"
    assert PAPER.eta(0.0) == 2 * PAPER.threshold
    assert f"{PAPER.eta(1e-3) / PAPER.threshold:.2f}" == "0.87"
    assert f"{2000 * 0.475 * 64 * PAPER.integral / PAPER.threshold:.2f}" == "1.93"  # mean drive in thresholds


@pytest.mark.parametrize("neuron", NEURONS)
def test_eps_peaks_at_1_and_nowhere_else(neuron):
    s = np.linspace(0, 10 * neuron.tau_m, 100_001)
    eps = neuron.eps(s)
    assert neuron.eps(neuron.peak_time) == pytest.approx(1.0, abs=1e-12)
    assert eps.max() <= 1 + 1e-12
    assert s[eps.argmax()] == pytest.approx(neuron.peak_time, abs=s[1])
    assert eps[0] == 0.0


@pytest.mark.parametrize("neuron", NEURONS)
def test_kernels_are_0_before_their_spike(neuron):
    before = np.array([-1e3, -1.0, -1e-9])  # exp of the first alone would overflow
    for kernel in (neuron.eps, neuron.eta, neuron.eps_integral):
        assert kernel(before).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("s", [0.0, 1e-3, 5e-3, 30e-3])
def test_eps_integral_is_the_integral(neuron, s):
    assert float(neuron.eps_integral(s)) == pytest.approx(quad(lambda x: float(neuron.eps(x)), 0, s)[0], abs=1e-12)
    assert float(neuron.eps_integral(10.0)) == pytest.approx(neuron.integral, abs=1e-15)


@pytest.mark.parametrize(("w", "period"), [(0.325, "24.6"), (0.425, "17.7"), (0.475, "15.84")])
def test_mean_field_period_to_the_printed_digits(w, period):
    n_digits = len(period.split(".")[1])
    assert f"{1e3 * PAPER.mean_field_period(w):.{n_digits}f}" == period


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("drive", [1.0001, 1.02, 1.2, 1.93, 5.0, 30.0])
def test_mean_field_period_is_the_first_crossing_on_a_fine_grid(neuron, drive):
    """The drive is the mean input in thresholds."""
    w = drive * neuron.threshold / (100 * 10.0 * neuron.integral)
    s = neuron.refractory + np.arange(1, 600_001) * 1e-6
    u = neuron.eta(s) + w * 100 * 10.0 * neuron.eps_integral(s)
    low = int(np.argmax(u < neuron.threshold))
    crossing = s[low + np.argmax(u[low:] >= neuron.threshold)]
    assert neuron.mean_field_period(w, n_afferents=100, rate=10.0) == pytest.approx(crossing, abs=1.01e-6)


def test_mean_field_period_without_enough_input():
    barely = PAPER.threshold / (2000 * 64.0 * PAPER.integral)
    assert PAPER.mean_field_period(0.0) == math.inf
    assert PAPER.mean_field_period(0.999999 * barely) == math.inf
    assert 0.1 < PAPER.mean_field_period(1.000001 * barely) < 0.3
    for ulps in range(-3, 4):  # at the limit itself it must come to an end
        assert PAPER.mean_field_period(barely * (1 + ulps * 2.3e-16)) > 0.1


def test_mean_field_period_of_a_neuron_that_fires_as_soon_as_it_may():
    early = SpikeResponse(refractory=0.5e-3)  # eta(0.5 ms) is still 1.4 T
    assert early.mean_field_period(0.475) == 0.5e-3
    assert PAPER.mean_field_period(1e3) == PAPER.refractory


def test_mean_field_period_is_that_of_regular_input():
    """Evenly spaced spikes at the total rate, summed one by one, must cross the threshold at the mean-field time."""
    step = 1 / (2000 * 64)
    in_spikes = np.arange(step / 2, 30e-3, step)
    period = PAPER.mean_field_period(0.325)
    t = period + np.array([-20e-6, 20e-6])
    u = PAPER.voltage(t, in_spikes=in_spikes, weights=np.full(in_spikes.size, 0.325), out_spikes=[0.0])
    assert u[0] < PAPER.threshold < u[1]


def test_voltage_by_hand():
    t = [0.0, 1e-3, 2e-3, 7e-3, 8e-3]
    u = PAPER.voltage(t, in_spikes=[1e-3, 7e-3, 5e-3], weights=[2.0, 3.0, 9.0], out_spikes=[6e-3])
    expected = [0.0, 0.0, 2 * PAPER.eps(1e-3), PAPER.eta(1e-3), PAPER.eta(2e-3) + 3 * PAPER.eps(1e-3)]
    np.testing.assert_allclose(u, np.array(expected, dtype=float), atol=1e-12)


def test_an_output_spike_wipes_out_input_of_the_same_instant_and_shows_eta():
    u = PAPER.voltage([1e-3, 3e-3], in_spikes=[1e-3], weights=[5.0], out_spikes=[1e-3])
    np.testing.assert_allclose(u, [1000.0, PAPER.eta(2e-3)], atol=1e-12)


def test_voltage_without_any_spike_is_rest():
    assert PAPER.voltage([0.0, 1.0], in_spikes=[], weights=[]).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("neuron", NEURONS)
@pytest.mark.parametrize("seed", range(5))
def test_voltage_equals_the_state_form(neuron, seed):
    rng = np.random.default_rng(seed)
    grid = rng.permutation(400) / 1000  # times in common give ties
    in_spikes, out_spikes, t = np.sort(grid[:200]), np.sort(grid[190:200]), np.sort(grid[150:350])
    weights = rng.random(200)
    u = neuron.voltage(t, in_spikes=in_spikes, weights=weights, out_spikes=out_spikes)
    np.testing.assert_allclose(u, state_form(neuron, t, in_spikes, weights, out_spikes), rtol=0, atol=1e-10)
    shuffle = rng.permutation(200)
    shuffled = neuron.voltage(
        t[shuffle], in_spikes=in_spikes[shuffle], weights=weights[shuffle], out_spikes=out_spikes[::-1]
    )
    np.testing.assert_allclose(shuffled, u[shuffle], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SpikeResponse(tau_s=10e-3), r"^SpikeResponse\.tau_s: expected less than tau_m = 0\.01, got"),
        (lambda: SpikeResponse(threshold=0.0), r"^SpikeResponse\.threshold .* above 0, got 0\.0\.$"),
        (lambda: SpikeResponse(tau_m=math.nan), r"^SpikeResponse\.tau_m .* got nan\.$"),
        (lambda: SpikeResponse(refractory=-1e-3), r"^SpikeResponse\.refractory.* got -0\.001\.$"),
        (lambda: PAPER.mean_field_period(-0.1), r"^mean_field_period\.w.* got -0\.1\.$"),
        (lambda: PAPER.mean_field_period(0.5, rate=math.inf), r"^mean_field_period\.rate.* got inf\.$"),
        (lambda: PAPER.mean_field_period(0.5, n_afferents=-1), r"^mean_field_period\.n_afferents.* got -1\.$"),
        (lambda: PAPER.voltage([0.0], in_spikes=[0.0, 1.0], weights=[1.0]), r"^voltage\.weights .* in_spikes \(2\)"),
        (lambda: PAPER.voltage([math.nan], in_spikes=[], weights=[]), r"^voltage\.t .* got nan at index 0\.$"),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(DeclarationError, match=message):
        call()
