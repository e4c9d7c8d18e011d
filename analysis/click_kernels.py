"""When clicks count: how choices weigh clicks in the course of a trial."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from brian2learn.core.click_trials import ClickTrials
from brian2learn.core.errors import DeclarationError

from . import _check


def excess_rate(trials: ClickTrials, went_right: ArrayLike, edges: ArrayLike, rate: float = 40.0) -> pd.DataFrame:
    """Reverse correlation: how many more clicks came from the right than gamma says, before each choice.

    Parameters
    ----------
    trials : ClickTrials
        Those shorter than a bin's end play no part in it.
    went_right : (n_trials,) bool
    edges : (n_bins + 1,) float, s
        Of the bins, from the onset on.
    rate : float, Hz
        Of both sides together, without the pair at the onset, which cancels.

    Returns
    -------
    pandas.DataFrame
        ``low`` and ``high`` (s), ``n``, ``right`` and ``left`` (excess of right over left before each choice, Hz),
        ``kernel`` (half of their difference) and ``sem`` (its standard error).
    """
    right, ends = _checked("excess_rate", trials, went_right, edges)
    share = expit(trials.gamma)
    rows = []
    for low, high, counts in _binned(trials, ends):
        lasts = trials.duration >= high
        excess = counts / (high - low) - rate * (2 * share - 1)
        sides = [excess[lasts & chosen] for chosen in (right, ~right)]
        means = [float(each.mean()) if each.size else np.nan for each in sides]
        errors = [float(each.std(ddof=1) / np.sqrt(each.size)) if each.size > 1 else np.nan for each in sides]
        rows.append(
            (low, high, int(lasts.sum()), *means, (means[0] - means[1]) / 2, float(np.hypot(errors[0], errors[1])) / 2)
        )
    return pd.DataFrame(rows, columns=["low", "high", "n", "right", "left", "kernel", "sem"])


def logistic_kernel(trials: ClickTrials, went_right: ArrayLike, edges: ArrayLike) -> pd.DataFrame:
    """Logistic regression of choices on the difference of clicks in every bin.

    Only trials that last until the last edge take part. A constant (the bias) is fitted too.

    Returns
    -------
    pandas.DataFrame
        ``low`` and ``high`` (s), ``weight`` (of a click, in log odds) and ``sem`` (from the Hessian).

    Raises
    ------
    DeclarationError
        If no weights are the most likely ones: too few trials, or choices that bins tell apart perfectly.
    """
    right, ends = _checked("logistic_kernel", trials, went_right, edges)
    lasts = trials.duration >= ends[-1]
    x = np.stack([np.ones(int(lasts.sum())), *(counts[lasts] for _, _, counts in _binned(trials, ends))], axis=1)
    y, weights = right[lasts].astype(float), np.zeros(x.shape[1])
    for _ in range(50):  # Newton: the likelihood is concave
        p = expit(x @ weights)
        hessian = x.T @ (x * (p * (1 - p))[:, None])
        if not x.size or np.linalg.cond(hessian) > 1e12:
            break
        step = np.linalg.solve(hessian, x.T @ (y - p))
        weights += step
        if np.abs(step).max() < 1e-10:
            sem = np.sqrt(np.diag(np.linalg.inv(hessian)))
            return pd.DataFrame({"low": ends[:-1], "high": ends[1:], "weight": weights[1:], "sem": sem[1:]})
    raise DeclarationError("logistic_kernel", "trials", expected="choices that the bins do not tell apart perfectly",
                           got=f"{len(x)} trials without most likely weights")  # fmt: skip


def _checked(
    where: str, trials: ClickTrials, went_right: ArrayLike, edges: ArrayLike
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    chosen = _check.numbers(where, "went_right", "choices", went_right)
    _check.same_length(where, "went_right", "choices", chosen, "trials", trials.duration)
    ends = _check.times(where, "edges", "edges of the bins, s", edges)
    if ends.size < 2 or np.any(np.diff(ends) == 0):
        expected = "two or more different ones"
        raise DeclarationError(where, "edges", meaning="edges of the bins, s", expected=expected, got=str(ends))
    return chosen > 0.5, ends


def _binned(trials: ClickTrials, ends: NDArray[np.float64]) -> list[tuple[float, float, NDArray[np.float64]]]:
    """Every bin with the difference of clicks, right less left, that each trial has in it."""
    sign, found = np.where(trials.right, 1.0, -1.0), []
    for low, high in zip(ends[:-1], ends[1:], strict=True):
        inside = (trials.times >= low) & (trials.times < high)
        found.append(
            (float(low), float(high), np.bincount(trials.trial[inside], sign[inside], len(trials)).astype(float))
        )
    return found
