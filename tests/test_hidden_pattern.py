"""The hidden pattern: the generator against a slow twin, the schedule, the pasting, the truth, the refusals."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from brian2 import Hz, ms, mV, second
from scipy import stats

from brian2learn.core.errors import DeclarationError
from brian2learn.tasks import hidden_pattern
from brian2learn.tasks.hidden_pattern import HiddenPattern

SMALL = HiddenPattern(n_afferents=200, n_pattern=100, period=10 * second, n_repeats=2)
QUIET = SMALL.replace(noise_rate=0 * Hz, jitter=0 * ms)
EXAMPLES = list(HiddenPattern.examples())
LEVEL = 0.001  # chance that a correct program fails a statistical test


def own_trains(task, rng):
    """Dates (ns) and afferents of the trains before pattern and noise, sorted by date."""
    walk = hidden_pattern._Walk(task, rng)
    task._cut(walk, np.empty(0, int))
    packed = np.sort(np.concatenate(list(task._own(walk, np.empty(0, int)))))
    return hidden_pattern._dates(packed), hidden_pattern._indices(packed)


def drawn_with_own(task, seed=0):
    """A stimulus with its spikes in ns, and the trains it was made from."""
    stimulus = task.draw(np.random.default_rng(seed))
    rng = np.random.default_rng(seed)
    task._schedule(rng)
    trains = stimulus.spikes["afferents"]
    return stimulus, (nanoseconds(trains.times), trains.indices), own_trains(task, rng)


def nanoseconds(times):
    return np.rint(times * 1e9).astype(np.int64)


def within(spikes, start, stop):
    """The spikes from start to stop (ns), their dates counted from the start, in the order of afferents."""
    dates, indices = spikes
    inside = slice(*np.searchsorted(dates, (start, stop)))
    dates, indices = dates[inside] - start, indices[inside]
    order = np.lexsort((dates, indices))
    return dates[order], indices[order]


def select(spikes, chosen):
    return spikes[0][chosen], spikes[1][chosen]


def same(one, other):
    return all(np.array_equal(left, right) for left, right in zip(one, other, strict=True))


def onsets_in_period(task, stimulus):
    onsets = nanoseconds(stimulus.truth["onset"])
    return onsets[onsets < nanoseconds(np.array(stimulus.period))]


def pattern_of(stimulus):
    """Dates (ns) and afferents of the pattern, in the order of afferents."""
    dates, indices = nanoseconds(stimulus.truth["pattern_time"]), stimulus.truth["pattern_index"]
    return within((dates, indices), 0, 10**12)


# the generator against a slow twin, written from the text of the paper


def twin_train(n_ms, rng, max_silence=50):
    """Spike dates (ms) of one afferent: Methods of masquelier2008, one ms after the other."""
    rate, slope, last = rng.uniform(0, 90), rng.uniform(-1800, 1800), rng.uniform(-max_silence, 0)
    spikes = []
    for now in range(n_ms):
        if now + 1 - last > max_silence or rng.random() < rate * 1e-3:
            last = now + rng.random()
            spikes.append(last)
        rate = min(max(rate + slope * 1e-3, 0), 90)
        slope = min(max(slope + rng.uniform(-360, 360), -1800), 1800)
    return np.array(spikes)


N_TRAINS, N_MS = 50, 20_000


@pytest.fixture(scope="module")
def twins():
    rng = random.Random(0)
    return [twin_train(N_MS, rng) for _ in range(N_TRAINS)]


def fast_trains(seed=0, **changes):
    task = HiddenPattern(n_afferents=N_TRAINS, n_pattern=1, period=N_MS * ms, **changes)
    dates, indices = own_trains(task, np.random.default_rng(seed))
    return [dates[indices == afferent] / 1e6 for afferent in range(N_TRAINS)]


def intervals(train):
    return np.histogram(np.diff(train), np.arange(0, 60.5, 0.5))[0]


def changes_of_count(train):
    """How far the counts of successive windows of 50 ms are apart, which shows how fast the rate walks."""
    windows = np.histogram(train, np.arange(0, N_MS + 1, 50))[0]
    return np.bincount(np.abs(np.diff(windows)), minlength=50)


def p_value(trains, others, histogram):
    """Kolmogorov-Smirnov distance of two pooled histograms against that of 999 random exchanges of whole trains.

    Spikes within a train depend on each other, trains do not; so the error rate is exact.
    """
    rows = np.array([histogram(train) for train in (*trains, *others)])
    is_first = np.arange(len(rows)) < len(trains)
    rng = np.random.default_rng(0)
    labels = np.array([is_first, *(rng.permutation(is_first) for _ in range(999))])
    pooled = [np.cumsum(chosen @ rows, axis=1) for chosen in (labels.astype(int), (~labels).astype(int))]
    distances = np.abs(np.subtract(*(sums / sums[:, -1:] for sums in pooled))).max(axis=1)
    return np.mean(distances >= distances[0])


@pytest.mark.parametrize("histogram", [intervals, changes_of_count])
def test_trains_are_those_of_the_twin(twins, histogram):
    assert p_value(fast_trains(), twins, histogram) > LEVEL


@pytest.mark.parametrize(
    ("changes", "histogram"),
    [
        ({"max_silence": 49 * ms}, intervals),
        ({"slope_step": 180 * Hz / second}, changes_of_count),
        ({"max_rate": 100 * Hz}, intervals),
    ],
)
def test_the_comparison_finds_small_mistakes(twins, changes, histogram):
    """Each of these was found with all of 29 seeds, so the power is over 90 % (Clopper-Pearson, one-sided 95 %)."""
    assert p_value(fast_trains(**changes), twins, histogram) <= LEVEL


@pytest.fixture(params=["C++", "NumPy"])
def engine(request, monkeypatch):
    if request.param == "NumPy":
        monkeypatch.setattr(hidden_pattern, "_compiled", lambda: None)
    elif hidden_pattern._compiled() is None:
        pytest.skip("no compiler")


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize(
    ("n_steps", "max_silence", "chance"), [(50, 50, 0.02), (1, 3, 0.2), (100, 7, 0.05), (50, 1, 0)]
)
def test_silences_are_filled_as_in_a_plain_loop(n_steps, max_silence, chance):
    n_afferents, n_sections = 30, 20
    still = {"max_slope": 0 * Hz / second, "slope_step": 0 * Hz / second, "max_rate": chance * 1000 * Hz}
    task = HiddenPattern(
        n_afferents=n_afferents, n_pattern=1, pattern_length=n_steps * ms, max_silence=max_silence * ms, **still
    )
    walk = hidden_pattern._Walk(task, np.random.default_rng(0))
    waits, rates = walk.waits.copy(), walk.rates.copy()
    assert np.all((waits >= 0) & (waits < max_silence))
    expected = []
    for afferent in range(n_afferents):
        generator, silent_since = xoroshiro(*walk.generators[:, afferent].tolist()), int(waits[afferent]) - max_silence
        for step in range(n_sections * n_steps):
            random = next(generator)
            if step - silent_since >= max_silence or random >> 48 < rates[afferent]:
                silent_since = step
                expected.append((step * hidden_pattern.STEP + (random % 2**40 * hidden_pattern.STEP >> 40), afferent))

    found = []
    for section in range(n_sections):
        spikes = walk.spikes(section, np.zeros(1, int))
        found += zip(hidden_pattern._dates(spikes), hidden_pattern._indices(spikes), strict=True)
    assert sorted(found) == sorted(expected)


def xoroshiro(one, two):
    """xoroshiro128++ 1.0, as its authors give it."""

    def rotated(bits, by):
        return (bits << by | bits >> (64 - by)) % 2**64

    while True:
        yield (rotated((one + two) % 2**64, 17) + one) % 2**64
        two ^= one
        one = rotated(one, 49) ^ two ^ (two << 21) % 2**64
        two = rotated(two, 28)


def test_generators_are_those_of_their_authors():
    """The first numbers of the authors' program from the state 1, 2."""
    expected = [393217, 669327710093319, 1732421326133921491, 11394790081659126983, 9555452776773192676]
    generators = np.array([[1], [2]], np.uint64)
    assert [int(hidden_pattern._random(generators)[0]) for _ in expected] == expected
    assert list(itertools.islice(xoroshiro(1, 2), 5)) == expected


