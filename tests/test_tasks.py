"""Every task: what it promises to any circuit. Every protocol: its times, its truth, and the published model errors."""

from __future__ import annotations

import numpy as np
import pytest
from _helpers import loadable
from brian2 import Hz, ms, second
from scipy import stats

from brian2learn.analysis import pairing, short_term
from brian2learn.core import discovery
from brian2learn.core.errors import DeclarationError
from brian2learn.tasks._task import Task
from brian2learn.tasks.pulse_trains import PulseTrains
from brian2learn.tasks.rate_steps import RateSteps
from brian2learn.tasks.spike_pairing import SpikePairing
from brian2learn.tasks.spike_triplets import SpikeTriplets

LEVEL = 0.001  # chance that a correct program fails a statistical test
TASKS = loadable("tasks", kind=Task)
EXAMPLES = [
    pytest.param(task, id=f"{name}-{k}") for name, cls in TASKS.items() for k, task in enumerate(cls.examples())
]
PRESETS = [pytest.param(cls, name, id=f"{stem}-{name}") for stem, cls in TASKS.items() for name in cls.presets]


def drawn(task, seed=0):
    return task.draw(np.random.default_rng(seed))


def by_neuron(trains):
    return [trains.times[trains.indices == neuron] for neuron in range(trains.n)]


def bits(stimulus):
    arrays = [array for each in stimulus.spikes.values() for array in (each.indices, each.times)]
    return [array.tobytes() for array in [*arrays, *stimulus.truth.values()]]


# ---------------------------------------------------------------------- every task


def test_every_file_is_a_task():
    assert set(TASKS) == set(discovery.files("tasks"))


@pytest.mark.parametrize("task", EXAMPLES)
def test_a_stimulus_is_well_formed(task):
    stimulus = drawn(task)
    assert set(stimulus.spikes) == set(task.drives) == set(task.sizes)
    repeats = stimulus.duration / stimulus.period
    assert stimulus.period > 0
    assert repeats < 1 or repeats == pytest.approx(round(repeats), abs=1e-9)
    for name, trains in stimulus.spikes.items():
        assert trains.n == task.sizes[name] > 0
        assert (trains.times.dtype, trains.indices.dtype) == (np.float64, np.int32)
        assert trains.times.ndim == 1
        assert trains.times.shape == trains.indices.shape
        assert np.all(np.diff(trains.times) >= 0)
        assert np.all((trains.times >= 0) & (trains.times < stimulus.period))
        assert np.all((trains.indices >= 0) & (trains.indices < trains.n))


@pytest.mark.parametrize("task", EXAMPLES)
def test_the_truth_is_plain_arrays(task, tmp_path):
    truth = drawn(task).truth
    np.savez(tmp_path / "truth.npz", **truth)
    with np.load(tmp_path / "truth.npz", allow_pickle=False) as kept:
        assert set(kept.files) == set(truth)
        assert all(kept[name].tobytes() == np.asarray(values).tobytes() for name, values in truth.items())


@pytest.mark.parametrize("task", EXAMPLES)
def test_the_duration_is_known_before_drawing(task):
    assert task.duration == pytest.approx(drawn(task).duration, rel=1e-12)


@pytest.mark.parametrize("task", EXAMPLES)
def test_same_seed_same_bits(task):
    assert bits(drawn(task)) == bits(drawn(task))


@pytest.mark.parametrize("task", EXAMPLES)
def test_no_neuron_fires_twice_at_once(task):
    for trains in drawn(task).spikes.values():
        assert np.unique(np.stack([trains.times, trains.indices]), axis=1).shape[1] == trains.times.size


@pytest.mark.parametrize(("cls", "name"), PRESETS)
def test_a_preset_draws(cls, name):
    task = cls.preset(name)
    assert task != cls()
    assert all(trains.times.size for trains in drawn(task).spikes.values())


ON_GRID = [SpikePairing, SpikeTriplets, PulseTrains]


@pytest.mark.parametrize("task", [task for cls in ON_GRID for task in cls.examples()], ids=repr)
def test_prescribed_times_are_on_the_grid(task):
    """Also the period, so that any time step that divides the resolution will do; and only Poisson draws differ."""
    stimulus, resolution = drawn(task), float(task.resolution)
    poisson = getattr(task, "timing", "regular") == "poisson"
    checked = [stimulus.truth["recovery_time"]] if poisson else [each.times for each in stimulus.spikes.values()]
    for values in [*checked, np.array([stimulus.period])]:
        steps = values / resolution
        np.testing.assert_allclose(steps, np.rint(steps), rtol=0, atol=1e-6)
    last = max(each.times.max() for each in stimulus.spikes.values())
    assert stimulus.period - last == pytest.approx(max(float(task.silence), resolution), abs=1e-9)
    assert (bits(stimulus) == bits(drawn(task, seed=1))) is not poisson


