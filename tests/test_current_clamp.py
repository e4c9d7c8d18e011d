"""Cells under constant current and cells that hear of two spikes: against closed forms, twins and published counts."""

from __future__ import annotations

import numpy as np
import pytest
from _helpers import loadable, rest_slow
from brian2 import Hz, Mohm, ms, mV, nA, nS, pA, pF

from brian2learn.analysis.firing import coincidence_limit, lif_rate, steady_rate
from brian2learn.circuits import MAT, SRM0, AdEx, Coincidence, ConductanceLIF, CurrentClamp, CurrentLIF, HodgkinHuxley
from brian2learn.circuits._circuit import Cell
from brian2learn.core.errors import AssemblyError, DeclarationError
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.program import program_key
from brian2learn.runs.simulate import simulate
from brian2learn.tasks import Silence, SpikePairing

N = 4  # cells; one number for many tests, so that they share programs
PAIR = {"low_frequency": 10 * Hz, "high_frequency": 10 * Hz, "n_frequencies": 1, "n_pairs": 1, "silence": 0.5 * ms}
DRIVEN = [
    pytest.param(cell, id=f"{stem}-{k}")
    for stem, cls in loadable("circuits", kind=Cell).items()
    if cls.drive
    for k, cell in enumerate(cls.examples())
]


def clamp(*, length=500 * ms, dt=0.01 * ms, mode=None, record=None, **values):
    return simulate(Experiment(Silence(length=length), CurrentClamp(**values), dt=dt, record=record or {}), mode=mode)


def trains(record, n):
    spikes = record.spikes["cells"]
    return [spikes.t[spikes.i == k] for k in range(n)]


# ---------------------------------------------------------------------- CurrentClamp


def test_currents_are_evenly_spaced():
    circuit = CurrentClamp(n_cells=5, i_low=-1 * nA, i_high=1 * nA)
    np.testing.assert_allclose(circuit.currents, [-1e-9, -0.5e-9, 0, 0.5e-9, 1e-9])
    np.testing.assert_array_equal(circuit.initial({}, np.random.default_rng(0))["cells.I_ext"], circuit.currents)


@pytest.mark.parametrize("tau_ref", rest_slow([2 * ms, 0 * ms]))
def test_the_period_of_a_lif_cell_is_its_closed_form_to_a_time_step(tau_ref):
    """A spike is counted up to a step late; Brian2's refractory period is a step short."""
    cell = CurrentLIF(tau_m=10 * ms, R=100 * Mohm, tau_ref=tau_ref)
    drives = np.linspace(12e-3, 30e-3, N)
    wanted = 1 / lif_rate(drives, tau=10e-3, threshold=10e-3, refractory=float(tau_ref))
    errors = []
    for dt in (0.1, 0.02):
        record = clamp(cell=cell, n_cells=N, i_low=0.12 * nA, i_high=0.3 * nA, dt=dt * ms)
        periods = 1 / np.array([steady_rate(train, t_stop=0.5) for train in trains(record, N)])
        late = (periods - wanted) / (dt * 1e-3) + (tau_ref > 0 * ms)
        assert np.all((late > -1e-6) & (late < 1 + 1e-6))
        errors.append(np.abs(periods - wanted).max())
    assert errors[1] < errors[0] / 2


def test_below_rheobase_nobody_fires():
    record = clamp(cell=CurrentLIF(), n_cells=N, i_low=-1 * nA, i_high=0.0999 * nA, dt=0.1 * ms)
    assert record.spikes["cells"].t.size == 0


@pytest.mark.parametrize("method", ["own", "euler"])
@pytest.mark.parametrize(("name", "counts"), [("RS", [10, 16, 22]), ("FS", [78, 98, 118]), ("fitted_RS", [11, 17, 22])])
def test_spike_counts_of_mat(name, counts, method):
    record = clamp(cell=MAT.preset(name), n_cells=3, i_low=0.5 * nA, i_high=0.7 * nA, method=method)
    assert [train.size for train in trains(record, 3)] == counts


def test_euler_is_another_way_of_integrating():
    exact, euler = (
        clamp(cell=MAT(), n_cells=3, i_low=0.5 * nA, i_high=0.7 * nA, method=method) for method in ("own", "euler")
    )
    assert exact.spikes["cells"].t.tolist() != euler.spikes["cells"].t.tolist()


@pytest.mark.parametrize("cell", rest_slow(DRIVEN, n_default=2))
def test_runtime_mode_gives_the_same_spikes_and_states(cell):
    dt = min(0.1 * ms, cell.largest_dt * 1e3 * ms)
    high = 20 * pA if type(cell).__name__ == "Izhikevich" else 2.5 * nA
    values = {"cell": cell, "n_cells": N, "i_low": high / 4, "i_high": high, "length": 60 * ms, "dt": dt}
    one, other = (clamp(**values, mode=mode, record={"cells.v": 1 * ms}) for mode in ("standalone", "runtime"))
    assert one.spikes["cells"].t.size > 2
    np.testing.assert_array_equal(one.spikes["cells"].i, other.spikes["cells"].i)
    np.testing.assert_allclose(one.spikes["cells"].t, other.spikes["cells"].t, rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.states["cells.v"].values, other.states["cells.v"].values, atol=1e-9)
    assert one.states["cells.v"].values.shape == (60, N)
    assert one.duration == pytest.approx(0.06)


