"""What every rate rule must do, over all its examples; then what Hebb, Oja and BCM are known for."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from _helpers import loadable, rest_slow, time_step
from brian2 import Hz, Network, NeuronGroup, StateMonitor, TimedArray, defaultclock, ms, second, volt

from brian2learn.circuits.rate_unit import RateUnit
from brian2learn.core import equations
from brian2learn.core.declaration import Choice, Param
from brian2learn.core.errors import AssemblyError, DeclarationError, RunError
from brian2learn.plasticity._rate_rule import RateRule
from brian2learn.plasticity.bcm import BCM
from brian2learn.plasticity.hebb import Hebb
from brian2learn.plasticity.oja import Oja

EXACT = 1e-12
DT = 1e-3  # s
RATE_RULES = loadable("plasticity", kind=RateRule)
RNG = np.random.default_rng(0)
N_INPUTS, N_UNITS, N_STEPS, DWELL = 5, 8, 1000, 10
PATTERNS = RNG.uniform(0, 1, (N_STEPS // DWELL, N_INPUTS))
COURSE = np.repeat(PATTERNS, DWELL, axis=0)  # rates that switch every ten steps
FIRST = RNG.uniform(0, 0.5, (N_INPUTS, N_UNITS))


@cache
def examples(stem):
    return tuple(RATE_RULES[stem].examples())


every_rule = pytest.mark.parametrize("stem", RATE_RULES)
every_example = pytest.mark.parametrize(
    ("stem", "k"),
    [pytest.param(stem, k, id=f"{stem}-{k}") for stem in RATE_RULES for k, _ in enumerate(examples(stem))],
)
every_number = pytest.mark.parametrize(
    ("stem", "name"), [(stem, name) for stem in RATE_RULES for name in examples(stem)[0].numbers]
)


def inputs(rates):
    """Units with the rates of every time step, or with constant ones."""
    rates = np.asarray(rates, float)
    if rates.ndim == 1:
        group = NeuronGroup(len(rates), "x : 1", namespace={})
        group.x = rates
        return group
    names = {"given": TimedArray(rates, dt=defaultclock.dt)}
    return NeuronGroup(rates.shape[1], "x = given(t, i) : 1 (constant over dt)", namespace=names)


def units(rule, n=N_UNITS, lines="y : 1\n", **more):
    return NeuronGroup(n, lines + rule.cell_equations, method="euler", namespace={}, **more)


def learn(rules, rates, first, n_steps, cells=None, watch=()):
    """Final weights and states (or their courses, if watched) of every rule, all in one network."""
    source = inputs(rates)
    found, objects = [], [source]
    for k, rule in enumerate(rules):
        target = units(rule, first.shape[1])
        synapses = rule.synapses(source, target)
        synapses.w = first.ravel()
        for name, value in (cells[k] if cells else {}).items():
            setattr(target, rule.on_neuron(name), value)
        monitor = [StateMonitor(synapses, "w", record=True)] if watch else []
        objects += [target, synapses, *monitor]
        found.append((rule, target, synapses, monitor))
    Network(*objects).run(n_steps * defaultclock.dt, namespace={})
    return [
        (
            monitor[0].w.T.copy() if monitor else np.array(synapses.w[:]).reshape(first.shape),
            {name: np.array(getattr(target, rule.on_neuron(name))[:]) for name in rule.cell_states},
        )
        for rule, target, synapses, monitor in found
    ]


def euler(rule, rates, first, n_steps, dt=DT, cell=None):
    """Simultaneous Euler steps in NumPy by the rule's own right-hand side: courses of weights and states."""
    rates = np.broadcast_to(np.asarray(rates, float), (n_steps, len(first)))
    held = {name: rule.cell_starts().get(rule.on_neuron(name), 0.0) for name in rule.cell_states}
    held = {name: np.full(first.shape[1], (cell or {}).get(name, value), float) for name, value in held.items()}
    w, weights, states = first, [first], [held]
    for x in rates:
        of_w, of_cell = rule.slopes(x[:, None], w, x @ w, held)
        w = np.clip(w + dt * of_w, *rule.limits)
        held = {name: value + dt * of_cell[name] for name, value in held.items()}
        weights.append(w)
        states.append(held)
    return np.array(weights), {name: np.array([each[name] for each in states]) for name in held}


