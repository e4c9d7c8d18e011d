"""How choices follow a stimulus: psychometric curves with lapses, and shares of choices in bins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.optimize import minimize
from scipy.special import expit, ndtr

from brian2learn.core.claims import Interval
from brian2learn.core.errors import DeclarationError

from . import _check
from .intervals import SIGMAS, share

CORES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {"logistic": expit, "gaussian": ndtr}
SLOPES: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "logistic": lambda z: expit(z) * expit(-z),
    "gaussian": stats.norm.pdf,
}


@dataclass(frozen=True)
class Psychometric:
    """``lapse_low + (1 - lapse_low - lapse_high) F((x - threshold)/width)``, F logistic or the cumulative Gaussian.

    Attributes
    ----------
    intervals : mapping of str to Interval
        Of ``threshold`` and ``width`` (in units of the stimulus), ``lapse_low`` (choices of right where the stimulus
        says left), ``lapse_high`` (of left where it says right) and ``slope`` (largest one), from the Hessian.
    core : str
        ``logistic`` or ``gaussian``.
    log_likelihood : float
    """

    intervals: Mapping[str, Interval]
    core: str
    log_likelihood: float

    def __call__(self, x: ArrayLike) -> NDArray[np.float64]:
        """Chance to choose right at these stimuli."""
        at = {name: each.value for name, each in self.intervals.items()}
        core = CORES[self.core]((np.asarray(x, float) - at["threshold"]) / at["width"])
        return np.asarray(at["lapse_low"] + (1 - at["lapse_low"] - at["lapse_high"]) * core)


def psychometric(x: ArrayLike, went_right: ArrayLike, core: str = "logistic") -> Psychometric:
    """The most likely psychometric curve.

    Parameters
    ----------
    x : (n,) float
        Stimulus of every trial, for example the difference of clicks; larger says right.
    went_right : (n,) bool
    core : {"logistic", "gaussian"}

    Raises
    ------
    DeclarationError
        If the core is unknown, the lengths differ, a value is not finite, or there is only one stimulus.
    """
    if core not in CORES:
        raise DeclarationError("psychometric", "core", expected="a known curve", got=repr(core), choices=CORES,
                               typed=str(core))  # fmt: skip
    stimulus = _check.numbers("psychometric", "x", "stimuli", x)
    right = _check.numbers("psychometric", "went_right", "choices", went_right) > 0.5
    _check.same_length("psychometric", "went_right", "choices", right, "x", stimulus)
    if np.unique(stimulus).size < 2:
        raise DeclarationError("psychometric", "x", meaning="stimuli", expected="two different ones or more",
                               got=str(np.unique(stimulus)))  # fmt: skip
    values, which = np.unique(stimulus, return_inverse=True)
    n_right = np.bincount(which, right.astype(float))
    n_left = np.bincount(which) - n_right
    unit = float(stimulus.std())

    def cost(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        threshold, log_width, low, high = at
        z = (values / unit - threshold) / np.exp(log_width)
        F, f = CORES[core](z), (1 - low - high) * SLOPES[core](z)
        p = np.clip(low + (1 - low - high) * F, 1e-12, 1 - 1e-12)
        by_p = n_right / p - n_left / (1 - p)
        gradient = (np.stack([-f / np.exp(log_width), -f * z, 1 - F, -F]) * by_p).sum(axis=1)
        return -float((n_right * np.log(p) + n_left * np.log1p(-p)).sum()), -gradient

    bounds = [(-5, 5), (-7, 5), (0, 0.5), (0, 0.5)]
    starts = [np.array([0.0, log_width, lapse, lapse]) for log_width in (-1.5, 0.0) for lapse in (0.02, 0.2)]
    found = min(
        (minimize(cost, each, jac=True, method="L-BFGS-B", bounds=bounds) for each in starts),
        key=lambda one: one.fun,
    )
    threshold, width = found.x[0] * unit, np.exp(found.x[1]) * unit
    low, high = found.x[2:]
    free = np.array([True, True, low > 1e-4, high > 1e-4])
    covariance = np.full((4, 4), np.nan)
    steps = np.array([1e-3, 1e-3, *np.minimum(1e-4, found.x[2:] / 2)])
    covariance[np.ix_(free, free)] = _covariance(lambda at: cost(at)[1], found.x, np.flatnonzero(free), steps[free])
    steepest = (0.25 if core == "logistic" else 1 / np.sqrt(2 * np.pi)) / width
    slope = (1 - low - high) * steepest
    gradients = {  # by threshold and logarithm of the width, in units of the stimulus, and the lapses
        "threshold": (threshold, [unit, 0, 0, 0]),
        "width": (width, [0, width, 0, 0]),
        "lapse_low": (low, [0, 0, 1, 0]),
        "lapse_high": (high, [0, 0, 0, 1]),
        "slope": (slope, [0, -slope, -steepest * free[2], -steepest * free[3]]),
    }
    intervals = {}
    for name, (value, gradient) in gradients.items():
        g = np.array(gradient, float)
        used = g != 0
        spread = float(np.sqrt(g[used] @ covariance[np.ix_(used, used)] @ g[used]))
        half = SIGMAS * spread if np.isfinite(spread) else np.inf
        intervals[name] = Interval(float(value), float(value) - half, float(value) + half, stimulus.size, "Hessian")
    return Psychometric(intervals, core, -float(found.fun))


def _covariance(
    gradient: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    at: NDArray[np.float64],
    which: NDArray[np.int64],
    steps: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Covariance of some parameters: the inverse of the Hessian of a negative log likelihood.

    Parameters
    ----------
    gradient : callable
        Of the negative log likelihood by all parameters, where they have these values; central differences are taken.
    at : (n,) float
        The minimum.
    which : (k,) int
        Parameters that count.
    steps : (k,) float
        How far to move each.

    Returns
    -------
    (k, k) float
        nan if it is no minimum.
    """
    hessian = np.empty((which.size, which.size))
    for k, step in enumerate(steps):
        change = np.zeros(at.size)
        change[which[k]] = step
        hessian[k] = (gradient(at + change) - gradient(at - change))[which] / (2 * step)
    hessian = (hessian + hessian.T) / 2
    if np.linalg.eigvalsh(hessian).min() <= 0:
        return np.full(hessian.shape, np.nan)
    return np.asarray(np.linalg.inv(hessian))


