"""Hebbian learning against a compensation that follows with a time constant of its own: exact results in the plane.

Each model has a weight `w` and one slow state `s` of the compensation, and is told apart from its simulation: nothing
here knows of a rule's text. `Linear` holds what trace and determinant of a Jacobian decide.
"""

from __future__ import annotations

import cmath
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import solve_ivp

from brian2learn.core.errors import DeclarationError

from . import _check

EXPLODED = 1e6  # times the weight at the fixed point; growth is faster than exponential long before
_TOLERANCE: dict[str, Any] = {"method": "DOP853", "rtol": 1e-10, "atol": 1e-13}


@dataclass(frozen=True)
class Linear:
    """A fixed point in the plane, by the trace and the determinant of its Jacobian.

    Attributes
    ----------
    trace : float, 1/s
    determinant : float, 1/s^2
    """

    trace: float
    determinant: float

    @property
    def eigenvalues(self) -> NDArray[np.complex128]:
        """Both eigenvalues: (2,) complex, 1/s."""
        root = cmath.sqrt(self.trace**2 - 4 * self.determinant)
        return np.array([(self.trace - root) / 2, (self.trace + root) / 2])

    @property
    def is_stable(self) -> bool:
        """Whether small deviations die away: trace below 0 and determinant above 0."""
        return self.trace < 0 < self.determinant

    @property
    def spirals(self) -> bool:
        """Whether small deviations circle the fixed point."""
        return self.trace**2 < 4 * self.determinant

    @property
    def period(self) -> float:
        """Time of one turn, s; infinite where there is none."""
        return float(2 * np.pi / self.eigenvalues[1].imag) if self.spirals else float("inf")

    def growth(self, dt: float = 0.0) -> float:
        """Rate at which small deviations grow, 1/s; of Euler steps of length `dt` if that is not 0.

        Examples
        --------
        >>> Linear(0.0, 1.0).growth()  # a centre: neither grows nor decays
        0.0
        >>> Linear(0.0, 1.0).growth(dt=0.01) > 0  # but Euler steps leave it
        True
        """
        if dt == 0:
            return float(np.max(self.eigenvalues.real))
        return float(np.log(np.max(np.abs(1 + dt * self.eigenvalues))) / dt)


class Course(NamedTuple):
    """A solution, up to where it explodes if it does.

    Attributes
    ----------
    t : (n,) float, s
    w, s : (n,) float
    t_explosion : float, s
        When the weight exceeds `EXPLODED` times that of the fixed point; infinite if it does not.
    """

    t: np.ndarray
    w: np.ndarray
    s: np.ndarray
    t_explosion: float

    @property
    def peak(self) -> float:
        """The largest weight; infinite if it explodes."""
        return float(self.w.max()) if np.isinf(self.t_explosion) else float("inf")