def bits(stimulus):
    trains = stimulus.spikes["afferents"]
    return [array.tobytes() for array in (trains.indices, trains.times, *stimulus.truth.values())]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("task", [*EXAMPLES, HiddenPattern(period=10 * second)], ids=repr)
def test_compiled_and_numpy_draw_the_same_bits(task, seed, monkeypatch):
    if hidden_pattern._compiled() is None:
        pytest.skip("no compiler")
    compiled = bits(task.draw(np.random.default_rng(seed)))
    monkeypatch.setattr(hidden_pattern, "_compiled", lambda: None)
    assert bits(task.draw(np.random.default_rng(seed))) == compiled


@pytest.mark.usefixtures("engine")
@pytest.mark.parametrize("size", [0, 1, 2, 10_000])
@pytest.mark.parametrize("last", [0, 100, 10**12])
def test_spikes_are_sorted_and_unpacked(size, last):
    rng = np.random.default_rng(0)
    dates, afferents = rng.integers(last, size=size, endpoint=True), rng.integers(2**20, size=size)
    indices, times = hidden_pattern._unpack(hidden_pattern._pack(dates, afferents))
    order = np.lexsort((afferents, dates))
    assert np.array_equal(indices, afferents[order])
    assert np.array_equal(times, dates[order] / 1e9)


