"""The inhibitory rule of Vogels et al. 2011: its numbers, its fixed point, and which side each trace belongs to."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from _helpers import DT, Pair, learn, twin
from brian2 import Hz, Network, NeuronGroup, PoissonInput, SpikeMonitor, defaultclock, ms, nS, second, seed

from brian2learn.analysis.spike_covariance import rate_around
from brian2learn.circuits.conductance_lif import ConductanceLIF
from brian2learn.circuits.ei_network import EINetwork
from brian2learn.plasticity.ampa import AMPA
from brian2learn.plasticity.gaba import GABA
from brian2learn.plasticity.inhibitory_stdp import InhibitorySTDP
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.simulate import simulate
from brian2learn.tasks.silence import Silence

NONE = np.array([], int)


@pytest.mark.parametrize(
    ("preset", "alpha"), [("vogels2011_feed_forward", 0.25), ("vogels2011_recurrent", 0.12), ("nest", 0.12)]
)
def test_alpha_of_the_published_settings(preset, alpha):
    assert InhibitorySTDP.preset(preset).alpha == pytest.approx(alpha, rel=1e-12)


class SwappedTraces(InhibitorySTDP):
    """Each side's change reads the trace of its own side, as in Brian2's own example of another paper until 2025."""

    on_pre = InhibitorySTDP.on_pre.replace("y", "x")
    on_post = InhibitorySTDP.on_post.replace("eta * x", "eta * y")


def changes(rule, pairs):
    """What every pair of trains does to a weight of 1."""
    return learn([rule], pairs, np.full(len(pairs), 1 / rule.w_max)).final[0] - 1


# steps of 0.1 ms: post after pre, pre after post, both together, two pre, two post, and one alone of either
ORACLE = [
    Pair(np.array([10]), np.array([60])),
    Pair(np.array([60]), np.array([10])),
    Pair(np.array([10]), np.array([10])),
    Pair(np.array([10, 60]), NONE),
    Pair(NONE, np.array([10, 60])),
    Pair(np.array([10, 110]), np.array([60])),
]


def by_hand(eta, alpha, tau):
    """Pairs count alike in both orders; a pre spike alone takes alpha."""
    near = np.exp(-50 * DT / tau)
    return eta * np.array([near - alpha, near - alpha, 1 - alpha, -2 * alpha, 0, 2 * near - 2 * alpha])


@pytest.mark.parametrize("preset", InhibitorySTDP.presets)
def test_the_published_rule_by_hand(preset):
    rule = InhibitorySTDP.preset(preset)
    expected = by_hand(rule.eta, rule.alpha, float(rule.tau))
    np.testing.assert_allclose(changes(rule.replace(w_max=10.0), ORACLE), expected, rtol=0, atol=1e-12)


def test_swapped_traces_are_caught():
    rule = SwappedTraces(w_max=10.0)
    expected = by_hand(rule.eta, rule.alpha, float(rule.tau))
    wrong = np.abs(changes(rule, ORACLE) - expected) > 1e-6
    assert wrong.tolist() == [True, True, True, True, True, True]
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(
            learn([rule], ORACLE, np.full(len(ORACLE), 0.1)).final,
            twin([rule], ORACLE, np.full(len(ORACLE), 0.1)), atol=1e-12,
        )  # fmt: skip


def test_nothing_is_learned_before_the_onset_but_traces_run():
    """A pre spike before the onset still pairs with a post spike after it."""
    rule = InhibitorySTDP(onset=5 * ms, w_max=10.0)
    trains = [
        Pair(np.array([10]), np.array([40])),
        Pair(np.array([10]), np.array([50])),
        Pair(np.array([50]), np.array([10])),
    ]
    near = np.exp(-40 * DT / float(rule.tau))
    expected = rule.eta * np.array([0, near, near - rule.alpha])
    np.testing.assert_allclose(changes(rule, trains), expected, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_the_mean_change_vanishes_at_the_target_rate():
    """Independent Poisson trains: down below the target, up above it, and as computed at it."""
    rho0, tau, n_trains, duration, pre_rate = 5.0, 0.02, 4000, 1.0, 20.0
    rule = InhibitorySTDP(rho0=rho0 * Hz, tau=tau * second, eta=1e-6, w_max=2.0)
    rng = np.random.default_rng(0)

    def train(rate):
        return np.unique(rng.integers(round(duration / DT), size=rng.poisson(rate * duration)))

    found = []
    for rate in (rho0 / 2, rho0, rho0 * 2):
        pairs = [Pair(train(pre_rate), train(rate)) for _ in range(n_trains)]
        change = changes(rule, pairs) / rule.eta
        # pairs across the ends of the trains are missing
        expected = 2 * tau * pre_rate * (rate * (duration - tau) - rho0 * duration)
        error = change.std() / np.sqrt(n_trains)
        assert abs(change.mean() - expected) < 4 * error
        found.append(change.mean() / error)
    assert found[0] < -10
    assert found[2] > 10


# ---------------------------------------------------------------------- where rates settle


@cache
def fed_forward(n_inputs, n_cells, length, settled):
    """Rate of cells with Poisson inputs of their own, and spikes beyond chance in the window of the rule, Hz.

    Excitation is that of the authors' feed-forward code with five times as many inputs, each a fifth as strong, at one
    rate; inhibition begins near its balance, with the same mean for any number of inputs.
    """
    before, defaultclock.dt = defaultclock.dt, 1 * ms
    try:
        seed(0)
        rule = InhibitorySTDP.preset("vogels2011_feed_forward").replace(eta=0.24 / n_inputs)
        cells = ConductanceLIF().group(n_cells, plasticity=rule, transmissions=[AMPA(), GABA()])
        fires = "rand() < 30*Hz*dt"
        inputs = NeuronGroup(n_inputs * n_cells, rule.afferent_equations, threshold=fires, method="exact", namespace={})
        own = {"i": np.arange(len(inputs)), "j": np.arange(len(inputs)) // n_inputs}
        synapses = rule.synapses(inputs, cells, transmit=GABA(), connect=own)
        synapses.w = 50 / n_inputs
        excitation = PoissonInput(cells, "ampa_g", 4000, 30 * Hz, 0.0168 * nS)
        source, target = SpikeMonitor(inputs), SpikeMonitor(cells)
        Network(cells, inputs, synapses, excitation, source, target).run(length * second, namespace={})
        spikes = ((np.array(each.i), np.array(each.t_), len(each.source)) for each in (source, target))
        found = rate_around(*spikes, (own["i"], own["j"]), t_start=settled, t_stop=length, width=2e-3)
        return found.chance_joined, found.excess(float(rule.tau))
    finally:
        defaultclock.dt = before


@pytest.mark.slow
def test_many_weak_inputs_bring_the_rate_to_its_target():
    """1000 inhibitory inputs; within 5 % of 6.25 Hz."""
    rate, excess = fed_forward(1000, 24, 10, 2)
    assert rate == pytest.approx(6.25, rel=0.05)
    assert -0.3 < excess < 0


@pytest.mark.full
def test_few_strong_inputs_settle_above_it_by_their_covariance():
    """40 inputs, as in the recurrent network: over 10 % above, and within 5 % of what their spikes together predict."""
    rate, excess = fed_forward(40, 60, 60, 30)
    assert rate > 1.1 * 6.25
    assert rate == pytest.approx(6.25 - excess, rel=0.05)


@pytest.mark.full
def test_the_gap_of_the_published_network_shrinks_as_synapses_grow_weak():
    """Five times as many synapses, each a fifth as strong: the drive's noise, so the gap, is 1/sqrt(5) of what it was.

    A spike of a weak synapse suppresses less, but a cell with less noise answers more strongly to the same conductance.
    """
    gaps = []
    for times in (1, 5):
        network = EINetwork(keep="weights")
        rule = network.ie_rule.replace(eta=0.1 / times)
        weak = {name: network.values[name] / times for name in ("w_ee", "w_ei", "w_ii")}
        network = network.replace(p=0.02 * times, ie_rule=rule, **weak)
        record = simulate(Experiment(Silence(length=30 * second), network))
        spikes = [(*record.spikes[name][::-1], n) for name, n in (("inhibitory", 2000), ("excitatory", 8000))]
        joins = record.final["i_to_e.i"], record.final["i_to_e.j"]
        found = rate_around(*spikes, joins, t_start=20, t_stop=30)
        after = found.lags > 0
        gaps.append(((found.chance_joined - found.joined) * np.exp(-found.lags / 0.02) * after).sum() * 1e-3 / 0.04)
        assert found.chance_joined == pytest.approx(3 - found.excess(0.02), rel=0.05)
    assert gaps[0] == pytest.approx(np.sqrt(5) * gaps[1], rel=0.15)