# ---------------------------------------------------------------------- pairs


def test_pairs_in_a_row():
    task = SpikePairing(
        low_lag=-20 * ms, high_lag=10 * ms, n_lags=4, low_frequency=5 * Hz, high_frequency=20 * Hz, n_frequencies=4,
        n_pairs=7,
    )  # fmt: skip
    stimulus = drawn(task)
    assert task.sizes == {"pre": 16, "post": 16}
    lags, frequencies = np.tile([-20e-3, -10e-3, 0, 10e-3], 4), np.repeat([5.0, 10.0, 15.0, 20.0], 4)
    np.testing.assert_allclose(stimulus.truth["lag"], lags, atol=1e-15)
    np.testing.assert_allclose(stimulus.truth["frequency"], frequencies)
    pre, post = (by_neuron(stimulus.spikes[name]) for name in ("pre", "post"))
    for before, after, lag, frequency in zip(pre, post, lags, frequencies, strict=True):
        onset = np.round(np.arange(7) / frequency, 4)  # tenths of a ms
        np.testing.assert_allclose(np.minimum(before, after), onset, atol=1e-12)
        np.testing.assert_allclose(after - before, lag, atol=1e-12)
    assert stimulus.period == pytest.approx(6 / 5 + 20e-3 + 1)


def test_bursts():
    stimulus = drawn(SpikePairing.preset("bursts"))
    pre, post = (by_neuron(stimulus.spikes[name]) for name in ("pre", "post"))
    assert stimulus.period == pytest.approx(140 + 4 / 10 + 10e-3 + 1)
    for before, after, lag, frequency in zip(
        pre, post, stimulus.truth["lag"], stimulus.truth["frequency"], strict=True
    ):
        expected = np.add.outer(10.0 * np.arange(15), np.round(np.arange(5) / frequency, 4)).ravel()
        np.testing.assert_allclose(before, expected + max(0, -lag), atol=1e-9)
        np.testing.assert_allclose(after, expected + max(0, lag), atol=1e-9)


# ---------------------------------------------------------------------- triplets and quadruplets


def couple(stimulus, protocol, lag_1, lag_2, separation=None):
    """Spikes (ms) of the one couple that shows this."""
    truth = stimulus.truth
    chosen = (truth["protocol"] == protocol) & np.isclose(truth["lag_1"], lag_1) & np.isclose(truth["lag_2"], lag_2)
    if separation is not None:
        chosen &= np.isclose(truth["separation"], separation)
    (k,) = np.flatnonzero(chosen)
    return [
        (1e3 * stimulus.spikes[name].times[stimulus.spikes[name].indices == k]).round(6).tolist()
        for name in ("pre", "post")
    ]


def test_each_timing_once():
    stimulus = drawn(SpikeTriplets(n_triplets=1))
    assert couple(stimulus, "pre_post_pre", 5e-3, -15e-3) == [[0, 20], [5]]
    assert couple(stimulus, "pre_post_pre", 15e-3, -5e-3) == [[0, 20], [15]]
    assert couple(stimulus, "post_pre_post", -5e-3, 15e-3) == [[5], [0, 20]]
    assert couple(stimulus, "quadruplet", -5e-3, 5e-3, 20e-3) == [[5, 20], [0, 25]]
    assert couple(stimulus, "quadruplet", -5e-3, 5e-3, -88.5e-3) == [[0, 93.5], [5, 88.5]]
    assert couple(stimulus, "quadruplet", -5e-3, 5e-3, 83.7e-3) == [[5, 83.7], [0, 88.7]]
    assert np.isnan(stimulus.truth["separation"]).sum() == 18


def test_triplets_come_again():
    one, many = drawn(SpikeTriplets(n_triplets=1)), drawn(SpikeTriplets())
    for name in ("pre", "post"):
        for once, often in zip(by_neuron(one.spikes[name]), by_neuron(many.spikes[name]), strict=True):
            np.testing.assert_allclose(often, np.add.outer(np.arange(60.0), once).ravel(), atol=1e-9)
    assert many.period == pytest.approx(59 + 93.5e-3 + 1)


