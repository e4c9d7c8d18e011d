"""The rate around spikes of joined cells, against a walk over all pairs of spikes, and what a rule makes of it."""

from __future__ import annotations

import numpy as np
import pytest

from brian2learn.analysis.spike_covariance import rate_around
from brian2learn.core.errors import DeclarationError

N_SOURCE, N_TARGET, T_START, T_STOP = 6, 9, 0.5, 4.5


def poisson(n, rate, rng, t_stop=5.0):
    """Spikes in the middle of milliseconds, so that no rounding moves one into another bin."""
    counts = rng.random((n, round(t_stop * 1e3))) < rate * 1e-3
    cells, bins = counts.nonzero()
    order = np.argsort(bins, kind="stable")
    return cells[order], (bins[order] + 0.5) * 1e-3, n


def drawn(seed=0):
    rng = np.random.default_rng(seed)
    joins = np.array([(i, j) for i in range(N_SOURCE) for j in range(N_TARGET) if rng.random() < 0.4])
    return poisson(N_SOURCE, 30, rng), poisson(N_TARGET, 10, rng), (joins[:, 0], joins[:, 1])


def by_hand(source, target, chosen, largest):
    """Pairs at every lag, and the spikes of sources that could have been in one, over all chosen pairs of cells."""
    lags = np.arange(-round(largest * 1e3), round(largest * 1e3) + 1)
    pairs, n_source, met = np.zeros(lags.size), 0.0, 0.0
    inner = (T_STOP - T_START - 2 * largest) / (T_STOP - T_START)
    for i, j in chosen:
        pre = source[1][(source[0] == i) & (source[1] > T_START) & (source[1] < T_STOP)]
        post = target[1][(target[0] == j) & (target[1] > T_START + largest) & (target[1] < T_STOP - largest)]
        differences = np.rint(1e3 * np.subtract.outer(post, pre)).astype(int).ravel()
        pairs += [(differences == lag).sum() for lag in lags]
        n_source += pre.size * inner
        met += pre.size * post.size * 1e-3 / (T_STOP - T_START)
    return pairs / (n_source * 1e-3), met / (n_source * 1e-3)


def test_it_counts_every_pair_once():
    source, target, synapses = drawn()
    found = rate_around(source, target, synapses, t_start=T_START, t_stop=T_STOP, largest=0.02)
    np.testing.assert_allclose(found.lags, np.arange(-20, 21) * 1e-3, atol=1e-15)
    joined = set(zip(*(each.tolist() for each in synapses), strict=True))
    others = {(i, j) for i in range(N_SOURCE) for j in range(N_TARGET)} - joined
    for chosen, rates, chance in (
        (joined, found.joined, found.chance_joined), (others, found.others, found.chance_others),
    ):  # fmt: skip
        expected, by_chance = by_hand(source, target, chosen, 0.02)
        np.testing.assert_allclose(rates, expected, rtol=1e-6)
        assert chance == pytest.approx(by_chance, rel=1e-6)


def test_independent_spikes_have_no_excess():
    rng = np.random.default_rng(1)
    source, target = poisson(50, 20, rng, 40), poisson(200, 5, rng, 40)
    synapses = np.repeat(np.arange(50), 20), np.arange(1000) % 200
    found = rate_around(source, target, synapses, t_start=0, t_stop=40)
    assert found.chance_joined == pytest.approx(5, rel=0.05)
    n_pairs = 1000 * 40 * 20 * 5 * 2 * 0.02  # within the window
    assert abs(found.excess(0.02)) < 4 * 5 / np.sqrt(n_pairs)
    assert abs(found.excess(0.02, joined=False)) < 4 * 5 / np.sqrt(9 * n_pairs)


@pytest.mark.parametrize(("later", "share"), [(5, 0.2), (-10, 0.2), (0, 0.1)])
def test_spikes_that_follow_give_the_window_at_their_lag(later, share):
    """A share of the source's spikes makes the target fire too: excess = share exp(-|lag|/tau) / (2 tau)."""
    rng = np.random.default_rng(2)
    cells, times, n = poisson(100, 20, rng, 40)
    followed = (rng.random(times.size) < share) & (times > 0.05) & (times < 39.95)
    own = poisson(100, 5, rng, 40)
    both = np.concatenate([cells[followed], own[0]]), np.concatenate([times[followed] + later * 1e-3, own[1]])
    order = np.argsort(both[1], kind="stable")
    target = both[0][order], both[1][order], 100
    found = rate_around((cells, times, n), target, (np.arange(100), np.arange(100)), t_start=0, t_stop=40)
    assert found.lags[np.argmax(found.joined)] == pytest.approx(later * 1e-3)
    assert found.excess(0.02) == pytest.approx(share * np.exp(-abs(later) / 20) / 0.04, rel=0.1)
    assert abs(found.excess(0.02, joined=False)) < 0.1


def test_without_pairs_it_is_nan():
    source, target, synapses = drawn()
    none = rate_around(source, target, ([], []), t_start=T_START, t_stop=T_STOP, largest=0.02)
    assert np.isnan(none.joined).all()
    assert np.isfinite(none.others).all()
    everything = np.repeat(np.arange(N_SOURCE), N_TARGET), np.tile(np.arange(N_TARGET), N_SOURCE)
    every = rate_around(source, target, everything, t_start=T_START, t_stop=T_STOP, largest=0.02)
    assert np.isnan(every.excess(0.02, joined=False))
    assert np.isfinite(every.excess(0.02))


@pytest.mark.parametrize(("change", "match"), [
    ({"synapses": ([0], [N_TARGET])}, r"rate_around\.synapses \(cells of .*\): expected cells below 6 and 9"),
    ({"synapses": ([-1], [0])}, r"rate_around\.synapses"),
    ({"synapses": ([0, 1], [0])}, r"rate_around\.synapses .* got 2"),
    ({"width": 0.0}, r"rate_around\.width"),
    ({"largest": 2.0}, r"rate_around\.t_stop \(end of the window\): expected over 4.0 s after"),
])  # fmt: skip
def test_nonsense_is_refused(change, match):
    source, target, synapses = drawn()
    arguments = {"synapses": synapses, "t_start": T_START, "t_stop": T_STOP, "width": 1e-3, "largest": 0.02, **change}
    with pytest.raises(DeclarationError, match=match):
        rate_around(source, target, **arguments)