@pytest.mark.parametrize("task", EXAMPLES, ids=repr)
def test_the_size_of_the_blocks_changes_nothing(task, monkeypatch):
    expected = bits(task.draw(np.random.default_rng(0)))
    n_sections = round(float(task.period / task.pattern_length))
    cells = task.n_afferents * round(float(task.pattern_length) * 1000)
    for n_together in (1, 3, n_sections):
        monkeypatch.setattr(hidden_pattern, "BLOCK", n_together * cells)
        trains = (stimulus := task.draw(np.random.default_rng(0))).spikes["afferents"]
        assert len(list(trains.blocks())) == -(-n_sections // n_together)
        assert bits(stimulus) == expected


def test_blocks_come_again_and_follow_each_other_in_time():
    task = SMALL.replace(jitter=20 * ms)
    trains = task.draw(np.random.default_rng(0)).spikes["afferents"]
    first, again = list(trains.blocks()), list(trains.blocks())
    assert len(first) > 1
    for name in ("times", "indices"):
        whole = np.concatenate([getattr(block, name) for block in first])
        assert np.array_equal(whole, np.concatenate([getattr(block, name) for block in again]))
        assert np.array_equal(whole, getattr(trains, name))
    edges = [block.times[[0, -1]] for block in first]
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(edges))


# rates; 2000 afferents for 20 s give a standard error of 0.1 Hz, a fifth of the margin


@pytest.mark.parametrize(("max_silence", "rate"), [(50 * ms, 54), (10 * second, 45)])
def test_rate_of_the_trains(max_silence, rate):
    task = HiddenPattern(period=20 * second, max_silence=max_silence)
    dates, _ = own_trains(task, np.random.default_rng(0))
    assert dates.size / 2000 / 20 == pytest.approx(rate, abs=0.5)


def test_rate_with_noise_and_steady_population():
    trains = HiddenPattern(period=20 * second, pattern_share=0.0).draw(np.random.default_rng(0)).spikes["afferents"]
    population_rate = np.histogram(trains.times, np.arange(2001) * 0.01)[0] / 2000 / 0.01
    assert population_rate.mean() == pytest.approx(64, abs=0.5)
    assert population_rate.std() < 2


def test_no_train_is_silent_for_longer_than_51_ms():
    dates, indices = own_trains(SMALL, np.random.default_rng(0))
    for afferent in range(200):
        train = np.concatenate(([0], dates[indices == afferent], [10 * hidden_pattern.SECOND]))
        assert np.diff(train).max() <= 51 * hidden_pattern.STEP


