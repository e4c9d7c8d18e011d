"""What every circuit must do; then inhibition and competition of the detector."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from _helpers import DT, driven, first_of_each, generator, loadable, run
from brian2 import Network, SpikeMonitor, StateMonitor, ms, second, seed
from brian2.core.variables import ArrayVariable

from brian2learn.analysis.spike_response import SpikeResponse
from brian2learn.circuits._circuit import Circuit
from brian2learn.circuits.detector import Detector
from brian2learn.circuits.lif import LIF
from brian2learn.circuits.srm0 import SRM0
from brian2learn.core.declaration import Param, Part
from brian2learn.core.errors import AssemblyError, DeclarationError
from brian2learn.plasticity._rule import Plasticity, Rule
from brian2learn.plasticity.fixed import Fixed
from brian2learn.plasticity.pair_stdp import PairSTDP

CIRCUITS = loadable("circuits", kind=Circuit)
RULES = loadable("plasticity", kind=Rule)
N = 6  # neurons of every input


@cache
def examples(stem):
    return tuple(CIRCUITS[stem].examples())


EXAMPLES = [pytest.param(stem, k, id=f"{stem}-{k}") for stem in CIRCUITS for k, _ in enumerate(examples(stem))]
every_example = pytest.mark.parametrize(("stem", "k"), EXAMPLES)
first_examples = pytest.mark.parametrize(("stem", "k"), first_of_each(EXAMPLES))
hosting = pytest.mark.parametrize(
    ("stem", "place"),
    [(stem, name) for stem, cls in CIRCUITS.items() for name, field in cls.fields.items()
     if isinstance(field, Part) and field.kind is Plasticity],
)  # fmt: skip


def sizes_for(circuit):
    given, multiples = circuit.input_sizes, circuit.multiples
    return {name: given.get(name, N * multiples.get(name, 1)) for name in circuit.inputs}


def sources_for(circuit):
    return {name: generator([np.array([k, k + 5]) for k in range(n)]) for name, n in sizes_for(circuit).items()}


# ---------------------------------------------------------------------- every circuit


@every_example
def test_it_runs_as_an_ordinary_network(stem, k):
    circuit = examples(stem)[k]
    network = circuit.network(sources_for(circuit))
    assert isinstance(network, Network)
    network.run(
        100 * ms, namespace={}
    )  # from 2.10 on Brian2 takes a run below 1e-4 of the slowest clock's step for none at all
    assert np.isclose(float(network.t), 0.1)


@every_example
def test_it_builds_what_it_names(stem, k):
    circuit = examples(stem)[k]
    built = circuit.build(sources_for(circuit))
    assert {key: each.name for key, each in built.items()} == {key: key for key in built}
    assert set(circuit.outputs) <= set(built)
    for state in (*circuit.learned, *circuit.initial(sizes_for(circuit), np.random.default_rng(0))):
        name, variable = state.split(".")
        assert variable in built[name].variables


@every_example
def test_its_settings_are_all_numbers_of_the_objects(stem, k):
    circuit = examples(stem)[k]
    built = circuit.build(sources_for(circuit))
    for key, value in circuit.settings.items():
        name, variable = key.split(".")
        assert getattr(built[name], variable)[:] == value, key
    can_be_set = {
        f"{name}.{key}"
        for name, each in built.items()
        for key, variable in each.variables.items()
        if isinstance(variable, ArrayVariable) and getattr(variable.owner, "name", "") == name
        if variable.scalar and variable.constant and not variable.read_only
        if not key.endswith("delay")  # of a pathway, which Brian2 2.11 holds like a number of the object
    }
    assert can_be_set == set(circuit.settings)


@first_examples
@pytest.mark.slow
def test_numbers_need_no_other_program(stem, k):
    """Other numbers give the same equations, statements and objects."""
    circuit = examples(stem)[k]
    numbers = [name for name, field in circuit.fields.items() if isinstance(field, Param) and not field.structural]

    def text(each):
        seed(0)  # for circuits that draw who is joined to whom
        built = each.build(sources_for(each))
        return {name: (str(getattr(group, "equations", "")), len(group)) for name, group in built.items()}

    n_tried = 0
    for name in numbers:
        try:
            other = circuit.replace(**{name: circuit.values[name] * 0.5})
        except DeclarationError:  # the ends of a range of one
            continue
        n_tried += 1
        assert text(other) == text(circuit), name
    assert n_tried > 0 or not numbers


@pytest.mark.slow
@hosting
@pytest.mark.parametrize("rule", RULES)
def test_it_hosts_every_rule_whose_needs_it_meets(stem, place, rule):
    hosts_or_refuses(stem, place, RULES[rule], [RULES[rule]()])


@pytest.mark.slow
@hosting
@pytest.mark.parametrize("rule", RULES)
def test_it_hosts_every_example_whose_needs_it_meets(stem, place, rule):
    hosts_or_refuses(stem, place, RULES[rule], RULES[rule].examples())


def hosts_or_refuses(stem, place, rule, settings):
    places = [
        name for name, field in CIRCUITS[stem].fields.items() if isinstance(field, Part) and field.kind is Plasticity
    ]
    alone = dict.fromkeys(places, Fixed())  # rules that share a trace of a cell must agree on it
    for example in settings:
        circuit = examples(stem)[0].replace(**{**alone, place: example})
        if not hasattr(circuit, "cell"):  # what its targets have is its own affair; a refusal must name the rule
            try:
                circuit.network(sources_for(circuit))
            except AssemblyError as refusal:
                assert rule.__name__ in str(refusal)  # noqa: PT017
            continue
        cells = {*circuit.cell.group(1, plasticity=example).variables, *circuit.brings}
        if {*example.needs, *map(example.on_neuron, example.cell_states)} <= cells:
            assert set(example.constants) <= {key.split(".")[1] for key in circuit.settings}
            try:
                circuit.network(sources_for(circuit))
            except AssemblyError as refusal:  # its other synapses release before a post spike of the same step
                assert example.ties != "pre_first"  # noqa: PT017
                assert "expected one use of a shared trace at a spike" in str(refusal)  # noqa: PT017
        else:
            with pytest.raises(AssemblyError, match=rule.__name__):
                circuit.network(sources_for(circuit))


class NeedsError(Rule):
    """Asks its cell for a signal that no cell has."""

    on_pre = "w = w - err_post"
    needs_on_cell = {"err": 1}


@hosting
def test_it_refuses_other_rules_by_name(stem, place):
    circuit = examples(stem)[0].replace(**{place: NeedsError()})
    with pytest.raises(AssemblyError, match=r"NeedsError\.err: expected a target cell with err .* It has: "):
        circuit.network(sources_for(circuit))


@hosting
def test_it_hosts_a_sum(stem, place):
    class Decay(Rule):
        """Every pre spike takes a share."""

        share = Param(0.01, "the share")
        on_pre = "w = w - share * w"

    circuit = examples(stem)[0].replace(**{place: PairSTDP() + Decay()})
    assert {value for key, value in circuit.settings.items() if key.endswith(".share")} == {0.01}
    circuit.network(sources_for(circuit)).run(1 * ms, namespace={})


@every_example
def test_missing_and_unknown_inputs_are_refused_by_name(stem, k):
    circuit = examples(stem)[k]
    for name in circuit.inputs:
        fewer = {key: source for key, source in sources_for(circuit).items() if key != name}
        with pytest.raises(AssemblyError, match=rf"{type(circuit).__name__}\.{name}: .*got none"):
            circuit.network(fewer)
    has = ", ".join(circuit.inputs)
    with pytest.raises(AssemblyError, match=rf"{type(circuit).__name__}\.efferents: .*It has: {has}"):
        circuit.network({**sources_for(circuit), "efferents": generator([np.array([1])])})


@every_example
def test_first_values_follow_the_seed(stem, k):
    circuit = examples(stem)[k]
    sizes = sizes_for(circuit)
    one, same = (circuit.initial(sizes, np.random.default_rng(5)) for _ in range(2))
    network = circuit.network(sources_for(circuit), seed=5)
    for key, value in one.items():
        name, variable = key.split(".")
        assert value.tobytes() == same[key].tobytes()
        np.testing.assert_array_equal(network[name].variables[variable].get_value(), value)


# ---------------------------------------------------------------------- the detector's weights


def first_weights(seed=0, n=1000, **values):
    return Detector(**values).initial({"afferents": n}, np.random.default_rng(seed))["plastic.w"]


def test_all_weights_start_alike():
    np.testing.assert_array_equal(first_weights(n_cells=2, w_init=0.3), np.full(2000, 0.3))


def test_first_weights_spread():
    weights = first_weights(w_init=0.5, w_spread=0.1)
    assert abs(weights.mean() - 0.5) < 4 * 0.1 / np.sqrt(1000)
    assert abs(weights.std() - 0.1) < 4 * 0.1 / np.sqrt(2000)
    assert not np.array_equal(weights, first_weights(seed=1, w_init=0.5, w_spread=0.1))


def test_no_weight_starts_below_zero():
    weights = first_weights(w_init=0.1, w_spread=1.0)
    assert weights.min() == 0
    assert 0.35 < np.mean(weights == 0) < 0.57  # P(z < -0.1) = 0.46


@pytest.mark.parametrize("wrong", [{"inhibition": 0.2}, {"competition": "winner"}])
def test_one_cell_has_nobody_to_compete_with(wrong):
    with pytest.raises(DeclarationError, match=rf"Detector\.{next(iter(wrong))} .*for a single cell"):
        Detector(**wrong)


def test_afferents_reach_every_cell_with_their_weight():
    circuit = Detector(n_cells=2, rule=PairSTDP(a_plus=0, a_minus=0), w_init=2.0)
    network, u = watched(circuit, generator([np.array([10]), np.array([10]), np.array([30])]))
    network.run(6 * ms, namespace={})
    t = np.arange(60) * DT
    wanted = 2 * (2 * EPS(t - 10 * DT) + EPS(t - 30 * DT))
    np.testing.assert_allclose(u.u, [wanted, wanted], rtol=1e-9, atol=1e-12)


def test_the_traces_of_a_source_may_sit_there():
    rule = PairSTDP()
    trains = [np.array([k + 1, k + 20]) for k in range(N)]
    finals = []
    for source in (generator(trains), driven(trains, rule.afferent_equations)):
        network = Detector(rule=rule).network({"afferents": source})
        network["cells"].p = 600.0  # one spike at once
        network.run(5 * ms, namespace={})
        finals.append(np.array(network["plastic"].w))  # a copy: the network and its memory go
    np.testing.assert_allclose(finals[1], finals[0], rtol=1e-12)
    assert np.all(finals[0] < 0.475)


# ---------------------------------------------------------------------- inhibition

THETA = 500.0
NEURON = SpikeResponse()


def EPS(lag):
    return NEURON.eps(lag) * (lag >= -DT / 2)


def silent():
    return generator([np.array([], int)] * 2)


def watched(circuit, source=None):
    """The network of a circuit and a monitor of the potential at the end of every step."""
    network = circuit.network({"afferents": source or silent()})
    u = StateMonitor(network["cells"], "u", record=True, when="end")
    network.add(u)
    return network, u


def after(t, start):
    """eta for t from start on, else 0."""
    return np.where(t >= start - DT / 2, NEURON.eta(np.maximum(t - start, 0)), 0.0)


def test_a_spike_inhibits_the_others_and_not_itself():
    network, u = watched(Detector(n_cells=3, inhibition=0.25))
    network["cells"].p = [600.0, 0, 0]  # fires in the first step
    network.run(20 * ms, namespace={})
    t = np.arange(200) * DT
    np.testing.assert_allclose(u.u[0], after(t, 0), rtol=1e-9, atol=1e-9)
    for other in (1, 2):
        np.testing.assert_allclose(u.u[other], -0.25 * THETA * NEURON.eps(t), rtol=1e-9, atol=1e-9)
    assert u.u[1].min() == pytest.approx(-0.25 * THETA, rel=1e-4)
    assert t[np.argmin(u.u[1])] == pytest.approx(4.62e-3, abs=DT / 2)


def test_inhibition_scales_with_threshold():
    network, u = watched(Detector(cell=SRM0(theta=8.0), n_cells=2, inhibition=0.5))
    network["cells"].p = [10.0, 0]
    network.run(10 * ms, namespace={})
    assert u.u[1].min() == pytest.approx(-4, rel=1e-4)


def test_inhibition_of_lif_cells():
    network, u = watched(Detector(cell=LIF(theta=8.0), n_cells=2, inhibition=0.5))
    network["cells"].u = [10.0, 0]
    network.run(10 * ms, namespace={})
    np.testing.assert_allclose(u.u[1], -4 * NEURON.eps(np.arange(100) * DT), rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(u.u[0], 0)  # its current outlives a spike, so an own IPSP would show


def test_inhibitory_potentials_add_up_and_an_own_spike_wipes_them_out():
    network, u = watched(Detector(n_cells=3, inhibition=0.25))
    network["cells"].p = [600.0, 0, 0]
    network.run(5 * ms, namespace={})
    network["cells"].p[1] += 1000.0
    network.run(15 * ms, namespace={})
    t = np.arange(200) * DT
    second_spike = 50 * DT
    late = t >= second_spike - DT / 2
    ipsp = -0.25 * THETA
    np.testing.assert_allclose(u.u[1][late], after(t, second_spike)[late], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(u.u[0], after(t, 0) + ipsp * EPS(t - second_spike), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(u.u[2], ipsp * (EPS(t) + EPS(t - second_spike)), rtol=1e-9, atol=1e-9)


# ---------------------------------------------------------------------- competition


def first_spikes(competition, levels, inhibition=0.0, steps=8, **values):
    """Step and cell of the first spikes of cells that start at these multiples of the threshold."""
    circuit = Detector(n_cells=len(levels), competition=competition, inhibition=inhibition, **values)
    network = circuit.network({"afferents": silent()})
    network["cells"].p = np.array(levels) * THETA
    spikes = SpikeMonitor(network["cells"])
    network.add(spikes)
    network.run(steps * DT * second, namespace={})
    return [(round(t / DT), int(i)) for t, i in zip(spikes.t / second, spikes.i, strict=True)]


@pytest.mark.parametrize(
    ("levels", "order"),
    [
        ([1.2, 1.5, 1.3], [1, 2, 0]),
        ([1.2, 1.5, 1.5], [1, 2, 0]),
        ([1.4, 1.4, 1.4], [0, 1, 2]),
        ([0.5, 1.3, 0.5], [1]),
        ([0.5, 0.9, 0.5], []),
        ([1.2, 0.99, 1.9], [2, 0]),
    ],
)
def test_the_winner_fires_and_the_losers_later(levels, order):
    assert first_spikes("winner", levels) == list(enumerate(order))


def test_without_competition_all_fire_at_once():
    assert first_spikes("none", [1.2, 1.5, 1.5]) == [(0, 0), (0, 1), (0, 2)]


def test_inhibition_may_keep_a_loser_from_firing():
    assert first_spikes("winner", [1.05, 1.5], inhibition=10.0) == [(0, 1)]


def test_lif_cells_race_too():
    circuit = Detector(cell=LIF(), n_cells=2, competition="winner")
    network = circuit.network({"afferents": silent()})
    network["cells"].u = [600.0, 700.0]
    spikes = SpikeMonitor(network["cells"])
    network.add(spikes)
    network.run(1 * ms, namespace={})
    assert [(round(t / DT), int(i)) for t, i in zip(spikes.t / second, spikes.i, strict=True)] == [(0, 1), (1, 0)]


@pytest.mark.parametrize("competition", ["winner", "none"])
def test_a_race_on_random_input(competition):
    """Against a slow judge of every step, from the potentials just before the thresholds are looked at."""
    rng = np.random.default_rng(0)
    n_steps, n_cells = 300, 6
    volleys = np.arange(n_steps) % 30 == 5  # bring several cells to threshold together
    trains = [np.flatnonzero((rng.random(n_steps) < 0.05) | volleys) for _ in range(40)]
    circuit = Detector(n_cells=n_cells, competition=competition, w_init=60.0, w_spread=2.0, inhibition=0.1,
                       rule=PairSTDP(a_plus=0, a_minus=0, w_max=1000))  # fmt: skip
    built = circuit.build({"afferents": (source := generator(trains))})
    built["plastic"].w = circuit.initial({"afferents": 40}, rng)["plastic.w"]
    u = StateMonitor(built["cells"], ["u", "not_refractory"], record=True, when="thresholds", order=-10)
    spikes = SpikeMonitor(built["cells"])
    run(source, *built.values(), u, spikes, duration=n_steps * DT)
    fired = {}
    for t, i in zip(spikes.t / second, spikes.i, strict=True):
        fired.setdefault(round(t / DT), []).append(int(i))
    n_contested = 0
    for step in range(n_steps):
        able = np.flatnonzero((u.u[:, step] >= THETA) & u.not_refractory[:, step].astype(bool))
        n_contested += able.size > 1
        best = able if competition == "none" or not able.size else able[[np.argmax(u.u[able, step])]]
        assert sorted(fired.get(step, [])) == best.tolist(), step
    assert n_contested >= n_cells - 1  # at least one race of all
    assert (max(map(len, fired.values())) > 1) is (competition == "none")
