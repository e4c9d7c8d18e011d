"""The slow reference of a weight in closed form: how fast the weight returns to it, and what it takes to move it.

Heterosynaptic plasticity (zenke2015) takes a weight towards its reference at every post spike by ``beta z^3`` of the
distance, where the trace `z` jumps by 1 at post spikes; consolidation moves the reference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from brian2learn.core.errors import DeclarationError

from . import _check


def mean_cube(rate: ArrayLike, tau: float) -> NDArray[np.float64]:
    """Mean third power of a trace with jumps of 1 at the spikes of a Poisson train.

    Parameters
    ----------
    rate : array_like of float, Hz
    tau : float, s
        Time constant of the trace.

    Returns
    -------
    float
        ``m/3 + 3 m^2/2 + m^3`` with ``m = rate tau``: from the cumulants ``m/n`` of shot noise.

    Raises
    ------
    DeclarationError
        If `tau` is not above 0 or a rate is negative.

    Examples
    --------
    >>> round(float(mean_cube(10.0, 0.02)), 4)
    0.1347
    """
    _check.positive("mean_cube", "tau", "time constant of the trace", tau, "s")
    m = np.asarray(rate, float) * tau
    if not (np.isfinite(m) & (m >= 0)).all():
        raise DeclarationError("mean_cube", "rate", meaning="Poisson rate", expected="0 Hz or more", got=str(rate))
    return np.asarray(m / 3 + 1.5 * m**2 + m**3)


def relaxation_time(rate: ArrayLike, beta: float, tau: float) -> NDArray[np.float64]:
    """Time in which the mean weight of many synapses returns to its reference, for small steps.

    Parameters
    ----------
    rate : array_like of float, Hz
        Of the post spikes, a Poisson train.
    beta : float
        Share of the distance that a spike takes, per cubed trace.
    tau : float, s
        Time constant of the trace.

    Returns
    -------
    float, s
        ``1 / (beta rate <z^3>)``; infinite without spikes.

    Raises
    ------
    DeclarationError
        If `beta` or `tau` is not above 0, or a rate is negative.

    Notes
    -----
    With steps as large as published (beta = 0.05) a burst takes more than there is, and the mean relaxes more slowly.

    Examples
    --------
    >>> [float(f"{time:.3g}") for time in relaxation_time([5, 10, 20, 50], 0.05, 0.02)]
    [81.1, 14.9, 2.29, 0.141]
    """
    _check.positive("relaxation_time", "beta", "share of the distance", beta, "")
    with np.errstate(divide="ignore"):
        return np.asarray(1 / (beta * np.asarray(rate, float) * mean_cube(rate, tau)))


@dataclass(frozen=True)
class Consolidating:
    """A reference weight with two stable values, 0 and `w_P`: ``tau w_ref' = (w - w_ref) - pull(w_ref)``.

    Attributes
    ----------
    P : float
        Strength of the pull.
    w_P : float
        The upper stable value.

    Raises
    ------
    DeclarationError
        Unless both are above 0.
    """

    P: float
    w_P: float

    def __post_init__(self) -> None:
        _check.positive("Consolidating", "P", "strength of the pull", self.P, "")
        _check.positive("Consolidating", "w_P", "upper stable value", self.w_P, "")

    def pull(self, w_ref: ArrayLike) -> NDArray[np.float64]:
        """What takes the reference to 0 or `w_P`; a weight this far above it holds the reference in place."""
        w = np.asarray(w_ref, float)
        return self.P * w * (self.w_P / 2 - w) * (self.w_P - w)

    @property
    def barrier(self) -> tuple[float, float]:
        """Where between 0 and ``w_P/2`` the pull is strongest, and how strong.

        Only a weight held further above its reference than that takes it from 0 to `w_P`.

        Examples
        --------
        >>> [round(value, 4) for value in Consolidating(P=20.0, w_P=0.5).barrier]
        [0.1057, 0.1203]
        """
        where = self.w_P / 2 * (1 - 1 / np.sqrt(3))
        return float(where), float(self.pull(where))
