"""What every cell must do; cells with an input current against their twins; SRM0 and LIF against closed forms."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from _helpers import DT, first_of_each, generator, loadable, run, time_step
from brian2 import Mohm, SpikeMonitor, StateMonitor, Synapses, TimedArray, amp, ms, mV, nS, pA, second

from brian2learn.analysis.spike_response import SpikeResponse
from brian2learn.circuits._circuit import Cell, epsp_gain
from brian2learn.circuits.lif import LIF
from brian2learn.circuits.srm0 import SRM0
from brian2learn.core import equations
from brian2learn.core.declaration import Param, plain
from brian2learn.core.errors import AssemblyError, DeclarationError
from brian2learn.plasticity._transmission import Transmission
from brian2learn.plasticity.ampa import AMPA
from brian2learn.plasticity.delta import Delta
from brian2learn.plasticity.exponential_current import ExponentialCurrent
from brian2learn.plasticity.gaba import GABA
from brian2learn.plasticity.pair_stdp import PairSTDP

CELLS = loadable("circuits", kind=Cell)
RECEIVING = {stem: cls for stem, cls in CELLS.items() if cls.receive}
RISING = {stem: cls for stem, cls in RECEIVING.items() if "tau_s" in cls.fields}  # a spike acts at once on the others
DRIVEN = {stem: cls for stem, cls in CELLS.items() if cls.drive}
TRANSMISSIONS = loadable("plasticity", kind=Transmission)


@cache
def examples(stem):
    return tuple(CELLS[stem].examples())


def over_examples(*stems):
    return pytest.mark.parametrize(
        ("stem", "k"), [pytest.param(s, k, id=f"{s}-{k}") for s in stems or CELLS for k, _ in enumerate(examples(s))]
    )


def rest(cell):
    return cell.values.get("u_rest", 0.0)


def drive(cell, seed=0, duration=0.06, n=30):
    """Times (s) of input spikes on a grid of four steps, and their weights; strong enough for some output spikes."""
    rng = np.random.default_rng(seed)
    steps = np.sort(rng.choice(np.arange(2, round(duration / (4 * DT))), n, replace=False)) * 4
    return steps * DT, rng.uniform(0.1, 0.9, n) * (cell.theta - rest(cell))


def simulate(cell, times, weights, duration=0.06, **start):
    """Potential at the end of every step and output spikes, with one input neuron for every input spike."""
    steps = [np.array([round(time / DT)]) for time in times] or [np.array([], int)]
    with time_step(DT):
        cells = cell.group(1)
        cells.set_states(start)
        source = generator(steps)
        inputs = Synapses(source, cells, "w : 1", on_pre=cell.receive, namespace={})
        inputs.connect()
        inputs.w = weights if len(weights) else 0
        potential = StateMonitor(cells, cell.potential, record=True, when="end")
        spikes = SpikeMonitor(cells)
        run(cells, source, inputs, potential, spikes, duration=duration)
    fired = np.rint(spikes.t / (DT * second)).astype(int)
    return np.arange(len(potential.t)) * DT, getattr(potential, cell.potential)[0], fired


def firing_steps(cell, potential, n_steps):
    """When the cell fires if its potential is given by a function of time and the spikes so far."""
    fired = []
    refractory = max(round(float(cell.tau_ref) / DT), 1)
    for step in range(n_steps):
        free = not fired or step - fired[-1] >= refractory
        if free and potential(step * DT, np.array(fired) * DT) >= cell.theta:
            fired.append(step)
    return fired


# ---------------------------------------------------------------------- every cell


def stable_step(cell):
    """A time step that any method of the cell bears, s."""
    return min(DT, cell.largest_dt)


def test_a_cell_has_a_synapse_of_its_own_or_an_input_current():
    assert {*RECEIVING, *DRIVEN} == {*CELLS}
    assert not {*RECEIVING} & {*DRIVEN}


@over_examples()
def test_names_are_declared_and_used(stem, k):
    cell = examples(stem)[k]
    cell.check()
    texts = [cell.equations, cell.threshold, cell.reset, cell.refractory, cell.receive.replace("_post", "")]
    used = set().union(*map(equations.identifiers, texts))
    parameters = {name for name, field in cell.fields.items() if isinstance(field, Param)}
    assert {*cell.derived, *parameters} - used <= set()
    assert used - {*cell.constants, *cell.states, "w", cell.drive} <= equations.known_functions() | equations.PROVIDED
    assert cell.potential in cell.states
    assert {*cell.start} <= {*cell.states}


@over_examples()
def test_the_group_holds_every_number(stem, k):
    cell = examples(stem)[k]
    with time_step(stable_step(cell)):
        group = cell.group(3, plasticity=PairSTDP(), extra="more : 1\n")
    for name, value in {**cell.constants, **cell.start}.items():
        assert np.all(getattr(group, name)[:] == value)
    assert len(group) == 3
    assert "more" in group.variables
    assert "pair_stdp_y" in group.variables


PRESETS = [
    pytest.param(cls, name, id=f"{stem}-{name}")
    for stem, cls in {**CELLS, **TRANSMISSIONS}.items()
    for name in cls.presets
]


@pytest.mark.parametrize(("cls", "name"), PRESETS)
def test_a_preset_is_what_it_says_and_has_a_source(cls, name):
    preset = cls.presets[name]
    made = cls.preset(name)
    assert made in tuple(cls.examples())
    assert {key: made.values[key] for key in preset.values} == dict(preset.values)
    assert preset.source.split()[0].rstrip(",") in ([cls.cites] if isinstance(cls.cites, str) else cls.cites)


# ---------------------------------------------------------------------- cells with an input current


over_driven = over_examples(*DRIVEN)


def fire(cell, current, dt, method=""):
    """Spikes (steps) of one cell for every row of `current`, (n, n_steps), A."""
    current = np.atleast_2d(current)
    with time_step(dt):
        cells = cell.group(len(current), method=method)
        cells.namespace["given"] = TimedArray(current.T * amp, dt=dt * second)
        cells.run_regularly("I_ext = given(t, i)")
        spikes = SpikeMonitor(cells)
        run(cells, spikes, duration=current.shape[1] * dt)
    steps, which = np.rint(spikes.t / (dt * second)).astype(int), np.array(spikes.i)
    return [steps[which == k] for k in range(len(current))]


@cache
def lively(stem, k):
    """A current, A, with which the cell of this example begins to fire at least four times in 0.2 s."""

    def is_enough(current):
        return len(examples(stem)[k].reference(np.full(2000, current), 1e-4)) > 3

    high = 1e-13
    while not is_enough(high):
        high *= 2
    low = high / 2
    for _ in range(5):
        middle = (low + high) / 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def steps_of(times, dt):
    return np.rint(np.asarray(times) / dt).astype(int).tolist()


@pytest.mark.parametrize(
    ("stem", "k"), [each for each in over_driven.args[1] if CELLS[each.values[0]].method == "exact"]
)
def test_brian2_equals_the_twin_spike_by_spike(stem, k):
    """Constant currents, and currents that change every 5 ms."""
    cell, unit = examples(stem)[k], lively(stem, k)
    steps = np.random.default_rng(0).uniform(-0.5, 3, (3, 60)).repeat(50, axis=1)
    current = unit * np.concatenate([np.array([[0.4], [1.1], [2.5]]) * np.ones(3000), steps])
    fired = fire(cell, current, DT)
    assert [each.tolist() for each in fired] == [steps_of(cell.reference(row, DT), DT) for row in current]
    assert min(map(len, fired[1:])) > 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stem", "k"), [each for each in over_driven.args[1] if CELLS[each.values[0]].method != "exact"]
)
def test_half_the_time_step_halves_the_error_of_spike_times(stem, k):
    """A spike is seen up to a step late, whatever the order of the method; late resets add up."""
    cell = examples(stem)[k]
    currents, duration, fine = lively(stem, k) * np.linspace(1.3, 2, 4), 0.06, 1e-7
    exact = [cell.reference(np.full(round(duration / fine), each), fine) for each in currents]
    assert min(map(len, exact)) > 1
    shares, errors = np.array([1, 0.5, 0.25]), []
    for dt in shares * stable_step(cell):
        fired = fire(cell, currents[:, None] * np.ones(round(duration / dt)), dt)
        pairs = [(steps * dt, times) for steps, times in zip(fired, exact, strict=True)]
        assert max(abs(len(steps) - len(times)) for steps, times in pairs) <= 1
        errors.append(np.mean([np.abs(a[: len(b)] - b[: len(a)]).mean() for a, b in pairs]))
    assert 0.6 < np.polyfit(np.log(shares), np.log(errors), 1)[0] < 1.7
    assert errors[-1] < 2e-3


@pytest.mark.parametrize(("stem", "k"), first_of_each(over_driven.args[1]))
def test_the_rate_rises_with_the_current(stem, k):
    cell, unit = examples(stem)[k], lively(stem, k)
    dt = stable_step(cell)
    currents = unit * np.array([-1, 0, 0.3, 1.1, 1.4, 1.7, 2])
    counts = [len(each) for each in fire(cell, currents[:, None] * np.ones(round(0.1 / dt)), dt)]
    assert counts[0] == 0
    assert counts[1] <= 1  # a resonator may fire once from where it starts
    assert counts == sorted(counts)
    assert counts[-1] > max(counts[2], 1)


@over_driven
def test_the_twin_does_not_depend_on_brian2_nor_on_the_grid(stem, k):
    """With a step ten times finer its spikes are the same to a coarse step or two for each of them."""
    cell, current = examples(stem)[k], 1.3 * lively(stem, k)
    dt = stable_step(cell)
    coarse, fine = (cell.reference(np.full(round(0.1 / step), current), step) for step in (dt, dt / 10))
    n = min(len(coarse), len(fine))
    assert n > 1
    assert np.abs(coarse[:n] - fine[:n]).max() < 3 * n * dt


# ---------------------------------------------------------------------- cells with transmissions


WEIGHT = 0.1


def couples():
    """Every cell and every transmission; the default suite takes each at least once."""
    for i, stem in enumerate(DRIVEN):
        for k, name in enumerate(TRANSMISSIONS):
            often = (i - k) % min(len(DRIVEN), len(TRANSMISSIONS)) == 0
            yield pytest.param(stem, name, id=f"{stem}-{name}", marks=[] if often else pytest.mark.slow)


@pytest.mark.parametrize(("stem", "name"), couples())
def test_every_transmission_acts_on_every_cell_with_an_input(stem, name):
    cell, transmission = examples(stem)[0], TRANSMISSIONS[name]()
    dt, n_steps = stable_step(cell) / 10, 200
    with time_step(dt):
        cells = cell.group(2, transmissions=[transmission])
        cells.I_ext = [0, 3] * pA
        source = generator([np.array([20])])
        synapses = PairSTDP().synapses(source, cells, transmit=transmission)
        synapses.w = WEIGHT
        watched = StateMonitor(cells, ["v", "I"], record=True, when="end")
        alone = cell.group(2, name="alone", method=cell.method_for([transmission]))
        alone.I_ext = [0, 3] * pA
        potential = StateMonitor(alone, "v", record=True, when="end")
        run(cells, source, synapses, watched, alone, potential, duration=n_steps * dt)
    t = np.arange(n_steps) * dt
    moved = np.asarray(watched.v - potential.v)
    assert np.abs(moved[:, :20]).max() < 1e-15
    if not transmission.drive:
        np.testing.assert_allclose(moved[:, 20], WEIGHT * transmission.reference([0], [1], [0])[0], rtol=1e-9)
        return
    added = np.asarray(watched.I) - np.array([[0], [3e-12]])
    wanted = [
        [transmission.reference([20 * dt], [WEIGHT], [now], v)[0] for now, v in zip(t, row, strict=True)]
        for row in np.asarray(watched.v)
    ]
    np.testing.assert_allclose(added, wanted, atol=0.02 * np.abs(wanted).max())  # methods of first order among them
    assert np.all(np.sign(moved[:, 60]) == np.sign(np.sum(wanted, axis=1)))


def test_transmissions_and_the_external_current_add_up():
    cell = CELLS["conductance_lif"]()
    group = cell.group(2, transmissions=[AMPA(), GABA(), ExponentialCurrent()])
    group.ampa_g, group.gaba_g, group.exponential_current_I = [1, 2] * nS, [3, 4] * nS, [5, 6] * pA
    group.I_ext, group.v = [7, 8] * pA, -50 * mV
    wanted = [7 + 5 + 1 * 50 + 3 * -30, 8 + 6 + 2 * 50 + 4 * -30]
    np.testing.assert_allclose(group.I / pA, wanted)


def test_a_linear_cell_stays_exact_until_a_current_or_a_conductance_comes():
    cell = CELLS["current_lif"]()
    assert cell.group(1, transmissions=[Delta()]).method_choice == "exact"
    assert cell.group(1, transmissions=[Delta(), ExponentialCurrent()]).method_choice == "rk4"
    assert cell.group(1, transmissions=[ExponentialCurrent(), AMPA()]).method_choice == "exponential_euler"
    assert cell.group(1, transmissions=[AMPA()], method="euler").method_choice == "euler"


@pytest.mark.parametrize("tau", [2, 9.999, 10, 30])
def test_a_current_as_slow_as_the_membrane_is_no_trouble(tau):
    """The potential against its closed form, where the exact solution of Brian2 divides by zero."""
    cell, synaptic = CELLS["current_lif"](tau_m=10 * ms, R=100 * Mohm), ExponentialCurrent(tau=tau * ms)
    cells, source = cell.group(1, transmissions=[synaptic]), generator([np.array([0])])
    synapses = PairSTDP().synapses(source, cells, transmit=synaptic)
    synapses.w = 20
    potential = StateMonitor(cells, "v", record=True, when="end")
    run(cells, source, synapses, potential, duration=0.05)
    t, m, s = np.arange(500) * DT, 10e-3, tau * 1e-3
    shape = t / m * np.exp(-t / m) if m == s else s / (m - s) * (np.exp(-t / m) - np.exp(-t / s))
    np.testing.assert_allclose(np.asarray(potential.v[0]), -60e-3 + 2e-3 * shape, atol=1e-10)


@pytest.mark.parametrize("stem", RECEIVING)
def test_a_cell_without_input_current_refuses_transmissions(stem):
    with pytest.raises(AssemblyError, match=r"\.transmissions: expected none, for it has no input current, got AMPA"):
        CELLS[stem]().group(1, transmissions=[AMPA()])
    with pytest.raises(AssemblyError, match=r"\.transmissions: expected none, for it has no potential v, got Delta"):
        CELLS[stem]().group(1, transmissions=[Delta()])


def test_a_cell_cannot_call_something_w():
    with pytest.raises(DeclarationError, match=r"Weighty\.equations: expected names other than .* weight .*got w\."):
        type("Weighty", (CELLS["mat"],), {"equations": CELLS["mat"].equations + "w : 1\n"})()


def test_two_transmissions_of_one_name_are_refused():
    with pytest.raises(AssemblyError, match=r"expected each kind once, got AMPA twice\. Derive .* SlowAMPA\(AMPA\)"):
        CELLS["current_lif"]().group(1, transmissions=[AMPA(), AMPA(tau=50 * ms)])
    slow = type("SlowAMPA", (AMPA,), {"__doc__": "Slow."})(tau=50 * ms)
    group = CELLS["current_lif"]().group(1, transmissions=[AMPA(), slow])
    assert (group.ampa_tau[:], group.slow_ampa_tau[:]) == (5 * ms, 50 * ms)


@pytest.mark.parametrize("stem", [stem for stem, cls in DRIVEN.items() if np.isfinite(cls.largest_dt)])
def test_a_time_step_too_long_for_the_method_is_refused(stem):
    cell = CELLS[stem]()
    with time_step(cell.largest_dt):
        cell.group(1)
    with time_step(1.01 * cell.largest_dt):
        with pytest.raises(AssemblyError, match=r"\.dt \(time step\): expected at most .* ms, beyond which"):
            cell.group(1)
        cell.group(1, method="exponential_euler")


@pytest.mark.parametrize(
    ("stem", "wrong"),
    [
        ("current_lif", {"V_reset": -50 * mV}), ("conductance_lif", {"V_t": -70 * mV}),
        ("adaptive_threshold_lif", {"V_reset": -40 * mV}), ("ad_ex", {"V_reset": -40 * mV}),
        ("ad_ex", {"V_T": -40 * mV}), ("hodgkin_huxley", {"V_rearm": 60 * mV}),
    ],
)  # fmt: skip
def test_values_with_which_a_cell_would_never_stop_firing_are_refused(stem, wrong):
    with pytest.raises(DeclarationError, match=r"expected a value below V_"):
        CELLS[stem](**wrong)


class LateThreshold(CELLS["current_lif"]):
    """A threshold 0.1 mV too high in Brian2 only."""

    threshold = "v >= V_t + 0.1*mV"


class NoHold(CELLS["current_lif"]):
    """Not refractory in Brian2 only."""

    refractory = "tau_ref/2"


class WrongSign(CELLS["ad_ex"]):
    """Adaptation falls at a spike in Brian2 only."""

    reset = "v = V_reset; w_ad -= b"


@pytest.mark.parametrize("wrong", [LateThreshold, NoHold, WrongSign])
def test_a_wrong_cell_is_caught(wrong):
    stem = next(stem for stem, cls in DRIVEN.items() if issubclass(wrong, cls))
    current = np.full(2000, 1.5 * lively(stem, 0))
    fired, wanted = fire(wrong(), current, DT)[0].tolist(), steps_of(wrong().reference(current, DT), DT)
    assert abs(len(fired) - len(wanted)) > 1 or np.mean(np.abs(np.subtract(fired[:5], wanted[:5]))) > 5


# ---------------------------------------------------------------------- cells with a synapse of their own


@over_examples(*RISING)
def test_a_synaptic_potential_peaks_at_its_weight(stem, k):
    cell = examples(stem)[k]
    weight = 0.4 * (cell.theta - rest(cell))
    start = {"u": rest(cell)} if "u_rest" in cell.values else {}
    times, u, spikes = simulate(cell, np.array([1e-3]), np.array([weight]), 0.03, **start)
    assert spikes.size == 0
    # between two samples half a step from the peak it falls by (DT/2)**2 / (2 tau_m tau_s)
    loss = DT**2 / (8 * float(cell.tau_m) * float(cell.tau_s))
    assert np.max(u - rest(cell)) == pytest.approx(weight * (1 - loss / 2), rel=loss / 2 + 1e-9)
    m, s = float(cell.tau_m), float(cell.tau_s)
    assert times[np.argmax(u)] - 1e-3 == pytest.approx(m * s / (m - s) * np.log(m / s), abs=0.51 * DT)


@over_examples(*RECEIVING)
def test_half_the_time_step_changes_nothing_but_when_threshold_is_seen(stem, k):
    """Integration is exact: input on a grid gives the same potential on that grid for every finer time step."""
    cell = examples(stem)[k].replace(theta=1e6)
    times, weights = drive(examples(stem)[k])
    traces = []
    for dt in (DT, 2 * DT, 4 * DT):
        with time_step(dt):
            cells, source = cell.group(1), generator([np.array([round(time / dt)]) for time in times])
            setattr(cells, cell.states[0], rest(cell))
            inputs = Synapses(source, cells, "w : 1", on_pre=cell.receive, namespace={})
            inputs.connect()
            inputs.w = weights
            potential = StateMonitor(cells, cell.potential, record=True, when="end")
            run(cells, source, inputs, potential, duration=0.06)
        traces.append(getattr(potential, cell.potential)[0][:: round(4 * DT / dt)])
    scale = np.abs(traces[0]).max()
    np.testing.assert_allclose(traces[1], traces[0], atol=1e-12 * scale, rtol=0)
    np.testing.assert_allclose(traces[2], traces[0], atol=1e-12 * scale, rtol=0)


@over_examples(*RISING)
def test_spikes_are_a_refractory_period_apart(stem, k):
    cell = examples(stem)[k]
    times = np.arange(1, 400) * DT
    _, _, spikes = simulate(cell, times, np.full(times.size, 5.0 * (cell.theta - rest(cell))), 0.04)
    assert spikes.size > 5
    assert np.diff(spikes).min() == max(round(float(cell.tau_ref) / DT), 1)


@pytest.mark.parametrize(("share", "n_spikes"), [(1 - 1e-9, 0), (1 + 1e-9, 1)])
@pytest.mark.parametrize(("cell", "state"), [(SRM0(), "p"), (LIF(), "u")], ids=["srm0", "lif"])
def test_threshold_is_where_it_is_said_to_be(cell, state, share, n_spikes):
    decay = np.exp(-DT / float(cell.tau_m))
    _, _, spikes = simulate(cell, [], [], 3 * DT, **{state: share * cell.theta / decay})
    assert len(spikes) == n_spikes


@pytest.mark.parametrize("stem", RISING)
@pytest.mark.parametrize("tau_s", [10, 15])
def test_a_synapse_as_slow_as_the_membrane_is_refused(stem, tau_s):
    with pytest.raises(DeclarationError, match=r"\.tau_s .*expected a value below tau_m = 10\. ms, got 1[05]\. ms"):
        CELLS[stem](tau_m=10 * ms, tau_s=tau_s * ms)


def test_the_text_of_a_cell_is_checked():
    with pytest.raises(DeclarationError, match=r"Typo\.threshold: .*got thetta\. Did you mean theta"):
        type("Typo", (SRM0,), {"threshold": "u >= thetta"})()


@pytest.mark.parametrize(("tau_m", "tau_s"), [(10, 2.5), (20, 0.5), (10, 9.99)])
def test_gain_makes_the_peak_one(tau_m, tau_s):
    s = np.linspace(0, 10 * tau_m, 1_000_001)
    kernel = epsp_gain(tau_m * ms, tau_s * ms) * (np.exp(-s / tau_m) - np.exp(-s / tau_s))
    assert kernel.max() == pytest.approx(1, rel=1e-8)


# ---------------------------------------------------------------------- SRM0


def closed_form(cell):
    """The oracle; it wants k1 and k2 above 0, and 1e-300 is nothing beside any potential."""
    k1, k2 = max(cell.k_spike, 1e-300), max(cell.k_after, 1e-300)
    numbers = (plain(value) for value in (cell.tau_m, cell.tau_s, cell.theta))
    return SpikeResponse(*numbers, k1=k1, k2=k2, refractory=float(cell.tau_ref))


@over_examples("srm0")
def test_srm0_is_its_closed_form(stem, k):
    cell = examples(stem)[k]
    inputs, weights = drive(cell)
    times, u, spikes = simulate(cell, inputs, weights)
    oracle = closed_form(cell)

    def before_reset(now, fired):
        # the input of this very instant has no potential yet
        return oracle.voltage([now], in_spikes=inputs, weights=weights, out_spikes=fired)[0]

    assert spikes.size > 3
    assert spikes.tolist() == firing_steps(cell, before_reset, times.size)
    wanted = oracle.voltage(times, in_spikes=inputs, weights=weights, out_spikes=spikes * DT)
    np.testing.assert_allclose(u, wanted, rtol=1e-9, atol=1e-9 * cell.theta)


def after_one_spike(cell, duration=0.03):
    """Potential from the spike on of a cell that is pushed over threshold at the start."""
    times, u, spikes = simulate(cell, [], [], duration, p=3 * cell.theta)
    assert spikes[0] == 0
    return times, u


def test_the_afterpotential_of_srm0():
    times, u = after_one_spike(SRM0())
    assert u[0] == 2 * 500
    assert u[10] / 500 == pytest.approx(0.87, abs=0.005)  # at 1 ms, the digits that are printed
    np.testing.assert_allclose(u, closed_form(SRM0()).eta(times), rtol=1e-9, atol=1e-9)
    assert u.min() < 0


def test_the_peak_of_srm0_potentials():
    times, u, _ = simulate(SRM0(), np.array([0.0]), np.array([1.0]), 0.02)
    assert times[np.argmax(u)] == pytest.approx(4.62e-3, abs=DT / 2)
    assert u.max() == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize(("shift", "left"), [(-1, 0.0), (0, 0.0), (1, 100.0)], ids=["before", "same_step", "after"])
def test_a_spike_flushes_the_input_until_then(shift, left):
    """Input of weight 100 a step before, in and a step after the step of a spike: only the last is left."""
    cell = SRM0()
    kick = np.array([1e-3]), np.array([60 * cell.theta])
    first = simulate(cell, *kick, 0.02)[2][0]
    more = (first + shift) * DT
    times, u, spikes = simulate(cell, np.append(kick[0], more), np.append(kick[1], 100.0), 0.02)
    assert spikes[0] == first
    since = times - first * DT
    wanted = closed_form(cell).eta(since) + left * closed_form(cell).eps(times - more)
    np.testing.assert_allclose(u[first:], wanted[first:], rtol=1e-9, atol=1e-9)


# ---------------------------------------------------------------------- LIF


class LIFByHand:
    """Potential of the LIF cell from input and output spikes, no integration."""

    def __init__(self, cell, inputs, weights):
        self.cell, self.inputs = cell, inputs
        self.m, self.s = float(cell.tau_m), float(cell.tau_s)
        peak = self.m * self.s / (self.m - self.s) * np.log(self.m / self.s)
        # current that makes a potential of peak 1
        self.jumps = weights / (self.s / (self.m - self.s) * (np.exp(-peak / self.m) - np.exp(-peak / self.s)))

    def response(self, lag):
        return self.s / (self.m - self.s) * (np.exp(-lag / self.m) - np.exp(-lag / self.s))

    def potential(self, now, fired):
        last = fired[-1] if len(fired) else -np.inf
        u = self.cell.u_rest
        if len(fired):
            before = self.inputs <= last + DT / 2
            current = self.jumps[before] @ np.exp(-(last - self.inputs[before]) / self.s)
            u += (self.cell.u_reset - self.cell.u_rest) * np.exp(-(now - last) / self.m)
            u += current * self.response(now - last)
        since = (self.inputs > last + DT / 2) & (self.inputs < now + DT / 2)
        return u + self.jumps[since] @ self.response(now - self.inputs[since])


@over_examples("lif")
def test_lif_is_its_closed_form(stem, k):
    cell = examples(stem)[k]
    inputs, weights = drive(cell)
    times, u, spikes = simulate(cell, inputs, weights, u=cell.u_rest)
    by_hand = LIFByHand(cell, inputs, weights)
    assert spikes.size > 3
    assert spikes.tolist() == firing_steps(cell, by_hand.potential, times.size)
    wanted = [by_hand.potential(now, spikes[spikes * DT <= now + DT / 2] * DT) for now in times]
    np.testing.assert_allclose(u, wanted, rtol=1e-9, atol=1e-9 * cell.theta)
    np.testing.assert_array_equal(u[spikes], cell.u_reset)


def test_lif_falls_back_to_rest():
    cell = LIF(u_rest=1.0, theta=20.0)
    times, u, _ = simulate(cell, [], [], 0.03, u=11.0)
    np.testing.assert_allclose(u, 1 + 10 * np.exp(-(times + DT) / 10e-3), rtol=1e-12)


@pytest.mark.parametrize("wrong", [{"u_reset": 500.0}, {"u_rest": 600.0}, {"theta": 1.0, "u_rest": 2.0}])
def test_a_lif_cell_that_cannot_rest_is_refused(wrong):
    with pytest.raises(DeclarationError, match=r"LIF\.theta .*expected a value above rest and reset"):
        LIF(**wrong)