def test_noise_is_poisson():
    task = SMALL.replace(max_rate=0 * Hz, max_silence=10 * second, pattern_share=0.0, n_afferents=500)
    _, (dates, indices), own = drawn_with_own(task)
    n_noise = dates.size - own[0].size
    assert abs(n_noise - 50_000) < 5 * np.sqrt(50_000)
    per_afferent = np.bincount(indices, minlength=500) - np.bincount(own[1], minlength=500)
    assert stats.chisquare(per_afferent).pvalue > LEVEL


# stimulus


@pytest.mark.parametrize("task", EXAMPLES, ids=repr)
def test_stimulus_is_well_formed(task):
    stimulus = task.draw(np.random.default_rng(0))
    trains, truth = stimulus.spikes["afferents"], stimulus.truth
    assert set(stimulus.spikes) == set(task.drives) == set(task.sizes)
    assert (trains.times.dtype, trains.indices.dtype, trains.n) == (np.float64, np.int32, task.n_afferents)
    assert trains.times.size == trains.indices.size > 0
    assert np.all(np.diff(trains.times) >= 0)
    assert trains.times[0] >= 0
    assert trains.times[-1] < stimulus.period
    assert trains.indices.min() >= 0
    assert trains.indices.max() < task.n_afferents
    assert stimulus.duration == stimulus.period * task.n_repeats
    assert truth["in_pattern"].sum() == (task.n_pattern if task.pattern_share > 0 else 0)
    assert np.all(truth["in_pattern"][truth["pattern_index"]])
    assert np.all((truth["pattern_time"] >= 0) & (truth["pattern_time"] < truth["pattern_length"]))
    assert np.all(np.diff(truth["pattern_time"]) >= 0)


@pytest.mark.parametrize("task", EXAMPLES, ids=repr)
def test_same_seed_same_bits(task):
    one, again, other = (task.draw(np.random.default_rng(seed)) for seed in (0, 0, 1))
    for name in ("times", "indices"):
        assert np.array_equal(getattr(one.spikes["afferents"], name), getattr(again.spikes["afferents"], name))
    assert all(np.array_equal(one.truth[name], again.truth[name]) for name in one.truth)
    assert not np.array_equal(one.spikes["afferents"].times, other.spikes["afferents"].times)


def test_onsets_over_repeats():
    task = SMALL.replace(n_repeats=3)
    onset = nanoseconds(task.draw(np.random.default_rng(0)).truth["onset"])
    first = onset[:50]
    assert np.array_equal(onset, np.concatenate([first, first + 10 * 10**9, first + 20 * 10**9]))
    assert np.all(onset % (50 * 10**6) == 0)
    assert np.all(np.diff(onset) > 50 * 10**6)


def test_without_pattern():
    stimulus, spikes, own = drawn_with_own(QUIET.replace(pattern_share=0.0))
    assert same(spikes, own)
    assert stimulus.truth["onset"].size == stimulus.truth["pattern_index"].size == 0


# schedule


@pytest.mark.parametrize(
    ("share", "n_sections", "n_slots"),
    [(0.05, 200, 10), (0.1, 200, 20), (0.25, 200, 50), (0.5, 200, 100), (0.25, 7, 2), (0.5, 7, 3), (0.0, 7, 0)],
)
def test_schedule_has_the_exact_share_and_never_two_in_a_row(share, n_sections, n_slots):
    task = SMALL.replace(pattern_share=share, period=n_sections * 50 * ms)
    for seed in range(50):
        slots = task._schedule(np.random.default_rng(seed))
        assert slots.size == n_slots
        steps = np.diff(slots, append=slots[:1] + n_sections)
        assert np.all(steps >= 2)
        if 2 * n_slots == n_sections:
            assert np.all(steps == 2)


def test_all_schedules_are_equally_likely():
    task = SMALL.replace(pattern_share=3 / 9, period=450 * ms)
    allowed = [
        slots for slots in itertools.combinations(range(9), 3) if all((slot + 1) % 9 not in slots for slot in slots)
    ]
    rng = np.random.default_rng(0)
    drawn = [allowed.index(tuple(task._schedule(rng))) for _ in range(3000)]
    assert stats.chisquare(np.bincount(drawn, minlength=len(allowed))).pvalue > LEVEL


# pasting


