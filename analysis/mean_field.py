"""Mean field of a recurrent network with triplet plasticity and a rate detector (zenke2013): when is it stable?

All cells fire at one rate nu(w) as independent Poisson trains; around the weight `w_0`, at which the rate is the target
`kappa`, the rate rises in a straight line with the gain ``g = d ln nu / d ln w``, and does not fall below 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from brian2learn.core.errors import DeclarationError

from . import _check
from .stability import Planar


def hebbian_rate(a3_plus: float, tau_plus: float, tau_slow: float) -> float:
    """Learning rate of the triplet rule in the mean field, ``a3_plus tau_plus tau_slow``, in s^2.

    Parameters
    ----------
    a3_plus : float
        Step up of a triplet.
    tau_plus, tau_slow : float, s
        Time constants of the fast pre and the slow post trace.

    Raises
    ------
    DeclarationError
        Unless all are above 0.

    Examples
    --------
    >>> f"{hebbian_rate(6.5e-3, 16.8e-3, 114e-3):.5e}"
    '1.24488e-05'
    """
    for name, value in (("a3_plus", a3_plus), ("tau_plus", tau_plus), ("tau_slow", tau_slow)):
        _check.positive("hebbian_rate", name, "parameter", value, "")
    return a3_plus * tau_plus * tau_slow


def gain(weights: ArrayLike, rates: ArrayLike) -> tuple[float, float]:
    """Gain ``d ln nu / d ln w`` from measured rates, and its standard error.

    Parameters
    ----------
    weights : (n,) float
        At least three different weights, above 0.
    rates : (n,) float, Hz
        The rate at each, above 0.

    Returns
    -------
    float, float
        Slope of the straight line through the logarithms, and its standard error.

    Raises
    ------
    DeclarationError
        If there are fewer than three points, the lengths differ, or a value is not above 0.
    """
    w = _check.numbers("gain", "weights", "recurrent weights", weights)
    nu = _check.numbers("gain", "rates", "rates, Hz", rates)
    _check.same_length("gain", "rates", "rates, Hz", nu, "weights", w)
    if w.size < 3 or w.min() <= 0 or nu.min() <= 0:
        expected = "at least three points with values above 0"
        raise DeclarationError("gain", "weights, rates", expected=expected, got=f"{w.size} points")
    line = stats.linregress(np.log(w), np.log(nu))
    return float(line.slope), float(line.stderr)


@dataclass(frozen=True)
class _Network(Planar):
    """A network at its target rate; the slow state is the detected rate, ``tau s' = nu - s``.

    Attributes
    ----------
    eta : float, s^2
        Learning rate, see `hebbian_rate`.
    kappa : float, Hz
        Target rate.
    tau : float, s
        Time constant of the rate detector.
    gain : float
        ``d ln nu / d ln w`` at `w_0`.
    w_0 : float
        The weight at which the rate is `kappa`.
    """

    eta: float
    kappa: float
    tau: float
    gain: float
    w_0: float = 0.16

    @property
    def fixed_point(self) -> tuple[float, float]:
        return self.w_0, self.kappa

    @property
    def slope(self) -> float:
        """Rise of the rate with the weight, ``gain kappa / w_0``, Hz per unit of weight."""
        return self.gain * self.kappa / self.w_0

    @property
    def runaway(self) -> float:
        """Rate of Hebbian growth around the target, ``eta kappa^2 slope``, 1/s."""
        return self.eta * self.kappa**2 * self.slope

    @property
    def critical_tau(self) -> float:
        """``1 / (eta kappa^2 slope)``, s."""
        return 1 / self.runaway

    def rate(self, w: ArrayLike) -> NDArray[np.float64]:
        """Rate of the network at a weight, Hz."""
        return np.maximum(self.kappa + self.slope * (np.asarray(w, float) - self.w_0), 0.0)


@dataclass(frozen=True)
class MetaplasticNetwork(_Network):
    """Depression slides with the square of the detected rate: ``w' = eta nu^2 (nu - s^2/kappa)``.

    Examples
    --------
    >>> model = MetaplasticNetwork(eta=1.24488e-5, kappa=3.0, tau=10.0, gain=10.0)
    >>> round(model.critical_tau, 1), model.linear.is_stable
    (47.6, True)
    """

    def slopes(self, w: ArrayLike, s: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        nu, detected = self.rate(w), np.asarray(s, float)
        return self.eta * nu**2 * (nu - detected**2 / self.kappa), (nu - detected) / self.tau

    def jacobian(self, w: float, s: float) -> NDArray[np.float64]:
        nu, rise = float(self.rate(w)), self.slope
        return np.array(
            [
                [self.eta * rise * (3 * nu**2 - 2 * nu * s**2 / self.kappa), -2 * self.eta * nu**2 * s / self.kappa],
                [rise / self.tau, -1 / self.tau],
            ]
        )


@dataclass(frozen=True)
class ScalingNetwork(_Network):
    """Static depression that balances at `kappa`, and scaling by the detected rate.

    ``w' = eta nu^2 (nu - kappa) + w/tau_scl (1 - (s/kappa)^3)``. The trace is that of the metaplastic network, so the
    detector has the same critical time constant; the determinant asks that scaling itself be quick, too.

    Attributes
    ----------
    tau_scl : float, s
        Time constant of scaling.
    """

    tau_scl: float = 3600.0

    @property
    def critical_tau_scl(self) -> float:
        """``3 gain / runaway = 3 w_0 / (eta kappa^3)``, s: slower scaling does not hold the rate, whatever tau."""
        return 3 * self.gain / self.runaway

    def slopes(self, w: ArrayLike, s: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        weight, nu, detected = np.asarray(w, float), self.rate(w), np.asarray(s, float)
        scaling = weight / self.tau_scl * (1 - (detected / self.kappa) ** 3)
        return self.eta * nu**2 * (nu - self.kappa) + scaling, (nu - detected) / self.tau

    def jacobian(self, w: float, s: float) -> NDArray[np.float64]:
        nu, rise = float(self.rate(w)), self.slope
        return np.array(
            [
                [
                    self.eta * rise * (3 * nu**2 - 2 * nu * self.kappa) + (1 - (s / self.kappa) ** 3) / self.tau_scl,
                    -3 * w * s**2 / (self.tau_scl * self.kappa**3),
                ],
                [rise / self.tau, -1 / self.tau],
            ]
        )


def mean_depression(rate: float, tau: float, tau_minus: float) -> float:
    """Mean of ``z s^2`` in ``rate tau_minus``: the depression of a Poisson cell that detects its own rate.

    Parameters
    ----------
    rate : float, Hz
        Of the cell.
    tau : float, s
        Time constant of its rate detector, whose output is `s`.
    tau_minus : float, s
        Time constant of the trace `z` of the post spikes.

    Returns
    -------
    float, Hz^2
        ``rate^2`` for a slow detector; more for a fast one, which still holds the spikes that the trace holds.

    Raises
    ------
    DeclarationError
        Unless all are above 0.

    Notes
    -----
    Cumulants of shot noise. The mean field leaves this out: it is a matter of single spikes.
    """
    for name, value in (("rate", rate), ("tau", tau), ("tau_minus", tau_minus)):
        _check.positive("mean_depression", name, "parameter", value, "")
    linear, constant = _excess(tau, tau_minus)
    return rate**2 + linear * rate + constant


def balanced_rate(kappa: float, tau: float, tau_minus: float = 33.7e-3) -> float:
    """Rate at which potentiation and depression of metaplastic triplet plasticity balance for Poisson cells.

    Parameters
    ----------
    kappa : float, Hz
        Target rate of the rule.
    tau : float, s
        Time constant of the rate detector.
    tau_minus : float, s
        Time constant of the trace of the post spikes.

    Returns
    -------
    float, Hz
        ``kappa`` for a slow detector, less for a fast one; nan where depression always wins.

    Raises
    ------
    DeclarationError
        Unless all are above 0.

    Examples
    --------
    >>> [round(balanced_rate(3.0, tau), 2) for tau in (50.0, 10.0, 2.0)]
    [2.95, 2.75, 1.62]
    """
    _check.positive("balanced_rate", "kappa", "target rate", kappa, "Hz")
    _check.positive("balanced_rate", "tau", "rate detector", tau, "s")
    _check.positive("balanced_rate", "tau_minus", "trace of the post spikes", tau_minus, "s")
    linear, constant = _excess(tau, tau_minus)
    half = (kappa - linear) / 2
    square = half**2 - constant
    return float(half + np.sqrt(square)) if half > 0 and square >= 0 else float("nan")


def _excess(tau: float, tau_minus: float) -> tuple[float, float]:
    """What the spikes that detector and trace share add to the squared rate: linear in the rate, and constant."""
    return 1 / (2 * tau) + 2 / (tau + tau_minus), 1 / (tau * (tau + 2 * tau_minus))


def low_pass_critical_tau(runaway: float, tau_lp: float) -> float:
    """Critical time constant of the detector if weight changes take effect through a low-pass filter.

    Parameters
    ----------
    runaway : float, 1/s
        See `MetaplasticNetwork.runaway`.
    tau_lp : float, s
        Time constant of the filter: ``w' = u``, ``tau_lp u' = -u + eta nu^2 (nu - s^2/kappa)``.

    Returns
    -------
    float, s
        From 1/runaway without a filter down to half of that: the delay makes stability worse.

    Raises
    ------
    DeclarationError
        Unless both are above 0.

    Notes
    -----
    The characteristic polynomial is ``T tau l^3 + (T + tau) l^2 + (1 - a tau) l + a`` with ``T = tau_lp`` and ``a =
    runaway``; the condition of Routh and Hurwitz is a quadratic in tau.

    Examples
    --------
    >>> round(low_pass_critical_tau(1.0, 1e-9), 6), round(low_pass_critical_tau(1.0, 1e9), 6)
    (1.0, 0.5)
    """
    _check.positive("low_pass_critical_tau", "runaway", "rate of Hebbian growth", runaway, "1/s")
    _check.positive("low_pass_critical_tau", "tau_lp", "filter of weight changes", tau_lp, "s")
    half = (1 - 2 * runaway * tau_lp) / 2
    root = np.sqrt(half**2 + runaway * tau_lp)
    # the root above 0, in the form without cancellation
    return float((half + root) / runaway if half > 0 else tau_lp / (root - half))


def low_pass_is_stable(runaway: float, tau_lp: float, tau: float) -> bool:
    """Whether all three eigenvalues have a real part below 0; see `low_pass_critical_tau`."""
    of_u = [runaway / tau_lp, -1 / tau_lp, -2 * runaway / tau_lp]
    jacobian = np.array([[0.0, 1.0, 0.0], of_u, [1 / tau, 0.0, -1 / tau]])
    return bool(np.linalg.eigvals(jacobian).real.max() < 0)
