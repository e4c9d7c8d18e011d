"""Detection scores: hand-made cases, and slow twins that look at one spike and one presentation at a time.

Random times are multiples of 1/1024 s, which floats hold exactly: spikes at the very onset and end of a presentation
then occur, and the twins must agree to the last bit. Times of a decimal clock have a twin that counts in whole ticks.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from brian2learn.analysis.detection import Detection, Found, discharge_latencies, found_at, rate, score
from brian2learn.core.errors import DeclarationError

SPIKES = [0.05, 0.11, 0.13, 0.15, 0.31, 0.45, 0.62]
ONSETS = [0.10, 0.30, 0.50]


def inside(spike, onsets, length):
    return [onset for onset in onsets if onset <= spike < onset + length]


def twin_score(spikes, onsets, length, t_start, t_stop):
    shown = [onset for onset in onsets if t_start <= onset < t_stop]
    answers = [[spike for spike in spikes if onset <= spike < onset + length] for onset in shown]
    alarms = [spike for spike in spikes if t_start <= spike < t_stop and not inside(spike, onsets, length)]
    latencies = [spikes_of[0] - onset for onset, spikes_of in zip(shown, answers, strict=True) if spikes_of]
    return len(shown), len(alarms), latencies


def twin_found(spikes, onsets, length, t_stop, quiet):
    time, discharge = 0.0, 0
    for number, spike in enumerate(spikes, 1):
        if spike < t_stop and not inside(spike, onsets, length):
            time, discharge = spike, number
    later = [onset for onset in onsets if time <= onset < t_stop]
    hit = [onset for onset in later if any(onset <= spike < onset + length for spike in spikes)]
    if t_stop - time < quiet or 2 * len(hit) <= len(later):
        return None
    return Found(time, discharge, sum(onset <= time for onset in onsets))


def random_case(seed):
    rng = np.random.default_rng(seed)
    length = rng.choice([32, 64])
    slots = np.flatnonzero(rng.random(60) < rng.choice([0.2, 0.5, 1.0]))  # at 1.0 presentations touch
    onsets = slots * length / 1024
    n_ticks = 60 * length
    spikes = np.sort(rng.integers(0, n_ticks, rng.integers(0, 200))) / 1024
    if rng.random() < 0.5:  # from some time on the cell keeps to the pattern, as after learning
        learned = rng.integers(0, n_ticks) / 1024
        spikes = np.array([s for s in spikes if s < learned or inside(s, onsets, length / 1024)])
    return spikes, onsets, length / 1024, n_ticks / 1024


def test_score_by_hand():
    found = score(SPIKES, ONSETS, 0.05, t_start=0.0, t_stop=1.0)
    assert (found.n_presentations, found.n_hits, found.n_false_alarms) == (3, 2, 4)  # at 0.15 s it is over
    np.testing.assert_allclose(found.latencies, [0.01, 0.01], atol=1e-12)
    assert found.hit_rate == 2 / 3
    assert found.mean_latency == pytest.approx(0.01)


def test_score_looks_at_its_window_only():
    found = score(SPIKES, ONSETS, 0.05, t_start=0.2, t_stop=0.5)
    assert (found.n_presentations, found.n_hits, found.n_false_alarms) == (1, 1, 1)


def test_a_presentation_belongs_whole_to_the_window_in_which_it_begins():
    before = score([0.98, 1.02], [0.97], 0.0625, t_start=0.0, t_stop=1.0)
    after = score([0.98, 1.02], [0.97], 0.0625, t_start=1.0, t_stop=2.0)
    assert (before.n_presentations, before.n_hits, before.n_false_alarms) == (1, 1, 0)
    assert (after.n_presentations, after.n_hits, after.n_false_alarms) == (0, 0, 0)


@pytest.mark.parametrize("seed", range(100))
def test_score_equals_its_twin_and_adds_up(seed):
    spikes, onsets, length, t_stop = random_case(seed)
    windows = [(0.0, t_stop), (0.0, t_stop / 2), (t_stop / 2, t_stop)]
    found = [score(spikes, onsets, length, t_start=start, t_stop=stop) for start, stop in windows]
    for (start, stop), one in zip(windows, found, strict=True):
        n_presentations, n_false_alarms, latencies = twin_score(spikes, onsets, length, start, stop)
        assert (one.n_presentations, one.n_false_alarms) == (n_presentations, n_false_alarms)
        assert one.latencies.tolist() == latencies
    for name in ("n_presentations", "n_hits", "n_false_alarms"):
        whole, *halves = (getattr(one, name) for one in found)
        assert whole == sum(halves)


@pytest.mark.parametrize("seed", range(5))
def test_rounding_does_not_move_a_spike_across_an_onset_or_end(seed):
    """Ticks of 0.1 ms up to 450 s, many of them at the very onset or end, against whole numbers."""
    rng = np.random.default_rng(seed)
    onset_ticks = 500 * np.sort(rng.choice(9000, 2000, replace=False))
    edges = np.concatenate([onset_ticks, onset_ticks + 499, onset_ticks + 500])
    ticks = np.sort(np.concatenate([rng.choice(edges, 1500, replace=False), rng.integers(0, 4_500_000, 500)]))
    within = np.isin(ticks // 500, onset_ticks // 500)
    spikes, onsets = ticks * 1e-4, (onset_ticks // 500) * 0.05
    found = score(spikes, onsets, 0.05, t_start=0.0, t_stop=451.0)
    assert found.n_false_alarms == np.sum(~within)
    assert found.n_hits == len(set(ticks[within] // 500))
    latencies = np.where(within, ticks % 500, 0) * 1e-4
    every = discharge_latencies(spikes, onsets, 0.05)
    np.testing.assert_allclose(every, latencies, rtol=0, atol=1e-11)
    assert min(every.min(), found.latencies.min()) >= 0


def test_nothing_shown_and_nothing_fired():
    no_presentation = score([0.5], [], 0.05, t_start=0.0, t_stop=1.0)
    assert (no_presentation.n_presentations, no_presentation.n_false_alarms) == (0, 1)
    assert math.isnan(no_presentation.hit_rate)
    silent = score([], ONSETS, 0.05, t_start=0.0, t_stop=1.0)
    assert (silent.n_presentations, silent.n_hits, silent.n_false_alarms, silent.hit_rate) == (3, 0, 0, 0.0)
    assert math.isnan(silent.mean_latency)
    assert not silent.success()
    assert not no_presentation.success()


@pytest.mark.parametrize(
    ("n_hits", "n_false_alarms", "latency", "success"),
    [
        (100, 0, 0.004, True),
        (99, 0, 0.004, True),
        (98, 0, 0.004, False),  # more than 98 %
        (100, 1, 0.004, False),
        (100, 0, 0.0101, False),
        (100, 0, 0.0099, True),
        (0, 0, 0.004, False),
    ],
)
def test_success_is_the_criterion_of_the_paper(n_hits, n_false_alarms, latency, success):
    assert Detection(100, n_false_alarms, np.full(n_hits, latency)).success() is success


def test_every_threshold_of_success_can_be_moved():
    poor = Detection(100, 3, np.full(60, 1 / 64))
    assert poor.success(min_hit_rate=0.5, max_false_alarms=3, max_latency=0.03)
    assert not poor.success(min_hit_rate=0.6, max_false_alarms=3, max_latency=0.03)
    assert not poor.success(min_hit_rate=0.5, max_false_alarms=2, max_latency=0.03)
    assert not poor.success(min_hit_rate=0.5, max_false_alarms=3, max_latency=1 / 64)  # must be below


def test_discharge_latencies_by_hand():
    found = discharge_latencies(SPIKES, ONSETS, 0.05)
    np.testing.assert_allclose(found, [0, 0.01, 0.03, 0, 0.01, 0, 0], atol=1e-12)


@pytest.mark.parametrize("seed", range(30))
def test_discharge_latencies_equal_their_twin(seed):
    spikes, onsets, length, _ = random_case(seed)
    within = [inside(spike, onsets, length) for spike in spikes]
    expected = [spike - shown[0] if shown else 0.0 for spike, shown in zip(spikes, within, strict=True)]
    assert discharge_latencies(spikes, onsets, length).tolist() == expected


def learning(until, n=60, period=1.0):
    """Fires at 0.5 s of every period until the cell learns, 0.01 s after every onset from the start."""
    onsets = np.arange(n) * period
    return np.sort(np.concatenate([onsets + 0.01, onsets[onsets < until] + 0.5])), onsets


def test_found_at_is_the_last_false_alarm():
    spikes, onsets = learning(until=12.0)
    assert found_at(spikes, onsets, 0.05, t_stop=60.0) == Found(time=11.5, n_discharges=24, n_presentations=12)


def test_found_at_looks_no_further_than_t_stop():
    spikes, onsets = learning(until=12.0)
    spikes = np.sort(np.append(spikes, 55.7))
    assert found_at(spikes, onsets, 0.05, t_stop=60.0) is None
    assert found_at(spikes, onsets, 0.05, t_stop=50.0) == Found(11.5, 24, 12)


def test_quiet_is_the_time_that_must_remain():
    spikes, onsets = learning(until=50.0)  # last false alarm at 49.5 s
    assert found_at(spikes, onsets, 0.05, t_stop=60.0, quiet=10.5) == Found(49.5, 100, 50)
    assert found_at(spikes, onsets, 0.05, t_stop=60.0, quiet=10.6) is None
    assert found_at(spikes, onsets, 0.05, t_stop=50.0, quiet=0.0) is None  # nothing was shown afterwards
    assert found_at(spikes, onsets, 0.05, t_stop=51.0, quiet=0.0) == Found(49.5, 100, 50)


def test_a_cell_that_is_silent_dies_or_never_stops_has_found_nothing():
    spikes, onsets = learning(until=12.0)
    assert found_at([], onsets, 0.05, t_stop=60.0) is None
    assert found_at(spikes[spikes < 30.0], onsets, 0.05, t_stop=60.0) is None  # dead at 30 s: 18 of 48 answered
    assert found_at(spikes[spikes < 36.0], onsets, 0.05, t_stop=60.0) is None  # 24 of 48 are not more than half
    assert found_at(spikes[spikes < 37.0], onsets, 0.05, t_stop=60.0) == Found(11.5, 24, 12)
    spikes, onsets = learning(until=60.0)
    assert found_at(spikes, onsets, 0.05, t_stop=60.0) is None


def test_a_cell_without_false_alarms_has_found_it_from_the_start():
    onsets = np.arange(20.0)
    assert found_at(onsets + 0.01, onsets, 0.05, t_stop=20.0) == Found(0.0, 0, 1)


def test_found_at_equals_its_twin():
    found = []
    for seed in range(200):
        spikes, onsets, length, t_stop = random_case(seed)
        for stop, quiet in ((t_stop, 0.0), (t_stop, 0.5), (t_stop / 2, 0.25)):
            found.append(found_at(spikes, onsets, length, t_stop=stop, quiet=quiet))
            assert found[-1] == twin_found(spikes, onsets, length, stop, quiet)
    assert 50 < sum(one is not None for one in found) < 550  # both answers were put to the test


def test_rate_by_hand_and_at_its_ends():
    assert rate([0.0, 0.5, 1.0, 1.5, 2.0], 0.5, 2.0) == 2.0
    assert rate([], 0.0, 2.0) == 0.0


FULL = {"t_start": 0.0, "t_stop": 1.0}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: score([0.2, 0.1], ONSETS, 0.05, **FULL), r"^score\.spikes .* ascending order, got 0\.2 before 0\.1"),
        (lambda: score([], [0.3, 0.1], 0.05, **FULL), r"^score\.onsets \(starts .*\): expected times in ascending"),
        (lambda: score([], [0.1, 0.14], 0.05, **FULL), r"^score\.onsets .* gaps of at least length = 0\.05, got a gap"),
        (lambda: score([], ONSETS, -0.05, **FULL), r"^score\.length \(.*\): expected a value above 0 s, got -0\.05\.$"),
        (lambda: score([], ONSETS, math.nan, **FULL), r"^score\.length .* got nan\.$"),
        (lambda: score([math.nan], ONSETS, 0.05, **FULL), r"^score\.spikes .* got nan at index 0\.$"),
        (lambda: score([], ONSETS, 0.05, t_start=1.0, t_stop=1.0), r"^score\.t_stop .* after t_start = 1\.0, got 1\.0"),
        (lambda: score([], ONSETS, 0.05, t_start=-math.inf, t_stop=1.0), r"^score\.t_start .* got -inf"),
        (lambda: discharge_latencies([0.2, 0.1], ONSETS, 0.05), r"^discharge_latencies\.spikes "),
        (lambda: found_at([], ONSETS, 0.0, t_stop=50.0), r"^found_at\.length "),
        (lambda: found_at([], ONSETS, 0.05, t_stop=0.0), r"^found_at\.t_stop "),
        (lambda: found_at([], ONSETS, 0.05, t_stop=5.0), r"^found_at\.quiet .* below t_stop = 5\.0, got 10\.0\.$"),
        (lambda: found_at([], ONSETS, 0.05, t_stop=5.0, quiet=-1.0), r"^found_at\.quiet .* got -1\.0\.$"),
        (lambda: rate([[0.1]], 0.0, 1.0), r"^rate\.spikes .* one-dimensional"),
        (lambda: rate([0.1], 1.0, 0.0), r"^rate\.t_stop "),
    ],
)
def test_nonsense_is_refused(call, message):
    with pytest.raises(DeclarationError, match=message):
        call()