def test_pattern_is_pasted_exactly_and_nothing_else_changes():
    stimulus, spikes, own = drawn_with_own(QUIET)
    pattern, onsets, length = pattern_of(stimulus), onsets_in_period(QUIET, stimulus), 50 * 10**6
    assert pattern[0].size > 100
    for start in range(0, 10 * 10**9, length):
        now, before = within(spikes, start, start + length), within(own, start, start + length)
        if start in onsets:
            assert same(select(now, now[1] < 100), pattern)
            assert same(select(now, now[1] >= 100), select(before, before[1] >= 100))
        else:
            assert same(now, before)


def test_pattern_is_what_its_afferents_emit_before_the_period():
    rng = np.random.default_rng(0)
    QUIET._schedule(rng)
    walk = hidden_pattern._Walk(QUIET, rng)
    packed = np.concatenate([walk.spikes(section, np.zeros(1, int)) for section in range(20)])
    lead_in = hidden_pattern._dates(packed), hidden_pattern._indices(packed)
    order = np.argsort(lead_in[0])
    last = within(select(lead_in, order), 950 * 10**6, 10**9)
    assert same(select(last, last[1] < 100), pattern_of(QUIET.draw(np.random.default_rng(0))))


def test_without_a_lead_in_the_pattern_is_what_its_afferents_emit_in_the_first_slot():
    task = QUIET.replace(lead_in=0 * ms)
    stimulus, _, own = drawn_with_own(task)
    first = onsets_in_period(task, stimulus)[0]
    there = within(own, first, first + 50 * 10**6)
    assert pattern_of(stimulus)[0].size > 0
    assert same(select(there, there[1] < 100), pattern_of(stimulus))


def single_displacements(task):
    """Displacement (ns) of the spike, 10 ms or more from both ends, of afferents with one spike in the pattern."""
    stimulus, spikes, _ = drawn_with_own(task)
    dates, indices = pattern_of(stimulus)
    single = np.flatnonzero(np.bincount(indices, minlength=task.n_pattern) == 1)
    chosen = np.isin(indices, single) & (np.abs(dates - 25 * 10**6) < 15 * 10**6)
    dates, indices = dates[chosen], indices[chosen]
    displacements = []
    for onset in onsets_in_period(task, stimulus):
        now = within(spikes, onset, onset + 50 * 10**6)
        now = select(now, np.isin(now[1], indices))
        assert np.array_equal(now[1], indices)
        displacements.append(now[0] - dates)
    return np.array(displacements)


def test_jitter_is_gaussian_fresh_and_as_large_as_declared():
    moves = single_displacements(QUIET.replace(jitter=1 * ms, n_afferents=1000, n_pattern=1000)) / 1e6
    assert moves.size > 5000
    assert moves.std() == pytest.approx(1, abs=5 / np.sqrt(2 * moves.size))
    assert stats.kstest(moves.ravel(), stats.norm.cdf).pvalue > LEVEL
    assert abs(np.mean(moves[1:] * moves[:-1])) < 5 / np.sqrt(moves.size)


