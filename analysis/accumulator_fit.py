"""Fit of the accumulator to choices by maximum likelihood, with intervals from profiles of the likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brian2learn.core.claims import Interval
from brian2learn.core.click_trials import ClickTrials
from brian2learn.core.errors import DeclarationError

from . import _check
from .accumulator_model import LEAST, ROWS, AccumulatorModel, Volleys
from .intervals import SIGMAS

RANGES: dict[str, tuple[float, float]] = {
    "lam": (-5, 5), "sigma_a2": (0, 100), "sigma_s2": (0, 10), "sigma_i2": (0, 30), "phi": (0.01, 1.2),
    "tau_phi": (0.005, 1), "bias": (-5, 5), "lapse": (0, 1),
}  # fmt: skip
"""Where parameters are looked for, about as in PulseInputDDM; the bound is not there, for the closed form has none."""
ENDS = {("sigma_a2", 0), ("sigma_s2", 0), ("sigma_i2", 0), ("lapse", 0), ("lapse", 1)}
"""Ends of ranges beyond which there is nothing; the others only say where to look."""
CLOSE = 1e-3  # gain in log likelihood that a whole further step promises, at which a search ends
N_STEPS = 100  # most steps of a search
N_PROFILE = 12  # most points at which an end of an interval is looked for


@dataclass(frozen=True)
class AccumulatorFit:
    """The most likely parameters.

    Attributes
    ----------
    model : AccumulatorModel
        With them.
    intervals : mapping of str to Interval
        Of every free parameter: the values that the likelihood, all others fitted anew, does not refuse at 5 %. An end
        is infinite if none is refused as far as the range goes.
    log_likelihood : float
        Sum over trials.
    """

    model: AccumulatorModel
    intervals: Mapping[str, Interval]
    log_likelihood: float


def log_likelihood(p_right: ArrayLike, went_right: ArrayLike) -> float:
    """Logarithm of the chance of all choices, from the chance to choose right in every trial."""
    p, right = np.asarray(p_right, float), np.asarray(went_right, bool)
    return float(np.log(np.maximum(np.where(right, p, 1 - p), 1e-300)).sum())


def fit(
    trials: ClickTrials,
    went_right: ArrayLike,
    start: AccumulatorModel | None = None,
    free: Sequence[str] = tuple(RANGES),
    *,
    with_intervals: bool = True,
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
    with_intervals : bool
        Whether intervals are looked for, which takes several times longer than the fit.

    Raises
    ------
    DeclarationError
        If a parameter is unknown or choices do not fit the trials.
    """
    for name in free:
        if name not in RANGES:
            raise DeclarationError("fit", "free", meaning="parameters to fit", expected="parameters of the closed form",
                                   got=repr(name), choices=RANGES, typed=name)  # fmt: skip
    right = _check.numbers("fit", "went_right", "choices", went_right) > 0.5
    _check.same_length("fit", "went_right", "choices", right, "trials", trials.duration)
    search = _Search(replace(start or AccumulatorModel(), B=np.inf), trials, right, tuple(free))
    best, cost = search.run(search.begin, np.ones(len(free), bool))
    values = search.values(best)
    intervals = {}
    for k, name in enumerate(free) if with_intervals else ():
        low, high = (search.end(best, cost, k, sign) for sign in (-1, 1))
        intervals[name] = Interval(values[name], low, high, len(trials), "profile likelihood")
    return AccumulatorFit(search.model(best), intervals, -cost)


