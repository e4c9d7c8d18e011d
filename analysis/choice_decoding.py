"""What a population tells about a choice: counts in windows, a linear decoder, and how far cells are apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brian2learn.core.claims import Interval
from brian2learn.core.errors import DeclarationError

from . import _check
from .intervals import share


def counts(times: ArrayLike, cells: ArrayLike, n_cells: int, begins: ArrayLike, length: float) -> NDArray[np.float64]:
    """Spikes of every cell in one window of every trial.

    Parameters
    ----------
    times : (k,) float, s
        Ascending.
    cells : (k,) int
    n_cells : int
    begins : (n_trials,) float, s
        Where the windows begin; they hold their beginning, not their end.
    length : float, s

    Returns
    -------
    (n_trials, n_cells) float
    """
    at = _check.times("counts", "times", "spike times, s", times)
    who = np.asarray(cells, int)
    _check.same_length("counts", "cells", "cells of the spikes", who, "times", at)
    _check.positive("counts", "length", "length of the windows", length, "s")
    starts = _check.numbers("counts", "begins", "beginnings of the windows, s", begins)
    ends = np.searchsorted(at, np.stack([starts, starts + length]), side="left")
    found = np.zeros((starts.size, n_cells))
    for trial, (first, last) in enumerate(ends.T):
        found[trial] = np.bincount(who[first:last], minlength=n_cells)
    return found


def decoded(features: ArrayLike, label: ArrayLike, n_folds: int = 5, ridge: float = 1.0) -> Interval:
    """Share of trials whose label a linear decoder tells that has not seen them.

    Least squares on labels -1 and 1, which has the direction of Fisher's discriminant, with a penalty; trials are
    folded in their order.

    Parameters
    ----------
    features : (n_trials, n_features) float
    label : (n_trials,) bool
    n_folds : int
    ridge : float
        Penalty, in units of the mean variance of a feature.

    Returns
    -------
    Interval
        With its Wilson interval.

    Raises
    ------
    DeclarationError
        If there are fewer trials of a label than folds.
    """
    x = np.asarray(features, float)
    right = _check.numbers("decoded", "label", "labels", label) > 0.5
    if x.ndim != 2 or x.shape[0] != right.size:
        expected = f"one row for each of the {right.size} labels"
        raise DeclarationError("decoded", "features", expected=expected, got=f"an array of shape {x.shape}")
    if min(right.sum(), (~right).sum()) < n_folds:
        expected = f"at least {n_folds} trials of each"
        got = f"{right.sum()} and {(~right).sum()}"
        raise DeclarationError("decoded", "label", meaning="labels", expected=expected, got=got)
    fold, wrong = np.arange(right.size) % n_folds, 0
    for k in range(n_folds):
        seen = fold != k
        middle = x[seen].mean(axis=0)
        centred, y = x[seen] - middle, np.where(right[seen], 1.0, -1.0)
        square = centred.T @ centred
        penalty = ridge * max(np.trace(square) / square.shape[0], 1e-12)
        weights = np.linalg.solve(square + penalty * np.eye(square.shape[0]), centred.T @ (y - y.mean()))
        score = (x[~seen] - middle) @ weights
        between = (centred[y > 0] @ weights).mean() / 2 + (centred[y < 0] @ weights).mean() / 2
        wrong += int(((score > between) != right[~seen]).sum())
    return share(right.size - wrong, right.size)


def d_prime(features: ArrayLike, label: ArrayLike) -> NDArray[np.float64]:
    """Difference of the means of both labels over the root of their mean variance; 0 for a feature that never varies.

    Returns
    -------
    (n_features,) float
        Positive where it is larger with the label.
    """
    x, right = np.asarray(features, float), np.asarray(label, bool)
    difference = x[right].mean(axis=0) - x[~right].mean(axis=0)
    spread = np.sqrt((x[right].var(axis=0, ddof=1) + x[~right].var(axis=0, ddof=1)) / 2)
    found = np.where(difference == 0, 0.0, np.copysign(np.inf, difference))
    return np.divide(difference, spread, out=found, where=spread > 0)
