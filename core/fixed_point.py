"""Signals as spikes: in every step one neuron says that a value comes, and others say the binary digits of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import DeclarationError

N_DIGITS = 40
N_NEURONS = N_DIGITS + 1
"""Neurons that tell the values of one signal; the first fires at every value."""
VALUES = np.concatenate([[0.0, -2.0], 2.0 ** -np.arange(N_DIGITS - 1)])
"""What a spike of each adds to the value: two's complement, from -2 to 2 in steps of 2^-38."""


def spikes_of(signals: ArrayLike, step: float) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The spikes that tell some signals.

    Parameters
    ----------
    signals : (n_steps, n) float
        Values from -2 to below 2.
    step : float, s
        From one value to the next.

    Returns
    -------
    neurons : (k,) int32
        Signal k has neurons ``k * N_NEURONS`` and following.
    times : (k,) float, s
    """
    values = np.asarray(signals, float)
    if values.ndim != 2 or not np.all((values >= -2) & (values < 2)):
        raise DeclarationError("spikes_of", "signals", expected="values from -2 to below 2", got=f"{values!r:.60}")
    whole = np.rint(values * 2.0 ** (N_DIGITS - 2)).astype(np.int64)[..., None]
    digits = (whole >> np.arange(N_DIGITS - 1, -1, -1)) & 1  # of a negative number in two's complement
    fires = np.concatenate([np.ones_like(whole), digits], axis=-1)
    date, neuron = np.nonzero(fires.reshape(values.shape[0], -1))
    return neuron.astype(np.int32), date * np.float64(step)
