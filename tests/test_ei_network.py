"""The recurrent network: its wiring, its programs, runs without input, and traces on neurons with a delay."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from _helpers import Pair, driven, learn, loadable, rest_slow
from brian2 import Hz, defaultclock, ms, mV, nS, pA, second

from brian2learn.circuits.ei_network import EINetwork
from brian2learn.core.errors import AssemblyError, DeclarationError
from brian2learn.plasticity._rule import Rule
from brian2learn.plasticity.fixed import Fixed
from brian2learn.plasticity.inhibitory_stdp import InhibitorySTDP
from brian2learn.plasticity.pair_stdp import PairSTDP
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.simulate import simulate
from brian2learn.tasks.silence import Silence

RULES = loadable("plasticity", kind=Rule)
SMALL = EINetwork(n_excitatory=40, n_inhibitory=10, p=0.2)


# ---------------------------------------------------------------------- the network


def test_defaults_are_the_published_network():
    network = EINetwork()
    assert (network.n_excitatory, network.n_inhibitory, network.p) == (8000, 2000, 0.02)
    assert (network.w_ee, network.w_ei, network.w_ii) == (0.3, 0.3, 3.0)
    assert (network.bias, network.delay, network.integration) == (200 * pA, 0 * ms, "euler")
    assert (network.cell.g_L, network.excitation.g_unit, network.inhibition.g_unit) == (10 * nS, 1 * nS, 1 * nS)
    assert (network.excitation.tau, network.inhibition.tau) == (5 * ms, 10 * ms)
    assert (network.cell.E_L, network.cell.V_t, network.inhibition.E_rev) == (-60 * mV, -50 * mV, -80 * mV)
    assert network.ie_rule == InhibitorySTDP.preset("vogels2011_recurrent", onset=1 * second)
    assert network.ee_rule == Fixed()


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_every_pair_is_joined_with_probability_p_and_no_cell_with_itself(p):
    circuit = EINetwork(n_excitatory=200, n_inhibitory=50, p=p)
    built = circuit.build({})
    for name, each in circuit.projections.items():
        synapses = built[name]
        n = len(built[each.source]) * (len(built[each.target]) - (each.source == each.target))
        assert abs(len(synapses) - n * p) < 4 * np.sqrt(n * p * (1 - p)), name
        assert np.unique(np.stack([synapses.i, synapses.j]), axis=1).shape[1] == len(synapses)
        assert each.source != each.target or np.all(synapses.i[:] != synapses.j[:])


@pytest.mark.parametrize("delay", [0.0, 1.2])
def test_a_spike_reaches_the_targets_after_the_delay_with_the_weight(delay):
    """The only excitatory cell that can fire does so once; its targets' conductance tells when, where and how much."""
    circuit = EINetwork(
        n_excitatory=20, n_inhibitory=5, p=0.5, delay=delay * ms, bias=0 * pA, w_ee=0.7, w_ei=0.4,
        ie_rule=Fixed(), ee_rule=PairSTDP(w_max=5.0, a_minus=0.0, a_plus=0.0),
    )  # fmt: skip
    network = circuit.network({})
    excitatory, inhibitory = network["excitatory"], network["inhibitory"]
    excitatory.v, inhibitory.v = -60 * mV, -60 * mV
    excitatory.v[3] = -40 * mV
    network.run((delay + 0.1) * ms if delay else 0.1 * ms, namespace={})
    for group, name, w in ((excitatory, "e_to_e", 0.7), (inhibitory, "e_to_i", 0.4)):
        reached = np.zeros(len(group))
        synapses = network[name]
        reached[synapses.j[:][synapses.i[:] == 3]] = w
        assert reached.any()
        np.testing.assert_allclose(group.ampa_g / nS, reached, rtol=1e-12)


def test_the_bias_alone_gives_the_rate_of_the_cell():
    """Without synapses every cell fires as the closed form says."""
    network = EINetwork(n_excitatory=20, n_inhibitory=5, p=0.0, ie_rule=Fixed(), bias=150 * pA)
    record = simulate(Experiment(Silence(length=1 * second), network), mode="runtime")
    cell = network.cell
    period = 20e-3 * np.log(15 / 5) + float(cell.tau_ref)  # rest at -60 mV, threshold 10 mV above, V_inf 15 mV above
    for name, n in (("excitatory", 20), ("inhibitory", 5)):
        assert record.spikes[name].t.size == pytest.approx(n / period, rel=0.03)


