"""The plastic balanced network and its mean field: settings, wiring, what ends an explosion, onset, detector."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Hz, ms, mV, nS, second

from brian2learn.analysis.mean_field import MetaplasticNetwork
from brian2learn.circuits.plastic_balanced_network import PlasticBalancedNetwork
from brian2learn.circuits.rate_populations import RatePopulations
from brian2learn.core.errors import DeclarationError
from brian2learn.plasticity.fixed import Fixed
from brian2learn.plasticity.metaplastic_triplet import MetaplasticTriplet
from brian2learn.plasticity.synaptic_scaling import SynapticScaling
from brian2learn.plasticity.triplet_stdp import TripletSTDP
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.simulate import simulate
from brian2learn.tasks.rate_steps import RateSteps
from brian2learn.tasks.silence import Silence

SMALL = PlasticBalancedNetwork(n_excitatory=40, n_inhibitory=10, p=0.5)


def afferents(length, n=50, rate=100 * Hz):
    return RateSteps(n_afferents=n, first_rate=rate, last_rate=rate, n_levels=2, hold=length / 2 * second)


def test_defaults_are_the_published_network():
    network = PlasticBalancedNetwork()
    assert (network.n_excitatory, network.n_inhibitory, network.p, network.p_afferent) == (20_000, 5000, 0.05, 0.05)
    assert (network.w_ee, network.w_ei, network.w_ie, network.w_ii, network.w_afferent) == (0.16, 0.16, 1, 1, 0.16)
    assert network.delay == 0.8 * ms
    for cell, tau in ((network.cell, 20), (network.inhibitory_cell, 10)):
        assert float(cell.C / cell.g_L / ms) == pytest.approx(tau)
        assert (cell.E_L, cell.V_reset, cell.V_t) == (-70 * mV, -70 * mV, -50 * mV)
        assert (cell.theta_spike, cell.tau_theta) == (100 * mV, 5 * ms)
        assert network.excitation.g_unit == network.inhibition.g_unit == cell.g_L == 10 * nS
    assert (network.excitation.tau_ampa, network.excitation.tau_nmda, network.inhibition.tau) == (
        5 * ms,
        100 * ms,
        10 * ms,
    )
    assert (network.excitation.ampa_share, network.inhibition.E_rev) == (0.5, -80 * mV)
    assert network.ee_rule == MetaplasticTriplet.preset("zenke2013")
    assert network.ceiling == 20 * network.ee_rule.kappa


def test_a_tenth_of_the_size_keeps_the_inputs_per_cell():
    whole, tenth = PlasticBalancedNetwork(), PlasticBalancedNetwork(n_excitatory=2000, n_inhibitory=500, p=0.5)
    for name in ("n_excitatory", "n_inhibitory"):
        assert getattr(whole, name) * whole.p == getattr(tenth, name) * tenth.p


def record_of(mode="runtime", length=0.3, record=None, **values):
    circuit = SMALL.replace(**values)
    return simulate(Experiment(afferents(length), circuit, record=dict(record or ())), 0, mode=mode)


def test_afferents_reach_excitatory_cells_only():
    silent = record_of(w_ee=0.0, w_ei=0.0, w_ie=0.0, w_afferent=0.5)
    assert silent.spikes["excitatory"].t.size > 50
    assert np.all(silent.spikes["inhibitory"].t < 2e-3)  # those that start above threshold


def test_first_potentials_are_drawn_as_published():
    values = PlasticBalancedNetwork().initial({}, np.random.default_rng(0))["excitatory.v"] / 1e-3
    assert values.size == 20_000
    assert values.mean() == pytest.approx(-60, abs=0.3)
    assert values.std() == pytest.approx(10, abs=0.2)


def test_an_exploded_network_falls_silent_and_the_last_spike_tells_when():
    """Strong afferents take the rate over the ceiling: no spike after the next look, and no look before it."""
    record = record_of(w_afferent=5.0, w_ee=0.0, length=0.4, ceiling=20 * Hz, record=(("watch.rate", 10 * ms),))
    rate = record.states["watch.rate"].values[:, 0]
    times = record.states["watch.rate"].t
    over = times[np.argmax(rate >= 20)]
    spikes = record.spikes["excitatory"].t
    assert 0 < over < 0.3
    assert over - 11e-3 < spikes.max() < over + 11e-3
    free = record_of(w_afferent=5.0, w_ee=0.0, length=0.4, ceiling=1e4 * Hz)
    assert free.spikes["excitatory"].t.max() > 0.38


def test_the_watched_rate_is_that_of_the_excitatory_cells():
    record = record_of(w_afferent=0.3, ceiling=1e4 * Hz, record=(("watch.rate", 1 * ms),))
    spikes = record.spikes["excitatory"].t
    late = 0.25
    wanted = np.sum(np.exp(-(late - spikes[spikes < late]) / 0.1)) / 40 / 0.1
    assert record.states["watch.rate"].values[250, 0] == pytest.approx(wanted, rel=5e-3)


def test_before_the_onset_nothing_is_learned():
    for onset, moved in ((100.0, False), (0.1, True)):
        record = record_of(
            ee_rule=MetaplasticTriplet(a3_plus=0.05, onset=onset * second), keep="weights", w_afferent=0.5
        )
        assert bool(np.any(record.final["e_to_e.w"] != 0.16)) is moved


@pytest.mark.slow
def test_a_program_gives_what_runtime_mode_gives():
    """Without drawn connections: every synapse there is, same first potentials."""
    values = {"p": 1.0, "p_afferent": 1.0, "keep": "weights", "w_afferent": 0.1}
    one, other = record_of("runtime", 0.1, **values), record_of("standalone", 0.1, **values)
    assert one.spikes["excitatory"].t.size > 20
    np.testing.assert_array_equal(one.spikes["excitatory"].i, other.spikes["excitatory"].i)
    np.testing.assert_allclose(one.spikes["excitatory"].t, other.spikes["excitatory"].t, atol=1e-9)
    np.testing.assert_allclose(one.final["e_to_e.w"], other.final["e_to_e.w"], rtol=1e-10)


SCALED = TripletSTDP.preset("zenke2013_static") + SynapticScaling(tau_scl=1 * second)


@pytest.mark.parametrize("rule", [Fixed(), SCALED], ids=["fixed", "scaled"])
def test_it_hosts_other_rules(rule):
    """Fixed weights; the scaling variant, whose weights change with the first step of scaling at the latest."""
    record = record_of(ee_rule=rule, length=0.2, keep="weights", w_afferent=0.5)
    assert record.spikes["excitatory"].t.size > 0
    assert set(record.final) == (set() if rule == Fixed() else {f"e_to_e.{each}" for each in ("w", "i", "j")})
    assert all(np.any(w != 0.16) for w in record.final.values())


# ---------------------------------------------------------------------- the mean field


@pytest.mark.slow
def test_rate_populations_equal_euler_steps_and_the_boundary():
    """Stable at 0.5 and 0.9 of the critical time constant, explosion at 2030 and 500 s at 1.1 and 2 of it."""
    critical = MetaplasticNetwork(1.24488e-5, 3.0, 1.0, 10.0).critical_tau
    found = {}
    for ratios in ((0.5, 2.0), (0.9, 1.1)):
        low, high = (ratio * critical * second for ratio in ratios)
        circuit = RatePopulations(n=2, low_tau=low, high_tau=high)
        experiment = Experiment(
            Silence(length=2100 * second), circuit, dt=100 * ms, record={"populations.w": 0.1 * second}
        )  # fmt: skip
        with np.errstate(all="ignore"):
            courses = simulate(experiment, mode="runtime").states["populations.w"].values.T
        for ratio, w in zip(ratios, courses, strict=True):
            (over,) = np.nonzero(~(w < 10))
            found[ratio] = 0.1 * over[0] if over.size else np.inf
    assert found[0.5] == found[0.9] == np.inf
    assert found[1.1] == pytest.approx(2031, abs=1)
    assert found[2.0] == pytest.approx(498, abs=1)


@pytest.mark.parametrize(("values", "match"), [
    ({"low_tau": 60 * second}, r"RatePopulations\.high_tau .*at least low_tau"),
    ({"n": 2}, r"RatePopulations\.n .*expected 1 if low_tau equals high_tau"),
])  # fmt: skip
def test_nonsense_is_refused(values, match):
    with pytest.raises(DeclarationError, match=match):
        RatePopulations(**values)