class Planar:
    """A weight and the slow state of its compensation. A subclass says how both change."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            _check.positive(type(self).__name__, name, "parameter", value, "")

    @property
    def fixed_point(self) -> tuple[float, float]:
        """Weight and slow state at which nothing changes and the unit is active."""
        raise NotImplementedError

    @property
    def critical_tau(self) -> float:
        """Time constant of the compensation beyond which the fixed point is unstable, s."""
        raise NotImplementedError

    def slopes(self, w: ArrayLike, s: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """How fast weight and slow state change, 1/s."""
        raise NotImplementedError

    def jacobian(self, w: float, s: float) -> NDArray[np.float64]:
        """Derivatives of both slopes (rows) by weight and slow state (columns), 1/s."""
        raise NotImplementedError

    @property
    def linear(self) -> Linear:
        """The neighbourhood of the fixed point."""
        matrix = self.jacobian(*self.fixed_point)
        return Linear(float(np.trace(matrix)), float(np.linalg.det(matrix)))

    def course(self, w: float, s: float, t_stop: float, n: int = 2001) -> Course:
        """The solution from here on, at `n` evenly spaced times until it stops or explodes.

        Parameters
        ----------
        w, s : float
            First values.
        t_stop : float, s
            End.

        Raises
        ------
        DeclarationError
            If `t_stop` is not above 0, or a first value is not finite.
        """
        _check.positive("course", "t_stop", "end", t_stop, "s")
        for name, value in (("w", w), ("s", s)):
            if not np.isfinite(value):
                raise DeclarationError(
                    "course", name, meaning="first value", expected="a finite number", got=str(value)
                )
        ceiling = EXPLODED * self.fixed_point[0]

        def slope(_: float, state: np.ndarray) -> np.ndarray:
            return np.array(self.slopes(*state))

        def exploded(_: float, state: np.ndarray) -> float:
            return float(ceiling - state[0])

        exploded.terminal = True  # type: ignore[attr-defined]
        with np.errstate(over="ignore", invalid="ignore"):
            found: Any = solve_ivp(slope, (0, t_stop), [w, s], events=exploded, dense_output=True, **_TOLERANCE)
        at_once = found.status != 0  # an event, or steps that became too small on the way up
        t = np.linspace(0, found.t[-1], n)
        weight, slow = found.sol(t)
        return Course(t, weight, slow, float(found.t[-1]) if at_once else float("inf"))


@dataclass(frozen=True)
class SlowOja(Planar):
    """Oja's rule with slow compensation, one input of rate 1: ``w' = eta (w - w s^2)``, ``tau s' = w - s``.

    Attributes
    ----------
    eta : float, 1/s
        Learning rate.
    tau : float, s
        Time constant of the compensation.
    """

    eta: float
    tau: float

    @property
    def fixed_point(self) -> tuple[float, float]:
        return 1.0, 1.0

    @property
    def critical_tau(self) -> float:
        """Infinite: the trace is -1/tau and the determinant 2 eta/tau, whatever tau."""
        return float("inf")

    @property
    def spiral_tau(self) -> float:
        """Time constant beyond which the weight spirals into the fixed point, s."""
        return 1 / (8 * self.eta)

    def slopes(self, w: ArrayLike, s: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        weight, mean = np.asarray(w, float), np.asarray(s, float)
        return self.eta * weight * (1 - mean**2), (weight - mean) / self.tau

    def jacobian(self, w: float, s: float) -> NDArray[np.float64]:
        return np.array([[self.eta * (1 - s**2), -2 * self.eta * w * s], [1 / self.tau, -1 / self.tau]])


@dataclass(frozen=True)
class BCMUnit(Planar):
    """BCM with a sliding threshold, one input of rate 1: ``w' = eta w (w - s)``, ``tau s' = w^2/kappa - s``.

    Attributes
    ----------
    eta : float, 1/s
        Learning rate.
    tau : float, s
        Time constant of the threshold.
    kappa : float
        Rate at the fixed point.
    """

    eta: float
    tau: float
    kappa: float = 1.0

    @property
    def fixed_point(self) -> tuple[float, float]:
        return self.kappa, self.kappa

    @property
    def critical_tau(self) -> float:
        """``1 / (eta kappa)``: there the trace ``eta kappa - 1/tau`` is 0, and the determinant is above 0."""
        return 1 / (self.eta * self.kappa)

    @property
    def ratio(self) -> float:
        """The time constant in those that are stable: ``tau eta kappa``."""
        return self.tau / self.critical_tau

    def slopes(self, w: ArrayLike, s: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        weight, threshold = np.asarray(w, float), np.asarray(s, float)
        return self.eta * weight * (weight - threshold), (weight**2 / self.kappa - threshold) / self.tau

    def jacobian(self, w: float, s: float) -> NDArray[np.float64]:
        return np.array(
            [[self.eta * (2 * w - s), -self.eta * w], [2 * w / (self.kappa * self.tau), -1 / self.tau]]
        )  # fmt: skip


def oja_instant(t: ArrayLike, w: float, eta: float) -> NDArray[np.float64]:
    """The weight under Oja's rule with instantaneous compensation and one input of rate 1.

    Parameters
    ----------
    t : array_like of float, s
    w : float
        First weight, above 0.
    eta : float, 1/s
        Learning rate.

    Returns
    -------
    float
        ``w^2`` follows the logistic equation with rate ``2 eta``: it rises or falls to 1 without passing it.

    Raises
    ------
    DeclarationError
        Unless `w` and `eta` are above 0.
    """
    _check.positive("oja_instant", "w", "first weight", w, "")
    _check.positive("oja_instant", "eta", "learning rate", eta, "1/s")
    return np.asarray(1 / np.sqrt(1 + (w**-2 - 1) * np.exp(-2 * eta * np.asarray(t, float))))


def turning_ratio(ratios: ArrayLike, growths: ArrayLike) -> float:
    """The ratio at which a measured growth changes from decay to growth, by straight lines between the points.

    Parameters
    ----------
    ratios : (n,) float
        Ascending.
    growths : (n,) float
        Growth rate measured at each.

    Returns
    -------
    float
        nan unless the growth changes its sign from below 0 to above 0 exactly once.

    Raises
    ------
    DeclarationError
        If the ratios are not ascending, the lengths differ or a value is not finite.
    """
    x = _check.times("turning_ratio", "ratios", "ratios of time constants", ratios)
    y = _check.numbers("turning_ratio", "growths", "measured growth rates", growths)
    _check.same_length("turning_ratio", "growths", "measured growth rates", y, "ratios", x)
    (up,) = np.nonzero((y[:-1] < 0) & (y[1:] >= 0))
    if up.size != 1 or np.count_nonzero(np.diff(np.sign(y)) < 0):
        return float("nan")
    k = int(up[0])
    return float(x[k] - y[k] * (x[k + 1] - x[k]) / (y[k + 1] - y[k]))


class Swings(NamedTuple):
    """How a course turns around a level.

    Attributes
    ----------
    times : (n,) float, s
        When it crosses the level upwards.
    peaks : (n - 1,) float
        Height above the level between two such times.
    """

    times: np.ndarray
    peaks: np.ndarray

    @property
    def growth(self) -> float:
        """Rate at which the peaks grow, 1/s; nan for fewer than two."""
        if self.peaks.size < 2:
            return float("nan")
        middle = (self.times[:-1] + self.times[1:]) / 2
        return float(np.polyfit(middle, np.log(self.peaks), 1)[0])

    @property
    def period(self) -> float:
        """Mean time of one turn, s; nan for none."""
        return float(np.mean(np.diff(self.times))) if self.times.size > 1 else float("nan")


def swings(t: ArrayLike, w: ArrayLike, level: float) -> Swings:
    """Upward crossings of a level and the peaks between them, from a sampled course.

    Parameters
    ----------
    t, w : (n,) float
        Times, evenly spaced (s), and values.
    level : float

    Raises
    ------
    DeclarationError
        If the times are not ascending, the lengths differ or a value is not finite.
    """
    time = _check.times("swings", "t", "times, s", t)
    above = _check.numbers("swings", "w", "values", w) - level
    _check.same_length("swings", "w", "values", above, "t", time)
    (up,) = np.nonzero((above[:-1] < 0) & (above[1:] >= 0))
    times = time[up] - above[up] * (time[up + 1] - time[up]) / (above[up + 1] - above[up])
    peaks = [_top(above[first + 1 : last + 1]) for first, last in zip(up[:-1], up[1:], strict=True)]
    return Swings(times, np.array(peaks, float))


def _top(values: np.ndarray) -> float:
    """The top of the parabola through the highest value and its neighbours."""
    k = int(np.clip(np.argmax(values), 1, values.size - 2)) if values.size > 2 else 0
    if values.size < 3:
        return float(values.max())
    left, middle, right = values[k - 1 : k + 2]
    bend = left - 2 * middle + right
    return float(middle - (left - right) ** 2 / (8 * bend)) if bend < 0 else float(values.max())
