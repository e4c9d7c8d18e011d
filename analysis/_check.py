"""Checks of arguments that the analysis functions share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from brian2learn.core.errors import DeclarationError


def numbers(where: str, name: str, meaning: str, values: Any) -> NDArray[np.float64]:
    """One-dimensional array of finite floats, or a DeclarationError."""
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise DeclarationError(where, name, meaning=meaning, expected="numbers", got=repr(values)) from None
    if array.ndim != 1:
        raise DeclarationError(
            where, name, meaning=meaning, expected="a one-dimensional array", got=f"one of shape {array.shape}"
        )
    finite = np.isfinite(array)
    if not finite.all():
        at = int(np.argmin(finite))
        raise DeclarationError(where, name, meaning=meaning, expected="finite values", got=f"{array[at]} at index {at}")
    return array


def times(where: str, name: str, meaning: str, values: Any) -> NDArray[np.float64]:
    """One-dimensional array of times in ascending order, or a DeclarationError."""
    array = numbers(where, name, meaning, values)
    falls = np.flatnonzero(np.diff(array) < 0)
    if falls.size:
        at = int(falls[0])
        raise DeclarationError(
            where,
            name,
            meaning=meaning,
            expected="times in ascending order",
            got=f"{array[at]} before {array[at + 1]} at index {at}",
        )
    return array


def same_length(where: str, name: str, meaning: str, values: NDArray[Any], other: str, others: NDArray[Any]) -> None:
    """A DeclarationError unless `values` has as many entries as the argument called `other`."""
    if values.size != others.size:
        raise DeclarationError(
            where, name, meaning=meaning, expected=f"as many as {other} ({others.size})", got=str(values.size)
        )


def positive(where: str, name: str, meaning: str, value: float, unit: str) -> None:
    """A DeclarationError unless the value is finite and above 0."""
    if not 0 < value < np.inf:
        raise DeclarationError(where, name, meaning=meaning, expected=f"a value above 0 {unit}".strip(), got=str(value))


def window(where: str, t_start: float, t_stop: float) -> None:
    """A DeclarationError unless both ends are finite and in order."""
    if not -np.inf < t_start < np.inf:
        raise DeclarationError(
            where, "t_start", meaning="start of the window, s", expected="a finite time", got=str(t_start)
        )
    if not t_start < t_stop < np.inf:
        raise DeclarationError(
            where,
            "t_stop",
            meaning="end of the window, s",
            expected=f"a time after t_start = {t_start}",
            got=str(t_stop),
        )
