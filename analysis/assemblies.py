"""Cell assemblies: which cells belong to a stimulus, whether a cue brings them back, whether they stay on after it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brian2learn.core.errors import DeclarationError

from . import _check


def presentation_rates(
    cells: ArrayLike, times: ArrayLike, n_cells: int, starts: ArrayLike, stops: ArrayLike
) -> NDArray[np.float64]:
    """Rate of every cell in every one of some windows.

    Parameters
    ----------
    cells : (k,) int
        The cell of every spike.
    times : (k,) float, s
        Spike times, in order.
    n_cells : int
        Number of cells.
    starts, stops : (n_windows,) float, s
        Ends of the windows; the end is not included.

    Returns
    -------
    (n_windows, n_cells) float, Hz

    Raises
    ------
    DeclarationError
        If times are not in order, lengths differ, or a window has no length.
    """
    where = "presentation_rates"
    t = _check.times(where, "times", "spike times, s", times)
    index = np.asarray(cells, dtype=np.int64)
    _check.same_length(where, "cells", "cell of every spike", index, "times", t)
    begin = _check.numbers(where, "starts", "beginnings of the windows, s", starts)
    end = _check.numbers(where, "stops", "ends of the windows, s", stops)
    _check.same_length(where, "stops", "ends of the windows, s", end, "starts", begin)
    if np.any(end <= begin):
        at = int(np.argmax(end <= begin))
        expected = f"a time after starts = {begin[at]}"
        raise DeclarationError(where, "stops", meaning="ends of the windows, s", expected=expected, got=str(end[at]))
    if index.size and not 0 <= index.min() <= index.max() < n_cells:
        expected = f"cells from 0 to {n_cells - 1}"
        got = f"{index.min()} to {index.max()}"
        raise DeclarationError(where, "cells", meaning="cell of every spike", expected=expected, got=got)
    found = np.zeros((begin.size, n_cells))
    for row, first, last, length in zip(
        found, np.searchsorted(t, begin), np.searchsorted(t, end), end - begin, strict=True
    ):
        row += np.bincount(index[first:last], minlength=n_cells) / length
    return found


def assemblies(rates: ArrayLike, stimuli: ArrayLike, n_stimuli: int, *, threshold: float = 10.0) -> NDArray[np.bool_]:
    """Which cells belong to each stimulus: those whose mean rate in its presentations is above a threshold.

    Parameters
    ----------
    rates : (n_shown, n_cells) float, Hz
        Rate of every cell in every presentation.
    stimuli : (n_shown,) int
        Which stimulus was shown.
    n_stimuli : int
        Number of stimuli; one that was never shown has no cells.
    threshold : float, Hz

    Returns
    -------
    (n_stimuli, n_cells) bool

    Raises
    ------
    DeclarationError
        If there are not as many stimuli as presentations.
    """
    table, shown = np.atleast_2d(np.asarray(rates, float)), np.asarray(stimuli, np.int64)
    if len(table) != shown.size:
        raise DeclarationError(
            "assemblies", "stimuli", meaning="stimulus of every presentation", expected=f"as many as there are rows of "
            f"rates ({len(table)})", got=str(shown.size),
        )  # fmt: skip
    means = [table[shown == k].mean(0) if np.any(shown == k) else np.zeros(table.shape[1]) for k in range(n_stimuli)]
    return np.array(means) > threshold


def selectivity(members: ArrayLike) -> float:
    """Share of the cells of any assembly that belong to one only; nan without cells."""
    counts = np.asarray(members, bool).sum(0)
    return float(np.mean(counts[counts > 0] == 1)) if np.any(counts) else float("nan")


class Recall(NamedTuple):
    """What followed every presentation of a cue.

    Attributes
    ----------
    inside, outside : (n_shown,) float, Hz
        Mean rate of the cells of the assembly of the cue, and of all other cells of any assembly, in the window.
    recalled : (n_shown,) bool
        Whether `inside` is above the threshold and `outside` below it.
    """

    inside: NDArray[np.float64]
    outside: NDArray[np.float64]
    recalled: NDArray[np.bool_]


def recall(rates: ArrayLike, stimuli: ArrayLike, members: ArrayLike, *, threshold: float = 10.0) -> Recall:
    """Whether the assembly of a cue, and no other, was active in a window of every presentation.

    Windows while the cue is on tell recall; windows after it tell delay activity.

    Parameters
    ----------
    rates : (n_shown, n_cells) float, Hz
        Rate of every cell in the window of every presentation.
    stimuli : (n_shown,) int
        Which stimulus the cue is a part of.
    members : (n_stimuli, n_cells) bool
        See `assemblies`.
    threshold : float, Hz

    Returns
    -------
    Recall
        A stimulus without an assembly is never recalled.
    """
    table, groups = np.atleast_2d(np.asarray(rates, float)), np.asarray(members, bool)
    anywhere = groups.any(0)
    inside, outside = [], []
    for row, stimulus in zip(table, np.asarray(stimuli, np.int64), strict=True):
        own, others = groups[stimulus], anywhere & ~groups[stimulus]
        inside.append(row[own].mean() if own.any() else 0.0)
        outside.append(row[others].mean() if others.any() else 0.0)
    ins, outs = np.array(inside), np.array(outside)
    return Recall(ins, outs, (ins > threshold) & (outs < threshold))


class Latching(NamedTuple):
    """Which assembly was active when.

    Attributes
    ----------
    active : (n_windows,) int
        The one assembly above the threshold; -1 if none is, -2 if several are.
    dwells : (n_dwells,) float, s
        How long each assembly that was active stayed so, from its first window to its last; gaps without an active
        assembly after which the same one is back do not end a stay. The first and the last stay are cut by the ends
        of the run and left out.
    """

    active: NDArray[np.int64]
    dwells: NDArray[np.float64]

    @property
    def alone(self) -> float:
        """Share of the windows in which exactly one assembly was active."""
        return float(np.mean(self.active >= 0)) if self.active.size else float("nan")

    @property
    def visited(self) -> NDArray[np.int64]:
        """The assemblies that were active at some time."""
        return np.unique(self.active[self.active >= 0])

    @property
    def cv(self) -> float:
        """Coefficient of variation of the dwell times; nan for fewer than two."""
        return float(self.dwells.std(ddof=1) / self.dwells.mean()) if self.dwells.size > 1 else float("nan")


def latching(rates: ArrayLike, width: float, *, threshold: float = 10.0) -> Latching:
    """Which assembly is active in every window, and for how long.

    Parameters
    ----------
    rates : (n_windows, n_assemblies) float, Hz
        Mean rate of every assembly in consecutive windows.
    width : float, s
        Length of a window.
    threshold : float, Hz

    Returns
    -------
    Latching
    """
    _check.positive("latching", "width", "length of a window, s", width, "s")
    above = np.atleast_2d(np.asarray(rates, float)) > threshold
    n_above = above.sum(1)
    active = np.where(n_above == 1, above.argmax(1), np.where(n_above == 0, -1, -2))
    seen = np.flatnonzero(active >= 0)
    begins = np.flatnonzero(np.diff(active[seen], prepend=-1))
    ends = np.append(begins[1:], seen.size) - 1
    lengths = (seen[ends] - seen[begins] + 1) * width if seen.size else np.empty(0)
    return Latching(active, lengths[1:-1])