# ---------------------------------------------------------------------- protocols and data against published errors

# a2_plus, a3_plus, a2_minus, a3_minus, tau_x, tau_y (ms); nearest pairing; E to the printed digits
VISUAL = {
    "all_full": ((5e-10, 6.2e-3, 7e-3, 2.3e-4, 101, 125), False, "0.342"),
    "all_min": ((0, 6.5e-3, 7.1e-3, 0, 1, 114), False, "0.356"),
    "nearest_full": ((8.8e-11, 5.3e-2, 6.6e-3, 3.1e-3, 714, 40), True, "0.232"),
    "nearest_min": ((0, 5e-2, 8e-3, 0, 1, 40), True, "0.348"),
}
HIPPOCAMPAL = {
    "all_full": ((6.1e-3, 6.7e-3, 1.6e-3, 1.4e-3, 946, 27), False, "3.10"),
    "all_min": ((5.3e-3, 8e-3, 3.5e-3, 0, 1, 40), False, "3.65"),
    "nearest_full": ((4.6e-3, 9.1e-3, 3e-3, 7.5e-9, 575, 47), True, "2.82"),
    "nearest_min": ((4.6e-3, 9.1e-3, 3e-3, 0, 1, 48), True, "2.81"),
}


def changes(task, row, nearest):
    """Weight change of every couple under the triplet rule of pfister2006, summed over spikes without bounds."""
    a2_plus, a3_plus, a2_minus, a3_minus, tau_x, tau_y = row
    taus = np.array([16.8, tau_x, 33.7, tau_y])  # of r1, r2, o1, o2
    spikes = drawn(task).spikes
    found = []
    for pre, post in zip(by_neuron(spikes["pre"]), by_neuron(spikes["post"]), strict=True):
        w, now, traces = 0.0, 0.0, np.zeros(4)
        for time, is_post in sorted([(t, False) for t in pre] + [(t, True) for t in post]):
            traces *= np.exp((now - time) * 1e3 / taus)
            now = time
            r1, r2, o1, o2 = traces
            w += r1 * (a2_plus + a3_plus * o2) if is_post else -o1 * (a2_minus + a3_minus * r2)
            mine = slice(2, 4) if is_post else slice(0, 2)
            traces[mine] = 1 if nearest else traces[mine] + 1
        found.append(w)
    return np.array(found)


@pytest.mark.parametrize("name", VISUAL)
def test_frequency_protocol_gives_the_published_errors(name):
    row, nearest, expected = VISUAL[name]
    data = pairing.sjostrom2001()
    found = {}
    for task in (SpikePairing.preset("slow"), SpikePairing()):
        truth = drawn(task).truth
        points = zip(truth["frequency"].round(3), truth["lag"].round(6), changes(task, row, nearest), strict=True)
        found |= {(frequency, lag): change for frequency, lag, change in points}
    model = np.array([found[frequency, lag] for frequency, lag in zip(data.frequency, data.lag, strict=True)])
    assert f"{pairing.error(model, data['change'], data['sem']):.3f}" == expected
    curves = {
        "all_min": ["0.000 0.119 0.228 0.532 0.763", "-0.317 -0.332 -0.342 0.174 0.749"],
        "all_full": ["0.000 0.132 0.247 0.534 0.741", "-0.312 -0.334 -0.352 0.155 0.727"],
    }
    if name in curves:
        assert [" ".join(f"{abs(w) if abs(w) < 5e-4 else w:.3f}" for w in part) for part in np.split(model, 2)] == (
            curves[name]
        )


@pytest.mark.parametrize("name", HIPPOCAMPAL)
def test_triplets_and_quadruplets_give_the_published_errors(name):
    row, nearest, expected = HIPPOCAMPAL[name]
    task, data = SpikeTriplets(), pairing.wang2005()
    truth, change = drawn(task).truth, changes(task, row, nearest)
    model = []
    for point in data.itertuples():
        chosen = (truth["protocol"] == point.protocol) & np.isclose(truth["lag_1"], point.lag_1)
        chosen &= np.isclose(truth["lag_2"], point.lag_2)
        chosen &= np.isclose(truth["separation"], point.separation, equal_nan=True)
        model.append(change[chosen].item())
    assert f"{pairing.error(model, data['change'], data['sem']):.2f}" == expected


