"""Pairing experiments: the measured weight changes, how far a model is from them, and what the rules predict."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from brian2learn.core.errors import DeclarationError

from . import _check


def sjostrom2001() -> pd.DataFrame:
    """Weight change in visual cortex against the frequency of pairing, as pfister2006 uses it for 60 pairs in a row.

    Returns
    -------
    pandas.DataFrame
        One row per point: ``frequency`` (Hz), ``lag`` (s, post minus pre), ``change`` (relative), ``sem``.

    Notes
    -----
    Data of sjostrom2001, from two public scripts that agree; the paper paired 5 times in each of 15 bursts at 0.1 Hz.
    """
    frequency = [0.1, 10.0, 20.0, 40.0, 50.0]
    later = pd.DataFrame(
        {"frequency": frequency, "lag": 10e-3,
         "change": [-0.04, 0.14, 0.29, 0.53, 0.56], "sem": [0.05, 0.10, 0.14, 0.11, 0.26]}
    )  # fmt: skip
    earlier = pd.DataFrame(
        {"frequency": frequency, "lag": -10e-3,
         "change": [-0.29, -0.41, -0.34, 0.56, 0.75], "sem": [0.08, 0.11, 0.10, 0.32, 0.19]}
    )  # fmt: skip
    return pd.concat([later, earlier], ignore_index=True)


def wang2005() -> pd.DataFrame:
    """Weight change in hippocampal culture after 60 triplets or quadruplets of spikes at 1 Hz.

    Returns
    -------
    pandas.DataFrame
        One row per point: ``protocol`` (``pre_post_pre``, ``post_pre_post`` or ``quadruplet``); ``lag_1`` and ``lag_2``
        (s, post minus pre) of the two pairs that follow each other; ``separation`` of the two pairs of a quadruplet (s,
        nan for triplets), above 0 if the pair with `lag_1` comes first; ``change`` (relative), ``sem``.

    Notes
    -----
    Data of wang2005, from a public script; 11 of the 13 points to which pfister2006 fits.
    """
    nan = float("nan")
    rows = [
        ("pre_post_pre", 5, -5, nan, -0.01, 0.04),
        ("pre_post_pre", 10, -10, nan, 0.03, 0.04),
        ("pre_post_pre", 15, -5, nan, 0.01, 0.03),
        ("pre_post_pre", 5, -15, nan, 0.24, 0.06),
        ("post_pre_post", -5, 5, nan, 0.33, 0.04),
        ("post_pre_post", -10, 10, nan, 0.34, 0.04),
        ("post_pre_post", -5, 15, nan, 0.22, 0.08),
        ("post_pre_post", -15, 5, nan, 0.29, 0.05),
        ("quadruplet", -5, 5, -88.5, -0.003, 0.03),
        ("quadruplet", -5, 5, 20, 0.21, 0.04),
        ("quadruplet", -5, 5, 83.7, 0.06, 0.04),
    ]
    table = pd.DataFrame(rows, columns=["protocol", "lag_1", "lag_2", "separation", "change", "sem"])
    in_ms = ["lag_1", "lag_2", "separation"]
    return table.assign(**table[in_ms] / 1e3)


def error(change: ArrayLike, measured: ArrayLike, sem: ArrayLike) -> float:
    """Mean squared distance of a model from data, in standard errors (pfister2006).

    Parameters
    ----------
    change, measured : (n,) float
        Weight changes of the model and of the experiment.
    sem : (n,) float
        Standard error of every measured change.

    Returns
    -------
    float
        About 1 for a model that is right.

    Raises
    ------
    DeclarationError
        If there is no point, the lengths differ, a value is not finite, or a standard error is not above 0.
    """
    model = _check.numbers("error", "change", "weight changes of the model", change)
    data = _check.numbers("error", "measured", "measured weight changes", measured)
    spread = _check.numbers("error", "sem", "standard errors", sem)
    _check.same_length("error", "measured", "measured weight changes", data, "change", model)
    _check.same_length("error", "sem", "standard errors", spread, "change", model)
    if not spread.size or spread.min() <= 0:
        got = str(spread.min()) if spread.size else "none"
        raise DeclarationError("error", "sem", meaning="standard errors", expected="values above 0", got=got)
    return float(np.mean(((model - data) / spread) ** 2))


@dataclass(frozen=True)
class ExponentialWindow:
    """Weight change of a pair of spikes against their lag, post minus pre: two exponentials that meet at lag 0.

    Attributes
    ----------
    a_plus, a_minus : float
        Potentiation just above lag 0, depression just below, both as amounts.
    tau_plus, tau_minus : float, s
        How fast they fall with the lag.

    Raises
    ------
    DeclarationError
        If a time constant is not above 0 or an amplitude is not finite.
    """

    a_plus: float
    a_minus: float
    tau_plus: float
    tau_minus: float

    def __post_init__(self) -> None:
        for name in ("tau_plus", "tau_minus"):
            _check.positive("ExponentialWindow", name, "time constant of the window", getattr(self, name), "s")
        _check.numbers("ExponentialWindow", "a_plus, a_minus", "amplitudes", [self.a_plus, self.a_minus])

    @classmethod
    def fit(cls, lags: ArrayLike, changes: ArrayLike) -> ExponentialWindow:
        """The window nearest to measured or simulated changes by least squares, each side by itself.

        Parameters
        ----------
        lags : (n,) float, s
            Post minus pre; none is 0, since no side owns it; on each side at least two different ones.
        changes : (n,) float
            Weight changes.

        Raises
        ------
        DeclarationError
            If a value is not finite, a lag is 0, a side has too few, or the changes of a side do not fall with the lag.
        """
        where = "ExponentialWindow.fit"
        x = _check.numbers(where, "lags", "lags, s", lags)
        y = _check.numbers(where, "changes", "weight changes", changes)
        _check.same_length(where, "changes", "weight changes", y, "lags", x)
        if (x == 0).any():
            raise DeclarationError(where, "lags", meaning="lags, s", expected="none at 0", got="0.0")
        a_plus, tau_plus = _exponential(where, "positive", x[x > 0], y[x > 0])
        a_minus, tau_minus = _exponential(where, "negative", -x[x < 0], -y[x < 0])
        return cls(a_plus, a_minus, tau_plus, tau_minus)

    def change(self, lags: ArrayLike) -> NDArray[np.float64]:
        """Weight change at `lags` (s); nan at 0, where the order of the spikes decides."""
        x = np.asarray(lags, dtype=float)
        up = self.a_plus * np.exp(-np.abs(x) / self.tau_plus)
        down = -self.a_minus * np.exp(-np.abs(x) / self.tau_minus)
        return np.where(x > 0, up, np.where(x < 0, down, np.nan))

    @property
    def ltp_area(self) -> float:
        """Integral over positive lags, s."""
        return self.a_plus * self.tau_plus

    @property
    def ltd_area(self) -> float:
        """Integral over negative lags as an amount, s."""
        return self.a_minus * self.tau_minus


def _exponential(where: str, side: str, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Amplitude and time constant of the least-squares exponential through the points of one side."""
    if np.unique(x).size < 2:
        raise DeclarationError(where, "lags", meaning="lags, s", expected=f"two {side} ones or more", got=str(x.size))

    def shapes(log_tau: ArrayLike) -> NDArray[np.float64]:
        """Exponentials at the points, one row for every time constant."""
        # from the first point on, so that it cannot underflow
        return np.exp(-(x - x.min()) / np.exp(np.asarray(log_tau, float))[..., np.newaxis])

    def amplitude(log_tau: ArrayLike) -> NDArray[np.float64]:
        shape = shapes(log_tau)
        return np.asarray(shape @ y / np.sum(shape**2, axis=-1))

    def misfit(log_tau: ArrayLike) -> NDArray[np.float64]:
        return np.asarray(np.sum((y - amplitude(log_tau)[..., np.newaxis] * shapes(log_tau)) ** 2, axis=-1))

    grid = np.log(np.geomspace(np.ptp(x) / 200, np.ptp(x) * 200, 401))
    best = int(np.argmin(misfit(grid)))
    if best in (0, grid.size - 1):
        raise DeclarationError(
            where, "changes", meaning="weight changes", expected=f"an exponential fall with {side} lags",
            got=f"a time constant beyond {np.exp(grid[best]):.3g} s",
        )  # fmt: skip
    found: Any = minimize_scalar(
        lambda log_tau: float(misfit(log_tau)), bounds=(grid[best - 1], grid[best + 1]), method="bounded",
        options={"xatol": 1e-12},
    )  # fmt: skip
    tau = float(np.exp(found.x))
    return float(amplitude(found.x)) * float(np.exp(x.min() / tau)), tau


