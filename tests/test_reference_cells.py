"""Cells against published and derived numbers, to their digits."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache

import brian2
import numpy as np
import pytest
from _helpers import DT, generator, rest_slow, run, time_step
from brian2 import Mohm, SpikeMonitor, StateMonitor, amp, cm, ms, mV, second, uA

from brian2learn.analysis.firing import coincidence_limit, lif_rate, steady_rate
from brian2learn.circuits.ad_ex import AdEx
from brian2learn.circuits.adaptive_threshold_lif import AdaptiveThresholdLIF
from brian2learn.circuits.conductance_lif import ConductanceLIF
from brian2learn.circuits.current_lif import CurrentLIF
from brian2learn.circuits.hodgkin_huxley import HodgkinHuxley
from brian2learn.circuits.izhikevich import Izhikevich
from brian2learn.circuits.mat import MAT
from brian2learn.plasticity.delta import Delta
from brian2learn.plasticity.pair_stdp import PairSTDP

MS = 1e-3


@contextmanager
def compiled(if_wanted=True):
    """Compiled code, where there are so many steps that it pays."""
    before = brian2.prefs.codegen.target
    brian2.prefs.codegen.target = "cython" if if_wanted else before
    try:
        yield
    finally:
        brian2.prefs.codegen.target = before


def fire(cell, currents, duration, dt=DT, method=""):
    """Spike times (s) under constant currents (A)."""
    with time_step(dt), compiled(duration / dt > 45_000 or isinstance(cell, HodgkinHuxley)):
        cells = cell.group(len(currents), method=method)
        cells.I_ext = currents * amp
        spikes = SpikeMonitor(cells)
        run(cells, spikes, duration=duration)
    times, which = np.asarray(spikes.t), np.asarray(spikes.i)
    return [times[which == k] for k in range(len(currents))]


# ---------------------------------------------------------------------- leaky integrate and fire: rate and current

DRIVES = np.array([12, 15, 20, 30])  # R i, mV
TABLE = {0: ["55.81", "91.02", "144.27", "246.63"], 2: ["50.21", "77.01", "111.96", "165.16"]}


@pytest.mark.parametrize("dt", [1e-4, 5e-5, 1e-5])
@pytest.mark.parametrize("tau_ref", TABLE)
def test_the_period_of_a_leaky_cell_is_right_to_a_time_step(tau_ref, dt):
    cell = CurrentLIF(tau_ref=tau_ref * MS * second, R=100 * Mohm)
    closed = lif_rate(DRIVES * MS, tau=10e-3, threshold=10e-3, refractory=tau_ref * MS)
    assert [f"{rate:.2f}" for rate in closed] == TABLE[tau_ref]
    trains = fire(cell, DRIVES * MS / 100e6, 0.2, dt)
    periods = np.array([np.diff(times) for times in trains], dtype=object)
    for got, rate in zip(periods, closed, strict=True):
        assert got.size > 5
        assert np.ptp(got) < 1e-9
        assert abs(got[0] - 1 / rate) <= dt * (1 + 1e-9)


def test_a_leaky_cell_is_silent_up_to_its_rheobase():
    cell = CurrentLIF()
    below, above = fire(cell, np.array([1 - 1e-6, 1 + 1e-6]) * 10e-3 / 100e6, 0.5)
    assert (below.size, above.size > 0) == (0, True)


@pytest.mark.parametrize("tau", [20, 5])
def test_the_bias_current_of_the_recurrent_network_of_vogels2011(tau):
    """200 pA through 10 nS is twice the gap to threshold; the rate has a closed form, whatever the capacitance."""
    cell = ConductanceLIF.preset("vogels2011")
    assert cell.C / cell.g_L == 20 * ms
    cell, tau = cell.replace(C=cell.g_L * tau * ms), tau * MS
    (times,) = fire(cell, np.array([200e-12]), 0.3, 5e-5)
    period = 1 / lif_rate(20e-3, tau=tau, threshold=10e-3, refractory=5e-3)
    np.testing.assert_allclose(np.diff(times), period, rtol=0, atol=5e-5)


def test_the_threshold_of_zenke2013_comes_back_as_printed():
    """From 100 mV at a spike, 15 ms until it is 5 mV, 23 ms until it is 1 mV."""
    cells = AdaptiveThresholdLIF().group(1)
    cells.theta = 100 * mV
    theta = StateMonitor(cells, "theta", record=True)
    run(cells, theta, duration=0.03)
    times, values = np.asarray(theta.t), np.asarray(theta.theta[0])
    assert [f"{times[np.argmin(np.abs(values - level))] / MS:.0f}" for level in (5e-3, 1e-3)] == ["15", "23"]


def test_a_spike_of_zenke2013_sets_threshold_and_potential():
    cells = AdaptiveThresholdLIF().group(1)
    cells.v = -49 * mV
    watched = StateMonitor(cells, ["v", "theta"], record=True, when="end")
    run(cells, watched, duration=DT)
    assert (watched.v[0][0], watched.theta[0][0]) == (-70 * mV, 100 * mV)


# ---------------------------------------------------------------------- spikes that jump the potential


def jumped(cell, steps, weights, n_steps, *, dt=DT, when="before_thresholds", watch="v"):
    """Potential (V) at the end of every step and steps of the output spikes; input acts before or after threshold."""
    with time_step(dt):
        cells = cell.group(1, transmissions=[Delta(v_unit=1 * mV)])
        source = generator([np.array([step]) for step in steps])
        synapses = PairSTDP(a_plus=0, a_minus=0, w_max=1e6).synapses(source, cells, transmit=Delta(v_unit=1 * mV))
        synapses.w = weights
        synapses.pre.when = when
        potential, spikes = StateMonitor(cells, "v", record=True, when="end"), SpikeMonitor(cells)
        run(cells, source, synapses, potential, spikes, duration=n_steps * dt)
    return np.asarray(potential.v[0]), np.rint(np.asarray(spikes.t) / dt).astype(int)


def integrator(threshold=1e3, tau=10e-3):
    """A cell whose rest and reset are 0 mV; threshold in mV."""
    zero = 0 * mV
    return CurrentLIF(tau_m=tau * second, E_L=zero, V_reset=zero, V_t=min(threshold, 150) * mV, tau_ref=0 * second)


@pytest.mark.parametrize("threshold", [1.1, 1.3, 1.5, 1.8])
def test_the_limit_of_a_coincidence_detector(threshold):
    """Two spikes of weight 1 reach it together half a step nearer than the limit, not half a step further."""
    limit = coincidence_limit(tau=10e-3, threshold=threshold)
    table = {1.1: "23.026", 1.3: "12.040", 1.5: "6.931", 1.8: "2.231"}
    assert f"{limit / MS:.3f}" == table[threshold]
    for lag, n_spikes in ((limit - DT / 2, 1), (limit + DT / 2, 0)):
        n = round(lag / DT)
        spikes = jumped(integrator(threshold), [2, 2 + n], [1, 1], n + 5, dt=lag / n)[1]
        assert len(spikes) == n_spikes


@pytest.mark.parametrize(("threshold", "n_spikes"), [(0.9, 2), (2.1, 0)])
def test_a_coincidence_detector_out_of_range(threshold, n_spikes):
    """Below 1 every spike is enough by itself; above 2 not even two at once are."""
    assert len(jumped(integrator(threshold), [2, 60], [1, 1], 70)[1]) == n_spikes
    assert len(jumped(integrator(threshold), [2, 2], [1, 1], 10)[1]) == min(n_spikes, 1)


def test_a_jump_is_a_narrow_pulse_of_the_same_area():
    """The jump w equals R i = tau w delta; a pulse of one step differs in proportion to the step."""
    errors = []
    for dt in (1e-4, 5e-5, 2.5e-5):
        cell = integrator()
        jump = jumped(cell, [0], [2.0], 2, dt=dt)[0][1]
        with time_step(dt):
            cells = cell.group(1)
            cells.I_ext = 10e-3 * 2e-3 / dt / 100e6 * amp
            potential = StateMonitor(cells, "v", record=True, when="end")
            run(cells, potential, duration=dt)
        errors.append(abs(float(potential.v[0][0]) / jump - 1))
    assert errors[0] < DT / 10e-3
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 2, rtol=0.01)


# ---------------------------------------------------------------------- discrete time

BETA = np.exp(-DT / 10e-3)


def test_one_spike_in_discrete_time():
    v = jumped(integrator(), [3], [0.7], 200)[0] / MS
    np.testing.assert_allclose(v[4:], 0.7 * BETA ** np.arange(196), rtol=1e-12)


def test_a_spike_in_every_bin_in_discrete_time():
    v = jumped(integrator(), np.arange(199), np.full(199, 0.7), 200)[0] / MS
    k = np.arange(1, 200)
    np.testing.assert_allclose(v[1:], 0.7 * (1 - BETA**k) / (1 - BETA), rtol=1e-12)


@pytest.mark.parametrize("weight", [0.35, 0.7, 1.3, 5.1, 30.0])
def test_the_period_in_discrete_time_is_a_whole_number(weight):
    threshold, n = 25.0, 1000
    spikes = jumped(integrator(threshold), np.arange(n), np.full(n, weight), n)[1]
    period = int(np.ceil(np.log(1 - threshold * (1 - BETA) / weight) / np.log(BETA)))
    assert len(spikes) > 3
    assert np.diff(spikes).tolist() == [period] * (len(spikes) - 1)
    assert spikes[0] == period  # input of the first bin acts in the second


def test_by_default_input_comes_after_threshold_and_is_lost_in_a_step_that_fires():
    """The schedule of Brian2, unlike the discrete-time equations: V[n+1] = beta (V[n] + w S[n])."""
    v = jumped(integrator(), [3], [0.7], 50, when="synapses")[0] / MS
    np.testing.assert_allclose(v[3:], 0.7 * BETA ** np.arange(47), rtol=1e-12)
    steps, weights = [3, 4, 4], [30.0, 0.0, 0.7]
    v, spikes = jumped(integrator(25.0), steps, weights, 10, when="synapses")
    assert spikes.tolist() == [4]
    assert not v[4:].any()


# ---------------------------------------------------------------------- Hodgkin and Huxley


DENSITIES = np.array([2.2, 2.3, 4, 6, 6.25, 6.3, 7, 8.5, 10, 30, 50, 100])  # uA/cm2


@cache
def squid(dt):
    """Spike times for every density in 1 s."""
    cell = HodgkinHuxley()
    trains = fire(cell, DENSITIES * float(uA / cm**2 * cell.area), 1.0, dt)
    return dict(zip(DENSITIES.tolist(), trains, strict=True))


@pytest.mark.parametrize("dt", rest_slow([2e-5, 1e-5], n_default=0))
def test_the_rates_of_the_squid_axon(dt):
    trains = squid(dt)
    rates = {density: steady_rate(trains[density], t_stop=1.0, t_start=0.5) for density in (6.3, 7, 8.5, 10, 30, 50)}
    for density, rate in {6.3: 52.4, 7: 58.3, 10: 68.3, 50: 117.0}.items():
        assert rates[density] == pytest.approx(rate, abs=0.5)
    assert list(rates.values()) == sorted(rates.values())


@pytest.mark.slow
def test_the_rates_of_the_squid_axon_do_not_depend_on_the_step():
    for density in (6.3, 7, 8.5, 10, 30, 50):
        one, two = (steady_rate(squid(dt)[density], t_stop=1.0, t_start=0.5) for dt in (1e-5, 2e-5))
        assert one == pytest.approx(two, abs=0.5)


@pytest.mark.parametrize("dt", rest_slow([2e-5, 1e-5], n_default=0))
def test_the_onset_of_the_squid_axon(dt):
    counts = {density: len(times) for density, times in squid(dt).items()}
    assert counts[2.2] == 0
    assert all(1 <= counts[density] <= 2 for density in (2.3, 4.0, 6.0))
    assert counts[6.25] == 8
    assert counts[100.0] == 2


@pytest.mark.parametrize(
    ("density", "n_spikes", "rate"), [(6, 2, None), (6.25, 8, None), (6.3, 53, 52.4), (100, 2, None)]
)
def test_the_twin_of_the_squid_axon(density, n_spikes, rate):
    cell = HodgkinHuxley()
    times = cell.reference(np.full(100_000, density * float(uA / cm**2 * cell.area)), 1e-5)
    assert len(times) == n_spikes
    if rate is not None:
        assert steady_rate(times, t_stop=1.0, t_start=0.5) == pytest.approx(rate, abs=0.05)


@pytest.mark.slow
def test_the_squid_axon_rests():
    cell = HodgkinHuxley()
    assert [f"{cell.start[gate]:.4f}" for gate in "mhn"] == ["0.0529", "0.5961", "0.3177"]
    with time_step(2e-5):
        cells = cell.group(1)
        run(cells, duration=0.05)
    assert abs(cells.v[0]) < 0.01 * mV


@pytest.mark.slow
@pytest.mark.parametrize("area", [1e-12, 1e-6])
def test_the_area_of_the_membrane_scales_its_input_only(area):
    cell = HodgkinHuxley(area=area * brian2.meter**2)
    (times,) = fire(cell, np.array([0.1 * area]), 0.06, 2e-5)
    (same,) = fire(HodgkinHuxley(), np.array([0.1 * 2e-8]), 0.06, 2e-5)
    assert times.size > 2
    np.testing.assert_allclose(times, same, atol=1e-12)


# ---------------------------------------------------------------------- multi-timescale adaptive threshold

CURRENTS = np.array([0.5, 0.6, 0.7]) * 1e-9
STEP, DURATION = 1e-5, 0.5

COUNTS = {"RS": [10, 16, 22], "FS": [78, 98, 118], "fitted_RS": [11, 17, 22]}
INTERVALS = {
    "RS": [13.9, 17.6, 19.9, 22.4, 38.7],
    "IB": [4.3, 6.1, 7.8, 9.3, 26.8],
    "FS": [2.5, 3.1, 3.5, 3.9, 5.6],
}
"""First four and last, ms, at 0.6 nA."""


def recipe(cell, current):
    """The stated order of operations: potential by Euler, threshold by exact factors, then the test."""
    v = rest = float(cell.E_L)
    parts, last, fired = np.zeros(2), -np.inf, []
    rises = np.array([float(cell.alpha_1), float(cell.alpha_2)])
    factors = np.exp(-STEP / np.array([float(cell.tau_1), float(cell.tau_2)]))
    for step in range(round(DURATION / STEP)):
        v += STEP / float(cell.tau_m) * (rest - v + float(cell.R) * current)
        parts *= factors
        if v >= float(cell.omega) + parts.sum() and (step - last) * STEP > float(cell.tau_ref) + STEP / 2:
            parts += rises
            last = step
            fired.append(step * STEP)
    return np.array(fired)


@cache
def adaptive(name, method=""):
    return fire(MAT.preset(name), CURRENTS, DURATION, STEP, method)


def first_and_last(times):
    return np.diff(times)[[0, 1, 2, 3, -1]] / MS


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTS)
def test_the_counts_of_the_mat_cell(name):
    assert [len(recipe(MAT.preset(name), each)) for each in CURRENTS] == COUNTS[name]
    assert [len(each) for each in adaptive(name, "euler")] == COUNTS[name]
    assert np.abs(np.subtract([len(each) for each in adaptive(name)], COUNTS[name])).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", INTERVALS)
def test_the_intervals_of_the_mat_cell(name):
    for times in (recipe(MAT.preset(name), CURRENTS[1]), adaptive(name, "euler")[1], adaptive(name)[1]):
        np.testing.assert_allclose(first_and_last(times), INTERVALS[name], atol=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("name", MAT.presets)
def test_exact_integration_of_the_mat_cell_is_the_limit_of_the_recipe(name):
    for times, current in zip(adaptive(name), CURRENTS, strict=True):
        euler = recipe(MAT.preset(name), current)
        n = min(len(times), len(euler))
        assert abs(len(times) - len(euler)) <= 1
        # a step a spike: after 2 ms the recipe fires again a step later
        assert np.abs(times[:n] - euler[:n]).max(initial=0) < (n + 20) * STEP


@pytest.mark.slow
def test_a_chattering_mat_cell_bursts_as_fast_as_it_may():
    times = adaptive("CH")[1]
    intervals = np.diff(times) / MS
    assert len(times) == 38
    assert intervals[:3] == pytest.approx(2, abs=1e-9)
    assert intervals.max() > 10
    assert [len(each) for each in adaptive("CH")] == [0, 38, 83]


@pytest.mark.slow
def test_an_intrinsically_bursting_mat_cell_has_these_counts():
    assert [len(each) for each in adaptive("IB")] == [15, 25, 34]


# ---------------------------------------------------------------------- AdEx and Izhikevich: what the presets are for


def test_the_firing_patterns_of_the_adex_cell():
    regular, bursting, fast = (
        np.diff(fire(AdEx.preset(name), np.array([1e-9]), 0.5, 5e-5)[0]) / MS
        for name in ("regular_spiking", "bursting", "fast_spiking")
    )
    assert np.all(np.diff(regular) > -0.2)  # intervals only grow
    assert regular[-1] > 2 * regular[0]
    assert bursting.max() > 4 * bursting.min()
    assert np.sum(np.diff(np.sign(np.diff(bursting)))[5:] != 0) > 4  # short and long intervals by turns
    assert fast[-1] < 1.5 * fast[0]
    assert fast[-1] < regular[-1] / 2


def published_script(cell, current, step=1.0, duration=1000.0):
    """Two half steps for the potential, then one for the recovery, of so many ms; 1 ms in the paper's script."""
    v, u, fired = -65.0, cell.b * -65.0, []
    for k in range(round(duration / step)):
        if v >= 30:
            fired.append(k * step)
            v, u = float(cell.c) * 1e3, u + float(cell.d) * 1e3
        for _ in range(2):
            v += step / 2 * (0.04 * v * v + 5 * v + 140 - u + current)
        u += step * cell.a * (cell.b * v - u)
    return np.array(fired)


@pytest.mark.slow
@pytest.mark.parametrize("name", Izhikevich.presets)
def test_the_published_scheme_of_izhikevich_tends_to_the_cell(name):
    """With its own step of 1 ms, in which a cell can fire once, it fires less often."""
    cell = Izhikevich.preset(name)
    (times,) = fire(cell, np.array([10e-12]), 0.4, 2e-5)
    fine, coarse = (published_script(cell, 10.0, step, 400.0) for step in (0.01, 1.0))
    assert len(fine) == pytest.approx(len(times), rel=0.03, abs=1)
    assert len(coarse) < len(times)


@pytest.mark.slow
def test_the_firing_patterns_of_izhikevich():
    trains = {name: fire(Izhikevich.preset(name), np.array([10e-12]), 1.0)[0] for name in Izhikevich.presets}
    intervals = {name: np.diff(times) / MS for name, times in trains.items()}
    assert len(trains["FS"]) > 3 * len(trains["RS"])
    assert intervals["RS"][-1] > 1.5 * intervals["RS"][0]
    assert intervals["CH"].max() > 4 * intervals["CH"].min()
    assert intervals["IB"][0] < 0.5 * intervals["IB"][-1]