@pytest.fixture(autouse=True)
def coarse_step():
    with time_step(DT):
        yield


@cache
def learned(stem):
    with time_step(DT):
        return learn(examples(stem), COURSE, FIRST, N_STEPS)


# ---------------------------------------------------------------------- every rate rule


def test_they_are_found():
    assert {"hebb", "oja", "bcm"} <= set(RATE_RULES)


@every_example
def test_names_are_declared_and_params_used(stem, k):
    rule = examples(stem)[k]
    rule.check()
    texts = [rule.change, rule.on_cell, *(rule.bounds or ()), *rule.start.values()]
    used = set().union(*map(equations.identifiers, texts))
    assert set(rule.numbers) <= used
    assert used - {"w", "x", "y", *rule.numbers, *rule.cell_states} <= equations.known_functions() | equations.PROVIDED
    assert set(rule.constants) | {
        name for name in rule.numbers if rule.on_neuron(name) in rule.cell_constants()
    } == set(rule.numbers)


@every_rule
def test_its_examples_take_every_option(stem):
    for name, field in RATE_RULES[stem].fields.items():
        if isinstance(field, Choice):
            assert {getattr(rule, name) for rule in examples(stem)} == set(field.options), name
            assert len({(rule.change, rule.on_cell) for rule in examples(stem)}) == len(field.options)


@every_example
def test_brian2_makes_simultaneous_euler_steps(stem, k):
    rule = examples(stem)[k]
    weights, states = euler(rule, COURSE, FIRST, N_STEPS)
    got, held = learned(stem)[k]
    np.testing.assert_allclose(got, weights[-1], rtol=EXACT, atol=EXACT)
    for name, value in held.items():
        np.testing.assert_allclose(value, states[name][-1], rtol=EXACT, atol=EXACT)
    assert np.mean(np.abs(got - FIRST) > 1e-3) > 0.9  # something is learned


@every_example
def test_the_error_of_euler_halves_with_the_step(stem, k):
    rule = examples(stem)[k]
    n_steps, first = 200, FIRST[:, :1]
    exact = rule.reference(COURSE[:n_steps], first[:, 0], n_steps * DT, DT).w[-1]
    errors = []
    for finer in (1, 2, 4):
        with time_step(DT / finer):
            ((got, _),) = learn([rule], np.repeat(COURSE[:n_steps], finer, axis=0), first, n_steps * finer)
        errors.append(np.max(np.abs(got[:, 0] - exact)))
    assert errors[0] > 1e-7
    np.testing.assert_allclose([errors[0] / errors[1], errors[1] / errors[2]], 2, rtol=0.1)


