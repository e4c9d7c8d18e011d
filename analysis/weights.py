"""What learning made of the weights: how many are potentiated, how clearly they split, where the pattern put them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from brian2learn.core.errors import DeclarationError

from . import _check


@dataclass(frozen=True)
class Potentiated:
    """Numbers of potentiated synapses.

    Attributes
    ----------
    n_inside, n_outside : int
        From afferents in the pattern and from the others.
    """

    n_inside: int
    n_outside: int

    @property
    def n_total(self) -> int:
        """From all afferents."""
        return self.n_inside + self.n_outside


def potentiated(weights: ArrayLike, in_pattern: ArrayLike, threshold: float = 0.9) -> Potentiated:
    """Count the potentiated synapses inside and outside the pattern (masquelier2008, Fig 6).

    Parameters
    ----------
    weights : (n_afferents,) float
        Final weights, in the unit of the threshold.
    in_pattern : (n_afferents,) bool
        Whether the afferent takes part in the pattern.
    threshold : float
        A synapse of at least this weight is potentiated. The default suits weights bounded to 0..1.

    Returns
    -------
    Potentiated

    Raises
    ------
    DeclarationError
        If the two arrays differ in length, `in_pattern` is not boolean, or a weight is not finite.
    """
    array = _check.numbers("potentiated", "weights", "final weights", weights)
    mask = np.asarray(in_pattern)
    if mask.dtype != bool or mask.ndim != 1:
        raise DeclarationError(
            "potentiated",
            "in_pattern",
            meaning="takes part in the pattern",
            expected="a one-dimensional boolean array",
            got=f"{mask.dtype} of shape {mask.shape}",
        )
    _check.same_length("potentiated", "in_pattern", "takes part in the pattern", mask, "weights", array)
    strong = array >= threshold
    return Potentiated(int(np.sum(strong & mask)), int(np.sum(strong & ~mask)))


def bimodality(weights: ArrayLike, *, w_max: float = 1.0, margin: float = 0.1) -> float:
    """Share of the weights close to one of their two bounds: 1 if all have split, 2 * margin if they spread evenly.

    Parameters
    ----------
    weights : (n,) float
        Weights between 0 and `w_max`.
    w_max : float
        Their ceiling.
    margin : float
        What counts as close, as a share of the ceiling, below 0.5.

    Returns
    -------
    float
        In 0..1; nan without weights.

    Raises
    ------
    DeclarationError
        If a weight is not finite, the ceiling not positive or the margin not in 0..0.5.
    """
    array = _check.numbers("bimodality", "weights", "weights", weights)
    _check.positive("bimodality", "w_max", "ceiling of the weights", w_max, "")
    if not 0 <= margin < 0.5:
        raise DeclarationError(
            "bimodality", "margin", meaning="closeness to a bound", expected="0 or more, below 0.5", got=str(margin)
        )
    if not array.size:
        return float("nan")
    return float(np.mean((array <= margin * w_max) | (array >= (1 - margin) * w_max)))


def pattern_table(afferents: ArrayLike, times: ArrayLike, weights: ArrayLike) -> pd.DataFrame:
    """The spikes of one pattern, each with the final weight of its afferent (masquelier2008, Fig 6).

    Parameters
    ----------
    afferents : (n_spikes,) int
        Afferent of every spike of the pattern.
    times : (n_spikes,) float, s
        Time of every spike after the onset of the pattern, in any order.
    weights : (n_afferents,) float
        Final weights.

    Returns
    -------
    pandas.DataFrame
        One row per spike, in the order given: ``afferent``, ``time_in_pattern`` (s), ``weight``.

    Raises
    ------
    DeclarationError
        If `afferents` and `times` differ in length, an afferent has no weight, or a value is not finite.
    """
    where = "pattern_table"
    index = _indices(where, afferents)
    after = _check.numbers(where, "times", "spike times in the pattern, s", times)
    array = _check.numbers(where, "weights", "final weights", weights)
    _check.same_length(where, "times", "spike times in the pattern, s", after, "afferents", index)
    strange = index[(index < 0) | (index >= array.size)]
    if strange.size:
        raise DeclarationError(
            where,
            "afferents",
            meaning="afferent of every spike",
            expected=f"indices of the {array.size} weights",
            got=str(strange[0]),
        )
    return pd.DataFrame({"afferent": index, "time_in_pattern": after, "weight": array[index]})


def _indices(where: str, afferents: ArrayLike) -> NDArray[np.intp]:
    index = np.asarray(afferents)
    if index.ndim != 1 or (index.size and not np.issubdtype(index.dtype, np.integer)):
        raise DeclarationError(
            where,
            "afferents",
            meaning="afferent of every spike",
            expected="a one-dimensional array of whole numbers",
            got=f"{index.dtype} of shape {index.shape}",
        )
    return index.astype(np.intp)