class _Search:
    """Fisher scoring with damped steps (Levenberg-Marquardt), in parameters whose ranges are from 0 to 1."""

    def __init__(
        self, first: AccumulatorModel, trials: ClickTrials, right: NDArray[np.bool_], free: tuple[str, ...]
    ) -> None:
        self.first, self.free = first, free
        by_clicks = np.argsort(np.diff(trials.offsets), kind="stable")  # so that matrices have little padding
        blocks = np.array_split(by_clicks, len(trials) // ROWS + 1)
        self.blocks = [(Volleys.of(trials.pick(each)), right[each]) for each in blocks]
        self.low, high = (np.array([RANGES[name][k] for name in free], float) for k in (0, 1))
        self.scale = high - self.low
        self.begin = np.clip((np.array([getattr(first, name) for name in free]) - self.low) / self.scale, 0.01, 0.99)

    def values(self, at: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(self.free, map(float, self.low + self.scale * at), strict=True))

    def model(self, at: NDArray[np.float64]) -> AccumulatorModel:
        return replace(self.first, **self.values(at))  # type: ignore[arg-type]

    def cost(self, at: NDArray[np.float64]) -> float:
        """Negative log likelihood."""
        model = self.model(at)
        return -sum(log_likelihood(model.p_right(volleys), right) for volleys, right in self.blocks)

    def ascent(self, at: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Gradient of the log likelihood, and the Fisher information."""
        gradient, information = np.zeros(at.size), np.zeros((at.size, at.size))
        for volleys, right in self.blocks:
            p, by = self.model(at).p_right_and_slopes(volleys)
            p = np.clip(p, LEAST, 1 - 1e-12)
            slopes = np.array([by[name] for name in self.free]) * self.scale[:, None]
            gradient += slopes @ np.where(right, 1 / p, -1 / (1 - p))
            information += (slopes / (p * (1 - p))) @ slopes.T
        return gradient, information

    def run(self, at: NDArray[np.float64], may_move: NDArray[np.bool_]) -> tuple[NDArray[np.float64], float]:
        """The best point, from one to begin with, and its cost."""
        cost, damping = self.cost(at), 1e-3
        gradient, information = self.ascent(at)
        for _ in range(N_STEPS):
            stays = (at <= 0) & (gradient < 0) | (at >= 1) & (gradient > 0)
            which = np.flatnonzero(may_move & ~stays)
            if not which.size:
                break
            own, uphill = information[np.ix_(which, which)], gradient[which]
            own += 1e-9 * np.eye(which.size)
            if uphill @ np.linalg.solve(own, uphill) / 2 < CLOSE or damping > 1e6:  # what a whole step would gain
                break
            step = np.zeros(at.size)
            step[which] = np.linalg.solve(own + damping * np.diag(np.diag(own)), uphill)
            there = np.clip(at + step, 0, 1)
            new = self.cost(there)
            if new < cost:
                at, cost, damping = there, new, max(damping / 5, 1e-6)
                gradient, information = self.ascent(at)
            else:
                damping *= 8
        return at, cost

    def end(self, best: NDArray[np.float64], cost: float, k: int, sign: int) -> float:
        """The end of the interval of parameter k, below or above."""
        wanted = SIGMAS  # root of twice the loss, about linear in the distance
        others = np.arange(best.size) != k
        side = 1.0 if sign > 0 else 0.0
        spread = np.diag(np.linalg.pinv(self.ascent(best)[1], hermitian=True))[k]
        at, distance = best.copy(), float(np.clip(wanted * np.sqrt(max(spread, 0)), 1e-3, 1))
        within, beyond = 0.0, np.inf  # distances between which the end lies
        for _ in range(N_PROFILE):
            distance = min(distance, abs(side - best[k]))
            at[k] = best[k] + sign * distance
            at, there = self.run(at, others)
            root = float(np.sqrt(2 * max(there - cost, 0)))
            if abs(root - wanted) < 0.03:
                break
            if root < wanted:
                if at[k] == side:
                    name = self.free[k]
                    end = RANGES[name][int(side)]
                    return float(end) if (name, end) in ENDS else sign * np.inf
                within = distance
            else:
                beyond = distance
            guess = distance * min(wanted / max(root, 1e-3), 4)
            distance = guess if within < guess < beyond else (within + beyond) / 2
        return self.values(at)[self.free[k]]
