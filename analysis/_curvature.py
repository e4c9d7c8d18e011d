"""How sure a fit is: the inverse of the curvature of its cost at the minimum."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def covariance_of(
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
