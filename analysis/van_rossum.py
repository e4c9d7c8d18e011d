"""The van Rossum distance of spike trains, in the published discretisation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.signal import lfilter

AURYN = 0.12
"""From the mean square in 1/s^2 to the published program's cost: 4 for one unmatched spike per second and output."""


def filtered_error(events: ArrayLike, dt: float, tau_rise: float = 5e-3, tau_decay: float = 10e-3) -> np.ndarray:
    """Events through two low-pass filters of unit gain in Euler steps: a double exponential of unit area.

    Parameters
    ----------
    events : (n_steps, ...) float
        Wanted minus fired spikes in every step.
    dt : float, s
        Length of a step.

    Returns
    -------
    (n_steps, ...) float, 1/s
    """
    events = np.asarray(events, float) / dt
    for tau in (tau_rise, tau_decay):
        events = lfilter([dt / tau], [1, dt / tau - 1], events, axis=0)
    return events


def van_rossum_cost(
    fired: ArrayLike, wanted: ArrayLike, t_stop: float, *, t_start: float = 0.0, dt: float = 1e-4,
    tau_rise: float = 5e-3, tau_decay: float = 10e-3,
) -> float:  # fmt: skip
    """Mean square of the filtered difference of two spike trains, 1/s^2.

    Parameters
    ----------
    fired, wanted : (k,) float, s
        Spike times of one neuron.
    t_start, t_stop : float, s
        Stretch over which the mean is taken; spikes before it leave their traces in it.
    dt : float, s
        Grid of the spikes.
    """
    n = round(t_stop / dt)
    events = np.zeros(n)
    for times, sign in ((wanted, 1), (fired, -1)):
        steps = np.rint(np.asarray(times, float) / dt).astype(int)
        np.add.at(events, steps[steps < n], sign)
    return float(np.mean(filtered_error(events, dt, tau_rise, tau_decay)[round(t_start / dt) :] ** 2))
