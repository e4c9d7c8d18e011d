"""Fit of the accumulator to choices by maximum likelihood, with intervals from the curvature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.optimize import minimize

from brian2learn.core.claims import Interval
from brian2learn.core.click_trials import ClickTrials
from brian2learn.core.errors import DeclarationError

from ._curvature import covariance_of
from .accumulator_model import LEAST, AccumulatorModel, Volleys
from .intervals import LEVEL

RANGES: dict[str, tuple[float, float]] = {
    "lam": (-5, 5), "sigma_a2": (0, 100), "sigma_s2": (0, 2.5), "sigma_i2": (0, 30), "phi": (0.01, 1.2),
    "tau_phi": (0.005, 1), "bias": (-5, 5), "lapse": (0, 1),
}  # fmt: skip
"""Where parameters are looked for, as in PulseInputDDM; the bound is not among them, for the closed form has none."""


@dataclass(frozen=True)
class AccumulatorFit:
    """The most likely parameters.

    Attributes
    ----------
    model : AccumulatorModel
        With them.
    intervals : mapping of str to Interval
        Of every free parameter, from the Hessian of the likelihood; with infinite ends where the likelihood has no
        maximum inside the range of the parameter, or no curvature.
    log_likelihood : float
        Sum over trials.
    n_evaluations : int
        Of the likelihood.
    """

    model: AccumulatorModel
    intervals: Mapping[str, Interval]
    log_likelihood: float
    n_evaluations: int


def log_likelihood(p_right: ArrayLike, went_right: ArrayLike) -> float:
    """Logarithm of the chance of all choices, from the chance to choose right in every trial."""
    p, right = np.asarray(p_right, float), np.asarray(went_right, bool)
    return float(np.log(np.maximum(np.where(right, p, 1 - p), 1e-300)).sum())


def fit(
    trials: ClickTrials,
    went_right: ArrayLike,
    start: AccumulatorModel | None = None,
    free: Sequence[str] = tuple(RANGES),
) -> AccumulatorFit:
    """Fit the closed form, without bound, to choices.

    Parameters
    ----------
    trials : ClickTrials
    went_right : (n_trials,) bool
    start : AccumulatorModel, optional
        Where to begin; its conventions, and its values of what is not free, are kept, but for the bound.
    free : sequence of str
        Parameters to fit.

    Raises
    ------
    DeclarationError
        If a parameter is unknown or choices do not fit the trials.

    Notes
    -----
    The Hessian is that of finite differences of the gradient, over steps of 2e-3 of a parameter's range.
    """
    for name in free:
        if name not in RANGES:
            raise DeclarationError("fit", "free", meaning="parameters to fit", expected="parameters of the closed form",
                                   got=repr(name), choices=RANGES, typed=name)  # fmt: skip
    right = np.asarray(went_right, bool)
    if right.shape != (len(trials),):
        expected = f"one choice for each of the {len(trials)} trials"
        raise DeclarationError("fit", "went_right", expected=expected, got=f"an array of shape {right.shape}")
    first = replace(start or AccumulatorModel(), B=np.inf)
    volleys = Volleys.of(trials)
    low, high = (np.array([RANGES[name][k] for name in free]) for k in (0, 1))
    scale = high - low
    n_evaluations = 0

    def of(at: NDArray[np.float64]) -> AccumulatorModel:
        values = low + scale * np.clip(at, 0, 1)
        return replace(first, **dict(zip(free, map(float, values), strict=True)))

    def cost(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        nonlocal n_evaluations
        n_evaluations += 1
        p, slopes = of(at).p_right_and_slopes(volleys)
        by_p = np.where(right, 1 / np.maximum(p, LEAST), -1 / np.maximum(1 - p, LEAST))
        return -log_likelihood(p, right), -scale * np.array([(slopes[name] * by_p).sum() for name in free])

    begin = np.clip((np.array([getattr(first, name) for name in free]) - low) / scale, 0.01, 0.99)
    options: dict[str, Any] = {"maxiter": 500, "ftol": 1e-12, "gtol": 1e-3}
    found = minimize(cost, begin, jac=True, method="L-BFGS-B", bounds=[(0, 1)] * len(free), options=options)
    inside = (found.x > 1e-3) & (found.x < 1 - 1e-3)
    spread = np.full(len(free), np.inf)
    if inside.any():
        steps = np.minimum(2e-3, 0.5 * np.minimum(found.x, 1 - found.x))
        which = np.flatnonzero(inside)
        spread[inside] = np.sqrt(np.diag(covariance_of(lambda at: cost(at)[1], found.x, which, steps[which])))
    spread[~np.isfinite(spread)] = np.inf
    half = float(stats.norm.ppf(0.5 + LEVEL / 2)) * spread * scale
    model = of(found.x)
    intervals = {
        name: Interval(getattr(model, name), getattr(model, name) - h, getattr(model, name) + h, len(trials), "Hessian")
        for name, h in zip(free, map(float, half), strict=True)
    }
    return AccumulatorFit(model, intervals, -float(found.fun), n_evaluations)
