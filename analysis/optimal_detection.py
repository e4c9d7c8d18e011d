"""Theory of the best coincidence detector for a spike pattern: which afferents it hears, and how long it remembers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from brian2learn.core.errors import DeclarationError

from . import _check


@dataclass(frozen=True)
class Optimum:
    """The best detector.

    Attributes
    ----------
    window : float, s
        The part of each pattern whose afferents are connected.
    tau : float, s
        Membrane time constant.
    snr : float
        Signal-to-noise ratio.
    """

    window: float
    tau: float
    snr: float


@dataclass(frozen=True)
class OptimalDetection:
    """A leaky integrator without threshold hears of the afferents that fire in a window of a pattern (masquelier2018a).

    Homogeneous Poisson afferents show one or several independent patterns, whose spikes are displaced by up to `jitter`
    to both sides. Every afferent with a spike in the window has weight 1, the others 0; a spike moves the potential at
    once by its weight. Outside the patterns the potential is shot noise; at the end of a window it reaches its peak.

    Attributes
    ----------
    n_afferents : int
    rate : float, Hz
        Of each afferent.
    jitter : float, s
        Largest displacement of a spike; displacements are uniform.
    n_patterns : int
        Patterns for which one detector is built.

    Raises
    ------
    DeclarationError
        If a value is out of its range.
    """

    n_afferents: int = 10_000
    rate: float = 3.2
    jitter: float = 3.2e-3
    n_patterns: int = 1

    def __post_init__(self) -> None:
        where = "OptimalDetection"
        for name, meaning, unit in (
            ("n_afferents", "number of afferents", ""),
            ("rate", "rate of an afferent", "Hz"),
            ("n_patterns", "number of patterns", ""),
        ):
            _check.positive(where, name, meaning, getattr(self, name), unit)
        if not 0 <= self.jitter < np.inf:
            raise DeclarationError(
                where, "jitter", meaning="largest displacement", expected="0 s or more", got=str(self.jitter)
            )

    def n_connected(self, window: ArrayLike) -> NDArray[np.float64]:
        """Expected number of afferents that fire in the window of at least one pattern.

        Parameters
        ----------
        window : float or array of float, s

        Returns
        -------
        float or array of float
            ``N (1 - exp(-P f window))``.
        """
        return self.n_afferents * -np.expm1(-self.n_patterns * self.rate * _times("n_connected", "window", window))

    def noise_mean(self, window: ArrayLike, tau: ArrayLike) -> NDArray[np.float64]:
        """Mean potential outside the patterns, in weights: ``tau f M``.

        Parameters
        ----------
        window, tau : float or array of float, s
        """
        return _times("noise_mean", "tau", tau) * self.rate * self.n_connected(window)

    def noise_sd(self, window: ArrayLike, tau: ArrayLike) -> NDArray[np.float64]:
        """SD of the potential outside the patterns, in weights: ``sqrt(tau f M / 2)``.

        Parameters
        ----------
        window, tau : float or array of float, s
        """
        return np.sqrt(self.noise_mean(window, tau) / 2)

    def rise(self, window: ArrayLike, tau: ArrayLike) -> NDArray[np.float64]:
        """How far the potential rises in the window, as a share of the way to where it would stay at the rate there.

        Parameters
        ----------
        window, tau : float or array of float, s

        Returns
        -------
        float or array of float
            0..1. Without jitter ``1 - exp(-window / tau)``; with it the rate in the window rises and falls linearly.
        """
        window, tau = _times("rise", "window", window), _times("rise", "tau", tau)
        width = 2 * self.jitter
        if width == 0:
            return -np.expm1(-window / tau)
        inside = -np.expm1(-np.maximum(width, window) / tau) + np.exp(-np.abs(width - window) / tau)
        return np.minimum(1.0, window / width) - tau / width * np.log(inside)

    def peak(self, window: ArrayLike, tau: ArrayLike) -> NDArray[np.float64]:
        """Highest mean potential that a pattern causes, in weights: ``tau f (M + rise (N - M))``.

        Parameters
        ----------
        window, tau : float or array of float, s
        """
        n_connected = self.n_connected(window)
        effective = n_connected + self.rise(window, tau) * (self.n_afferents - n_connected)
        return _times("peak", "tau", tau) * self.rate * effective

    def snr(self, window: ArrayLike, tau: ArrayLike) -> NDArray[np.float64]:
        """Signal-to-noise ratio: how many SDs of the noise the peak lies above its mean.

        Parameters
        ----------
        window, tau : float or array of float, s
        """
        return (self.peak(window, tau) - self.noise_mean(window, tau)) / self.noise_sd(window, tau)

    @property
    def optimum(self) -> Optimum:
        """The window and the time constant with the highest signal-to-noise ratio.

        Raises
        ------
        DeclarationError
            Without jitter: then ever shorter windows and time constants are ever better.
        """
        if self.jitter == 0:
            raise DeclarationError(
                "OptimalDetection", "jitter", meaning="largest displacement", expected="above 0 s for an optimum",
                got="0", hint="Without jitter ever shorter windows and time constants are ever better.",
            )  # fmt: skip
        start, precise = np.log([2 * self.jitter, 2 * self.jitter]), {"xatol": 1e-9, "fatol": 1e-12}
        found: Any = minimize(
            lambda logs: -float(self.snr(*np.exp(logs))), start, method="Nelder-Mead", options=precise
        )  # type: ignore[call-overload]
        window, tau = np.exp(found.x)
        return Optimum(float(window), float(tau), -float(found.fun))


def _times(where: str, name: str, values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values, dtype=float)
    wrong = array[~((array > 0) & (array < np.inf))]
    if wrong.size:
        raise DeclarationError(where, name, meaning="a time", expected="above 0 s", got=str(wrong.flat[0]))
    return array