def test_bursts_break_the_all_to_all_fit():
    """At +10 ms; with 5 pairs in 15 bursts the slow traces of all-to-all pairing no longer add up over pairs."""
    bursts, row = SpikePairing.preset("bursts"), SpikePairing()
    at = (drawn(bursts).truth["lag"] > 0) & (drawn(bursts).truth["frequency"] != 30)
    fallen = changes(bursts, *VISUAL["all_min"][:2])[at]
    np.testing.assert_allclose(fallen, [0.10, 0.10, 0.05, 0.03], atol=0.0051)
    for name in ("nearest_full", "nearest_min"):
        np.testing.assert_allclose(
            changes(bursts, *VISUAL[name][:2])[at], changes(row, *VISUAL[name][:2])[at], atol=0.015
        )


# ---------------------------------------------------------------------- pulses


def test_regular_trains():
    stimulus = drawn(PulseTrains(low_rate=10 * Hz, high_rate=40 * Hz, n_rates=4, n_pulses=5, recovery=300 * ms))
    np.testing.assert_allclose(stimulus.truth["rate"], [10, 20, 30, 40])
    for train, rate, late in zip(
        by_neuron(stimulus.spikes["pre"]), stimulus.truth["rate"], stimulus.truth["recovery_time"], strict=True
    ):
        expected = np.round(np.append(np.arange(5) / rate, 4 / rate + 0.3), 4)
        np.testing.assert_allclose(train, expected, atol=1e-9)
        assert late == train[-1]
    assert stimulus.period == pytest.approx(0.4 + 0.3 + 1)


def test_regular_trains_reach_the_steady_release():
    """Protocol and closed form together: the last pulse of a long train releases what an endless one would."""
    synapse = short_term.ShortTerm(0.2, 0.2, 0.6)
    stimulus = drawn(PulseTrains(n_pulses=200, resolution=0.001 * ms))
    for train, rate in zip(by_neuron(stimulus.spikes["pre"]), stimulus.truth["rate"], strict=True):
        assert synapse.release(train)[199] == pytest.approx(float(synapse.steady_release(rate)), rel=1e-4)


def test_poisson_trains():
    task = PulseTrains(low_rate=5 * Hz, high_rate=50 * Hz, n_rates=2, n_pulses=200, n_trains=20, timing="poisson")
    stimulus = drawn(task)
    assert task.sizes == {"pre": 40}
    np.testing.assert_allclose(stimulus.truth["rate"], np.repeat([5.0, 50.0], 20))
    spans = np.repeat([40.0, 4.0], 20)
    np.testing.assert_allclose(stimulus.truth["recovery_time"], spans + 0.5)
    trains = [train[:-1] for train in by_neuron(stimulus.spikes["pre"])]
    counts = np.array([train.size for train in trains])
    dispersion = ((counts - 200) ** 2).sum() / 200  # chi-squared with 40 degrees of freedom for Poisson counts
    assert LEVEL / 2 < stats.chi2.sf(dispersion, 40) < 1 - LEVEL / 2
    relative = np.concatenate([train / span for train, span in zip(trains, spans, strict=True)])
    assert stats.kstest(relative, "uniform").pvalue > LEVEL
    gaps = np.concatenate([np.diff(train) * 200 / span for train, span in zip(trains, spans, strict=True)])
    assert stats.kstest(gaps, "expon").pvalue > LEVEL


# ---------------------------------------------------------------------- steps and ramps


def rate_at(truth, t):
    """The rate at times t, from the table of pieces."""
    piece = np.searchsorted(truth["t_start"], t, side="right") - 1
    share = (t - truth["t_start"][piece]) / (truth["t_stop"] - truth["t_start"])[piece]
    return truth["rate_start"][piece] * (1 - share) + truth["rate_stop"][piece] * share


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (RateSteps(n_levels=3, last_rate=25 * Hz), [5, 5, 15, 15, 25, 25]),
        (RateSteps(n_levels=3, last_rate=25 * Hz, shape="ramps"), [7.5, 12.5, 17.5, 22.5]),
        (RateSteps(n_repeats=2), [5, 5, 20, 20, 5, 5, 20, 20]),
    ],
)
def test_the_rate_as_a_table(task, expected):
    truth = drawn(task).truth
    assert truth["t_stop"][-1] == pytest.approx(task.duration)
    np.testing.assert_array_equal(truth["t_start"][1:], truth["t_stop"][:-1])
    np.testing.assert_allclose(rate_at(truth, np.arange(0.25, task.duration, 0.5)), expected)