@pytest.mark.parametrize(("values", "match"), [
    ({"p": 1.5}, r"EINetwork\.p \(probability"), ({"w_ii": -1}, r"EINetwork\.w_ii"),
    ({"n_inhibitory": 0}, r"EINetwork\.n_inhibitory"),
])  # fmt: skip
def test_nonsense_is_refused(values, match):
    with pytest.raises(DeclarationError, match=match):
        EINetwork(**values)


def test_a_cell_without_input_current_is_refused():
    from brian2learn.circuits.srm0 import SRM0

    with pytest.raises(DeclarationError, match=r"EINetwork\.cell .* expected a cell with an input current"):
        EINetwork(cell=SRM0())


# ---------------------------------------------------------------------- as a program


@cache
def record_of(seed=0, mode="standalone", w_ie=0.5, length=0.3):
    circuit = SMALL.replace(keep="weights", w_ie=w_ie, ie_rule=InhibitorySTDP(eta=1e-3, onset=100 * ms))
    return simulate(Experiment(Silence(length=length * second), circuit), seed, mode=mode)


@pytest.mark.parametrize("mode", rest_slow(["runtime", "standalone"], n_default=0))
def test_the_length_of_the_task_is_the_length_of_the_run(mode):
    record = record_of(mode=mode)
    assert record.duration == 0.3
    times = record.spikes["excitatory"].t
    assert 0.25 < times.max() < 0.3
    assert record_of(length=0.05).spikes["excitatory"].t.max() < 0.05


@pytest.mark.slow
def test_same_seed_same_bits_and_another_seed_another_network():
    circuit = SMALL.replace(keep="weights")
    experiment = Experiment(Silence(length=100 * ms), circuit)
    one, same, other = (simulate(experiment, seed, mode="standalone") for seed in (0, 0, 1))
    assert one.spikes["excitatory"].t.tobytes() == same.spikes["excitatory"].t.tobytes()
    assert one.final["i_to_e.w"].tobytes() == same.final["i_to_e.w"].tobytes()
    assert one.final["i_to_e.w"].size != other.final["i_to_e.w"].size
    assert one.spikes["excitatory"].t.tobytes() != other.spikes["excitatory"].t.tobytes()


@pytest.mark.slow
def test_a_first_weight_is_set_at_run_time():
    """The mean change from 0.5 or from 2 starts there; before the onset nothing changes."""
    for w in (0.5, 2.0):
        assert np.all(record_of(w_ie=w, length=0.05).final["i_to_e.w"] == w)
        final = record_of(w_ie=w).final["i_to_e.w"]
        assert np.ptp(final) > 1e-4
        assert abs(final.mean() - w) < 0.1


@pytest.mark.parametrize("mode", ["standalone", "runtime"])
def test_weights_are_kept_with_the_cells_they_join(mode):
    """A weight changes where one of the two cells fired after the onset, and only there."""
    record = record_of(mode=mode)
    i, j, w = (record.final[f"i_to_e.{name}"] for name in "ijw")
    assert i.size == j.size == w.size > 0
    assert np.unique(np.stack([i, j]), axis=1).shape[1] == i.size
    assert set(i.tolist()) <= set(range(10))
    assert set(j.tolist()) <= set(range(40))
    pre, post = record.spikes["inhibitory"], record.spikes["excitatory"]
    late = [{*each.i[each.t >= 0.1].tolist()} for each in (pre, post)]
    fired = np.isin(i, [*late[0]]) | np.isin(j, [*late[1]])
    assert np.all(w[~fired] == 0.5)
    assert np.all(w[fired] != 0.5)


def test_potentials_follow_euler_and_decays_are_exact():
    """Against the steps written out, for a cell under a conductance; traces keep their time constant."""
    circuit = EINetwork(n_excitatory=3, n_inhibitory=2, p=0.0, bias=50 * pA)
    network = circuit.network({})
    cells, cell = network["excitatory"], circuit.cell
    cells.v, cells.ampa_g, cells.gaba_g, cells.inhibitory_stdp_y = -58 * mV, 2 * nS, 30 * nS, 1.5
    v, g_e, g_i = -58e-3, 2e-9, 30e-9
    for _ in range(40):
        current = 50e-12 + g_e * (0 - v) + g_i * (-80e-3 - v) + float(cell.g_L) * (float(cell.E_L) - v)
        v += 1e-4 / float(cell.C) * current
        g_e, g_i = g_e * np.exp(-0.1 / 5), g_i * np.exp(-0.1 / 10)
    network.run(4 * ms, namespace={})
    np.testing.assert_allclose(cells.v / mV, 1e3 * v, rtol=1e-12)
    np.testing.assert_allclose(cells.gaba_g / nS, 1e9 * g_i, rtol=1e-12)
    np.testing.assert_allclose(cells.inhibitory_stdp_y, 1.5 * np.exp(-4 / 20), rtol=1e-12)