def in_bins(x: ArrayLike, chosen: ArrayLike, edges: ArrayLike) -> pd.DataFrame:
    """Share of a choice in bins of the stimulus: right against clicks, or correct against duration (chronometric).

    Parameters
    ----------
    x : (n,) float
    chosen : (n,) bool
    edges : (n_bins + 1,) float
        Ascending; a bin holds its lower edge, the last one both.

    Returns
    -------
    pandas.DataFrame
        ``low`` and ``high`` (edges), ``x`` (mean), ``n``, ``share``, and the Wilson interval ``share_low`` and
        ``share_high``; bins without trials are left out.
    """
    values = _check.numbers("in_bins", "x", "stimuli", x)
    taken = _check.numbers("in_bins", "chosen", "choices", chosen)
    _check.same_length("in_bins", "chosen", "choices", taken, "x", values)
    ends = _check.times("in_bins", "edges", "edges of the bins", edges)
    rows = []
    for k, (low, high) in enumerate(zip(ends[:-1], ends[1:], strict=True)):
        inside = (values >= low) & ((values < high) | ((k == ends.size - 2) & (values == high)))
        if inside.any():
            found = share(int((taken[inside] > 0.5).sum()), int(inside.sum()))
            rows.append((low, high, values[inside].mean(), found.n, found.value, found.low, found.high))
    return pd.DataFrame(rows, columns=["low", "high", "x", "n", "share", "share_low", "share_high"])