def test_the_potential_starts_at_rest_and_settles():
    record = clamp(
        cell=CurrentLIF(), n_cells=N, i_low=-60 * pA, i_high=60 * pA, length=200 * ms, dt=0.1 * ms,
        record={"cells.v": 1 * ms},
    )  # fmt: skip
    np.testing.assert_allclose(record.states["cells.v"].values[0], -60e-3, atol=1e-6)
    np.testing.assert_allclose(record.states["cells.v"].values[-1], [-66e-3, -62e-3, -58e-3, -54e-3], atol=1e-6)


def test_other_numbers_and_another_length_run_in_the_same_program():
    short = Experiment(Silence(length=10 * ms), CurrentClamp(cell=MAT.preset("RS")))
    long = Experiment(Silence(length=20 * ms), CurrentClamp(cell=MAT.preset("FS"), i_high=1 * nA))
    assert program_key(short) == program_key(long)
    assert program_key(short) != program_key(short.replace(circuit=short.circuit.replace(method="euler")))


def test_progress_is_reported_to_the_end():
    told = []
    experiment = Experiment(Silence(length=100 * ms), CurrentClamp(n_cells=N))
    simulate(experiment, progress=told.append)
    assert len(told) > 10
    assert told == sorted(told)
    assert told[-1] == pytest.approx(0.1, rel=0.02)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cell": SRM0()}, r"CurrentClamp\.cell .*expected a cell with an input current"),
        ({"n_cells": 1}, r"CurrentClamp\.i_high .*expected i_low = 0"),
        ({"i_low": 1 * nA}, r"CurrentClamp\.i_high .*expected at least i_low"),
    ],
)
def test_a_clamp_that_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(DeclarationError, match=message):
        CurrentClamp(**wrong)


def test_a_time_step_too_long_for_the_cell_is_refused():
    with pytest.raises(AssemblyError, match=r"HodgkinHuxley\.dt"):
        clamp(cell=HodgkinHuxley(), n_cells=2, i_high=1 * nA, dt=0.1 * ms)


# ---------------------------------------------------------------------- Coincidence


def fired(circuit, lags, dt=0.1, **more):
    """Whether each cell fired: (n_thresholds, n_lags), and the lags, s."""
    low, high, n = lags
    task = SpikePairing(**PAIR, low_lag=low * ms, high_lag=high * ms, n_lags=n, resolution=dt * ms)
    record = simulate(Experiment(task, circuit, dt=dt * ms), **more)
    counts = np.bincount(record.spikes["cells"].i, minlength=n * circuit.n_thresholds)
    return counts.reshape(circuit.n_thresholds, n) > 0, record.truth["lag"]


@pytest.mark.slow
@pytest.mark.parametrize("dt", rest_slow([0.1, 0.02]))
@pytest.mark.parametrize("tau", [10.0, 23.0])
def test_two_jumps_fire_up_to_the_limit_in_either_order(dt, tau):
    circuit = Coincidence(cell=CurrentLIF(tau_m=tau * ms), low_threshold=1.3, high_threshold=1.8, n_thresholds=6)
    n = round(30 / dt)
    answers, lags = fired(circuit, (-30, 30, 2 * n + 1), dt)
    for threshold, row in zip(circuit.thresholds, answers, strict=True):
        limit = coincidence_limit(tau=tau * 1e-3, threshold=float(threshold))
        assert row.tolist() == (np.abs(lags) < limit).tolist()
    assert answers.any(axis=1).all()


@pytest.mark.slow
def test_below_one_jump_all_fire_and_from_two_none():
    circuit = Coincidence(low_threshold=0.9, high_threshold=2.1, n_thresholds=13)
    answers, _ = fired(circuit, (-40, 40, 81))
    assert answers[circuit.thresholds < 0.99].all()
    assert not answers[circuit.thresholds > 2.01].any()


@pytest.mark.slow
def test_the_limit_does_not_depend_on_the_units_of_the_cell():
    lags = (-20, 20, 41)
    values = {"low_threshold": 1.25, "high_threshold": 1.75, "n_thresholds": 3}
    one, _ = fired(Coincidence(cell=CurrentLIF(V_t=-30 * mV), **values), lags)
    other, _ = fired(Coincidence(cell=ConductanceLIF(C=200 * pF, g_L=20 * nS), **values), lags)
    np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_runtime_mode_gives_the_same_coincidences():
    circuit = Coincidence()
    lags = (-10, 10, 21)
    np.testing.assert_array_equal(fired(circuit, lags)[0], fired(circuit, lags, mode="runtime")[0])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"cell": AdEx()}, r"Coincidence\.cell .*expected a cell with E_L and V_t"),
        ({"high_threshold": 0.5}, r"Coincidence\.high_threshold .*expected at least low_threshold"),
        ({"n_thresholds": 1}, r"Coincidence\.n_thresholds .*expected 1 if"),
    ],
)
def test_a_coincidence_that_makes_no_sense_is_refused(wrong, message):
    with pytest.raises(DeclarationError, match=message):
        Coincidence(**wrong)