@pytest.mark.slow
def test_either_integration_gives_the_same_potential_for_small_steps():
    """The error of Euler against the cell's own method shrinks with the time step."""
    found = []
    before = defaultclock.dt
    try:
        for dt in (0.1, 0.01):
            defaultclock.dt = dt * ms
            potentials = []
            for integration in ("euler", "cell"):
                network = EINetwork(n_excitatory=1, n_inhibitory=1, p=0.0, integration=integration).network({})
                network["excitatory"].v, network["excitatory"].gaba_g = -58 * mV, 30 * nS
                network.run(5 * ms, namespace={})
                potentials.append(network["excitatory"].v_[0])
            found.append(abs(potentials[1] - potentials[0]))
    finally:
        defaultclock.dt = before
    assert 0 < found[1] < 0.2 * found[0] < 1e-4


def test_weights_of_fixed_projections_are_not_kept():
    assert EINetwork(keep="weights", ie_rule=Fixed()).learned == ()
    kept = EINetwork(keep="weights", ee_rule=PairSTDP()).learned
    assert kept == ("e_to_e.w", "e_to_e.i", "e_to_e.j", "i_to_e.w", "i_to_e.i", "i_to_e.j")
    assert EINetwork(ee_rule=PairSTDP()).learned == ()


def test_states_of_drawn_synapses_cannot_be_recorded_in_full():
    experiment = Experiment(Silence(length=10 * ms), SMALL, record={"i_to_e.w": 1 * ms})
    with pytest.raises(AssemblyError, match=r"expected synapses whose number is known before the run, got i_to_e"):
        simulate(experiment, mode="runtime")


@pytest.mark.slow
def test_background_spikes_have_their_rate_and_weight():
    circuit = EINetwork(
        n_excitatory=200, n_inhibitory=1, p=0.0, ie_rule=Fixed(), bias=0 * pA, background="poisson", w_background=1e-3,
        background_rate=500 * Hz,
    )  # fmt: skip
    record = simulate(
        Experiment(
            Silence(length=200 * ms), circuit, record={"excitatory.ampa_g": 1 * ms, "inhibitory.ampa_g": 1 * ms}
        ),
        mode="standalone",
    )
    g = record.states["excitatory.ampa_g"].values[50:] / 1e-12
    # Campbell: mean rate w tau, variance rate w^2 tau / 2
    assert g.mean() == pytest.approx(500 * 5e-3, rel=0.05)
    assert g.var() == pytest.approx(500 * 5e-3 / 2, rel=0.15)
    assert not record.states["inhibitory.ampa_g"].values.any()


# ---------------------------------------------------------------------- traces on neurons with a delay


def trains(n, seed):
    rng = np.random.default_rng(seed)
    return [np.flatnonzero(rng.random(600) < 0.02) for _ in range(n)]


PAIRS = [Pair(*pair) for pair in zip(trains(12, 0), trains(12, 1), strict=True)]


@pytest.mark.parametrize("rule", rest_slow([*RULES], n_default=2))
def test_traces_on_neurons_equal_traces_on_synapses_also_with_a_delay(rule):
    examples = [each for each in RULES[rule].examples() if not each.needs]
    if not examples:
        pytest.skip("needs something of its cell")
    shares = np.linspace(0.2, 0.8, len(PAIRS))
    one, other = (learn(examples, PAIRS, shares, delay=7, on_neurons=on_neurons) for on_neurons in (False, True))
    np.testing.assert_allclose(one.final, other.final, rtol=1e-12, atol=1e-12)


def test_neurons_with_traces_leave_synapses_less_to_hold():
    rule = PairSTDP()
    source, target = driven([np.array([1])], rule.afferent_equations), driven([np.array([2])], rule.cell_equations)
    synapses = rule.synapses(source, target, transmit="", delay=1 * ms)
    assert not {"x", "y", "lastupdate"} & {*synapses.variables}


def test_synapses_with_another_delay_cannot_share_a_trace():
    rule = PairSTDP()
    source, target = driven([np.array([1])], rule.afferent_equations), driven([np.array([2])], rule.cell_equations)
    made = [rule.synapses(source, target, transmit="", delay=1 * ms) for _ in range(2)]
    assert [each.name for each in source.contained_objects].count(f"{source.name}_pair_stdp_x_at_spike") == 1
    assert len(made) == 2
    with pytest.raises(AssemblyError, match=r"expected one use of a shared trace .* delay 0.002 s, .* delay 0.001 s"):
        rule.synapses(source, target, transmit="", delay=2 * ms)