@dataclass(frozen=True)
class TripletDrift:
    """Mean weight change of the all-to-all triplet rule (pfister2006) when pre and post are independent Poisson trains.

    Per second it is ``pre post`` times
    ``a2_plus tau_plus - a2_minus tau_minus + a3_plus tau_plus tau_y post - a3_minus tau_minus tau_x pre``.

    Attributes
    ----------
    a2_plus, a3_plus, a2_minus, a3_minus : float
        Amplitudes of pair and triplet terms.
    tau_plus, tau_minus, tau_x, tau_y : float, s
        Time constants of the fast and the slow traces.

    Raises
    ------
    DeclarationError
        If an amplitude is negative or a time constant not above 0.
    """

    a2_plus: float
    a3_plus: float
    a2_minus: float
    a3_minus: float
    tau_plus: float
    tau_minus: float
    tau_x: float
    tau_y: float

    def __post_init__(self) -> None:
        for field, value in zip(fields(self), astuple(self), strict=True):
            if field.name.startswith("tau"):
                _check.positive("TripletDrift", field.name, "time constant of a trace", value, "s")
            elif not 0 <= value < np.inf:
                raise DeclarationError(
                    "TripletDrift", field.name, meaning="amplitude", expected="0 or more", got=str(value)
                )

    def drift(self, pre: ArrayLike, post: ArrayLike) -> NDArray[np.float64]:
        """Mean weight change per second at these rates (Hz)."""
        before, after = np.asarray(pre, dtype=float), np.asarray(post, dtype=float)
        return before * after * (self._pair + self._post_slope * after - self._pre_slope * before)

    def crossover(self, pre: float | None = None) -> float:
        """Post rate at which depression turns into potentiation.

        Parameters
        ----------
        pre : float, Hz, optional
            Pre rate; that of post if not given.

        Returns
        -------
        float, Hz
            nan if the drift has the same sign at all rates, or potentiation turns into depression.

        Raises
        ------
        DeclarationError
            If `pre` is negative or not finite.
        """
        if pre is not None and not 0 <= pre < np.inf:
            raise DeclarationError("crossover", "pre", meaning="pre rate", expected="0 Hz or more", got=str(pre))
        slope = self._post_slope - (self._pre_slope if pre is None else 0.0)
        depression = -self._pair + (0.0 if pre is None else self._pre_slope * pre)
        return depression / slope if slope > 0 and depression >= 0 else float("nan")

    def a2_minus_for(self, rate: float) -> float:
        """The `a2_minus` that moves the crossover of the rule without `a2_plus` and `a3_minus` to `rate` (Hz).

        With ``rate = nubar**2 / kappa`` it is the sliding amplitude of zenke2013.
        """
        _check.positive("a2_minus_for", "rate", "crossover", rate, "Hz")
        return self._post_slope * rate / self.tau_minus

    @property
    def _pair(self) -> float:
        return self.a2_plus * self.tau_plus - self.a2_minus * self.tau_minus

    @property
    def _post_slope(self) -> float:
        return self.a3_plus * self.tau_plus * self.tau_y

    @property
    def _pre_slope(self) -> float:
        return self.a3_minus * self.tau_minus * self.tau_x


def inhibitory_alpha(rate: float, *, tau: float = 20e-3) -> float:
    """Depression per pre spike with which inhibitory plasticity (vogels2011) holds the post rate at `rate`.

    Parameters
    ----------
    rate : float, Hz
        Target of the post rate, rho0.
    tau : float, s
        Time constant of the traces.

    Returns
    -------
    float
        ``2 rate tau``, in units of the jump of a trace.

    Raises
    ------
    DeclarationError
        Unless both are above 0.
    """
    _check.positive("inhibitory_alpha", "rate", "target of the post rate", rate, "Hz")
    _check.positive("inhibitory_alpha", "tau", "time constant of the traces", tau, "s")
    return 2 * rate * tau


def inhibitory_target(alpha: float, *, tau: float = 20e-3) -> float:
    """Post rate (Hz) at which inhibitory plasticity with this `alpha` comes to rest; see `inhibitory_alpha`."""
    _check.positive("inhibitory_target", "alpha", "depression per pre spike", alpha, "")
    _check.positive("inhibitory_target", "tau", "time constant of the traces", tau, "s")
    return alpha / (2 * tau)