@every_example
def test_the_reference_does_not_depend_on_its_grid(stem, k):
    rule = examples(stem)[k]
    coarse = rule.reference(PATTERNS[:5], FIRST[:, 0], 5 * DWELL * DT, DWELL * DT)
    fine = rule.reference(COURSE[: 5 * DWELL], FIRST[:, 0], 5 * DWELL * DT, DT)
    np.testing.assert_allclose(fine.w[::DWELL], coarse.w, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(fine.y[0], COURSE[0] @ FIRST[:, 0], rtol=EXACT)
    assert fine.t.shape == fine.y.shape == (5 * DWELL + 1,)
    assert set(fine.cell) == set(rule.cell_states)


@every_number
def test_every_number_changes_the_result(stem, name):
    rule = examples(stem)[0]
    other = rule.replace(**{name: rule.values[name] * 0.5})
    one, two = learn([rule, other], COURSE, FIRST, 300)
    assert np.max(np.abs(one[0] - two[0])) > 1e-4


@every_example
def test_a_unit_among_many_learns_as_one_alone(stem, k):
    rule = examples(stem)[k]
    ((alone, _),) = learn([rule], COURSE, FIRST[:, 3:4], 300)
    ((many, _),) = learn([rule], COURSE, FIRST, 300)
    np.testing.assert_allclose(many[:, 3], alone[:, 0], rtol=EXACT)


@every_example
def test_weights_stay_in_bounds(stem, k):
    rule = examples(stem)[k]
    low, high = rule.limits
    weights = learned(stem)[k][0]
    assert low <= weights.min() <= weights.max() <= high


@every_example
def test_the_same_run_gives_the_same_bits(stem, k):
    rule = examples(stem)[k]
    assert learn([rule], COURSE, FIRST, N_STEPS)[0][0].tobytes() == learned(stem)[k][0].tobytes()


@every_rule
def test_presets_are_accepted(stem):
    for name, preset in RATE_RULES[stem].presets.items():
        rule = RATE_RULES[stem].preset(name)
        assert {key: rule.values[key] for key in preset.values} == dict(preset.values)
        assert rule in examples(stem)


STANDALONE = """
import sys
import numpy as np
from brian2 import Network, NeuronGroup, TimedArray, defaultclock, device, ms, prefs, second, set_device
from brian2learn.plasticity import BCM
set_device("cpp_standalone", build_on_run=False)
prefs.devices.cpp_standalone.extra_make_args_unix = ["-j2"]
prefs.codegen.cpp.extra_compile_args = ["-O0"]
folder = sys.argv[1]
course, first = np.load(f"{folder}/course.npy"), np.load(f"{folder}/first.npy")
defaultclock.dt = 1 * ms
names = {"given": TimedArray(course, dt=1 * ms)}
source = NeuronGroup(len(first), "x = given(t, i) : 1 (constant over dt)", namespace=names)
rule = BCM(tau=2 * second)
target = NeuronGroup(first.shape[1], "y : 1\\n" + rule.cell_equations, method="euler", namespace={})
synapses = rule.synapses(source, target)
synapses.w = first.ravel()
Network(source, target, synapses).run(len(course) * ms, namespace={})
device.build(directory=f"{folder}/program", compile=True, run=True)
np.savez(f"{folder}/found.npz", w=np.array(synapses.w[:]).reshape(first.shape), theta=np.array(target.bcm_theta[:]))
"""


@pytest.mark.slow
def test_a_compiled_program_gives_the_same_weights(tmp_path):
    np.save(tmp_path / "course.npy", COURSE)
    np.save(tmp_path / "first.npy", FIRST)
    command = [sys.executable, "-c", STANDALONE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    weights, states = euler(BCM(tau=2 * second), COURSE, FIRST, N_STEPS)
    with np.load(tmp_path / "found.npz") as found:
        np.testing.assert_allclose(found["w"], weights[-1], rtol=EXACT, atol=EXACT)
        np.testing.assert_allclose(found["theta"], states["theta"][-1], rtol=EXACT, atol=EXACT)


# ---------------------------------------------------------------------- weights that reach a bound


def test_weights_are_clipped_at_zero_and_can_come_back():
    """A high threshold drives the weights of some inputs to 0; once it has fallen, they grow again."""
    rule = BCM(tau=0.05 * second, kappa=2.0)
    first = np.array([[0.01, 0.02], [0.3, 0.6], [0.2, 0.1]])
    rates = np.array([[1.0, 0.2, 0.1]] * 600 + [[0.2, 1.0, 0.5]] * 900)
    cell = {"theta": 20.0}
    ((courses, _),) = learn([rule], rates, first, len(rates), [cell], watch=True)
    wanted, _ = euler(rule, rates, first, len(rates), cell=cell)
    np.testing.assert_allclose(courses.reshape(-1, *first.shape), wanted[:-1], rtol=EXACT, atol=EXACT)
    at_zero = np.any(wanted == 0, axis=0)
    assert at_zero.any()
    assert np.all(wanted >= 0)
    assert np.any(wanted[-1][at_zero] > 0.05)
    for unit in range(first.shape[1]):
        exact = rule.reference(rates, first[:, unit], len(rates) * DT, DT, cell).w
        assert exact.min() >= 0
        np.testing.assert_allclose(exact, wanted[:, :, unit], atol=0.05)


class Ceiling(RateRule):
    """Hebbian growth up to a ceiling."""

    eta = Param(1 * Hz, "learning rate", low=0 * Hz)
    w_max = Param(0.6, "ceiling", low=0)
    change = "eta*x*y"
    bounds = ("-inf", "w_max")

    def slopes(self, x, w, y, cell):
        return float(self.eta) * np.multiply(x, y), {}


def test_a_bound_may_be_a_parameter():
    ((got, _),) = learn([Ceiling()], COURSE, FIRST, N_STEPS)
    np.testing.assert_allclose(got, euler(Ceiling(), COURSE, FIRST, N_STEPS)[0][-1], rtol=EXACT)
    assert got.max() == 0.6
    exact = Ceiling().reference(np.ones(N_INPUTS), FIRST[:, 0], 20 * second / second, 0.1)
    np.testing.assert_allclose(exact.w[-1], 0.6)


# ---------------------------------------------------------------------- other units


def test_a_rate_may_follow_from_the_drive():
    rule = BCM()
    target = units(rule, 2, "h : 1\ny = clip(h - 0.3, 0, inf) : 1\n")
    synapses = rule.synapses(inputs(COURSE), target, drive="h")
    synapses.w = FIRST[:, :2].ravel()
    Network(*(synapses.source, target, synapses)).run(0.5 * second, namespace={})
    w, theta = FIRST[:, :2], np.ones(2)
    for x in COURSE[:500]:
        y = np.maximum(x @ w - 0.3, 0)
        w, theta = np.maximum(w + DT * np.outer(x, y * (y - theta)), 0), theta + DT * (y**2 - theta) / 0.1
    np.testing.assert_allclose(np.array(synapses.w[:]).reshape(w.shape), w, rtol=EXACT, atol=EXACT)


def test_a_second_layer_hears_of_the_first_in_the_same_step():
    hebb, oja = Hebb(), Oja()
    source = inputs(COURSE)
    hidden, top = units(hebb, 3, "y : 1\nx = y : 1\n", name="z_hidden"), units(oja, 2, name="a_top")
    below = hebb.synapses(source, hidden, name="z_below")
    above = oja.synapses(hidden, top, order=1, name="a_above")  # names would put it first
    below.w, above.w = FIRST[:, :3].ravel(), FIRST[:3, :2].ravel()
    monitor = StateMonitor(top, "y", record=True, when="before_groups", order=2)
    Network(source, hidden, top, below, above, monitor).run(300 * ms, namespace={})
    one, two, rates = FIRST[:, :3], FIRST[:3, :2], []
    for x in COURSE[:300]:
        h = x @ one
        y = h @ two
        rates.append(y)
        one, two = one + DT * np.outer(x, h), two + DT * (np.outer(h, y) - two * y**2)
    np.testing.assert_allclose(np.array(above.w[:]).reshape(two.shape), two, rtol=EXACT)
    np.testing.assert_allclose(monitor.y.T, rates, rtol=EXACT)


def test_units_with_a_time_constant_may_drive_themselves():
    rule = Hebb(eta=0.1 * Hz)
    group = units(rule, 3, "dy/dt = (bias + drive - y)/(100*ms) : 1\ndrive : 1\nbias : 1\nx = y : 1\n")
    group.bias = [0.1, 0.2, 0.3]
    synapses = rule.synapses(group, group, drive="drive", connect={"condition": "i != j"})
    synapses.w = 0.2
    Network(group, synapses).run(500 * ms, namespace={})
    w, y, off = np.full((3, 3), 0.2) * (1 - np.eye(3)), np.zeros(3), 1 - np.eye(3)
    for _ in range(500):
        w, y = w + DT * 0.1 * np.outer(y, y) * off, y + DT * (np.array([0.1, 0.2, 0.3]) + y @ w - y) / 0.1
    np.testing.assert_allclose(np.array(group.y[:]), y, rtol=EXACT)
    np.testing.assert_allclose(np.array(synapses.w[:]), w[off > 0], rtol=EXACT)


# ---------------------------------------------------------------------- what is refused


def refused(match, source=None, target=None, rule=None, **more):
    rule = rule or BCM()
    with pytest.raises(AssemblyError, match=match):
        rule.synapses(source or inputs([1.0]), target or units(rule), **more)


def test_groups_that_do_not_fit_are_refused():
    refused(r"BCM\.x: expected a source with the rate x, .* Did you mean xx\?", NeuronGroup(1, "xx : 1", namespace={}))
    refused(r"BCM\.x: expected x of .* without unit, got one in volt", NeuronGroup(1, "x : volt", namespace={}))
    refused(r"BCM\.y: expected a target with the rate y", target=NeuronGroup(1, "v : volt", namespace={}))
    refused(
        r"BCM\.bcm_theta: expected a target with the lines of the rule's cell_equations",
        target=NeuronGroup(1, "y : 1", namespace={}),
    )
    refused(r"BCM\.h: expected a target with a variable for the drive", drive="h")
    names = {"given": TimedArray(COURSE, dt=1 * ms)}
    unseen = NeuronGroup(N_INPUTS, "x = given(t, 0) : 1", namespace=names)
    refused(r"BCM\.x: expected a rate that synapses can read, got .* reads given\. .*\(constant over dt\)", unseen)
    refused(r"BCM\.x: .* reads i\.", NeuronGroup(3, "x = 0.5*i : 1", namespace={}))
    derived = units(BCM(), 1, "h : 1\ny = h : 1\n")
    refused(r"BCM\.drive: expected a variable that can be set, .*drive=\.\.\.", target=derived)


def test_units_that_would_drive_themselves_at_once_are_refused():
    group = units(BCM(), 2, "y : 1\nx = 2*y : 1\n")
    refused(r"BCM\.source: expected inputs that do not follow from their sum", group, group)


@pytest.mark.parametrize(
    ("name", "attributes", "match"),
    [
        ("missing", {"change": "eta*x*z"}, r"Wrong\.change: .*got z"),
        ("unused", {"change": "x*y*Hz"}, r"Wrong\.eta: expected a name that its equations use"),
        ("w on the cell", {"on_cell": "dtheta/dt = (w - theta)*Hz : 1"}, r"Wrong\.on_cell: expected only .*got w"),
        ("rate in a bound", {"bounds": ("y", "inf")}, r"Wrong\.bounds: expected only eta, got y"),
        ("start of nothing", {"start": {"theta": "1"}}, r"Wrong\.theta: expected a state of on_cell"),
        ("a rate as state", {"on_cell": "dx/dt = (y - x)*Hz : 1"}, r"Wrong\.x: expected a name other than w, x and y"),
    ],
)
def test_a_wrong_rule_is_refused(name, attributes, match):
    wrong = type("Wrong", (Hebb,), attributes)
    with pytest.raises(DeclarationError, match=match):
        wrong()


def test_a_time_constant_that_does_nothing_is_refused():
    with pytest.raises(DeclarationError, match=r"Oja\.tau .*expected a value for slow compensation only"):
        Oja(tau=3 * second)
    with pytest.raises(DeclarationError, match=r"Oja\.tau .*quantity in second"):
        Oja(compensation="slow", tau=3 * volt)


def test_more_patterns_than_inputs_are_refused():
    with pytest.raises(DeclarationError, match=r"RateUnit\.n_patterns .*at most n_inputs = 2, got 3"):
        RateUnit(n_inputs=2, n_patterns=3)


# ---------------------------------------------------------------------- the circuit


@pytest.mark.parametrize("circuit", RateUnit.examples(), ids=range(4))
def test_rate_units_equal_the_euler_steps(circuit):
    network = circuit.network({}, seed=1)
    plastic, given, units = network["plastic"], network["inputs"], network["units"]
    first = np.array(plastic.w[:]).reshape(circuit.n_inputs, circuit.n_units)
    patterns = np.array([getattr(given, f"pattern_{k}")[:] for k in range(circuit.n_patterns)])
    assert patterns.max(axis=0).tolist() == [1] * circuit.n_inputs
    steps = round(float(circuit.dwell) / DT)
    slow = {name: np.array(getattr(units, circuit.rule.on_neuron(name))[:]) for name in circuit.rule.cell_states}
    network.run(200 * ms, namespace={})
    rates = patterns[np.arange(200) // steps % circuit.n_patterns]
    wanted = euler(circuit.rule, rates, first, 200, cell=slow)[0][-1]
    np.testing.assert_allclose(np.array(plastic.w[:]).reshape(first.shape), wanted, rtol=EXACT)


def test_slow_states_may_start_where_they_come_to_rest():
    y = np.array([0.0, 0.5, 3.0])
    np.testing.assert_allclose(BCM(kappa=4.0).settled(y)["theta"], y**2 / 4, rtol=1e-12)
    np.testing.assert_allclose(Oja(compensation="slow").settled(y)["ybar"], y, rtol=1e-12)
    circuit = RateUnit(n_inputs=2, n_patterns=2, n_units=3, background=0.5, w_spread=0.1, slow_init="settled")
    network = circuit.network({}, seed=0)
    rate = np.array(network["plastic"].w[:]).reshape(2, 3).T @ [1, 0.5]
    np.testing.assert_allclose(network["units"].bcm_theta[:], rate**2, rtol=1e-12)
    assert RateUnit().network({})["units"].bcm_theta[0] == 1
    with pytest.raises(DeclarationError, match=r"RateUnit\.slow_init .*expected 'own' with a rule that brings nothing"):
        RateUnit(rule=Oja(), slow_init="settled")


@every_example
def test_rate_units_host_every_rule(stem, k):
    circuit = RateUnit(rule=examples(stem)[k], n_inputs=3, n_units=2)
    network = circuit.network({})
    network.run(20 * ms, namespace={})
    assert np.all(np.array(network["plastic"].w[:]) != circuit.w_init)


# ---------------------------------------------------------------------- facts (Zenke & Gerstner 2017)


ONE = np.array([1.0])


def overshoots(rules, first, starts, n_steps):
    """Peak weight of every rule for a single input x = 1, by Brian2."""
    with np.errstate(all="ignore"):
        found = learn(rules, ONE, np.array([[first]]), n_steps, starts, watch=True)
    return [weights[:, 0] for weights, _ in found]


def test_hebb_grows_exponentially():
    exact = Hebb(eta=2 * Hz).reference(ONE, [0.3], 2.0, 0.1)
    np.testing.assert_allclose(exact.w[:, 0], 0.3 * np.exp(2 * exact.t), rtol=1e-9)
    ((got, _),) = learn([Hebb(eta=2 * Hz)], ONE, np.array([[0.3]]), 2000)
    np.testing.assert_allclose(got[0, 0], 0.3 * (1 + 2 * DT) ** 2000, rtol=1e-10)  # what Euler makes of it


@pytest.mark.parametrize("first", [[0.1, 0.1, 0.1], [2.0, -1.0, 0.5]])
def test_oja_finds_the_first_principal_component(first):
    """Of inputs with a given matrix of correlations: patterns in turn, each much shorter than the time of learning."""
    axes = np.linalg.qr(np.random.default_rng(4).standard_normal((3, 3)))[0]
    patterns = np.concatenate([axes.T * [[2], [1], [0.5]], -axes.T * [[2], [1], [0.5]]])
    correlations = patterns.T @ patterns / len(patterns)
    values, vectors = np.linalg.eigh(correlations)
    assert values[-1] > 3 * values[-2]
    rates = np.tile(patterns, (5000, 1))
    ((got, _),) = learn([Oja(eta=0.5 * Hz)], rates, np.array(first)[:, None], len(rates))
    w = got[:, 0]
    assert np.linalg.norm(w) == pytest.approx(1, abs=2e-3)
    assert abs(w @ vectors[:, -1]) / np.linalg.norm(w) == pytest.approx(1, abs=1e-5)


RATIOS = (0.1, 0.5, 0.9, 0.99, 2)


@pytest.fixture(scope="module")
def bcm_courses():
    with time_step(DT):
        rules = [BCM(tau=ratio * second) for ratio in (*RATIOS, 10)]
        return overshoots(rules, 0.5, [{"theta": 0.25}] * len(rules), 8000)


def test_bcm_overshoots_as_listed(bcm_courses):
    peaks = [course.max() for course in bcm_courses[:-1]]
    assert [f"{peak:.3f}" for peak in peaks[:-1]] == ["1.000", "1.094", "1.388", "1.477"]
    assert f"{peaks[-1]:.2f}" == "3.81"


def test_bcm_collapses_after_a_large_overshoot(bcm_courses):
    course = bcm_courses[RATIOS.index(2)]
    assert 1e-5 < course[course.argmax() :].min() < 1e-3


def test_bcm_blows_up_if_the_threshold_is_slow(bcm_courses):
    with np.errstate(invalid="ignore"):
        first = np.flatnonzero(~(bcm_courses[-1] < 1e6))[0]
    assert f"{first * DT:.1f}" == "2.9"
    with pytest.raises(RunError, match=r"BCM\.reference: expected finite weights"):
        BCM(tau=10 * second).reference(ONE, [0.5], 8.0, DT, {"theta": 0.25})


@pytest.mark.parametrize("theta", rest_slow([0.0, 0.5]))
def test_bcm_with_a_threshold_five_times_too_slow_explodes_from_everywhere(theta):
    rules = [BCM(tau=ratio * second) for ratio in (5, 7, 10)]
    first = np.array([[0.5, 1.1, 2.0]])
    with np.errstate(all="ignore"):
        found = learn(rules, ONE, first, 20_000, [{"theta": theta}] * len(rules))
        assert all(np.all(~(weights < 1e6)) for weights, _ in found)


def swings(course, level):
    """Times at which a course crosses a level upwards, in steps, and its peaks in between."""
    above = course - level
    up = np.flatnonzero((above[:-1] < 0) & (above[1:] >= 0))
    times = up + above[up] / (above[up] - above[up + 1])
    return times, np.array([above[a:b].max() for a, b in zip(up[:-1], up[1:], strict=True)])


@pytest.mark.parametrize(
    ("eta", "kappa"), rest_slow([pytest.param(*each) for each in ((1, 1), (10, 1), (1, 4), (0.2, 0.5))])
)
def test_bcm_is_stable_up_to_tau_eta_kappa_1(eta, kappa):
    """Just below, an oscillation around the fixed point dies away; just above, it grows; its period is 2 pi tau."""
    dt = 1e-3 / (eta * kappa)
    for ratio in (0.99, 1.01):
        tau = ratio / (eta * kappa)
        rule = BCM(eta=eta * Hz, kappa=kappa, tau=tau * second)
        weights, _ = euler(rule, ONE, np.array([[1.02 * kappa]]), 35_000, dt, {"theta": kappa})
        times, peaks = swings(weights[:, 0, 0], kappa)
        assert len(peaks) >= 4
        assert np.all(np.diff(peaks) < 0) if ratio < 1 else np.all(np.diff(peaks) > 0)
        assert np.mean(np.diff(times)) * dt == pytest.approx(2 * np.pi * tau, rel=0.02)


def test_brian2_sees_the_boundary_too():
    ((decaying, _), (growing, _)) = learn(
        [BCM(tau=ratio * second) for ratio in (0.97, 1.03)], ONE, np.array([[1.02]]), 20_000, watch=True
    )
    assert np.all(np.diff(swings(decaying[:, 0], 1)[1]) < 0)
    assert np.all(np.diff(swings(growing[:, 0], 1)[1]) > 0)


def test_bcm_units_come_to_prefer_one_pattern():
    """Two inputs that alternate: each unit ends with one weight at 0 and the mean square of its rate at kappa²."""
    circuit = RateUnit(n_inputs=2, n_patterns=2, n_units=6, w_spread=0.1, dwell=5 * ms)
    network = circuit.network({}, seed=0)
    network.run(40 * second, namespace={})
    w = np.sort(np.array(network["plastic"].w[:]).reshape(2, 6), axis=0)
    assert w[0].max() < 1e-3
    np.testing.assert_allclose(w[1], 2, rtol=0.02)  # theta = w²/2 on average, and y = w = theta in its pattern


PEAKS = {0.125: "1.00", 0.5: "1.13", 1: "1.42", 30: "18.2"}


@pytest.mark.slow
def test_slow_oja_overshoots_as_listed_and_never_diverges():
    ratios = (*PEAKS, 300)
    rules = [Oja(compensation="slow", tau=ratio * second) for ratio in ratios]
    peaks = [course.max() for course in overshoots(rules, 0.1, [{"ybar": 0.1}] * len(rules), 12_000)]
    for peak, listed in zip(peaks, PEAKS.values(), strict=False):
        assert f"{peak:.{len(listed.split('.')[1])}f}" == listed
    assert np.all(np.diff(peaks) > 0)
    for ratio in ratios:
        settled = Oja(compensation="slow", tau=ratio * second).reference(ONE, [1.1], 25 * ratio, 0.02 * ratio)
        assert np.abs(settled.w[-100:] - 1).max() < 1e-3


@pytest.mark.parametrize(("ratio", "spirals"), [(0.1, False), (0.12, False), (0.16, True), (0.5, True)])
def test_slow_oja_spirals_only_beyond_an_eighth(ratio, spirals):
    rule = Oja(compensation="slow", tau=ratio * second)
    course = rule.reference(ONE, [0.9], 6.0, 1e-3, {"ybar": 0.9}).w[:, 0] - 1
    assert bool(np.any(course > 1e-8)) is spirals
