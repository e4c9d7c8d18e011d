"""How sure a fit is: the inverse of the curvature of its cost at the minimum."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def covariance_of(
    cost: Callable[[NDArray[np.float64]], float],
    at: NDArray[np.float64],
    which: NDArray[np.int64],
    steps: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Covariance of some parameters: the inverse of the Hessian of a negative log likelihood, by central differences.

    Parameters
    ----------
    cost : callable
        Of all parameters.
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

    def moved(*changes: tuple[int, int]) -> float:
        there = at.copy()
        for k, sign in changes:
            there[which[k]] += sign * steps[k]
        return cost(there)

    hessian = np.empty((which.size, which.size))
    for k in range(which.size):
        for m in range(k + 1):
            mixed = moved((k, 1), (m, 1)) - moved((k, 1), (m, -1)) - moved((k, -1), (m, 1)) + moved((k, -1), (m, -1))
            hessian[k, m] = hessian[m, k] = mixed / (4 * steps[k] * steps[m])
    if np.linalg.eigvalsh(hessian).min() <= 0:
        return np.full(hessian.shape, np.nan)
    return np.asarray(np.linalg.inv(hessian))
