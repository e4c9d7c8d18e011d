"""What every transmission must do, found by discovery; then the digits of published potentials."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from _helpers import DT, first_of_each, generator, loadable, rest_slow, run, time_step
from brian2 import NeuronGroup, StateMonitor, Synapses, ms, mV, nS, second

from brian2learn.circuits.conductance_lif import ConductanceLIF
from brian2learn.core import equations
from brian2learn.core.declaration import Param
from brian2learn.core.errors import AssemblyError, DeclarationError
from brian2learn.plasticity._transmission import Transmission
from brian2learn.plasticity.alpha_current import AlphaCurrent
from brian2learn.plasticity.ampa import AMPA
from brian2learn.plasticity.delta import Delta
from brian2learn.plasticity.exponential_current import ExponentialCurrent
from brian2learn.plasticity.gaba import GABA
from brian2learn.plasticity.nmda import NMDA
from brian2learn.plasticity.pair_stdp import PairSTDP

TRANSMISSIONS = loadable("plasticity", kind=Transmission)


@cache
def examples(stem):
    return tuple(TRANSMISSIONS[stem].examples())


EXAMPLES = [pytest.param(s, k, id=f"{s}-{k}") for s in TRANSMISSIONS for k, _ in enumerate(examples(s))]
every_example = pytest.mark.parametrize(("stem", "k"), EXAMPLES)
others_slow = pytest.mark.parametrize(("stem", "k"), first_of_each(EXAMPLES))

HELD = -0.045
"""Potential at which targets are held, V; no example has its reversal there."""


def train(seed=0, n=25, n_steps=200):
    """Steps of spikes, some of them in one step, and their weights."""
    rng = np.random.default_rng(seed)
    steps = np.sort(rng.choice(n_steps // 8, n)) * 8
    return steps, rng.uniform(0.1, 3, n)


def answer(transmission, steps, weights, *, method="exact", dt=DT, n_steps=200):
    """What the drive (without one, the displacement of the potential) is at the end of every step."""
    what = "I" if transmission.drive else "v"
    text = transmission.cell_equations + "v : volt\n"
    text += f"I = {transmission.current} : amp\n" if transmission.drive else ""
    with time_step(dt):
        target = NeuronGroup(1, text, method=method, namespace={})
        for name, value in {**transmission.cell_constants, "v": HELD}.items():
            target.variables[name].set_value(float(value))
        source = generator([np.array([step]) for step in steps])
        synapses = Synapses(source, target, "w : 1", on_pre=transmission.transmit, namespace={})
        synapses.connect()
        synapses.w = weights
        monitor = StateMonitor(target, what, record=True, when="end")
        run(source, target, synapses, monitor, duration=n_steps * dt)
    return np.asarray(getattr(monitor, what)[0]) - (0 if transmission.drive else HELD)


def wanted(transmission, steps, weights, *, dt=DT, n_steps=200):
    return transmission.reference(steps * dt, weights, np.arange(n_steps) * dt, HELD)


# ---------------------------------------------------------------------- every transmission


@every_example
def test_names_are_declared_and_used(stem, k):
    transmission = examples(stem)[k]
    transmission.check()
    texts = [transmission.equations, transmission.on_spike.replace("_post", ""), transmission.drive]
    used = set().union(*map(equations.identifiers, texts))
    assert {name for name, field in transmission.fields.items() if isinstance(field, Param)} <= used
    own = {*transmission.states, *transmission.numbers}
    assert used - own - {"w", "v"} <= equations.known_functions()


@every_example
def test_on_the_target_every_name_carries_that_of_its_class(stem, k):
    transmission = examples(stem)[k]
    names = set(equations.defined(transmission.cell_equations))
    assert names == {f"{stem}_{name}" for name in (*transmission.states, *transmission.numbers)}
    assert {*transmission.cell_constants} <= names
    in_code = equations.identifiers(transmission.transmit) - {"w", "v_post"} - equations.known_functions()
    assert {name.removesuffix("_post") for name in in_code} <= names
    assert all(name.endswith("_post") for name in in_code)
    assert equations.identifiers(transmission.current) <= {*names, "v"}


@every_example
@pytest.mark.parametrize("seed", [0, 1])
def test_brian2_equals_the_twin(stem, k, seed):
    transmission = examples(stem)[k]
    got, exact = answer(transmission, *train(seed)), wanted(transmission, *train(seed))
    np.testing.assert_allclose(got, exact, rtol=1e-10, atol=1e-12 * np.abs(exact).max())
    assert np.abs(exact).max() > 0


@others_slow
@pytest.mark.parametrize("method", rest_slow(["exponential_euler", "rk4"]))
def test_the_methods_of_cells_converge_to_the_twin(stem, k, method):
    """Exact, or the error shrinks at the order of the method, with which the states of one step feed on each other."""
    transmission = examples(stem)[k]
    steps, weights = train()
    order = {"rk4": 4, "exponential_euler": 1}[method]
    errors = []
    for finer in (1, 2):
        case = {"dt": 2 * DT / finer, "n_steps": 200 * finer}
        got = answer(transmission, steps * finer, weights, method=method, **case)
        exact = wanted(transmission, steps * finer, weights, **case)
        errors.append(np.abs(got - exact).max() / np.abs(exact).max())
    if max(errors) < 1e-12:
        return
    assert np.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.35)


@others_slow
def test_spikes_superpose(stem, k):
    transmission = examples(stem)[k]
    steps, weights = train()
    whole = answer(transmission, steps, weights)
    parts = answer(transmission, steps[::2], weights[::2]) + answer(transmission, steps[1::2], weights[1::2])
    scale = np.abs(whole).max()
    np.testing.assert_allclose(parts, whole, rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose(answer(transmission, steps, -2 * weights), -2 * whole, rtol=0, atol=1e-12 * scale)


@others_slow
def test_no_spike_does_nothing_and_no_answer_comes_before_its_spike(stem, k):
    transmission = examples(stem)[k]
    assert not answer(transmission, np.array([150]), np.array([0.0])).any()
    late = answer(transmission, np.array([150]), np.array([1.0]))
    assert not late[:150].any()
    assert late[152:].all()
    assert not transmission.reference([0.015], [1], [0.0149], HELD).any()


def numbers():
    return [
        pytest.param(stem, name, id=f"{stem}-{name}") for stem in TRANSMISSIONS for name in examples(stem)[0].numbers
    ]


@pytest.mark.parametrize(("stem", "name"), numbers())
@pytest.mark.slow
def test_every_number_changes_the_answer(stem, name):
    first = examples(stem)[0]
    value = first.values[name]
    other = first.replace(**{name: value / 2 if float(value) else 5 * mV})
    one, two = answer(first, *train()), answer(other, *train())
    assert np.abs(one - two).max() > 0.01 * np.abs(one).max()


@every_example
def test_a_rule_transmits_with_it(stem, k):
    transmission = examples(stem)[k]
    text = transmission.cell_equations + "v : volt\n"
    target = NeuronGroup(2, text, threshold="False", method="exact", namespace={})
    for name, value in transmission.cell_constants.items():
        setattr(target, name, value)
    source = generator([np.array([3])])
    synapses = PairSTDP().synapses(source, target, transmit=transmission, delay=5 * DT * second)
    synapses.w = [0.5, 1]
    changed = next(iter(equations.assigned(transmission.transmit))).removesuffix("_post")
    monitor = StateMonitor(target, changed, record=True, when="end")
    run(source, target, synapses, monitor, duration=12 * DT)
    values = np.asarray(getattr(monitor, changed))
    assert not values[:, :8].any()
    assert np.all(values[:, 8] != 0)
    np.testing.assert_allclose(values[1], 2 * values[0])


@pytest.mark.parametrize("stem", TRANSMISSIONS)
def test_a_target_without_its_lines_is_refused(stem):
    target = NeuronGroup(1, "x : 1", namespace={})
    with pytest.raises(AssemblyError, match=r"transmit .*: expected variables of "):
        PairSTDP().synapses(generator([np.array([1])]), target, transmit=examples(stem)[0])


# ---------------------------------------------------------------------- these tests can fail


class TooSlow(AMPA):
    """Decays half as fast in Brian2 only."""

    equations = "dg/dt = -g/(2*tau) : siemens"


class WrongSign(GABA):
    """The driving force has the other sign in Brian2 only."""

    drive = "g*(v - E_rev)"


class NotAtThePeak(AlphaCurrent):
    """The peak is 1/e of the weight in Brian2 only."""

    on_spike = "rise_post += w * i_unit"


@pytest.mark.parametrize("wrong", [TooSlow, WrongSign, NotAtThePeak])
def test_a_wrong_transmission_is_caught(wrong):
    got, exact = answer(wrong(), *train()), wanted(wrong(), *train())
    assert np.abs(got - exact).max() > 0.1 * np.abs(exact).max()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"drive": "g*(E_rvv - v)"}, r"Typo\.drive: expected names that are declared, got E_rvv\. Did you mean E_rev"),
        ({"on_spike": "g_post += w"}, r"Typo\.g_unit: expected a name that its equations use"),
        ({"equations": "dg/dt = -g/tau : siemens\nt : 1"}, r"Typo\.t: expected a name that Brian2 leaves free"),
    ],
)
def test_the_text_of_a_transmission_is_checked(text, message):
    with pytest.raises(DeclarationError, match=message):
        type("Typo", (AMPA,), text)()


# ---------------------------------------------------------------------- each by itself


@pytest.mark.parametrize("tau", [1, 5, 15])
def test_an_alpha_current_peaks_at_its_weight(tau):
    current = answer(AlphaCurrent(tau=tau * ms), np.array([0]), np.array([3.0]))
    assert current.max() == pytest.approx(3e-12, rel=1e-9)
    assert np.argmax(current) * DT == pytest.approx(tau * 1e-3)


def test_an_exponential_current_has_the_area_of_its_weight_and_time_constant():
    current = answer(ExponentialCurrent(tau=3 * ms), np.array([0]), np.array([2.0]), dt=1e-5, n_steps=6000)
    assert np.trapezoid(current, dx=1e-5) == pytest.approx(2e-12 * 3e-3, rel=1e-5)


def test_delta_moves_the_potential_by_its_weight():
    moved = answer(Delta(), np.array([5, 5, 9]), np.array([1.0, 2.0, -0.5]))
    np.testing.assert_allclose(moved[[4, 5, 8, 9, -1]], [0, 3e-3, 3e-3, 2.5e-3, 2.5e-3], atol=1e-15)


def test_nmda_without_its_slow_part_is_ampa():
    steps, weights = train()
    fast = NMDA(ampa_share=1, tau_ampa=7 * ms, E_rev=5 * mV, g_unit=2 * nS)
    np.testing.assert_allclose(
        answer(fast, steps, weights), answer(AMPA(tau=7 * ms, E_rev=5 * mV, g_unit=2 * nS), steps, weights), rtol=1e-12
    )


@pytest.mark.parametrize("method", ["rk4", "exponential_euler"])
def test_ampa_may_decay_as_slowly_as_nmda(method):
    """Where the exact solution of Brian2 divides by zero."""
    equal = NMDA(tau_ampa=20 * ms, tau_nmda=20 * ms, ampa_share=0)
    got, exact = answer(equal, *train(), method=method), wanted(equal, *train())
    np.testing.assert_allclose(got, exact, atol=0.01 * np.abs(exact).max())


@pytest.mark.parametrize(
    ("tau_ampa", "tau_nmda"), [(5, 100), (100, 5), (20, 20), (20, 20.002)], ids=["slow", "fast", "equal", "nearly"]
)
def test_the_slow_conductance_carries_the_charge_of_the_fast_one(tau_ampa, tau_nmda):
    """A low-pass filter of gain 1: its area is that of its input."""
    t = np.arange(0, 3, 1e-4)
    slow = NMDA(tau_ampa=tau_ampa * ms, tau_nmda=tau_nmda * ms, ampa_share=0).reference([0], [1], t, -1.0)
    assert np.trapezoid(slow, t) == pytest.approx(1e-9 * tau_ampa * 1e-3, rel=1e-4)


def epsp(transmission, weight, dt=1e-5):
    """Peak (mV) and its time (ms) of the potential that one spike makes in the cell of the two papers."""
    cell = ConductanceLIF(E_L=-70 * mV, V_reset=-70 * mV)
    assert float(cell.C / cell.g_L) == pytest.approx(20e-3)
    with time_step(dt):
        cells = cell.group(1, transmissions=[transmission.replace(g_unit=cell.g_L)])
        source = generator([np.array([0])])
        synapses = Synapses(source, cells, on_pre=transmission.transmit.replace("w *", f"{weight} *"), namespace={})
        synapses.connect()
        monitor = StateMonitor(cells, "v", record=True)
        run(cells, source, synapses, monitor, duration=0.04)
    v = np.asarray(monitor.v[0]) * 1e3 + 70
    return v.max(), np.argmax(v) * dt * 1e3


@pytest.mark.parametrize(
    ("transmission", "weight", "peak", "when"),
    [
        (NMDA.preset("zenke2013"), 0.16, 0.95, 10),
        (NMDA.preset("zenke2015"), 0.1 * 0.2, 0.055, 19),
        (NMDA.preset("zenke2015"), 0.5 * 0.2, 0.275, 19),
        (NMDA(ampa_share=0.2), 0.1 * 0.2, 0.060, 16),
    ],
    ids=["zenke2013", "zenke2015", "zenke2015_strong", "direct_share"],
)
def test_the_potentials_of_the_papers(transmission, weight, peak, when):
    """Weights relative to the leak. The peaks on record come from Euler steps of 0.1 ms, which are 1 % high."""
    got_peak, got_when = epsp(transmission, weight)
    assert 0.98 * peak < got_peak < peak
    assert f"{got_when:.0f}" == f"{when}"
