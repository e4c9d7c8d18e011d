"""What every cell must do, and SRM0 and LIF against their closed forms, spike by spike."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from _helpers import DT, generator, loadable, run, time_step
from brian2 import SpikeMonitor, StateMonitor, Synapses, ms, second

from brian2learn.analysis.spike_response import SpikeResponse
from brian2learn.circuits._circuit import Cell, epsp_gain
from brian2learn.circuits.lif import LIF
from brian2learn.circuits.srm0 import SRM0
from brian2learn.core import equations
from brian2learn.core.declaration import Param, plain
from brian2learn.core.errors import DeclarationError
from brian2learn.plasticity.pair_stdp import PairSTDP

CELLS = loadable("circuits", kind=Cell)


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


@over_examples()
def test_names_are_declared_and_used(stem, k):
    cell = examples(stem)[k]
    cell.check()
    texts = [cell.equations, cell.threshold, cell.reset, cell.refractory, cell.receive.replace("_post", "")]
    used = set().union(*map(equations.identifiers, texts))
    parameters = {name for name, field in cell.fields.items() if isinstance(field, Param)}
    assert {*cell.derived, *parameters} - used <= set()
    assert used - {*cell.constants, *cell.states, "w"} <= equations.known_functions() | equations.PROVIDED
    assert cell.potential in cell.states


@over_examples()
def test_the_group_holds_every_number(stem, k):
    cell = examples(stem)[k]
    group = cell.group(3, plasticity=PairSTDP(), extra="more : 1\n")
    for name, value in cell.constants.items():
        assert getattr(group, name)[:] == value
    assert len(group) == 3
    assert "more" in group.variables
    assert "pair_stdp_y" in group.variables


@over_examples()
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


@over_examples()
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


@over_examples()
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


@pytest.mark.parametrize("stem", CELLS)
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
