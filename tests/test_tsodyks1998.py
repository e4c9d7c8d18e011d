"""Depression and facilitation in trains of pulses: simulated through a current and a membrane, against closed forms."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from brian2learn.analysis.short_term import ShortTerm
from brian2learn.core.claims import Verdict
from brian2learn.figures import tsodyks1998_fig1 as figure
from brian2learn.figures._produce import judge
from brian2learn.figures.tsodyks1998_fig1 import CLOSED, KINDS, POTENTIAL, RATE, RELEASED, TIME
from brian2learn.runs.simulate import simulate

pytestmark = pytest.mark.slow  # the figure at paper size

DEPRESSING, FACILITATING = ShortTerm(0.5, 0.8), ShortTerm(0.03, 0.13, 0.53)


@cache
def records():
    """The runs of the figure at paper size."""
    return {name: [simulate(each, 0)] for name, each in figure.Tsodyks1998Fig1().experiments().items()}


@pytest.mark.parametrize(("kind", "closed"), [("depressing", DEPRESSING), ("facilitating", FACILITATING)])
def test_the_model_of_a_record_is_the_published_one(kind, closed):
    for name in (f"{kind} trains", f"{kind} steady"):
        assert figure.model(records()[name][0]) == closed


@pytest.mark.parametrize("kind", KINDS)
def test_steady_states_lie_on_the_closed_form(kind):
    """Exactly so for the pulses as they came, on the grid; almost so for an endless regular train."""
    record = records()[f"{kind} steady"][0]
    table, closed = figure.steady(record), figure.model(record)
    np.testing.assert_allclose(table[RELEASED], table[CLOSED], rtol=2e-3)
    for rate, released in zip(table[RATE], table[RELEASED], strict=True):
        times = np.rint(np.arange(200) / rate / 1e-4) * 1e-4
        assert released == pytest.approx(closed.release(times)[-1], rel=5e-6)  # recorded in single precision


def test_every_pulse_of_a_train_releases_what_the_closed_form_says():
    record = records()["facilitating steady"][0]
    for neuron in (0, 9, 24):
        times = np.rint(np.arange(30) / record.truth["rate"][neuron] / 1e-4) * 1e-4
        found = [figure.jump(record, neuron, time) for time in times]
        np.testing.assert_allclose(found, FACILITATING.release(times), rtol=5e-6)


def test_the_first_release_is_that_at_rest():
    assert figure.jump(records()["depressing steady"][0], 3, 0.0) == pytest.approx(0.5, rel=5e-6)
    assert figure.jump(records()["facilitating steady"][0], 3, 0.0) == pytest.approx(0.03, rel=5e-6)


def test_a_pulse_after_the_train_has_recovered():
    for kind in KINDS:
        record = records()[f"{kind} steady"][0]
        for neuron in (4, 24):
            late = record.truth["recovery_time"][neuron]
            times = np.rint(np.arange(200) / record.truth["rate"][neuron] / 1e-4) * 1e-4
            wanted = figure.model(record).release(np.append(times, late))[-1]
            assert figure.jump(record, neuron, late) == pytest.approx(wanted, rel=5e-6)


def membrane(t, times, released, peak, tau_in, tau_m, R):
    """Potential above rest, by superposition of the responses to exponential currents."""
    lag = np.subtract.outer(t, times)
    late = np.maximum(lag, 0)
    shape = (np.exp(-late / tau_m) - np.exp(-late / tau_in)) / (tau_m - tau_in)
    return np.where(lag > 0, shape, 0) @ (released * peak) * R * tau_in


@pytest.mark.parametrize(
    ("panel", "closed", "rate", "cell"),
    [
        ("a", DEPRESSING, 20, (250e-12, 3e-3, 40e-3, 100e6)),
        ("b", FACILITATING, 20, (1540e-12, 1.5e-3, 60e-3, 1e9)),
        ("c", FACILITATING, 70, (1540e-12, 1.5e-3, 60e-3, 1e9)),
    ],
)
def test_potentials_are_those_of_a_membrane_without_threshold(panel, closed, rate, cell):
    table = figure.Tsodyks1998Fig1().data(records())[panel]
    times = np.rint(np.arange(20) / rate / 1e-4) * 1e-4
    times = np.append(times, times[-1] + 0.5)
    # Brian2 samples before the spikes of a step, which act at its end
    wanted = membrane(table[TIME].to_numpy() / 1e3 - 1e-4, times, closed.release(times), *cell) * 1e3
    np.testing.assert_allclose(table[POTENTIAL], wanted, atol=2e-5)  # single precision of -60 mV
    assert table[POTENTIAL].max() > 0.7


def test_the_published_rates():
    record = records()["depressing steady"][0]
    assert round(figure.limiting_rate(record), 3) == 2.5
    facilitating = records()["facilitating steady"][0]
    assert round(figure.model(facilitating).peak_rate_formula, 1) == 24.4
    rate, release = figure.highest(figure.steady(facilitating))
    assert (round(rate), round(release, 4), round(release / 0.03, 1)) == (21, 0.1656, 5.5)


def test_the_release_per_second_keeps_rising_beyond_the_peak():
    table = figure.steady(records()["facilitating steady"][0])
    assert (np.diff(table[figure.PER_SECOND]) > 0).all()


def test_no_cell_fires():
    assert all(each[0].spikes["cells"].t.size == 0 for each in records().values())


def test_the_verdicts():
    judged = judge(figure.Tsodyks1998Fig1(), records())
    assert {each.verdict for each in judged} == {Verdict.REPRODUCED}
