"""How the spikes of joined cells go together, and what a pairwise learning rule makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from brian2learn.core.errors import DeclarationError

from . import _check
from .firing import _population

CELLS = 500  # targets looked at together, which bounds the memory


@dataclass(frozen=True)
class RateAround:
    """The rate of target cells around the spikes of source cells, as a mean over these spikes.

    Attributes
    ----------
    lags : (n,) float, s
        Middles of the bins; positive where the target fires after the source.
    joined, others : (n,) float, Hz
        For the pairs of cells that have a synapse, and for all other pairs; nan without such pairs.
    chance_joined, chance_others : float, Hz
        What they would be if no spike told anything of another: the targets' rates, weighted by those of the sources.
    """

    lags: NDArray[np.float64]
    joined: NDArray[np.float64]
    others: NDArray[np.float64]
    chance_joined: float
    chance_others: float

    def excess(self, tau: float, *, joined: bool = True) -> float:
        """By how much spikes within a two-sided exponential window exceed chance, as a rate.

        Where a rule strengthens a synapse by ``exp(-|lag|/tau)`` for every pair of spikes and weakens it by
        ``2 rate tau`` for every spike of the source, its changes cancel where chance plus excess is this rate.

        Parameters
        ----------
        tau : float, s
            Half width of the window.
        joined : bool
            For the pairs that have a synapse, or for all others.

        Returns
        -------
        float, Hz
            Mean difference from chance, weighted by the window.
        """
        _check.positive("RateAround.excess", "tau", "half width of the window", tau, "s")
        width = float(self.lags[1] - self.lags[0])
        window = np.exp(-np.abs(self.lags) / tau) * width / (2 * tau)
        rates, chance = (self.joined, self.chance_joined) if joined else (self.others, self.chance_others)
        return float(window @ (rates - chance))


def rate_around(
    source: tuple[ArrayLike, ArrayLike, int],
    target: tuple[ArrayLike, ArrayLike, int],
    synapses: tuple[ArrayLike, ArrayLike],
    *,
    t_start: float,
    t_stop: float,
    width: float = 1e-3,
    largest: float = 0.15,
) -> RateAround:
    """The rate of target cells around the spikes of source cells, with and without a synapse between the two.

    Parameters
    ----------
    source, target : (indices, times, n)
        Cell and time (s) of every spike, sorted by time, and the number of cells.
    synapses : (i, j)
        Source and target cell of every synapse.
    t_start, t_stop : float, s
        Where spikes are looked at; those of the target `largest` away from the ends.
    width : float, s
        Of a bin.
    largest : float, s
        Up to which lag, on both sides; a whole number of bins.

    Raises
    ------
    DeclarationError
        If spikes are not those of the cells in order of time, a synapse joins a cell that there is not, or the window
        does not hold lags of both signs.
    """
    where = "rate_around"
    _check.positive(where, "width", "width of a bin", width, "s")
    _check.positive(where, "largest", "largest lag", largest, "s")
    n_lags = round(largest / width)
    n_bins = round((t_stop - t_start) / width)
    if n_bins <= 2 * n_lags:
        raise DeclarationError(
            where, "t_stop", meaning="end of the window", expected=f"over {2 * largest} s after t_start = {t_start}",
            got=str(t_stop),
        )  # fmt: skip
    (pre, before), (post, after) = (_counts(where, each, t_start, n_bins, width) for each in (source, target))
    joins = _joins(where, synapses, before, after)
    # inner spikes of the target have all lags
    post, inner = _inner(post, n_lags, n_bins), (n_bins - 2 * n_lags) / n_bins
    pairs = np.zeros(2 * n_lags + 1)
    for first in range(0, after, CELLS):
        arriving = (joins[first : first + CELLS] @ pre).toarray()
        cells, bins = post[first : first + CELLS].nonzero()
        times = post[first : first + CELLS].data
        for k in range(2 * n_lags + 1):
            pairs[k] += times @ arriving[cells, bins + n_lags - k]
    all_pre, all_post = pre.sum(axis=0), post.sum(axis=0)
    all_pairs = np.array([all_post[n_lags:-n_lags] @ all_pre[2 * n_lags - k : n_bins - k] for k in range(pairs.size)])
    sent, received = pre.sum(axis=1), post.sum(axis=1)
    # row 0: joined pairs, row 1: all others; sums over them of source spikes, and of pairs at any one lag by chance
    spikes = np.array([joins.sum(axis=0) @ sent, after * sent.sum()]) * inner * width
    by_chance = np.array([received @ (joins @ sent), received.sum() * sent.sum()]) / n_bins
    for values in (spikes, by_chance):
        values[1] -= values[0]
    with np.errstate(invalid="ignore"):  # nan without such pairs
        joined, others = np.array([pairs, all_pairs - pairs]) / spikes[:, None]
        chance = by_chance / spikes
    lags = np.arange(-n_lags, n_lags + 1, dtype=float) * width
    return RateAround(lags, joined, others, float(chance[0]), float(chance[1]))


def _counts(
    where: str, spikes: tuple[ArrayLike, ArrayLike, int], t_start: float, n_bins: int, width: float
) -> tuple[csr_array, int]:
    """Spikes of every cell (rows) in every bin (columns), and the number of cells."""
    indices, times, n = spikes
    cells, at = _population(where, indices, times, n)
    bins = np.floor((at - t_start) / width + 1e-9).astype(np.int64)
    inside = (bins >= 0) & (bins < n_bins)
    ones = np.ones(int(inside.sum()), np.float32)
    return csr_array((ones, (cells[inside], bins[inside])), shape=(n, n_bins)), n


def _inner(counts: csr_array, n_lags: int, n_bins: int) -> csr_array:
    """Without the spikes of the first and the last bins."""
    cells, bins = counts.nonzero()
    kept = (bins >= n_lags) & (bins < n_bins - n_lags)
    return csr_array((counts.data[kept], (cells[kept], bins[kept])), shape=counts.shape)


def _joins(where: str, synapses: tuple[ArrayLike, ArrayLike], n_source: int, n_target: int) -> csr_array:
    """Number of synapses onto every target (rows) from every source (columns)."""
    i, j = (np.asarray(each, np.int64) for each in synapses)
    _check.same_length(where, "synapses", "sources and targets", i, "targets", j)
    if i.size and not (i.min() >= 0 and j.min() >= 0 and i.max() < n_source and j.max() < n_target):
        got = f"sources up to {i.max()}, targets up to {j.max()}"
        expected = f"cells below {n_source} and {n_target}"
        raise DeclarationError(where, "synapses", meaning="cells of every synapse", expected=expected, got=got)
    return csr_array((np.ones(i.size, np.float32), (j, i)), shape=(n_target, n_source))
