"""The accumulator in Brian2: against its twin, the identity with depression, the table of the average rat."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from brian2 import Hz, ms, second

from brian2learn.circuits.accumulator import Accumulator
from brian2learn.core.click_trials import ClickTrials
from brian2learn.core.errors import AssemblyError
from brian2learn.plasticity.tsodyks_markram import LOWEST, TsodyksMarkram
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.simulate import simulate
from brian2learn.tasks._task import SpikeTrains
from brian2learn.tasks.parallel_clicks import ParallelClicks

SILENT = {"sigma_a2": 0 * Hz, "sigma_s2": 0.0, "sigma_i2": 0.0, "lapse": 0.0, "bias": 0.0}


def run_of(circuit, task=None, seed=0, dt=1 * ms, mode="runtime"):
    return simulate(Experiment(task or ParallelClicks(n_trials=60), circuit, dt=dt), seed, mode=mode)


def on_grid(record):
    return ClickTrials.of_truth(record.truth).on_grid(record.info["dt"])


# ---------------------------------------------------------------------- without noise


@pytest.mark.parametrize("adaptation", ["across", "within"])
@pytest.mark.parametrize("pairs", ["cancel", "count"])
def test_it_agrees_with_its_twin(adaptation, pairs):
    """Without leak to rounding, a bound that some reach; then facilitation without bound."""
    for more in ({"phi": 0.6, "B": 3.0}, {"phi": 1.2, "B": 1e9}):
        circuit = Accumulator(**SILENT, lam=0 * Hz, adaptation=adaptation, pairs=pairs, **more)
        record = run_of(circuit)
        expected = circuit.reference(on_grid(record))
        np.testing.assert_allclose(record.final["cells.a"], expected, rtol=1e-10, atol=1e-10)
        np.testing.assert_array_equal(record.final["cells.went_right"], expected > 0)
        np.testing.assert_array_equal(record.final["cells.stuck"], abs(expected) >= circuit.B)
        assert np.mean(abs(expected) >= 3) > 0.1
        assert np.mean(record.final["cells.stuck"]) == (0 if circuit.B > 100 else np.mean(abs(expected) >= 3))


@pytest.mark.parametrize("lam", [-5, 3])
def test_the_error_of_the_leak_shrinks_with_the_time_step(lam):
    errors = []
    for dt in (1, 0.5):
        circuit = Accumulator(**SILENT, lam=lam * Hz, B=1e9)
        record = run_of(circuit, dt=dt * ms)
        errors.append(abs(record.final["cells.a"] - circuit.reference(on_grid(record))).max())
    assert 0.35 < errors[1] / errors[0] < 0.65
    assert errors[1] < 0.1


def given(trials):
    """A task of these trials; its rate, which plays no part, tells the inputs of different ones apart."""

    class Given(ParallelClicks):
        """These trials."""

        def _drawn(self, rng):
            return trials, np.ones(len(trials), int)

    tag = zlib.crc32(b"".join(each.tobytes() for each in trials.truth.values()))
    return Given(n_trials=len(trials), rate=(1 + tag / 2**33) * 100 * Hz)


@pytest.mark.parametrize(
    ("left", "right", "phi", "strengths"),
    [
        ([], [0, 0.1, 0.3], 0.9, [1, 0.9487, 0.9615]),
        ([0], [0, 0.1, 0.3], 0.9, [0, 0.4866, 0.8518]),
        ([], [0, 0.1, 0.3, 0.5, 0.55], 1.2, [1, 1.1027, 1.0852, 1.0797, 1.2118]),
    ],
)
def test_published_strengths(left, right, phi, strengths):
    """The published values of C, one by one: what the last click of ever longer trains adds."""
    n = len(right)
    trains = [right[: k + 1] for k in range(n)]
    task = given(ClickTrials.of_sides([left] * n, trains, [1.0] * n, [1.0] * n))
    record = run_of(Accumulator(**SILENT, lam=0 * Hz, B=1e9, phi=phi, tau_phi=150 * ms), task)
    np.testing.assert_allclose(np.diff(record.final["cells.a"], prepend=0), strengths, atol=5e-5)


def test_adaptation_is_tsodyks_markram_depression():
    """With U = 1 - phi, tau_rec = tau_phi and u fixed, strengths are the releases over U; also in Brian2."""
    phi, tau = 0.1694, 96.4 * ms
    times = np.round(np.sort(np.random.default_rng(0).choice(900, 30, replace=False)) * 1e-3, 3)
    depression = TsodyksMarkram(U=1 - phi, tau_rec=tau, tau_fac=LOWEST)
    trains = [times[: k + 1] for k in range(times.size)]
    none = [[] for _ in trains]
    trials = ClickTrials.of_sides(none, trains, [1.0] * 30, [1.0] * 30)
    circuit = Accumulator(**SILENT, lam=0 * Hz, B=1e9, phi=phi, tau_phi=tau)
    expected = np.cumsum(depression.reference(times) / (1 - phi))
    np.testing.assert_allclose(circuit.reference(trials), expected, rtol=1e-12)
    np.testing.assert_allclose(run_of(circuit, given(trials)).final["cells.a"], expected, rtol=1e-10)


# ---------------------------------------------------------------------- noise, one source at a time


def variance_of(trials, **more):
    """Variance of a and its standard error, of one trial repeated."""
    circuit = Accumulator(**{**SILENT, "lam": 0 * Hz, "B": 1e9, "phi": 0.5, **more})
    a = run_of(circuit, given(trials.pick(np.zeros(10_000, int))), dt=5 * ms).final["cells.a"]
    return a.var(), a.var() * np.sqrt(2 / a.size)


ONE = ClickTrials.of_sides([[0, 0.1]], [[0, 0.1, 0.2]], [0.4], [1.0])
E = np.exp(-0.1 / 0.0964)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"sigma_i2": 2.0, "lam": -1 * Hz}, 2 * np.exp(-0.8)),
        ({"sigma_a2": 3 * Hz}, 3 * 0.4),
        ({"sigma_a2": 3 * Hz, "lam": 2 * Hz}, 3 * (np.exp(1.6) - 1) / 4),
        ({"sigma_s2": 0.5}, 0.5 * (1 - E)),  # both pairs cancel
        ({"sigma_s2": 0.5, "noise": "C2"}, 0.5 * (1 - E) ** 2),
        ({"sigma_s2": 0.5, "pairs": "count", "adaptation": "within"},
         0.5 * (2 + 2 * (1 - 0.5 * E) + 1 - (1 - 0.5 * (1 - 0.5 * E)) * E)),
        ({"sigma_s2": 0.5, "pairs": "count"},
         0.5 * (2 + 2 * (1 - 0.75 * E) + 1 - (1 - 0.25 * (1 - 0.75 * E)) * E)),
    ],
)  # fmt: skip
def test_variances(more, expected):
    found, error = variance_of(ONE, **more)
    tolerance = 4 * error + (0.01 * found if "lam" in more else 0)  # Euler, 5 ms
    assert found == pytest.approx(expected, abs=tolerance)


def test_lapses_are_fair_coins():
    task = ParallelClicks(n_trials=20_000, low_gamma=10, high_gamma=10, n_gammas=1, p_right=1)
    chosen = run_of(Accumulator(**{**SILENT, "lapse": 0.3}, lam=0 * Hz), task, dt=5 * ms).final["cells.went_right"]
    assert chosen.mean() == pytest.approx(0.85, abs=4 * np.sqrt(0.85 * 0.15 / 20_000))


# ---------------------------------------------------------------------- the average rat


def share_right(gamma, duration, n=20_000, seed=0, mode="runtime"):
    task = ParallelClicks(
        n_trials=n, low_gamma=gamma, high_gamma=gamma, n_gammas=1, p_right=1, low_duration=duration * second,
        high_duration=duration * second, answer="rate",
    )  # fmt: skip
    return run_of(Accumulator(), task, seed, mode=mode).final["cells.went_right"].mean()


DURATIONS = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.2)
TABLE = {
    1: (0.569, 0.622, 0.662, 0.716, 0.754, 0.797, 0.819),
    2: (0.609, 0.699, 0.753, 0.826, 0.869, 0.909, 0.924),
    3: (0.632, 0.732, 0.790, 0.866, 0.907, 0.937, 0.949),
}
CELLS = [(gamma, duration, row[k]) for gamma, row in TABLE.items() for k, duration in enumerate(DURATIONS)]


@pytest.mark.parametrize(
    ("gamma", "duration", "expected"),
    [pytest.param(*cell, marks=[] if cell[:2] in ((1, 0.2), (3, 0.1)) else pytest.mark.slow) for cell in CELLS],
)
def test_accuracy_of_the_average_rat(gamma, duration, expected):
    assert share_right(gamma, duration) == pytest.approx(expected, abs=0.01)


@pytest.mark.slow
def test_the_average_rat_on_the_standard_mix():
    record = run_of(Accumulator(), ParallelClicks(n_trials=20_000, answer="rate"), mode="standalone")
    difference = ClickTrials.of_truth(record.truth).difference
    correct = (record.final["cells.went_right"] > 0.5) == (difference > 0)
    assert correct[difference != 0].mean() == pytest.approx(0.791, abs=0.01)
    assert record.final["cells.stuck"].mean() == pytest.approx(0.106, abs=0.01)


@pytest.mark.slow
def test_compiled_program_agrees():
    circuit = Accumulator(**SILENT, phi=0.6, B=3.0, adaptation="within")
    one, two = (run_of(circuit, mode=mode).final["cells.a"] for mode in ("runtime", "standalone"))
    np.testing.assert_allclose(one, two, rtol=1e-12)


def test_a_wrong_number_of_clicks_is_refused():
    class Odd(ParallelClicks):
        """A side is missing."""

        def draw(self, rng):
            stimulus = super().draw(rng)
            stimulus.spikes["clicks"] = SpikeTrains(np.empty(0, np.int32), np.empty(0), 3)
            return stimulus

    with pytest.raises(AssemblyError, match=r"Accumulator.clicks: expected two neurons for each of the 5 trials"):
        run_of(Accumulator(), Odd(n_trials=5))