@pytest.mark.parametrize("shape", ["steps", "ramps"])
@pytest.mark.parametrize(("first", "last"), [(0, 40), (40, 0), (20, 20), (10, 30)])
def test_spikes_follow_the_rate(shape, first, last):
    """Time changed to the integral of the rate, a Poisson process has even times and a Poisson count."""
    task = RateSteps(
        n_afferents=500, first_rate=first * Hz, last_rate=last * Hz, n_levels=3, hold=500 * ms, shape=shape
    )
    stimulus = drawn(task)
    trains, truth = stimulus.spikes["afferents"], stimulus.truth
    fine = np.linspace(0, task.duration, 60_001)
    middle = (fine[1:] + fine[:-1]) / 2
    passed = np.concatenate(([0.0], np.cumsum(rate_at(truth, middle) * np.diff(fine))))
    assert stats.kstest(np.interp(trains.times, fine, passed) / passed[-1], "uniform").pvalue > LEVEL
    expected = 500 * passed[-1]
    assert abs(trains.times.size - expected) < stats.norm.isf(LEVEL / 2) * np.sqrt(expected)
    assert stats.chisquare(np.bincount(trains.indices, minlength=500)).pvalue > LEVEL


def test_another_seed_draws_other_spikes():
    assert bits(drawn(RateSteps())) != bits(drawn(RateSteps(), seed=1))


def test_no_rate_no_spikes():
    assert drawn(RateSteps(first_rate=0 * Hz, last_rate=0 * Hz)).spikes["afferents"].times.size == 0
    times = drawn(RateSteps(first_rate=0 * Hz, last_rate=100 * Hz)).spikes["afferents"].times
    assert times.size > 0
    assert times.min() >= 1.0


# ---------------------------------------------------------------------- what does not go together


@pytest.mark.parametrize(
    ("cls", "values", "name"),
    [
        (SpikePairing, {"low_lag": 20 * ms}, "high_lag"),
        (SpikePairing, {"n_lags": 1}, "n_lags"),
        (SpikePairing, {"low_lag": 10 * ms}, "n_lags"),
        (SpikePairing, {"low_frequency": 60 * Hz}, "high_frequency"),
        (SpikePairing, {"n_frequencies": 1}, "n_frequencies"),
        (SpikePairing, {"resolution": 10 * ms, "high_frequency": 60 * Hz}, "high_frequency"),
        (SpikePairing, {"n_bursts": 2, "n_pairs": 5, "burst_rate": 5 * Hz}, "burst_rate"),
        (SpikeTriplets, {"low_gap_1": 20 * ms}, "high_gap_1"),
        (SpikeTriplets, {"low_gap_2": 0 * ms}, "low_gap_2"),
        (SpikeTriplets, {"pair_lag": 0.01 * ms}, "pair_lag"),
        (SpikeTriplets, {"low_separation": -90 * ms, "high_separation": 90 * ms, "n_separations": 37}, "n_separations"),
        (SpikeTriplets, {"rate": 11 * Hz}, "rate"),
        (PulseTrains, {"low_rate": 50 * Hz}, "high_rate"),
        (PulseTrains, {"n_rates": 1}, "n_rates"),
        (PulseTrains, {"n_trains": 2}, "n_trains"),
        (PulseTrains, {"resolution": 10 * ms, "high_rate": 60 * Hz}, "high_rate"),
        (PulseTrains, {"recovery": 0.1 * ms, "resolution": 1 * ms}, "recovery"),
    ],
)
def test_what_does_not_go_together_is_refused(cls, values, name):
    with pytest.raises(DeclarationError) as caught:
        cls(**values)
    assert (caught.value.where, caught.value.name) == (cls.__name__, name)


def test_the_longest_allowed_burst_and_triplet():
    """The bounds of the refusals above: one step inside is taken."""
    assert SpikePairing(n_bursts=2, n_pairs=5, burst_rate=2.43 * Hz).duration == pytest.approx(0.4115 + 0.41 + 1)
    assert SpikeTriplets(rate=1 / (93.6 * ms), n_triplets=2).duration == pytest.approx(0.0936 + 0.0935 + 1)
    assert PulseTrains(silence=0 * second).duration == pytest.approx(19 / 5 + 0.5 + 0.1e-3)
