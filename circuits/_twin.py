"""Slow ways to know when a cell fires, for the twins of cells with an input current; none uses Brian2."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

TOLERANCE: dict[str, Any] = {"method": "LSODA", "rtol": 1e-9, "atol": 1e-12}


def leaky(
    current: np.ndarray,
    dt: float,
    *,
    tau: Any,
    resistance: Any,
    rest: Any,
    reset: Any,
    threshold: Callable[[float], float],
    tau_ref: Any = 0.0,
) -> np.ndarray:
    """Spike times of a leaky integrator, step by step in closed form.

    Parameters
    ----------
    threshold : callable
        The threshold in V as a function of the time in s since the last spike (infinite before the first).
    """
    rest, reset, decay = float(rest), float(reset), np.exp(-dt / float(tau))
    held = round(float(tau_ref) / dt)
    v, last, fired = rest, -np.inf, []
    for step, i in enumerate(np.asarray(current, float)):
        if step - last < held:
            continue
        limit = rest + float(resistance) * i
        v = limit + (v - limit) * decay
        if v >= threshold((step - last) * dt):
            v, last = reset, step
            fired.append(step * dt)
    return np.array(fired)


def pieces(current: np.ndarray, dt: float) -> Iterator[tuple[float, float, float]]:
    """Beginning, end (s) and value of every stretch of constant current."""
    current = np.asarray(current, float)
    edges = [0, *(np.flatnonzero(np.diff(current)) + 1), current.size]
    for begin, end in zip(edges[:-1], edges[1:], strict=True):
        yield begin * dt, end * dt, float(current[begin])


def resetting(
    slope: Callable[[float, np.ndarray], Any],
    state: list[float],
    limit: float,
    reset: Callable[[np.ndarray], list[float]],
    current: np.ndarray,
    dt: float,
) -> np.ndarray:
    """Spike times of a cell that is reset when its first state reaches `limit`, by adaptive integration.

    Parameters
    ----------
    slope : callable
        Derivatives of the state for a current and a state.
    state : list of float
        The state at the start.
    reset : callable
        The state after a spike for the state before it.
    """

    def reached(t: float, y: np.ndarray) -> float:
        return float(y[0]) - limit

    reached.terminal, reached.direction = True, 1  # type: ignore[attr-defined]
    y, fired = np.array(state), []
    for begin, end, i in pieces(current, dt):

        def driven(t: float, y: np.ndarray, i: float = i) -> Any:
            return slope(i, y)

        now = begin
        while now < end:
            found = solve_ivp(driven, (now, end), y, events=reached, **TOLERANCE)
            now, y = found.t[-1], found.y[:, -1]
            if found.status == 1:
                fired.append(now)
                y = np.array(reset(y))
    return on_grid(fired, dt)


def on_grid(times: Any, dt: float) -> np.ndarray:
    """Times at which the steps begin in whose course these times fall."""
    return np.floor(np.asarray(times, float) / dt) * dt
