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


def refractory_floor(
    wanted: ArrayLike, t_stop: float, tau_ref: float, *, dt: float = 1e-4, tau_rise: float = 5e-3,
    tau_decay: float = 10e-3,
) -> tuple[int, float]:  # fmt: skip
    """How much of a target a refractory cell cannot fire, and what that costs at least.

    Parameters
    ----------
    wanted : (k,) float, s
        Target spikes of one neuron.
    t_stop : float, s
        Length of the target, over which the mean is taken.
    tau_ref : float, s
        Shortest interval of the cell.

    Returns
    -------
    n_impossible : int
        Targets that are closer than `tau_ref` to the last one that could be fired, or in its time step.
    cost : float, 1/s^2
        The lower of two: such targets are left out, or fired as soon as the cell can. A train between the two may cost
        a little less; no train costs nothing.
    """
    steps = np.sort(np.rint(np.asarray(wanted, float) / dt).astype(int))
    apart = max(1, int(np.ceil(tau_ref / dt - 1e-9)))
    kept: list[int] = []
    late: list[int] = []
    for step in steps:
        if not kept or step - kept[-1] >= apart:
            kept.append(int(step))
        late.append(int(step) if not late else max(int(step), late[-1] + apart))
    n = steps.size - len(kept)
    if n == 0:
        return 0, 0.0
    events = np.zeros((round(t_stop / dt), 2))
    for column, fired in enumerate((kept, late)):
        np.add.at(events[:, column], steps[steps < len(events)], 1)
        np.add.at(events[:, column], [step for step in fired if step < len(events)], -1)
    return n, float(np.mean(filtered_error(events, dt, tau_rise, tau_decay) ** 2, axis=0).min())