def test_spikes_that_leave_the_period_come_back_at_the_other_end():
    task = QUIET.replace(jitter=20 * ms, pattern_share=0.5, period=200 * ms)
    _, spikes, own = drawn_with_own(task)
    stimulus = task.draw(np.random.default_rng(0))
    is_pattern = own[1] < 100
    n_pasted = np.isin(own[0] // (50 * 10**6), onsets_in_period(task, stimulus) // (50 * 10**6)) & is_pattern
    assert spikes[0].size == own[0].size - n_pasted.sum() + 2 * stimulus.truth["pattern_time"].size
    assert spikes[0].min() >= 0
    assert spikes[0].max() < 200 * 10**6


@pytest.mark.parametrize("deletion", [0.3, 1.0])
def test_deletion_keeps_the_number_of_spikes_of_every_afferent(deletion):
    task = QUIET.replace(deletion=deletion)
    stimulus, spikes, _ = drawn_with_own(task)
    dates, indices = pattern_of(stimulus)
    kept, moved, onsets = 0, [], onsets_in_period(task, stimulus)
    for onset in onsets:
        now = within(spikes, onset, onset + 50 * 10**6)
        now = select(now, now[1] < 100)
        assert np.array_equal(now[1], indices)
        stays = np.isin(hidden_pattern._pack(*now), hidden_pattern._pack(dates, indices))
        kept += stays.sum()
        moved.append(now[0][~stays])
    n_pasted = onsets.size * dates.size
    assert abs(kept / n_pasted - (1 - deletion)) <= 5 * np.sqrt(deletion * (1 - deletion) / n_pasted) + 1e-4
    assert stats.kstest(np.concatenate(moved) / 50e6, stats.uniform.cdf).pvalue > LEVEL


# refusals


@pytest.mark.parametrize(
    ("values", "name", "expected", "got"),
    [
        ({"n_pattern": 3000}, "n_pattern", "at most n_afferents = 2000", "3000"),
        ({"n_pattern": 0}, "n_pattern", "at least 1", "0"),
        ({"n_afferents": 2.5}, "n_afferents", "a whole number", "2.5"),
        ({"pattern_share": 0.6}, "pattern_share", "from 0 to 0.5", "0.6"),
        ({"pattern_share": 1e-5}, "pattern_share", "one of 3000 sections", "1e-05"),
        ({"pattern_length": 50}, "pattern_length", "a quantity in", "50"),
        ({"pattern_length": 50.5 * ms}, "pattern_length", "a whole number of ms", "50.5 ms"),
        ({"pattern_length": 70 * ms}, "period", "sections of 70. ms", "150. s"),
        ({"period": 150 * ms}, "period", "at least 4", "150. ms"),
        ({"max_silence": 50.5 * ms}, "max_silence", "a whole number of ms", "50.5 ms"),
        ({"jitter": -1 * ms}, "jitter", "from 0. s", "-1. ms"),
        ({"jitter": 1 * mV}, "jitter", "a quantity in", "1. * mvolt"),
        ({"noise_rate": float("nan") * Hz}, "noise_rate", "a finite value", "nan"),
        ({"slope_step": 360 * Hz}, "slope_step", "a quantity in", "360. * hertz"),
        ({"deletion": 1.5}, "deletion", "from 0 to 1", "1.5"),
        ({"n_repeats": 0}, "n_repeats", "from 1", "0"),
        ({"patern_share": 0.1}, "patern_share", "one of its parameters", "0.1"),
    ],
)
def test_nonsense_is_refused(values, name, expected, got):
    with pytest.raises(DeclarationError) as caught:
        HiddenPattern(**values)
    message = str(caught.value)
    assert message.startswith(f"HiddenPattern.{name}")
    wanted, came = message.split(", got ", maxsplit=1)
    assert expected in wanted
    assert got in came


@pytest.mark.full
def test_paper_size():
    """19 million spikes; a steady population where the pattern is not shown.

    Where it is, the same five bins of 10 ms come back, and their spread is that of the one pattern drawn: over 20 seeds
    the SD of all bins was 1.82 to 2.09 Hz, without pattern 1.83 to 1.96 Hz.
    """
    task = HiddenPattern()
    stimulus = task.draw(np.random.default_rng(0))
    times = stimulus.spikes["afferents"].times
    population_rate = np.histogram(times, np.arange(15_001) * 0.01)[0].reshape(3000, 5) / 2000 / 0.01
    shows_pattern = np.isin(np.arange(3000), onsets_in_period(task, stimulus) // (50 * 10**6))
    assert shows_pattern.sum() == 750
    assert population_rate.mean() == pytest.approx(64, abs=0.5)
    assert population_rate[~shows_pattern].std() < 2


def test_a_pattern_of_the_first_section_begins_with_more_spikes_than_one_of_settled_trains():
    """Each afferent has had no spike for an unknown time, so more are due: 602 and 536 in 10 ms, SD 24 in a pattern."""
    counts = [
        [
            np.sum(HiddenPattern(lead_in=lead).draw(np.random.default_rng(k)).truth["pattern_time"] < 0.01)
            for k in range(8)
        ]
        for lead in (50 * ms, 1 * second)
    ]
    assert 575 < np.mean(counts[0]) < 630
    assert 510 < np.mean(counts[1]) < 563
