"""What a view shows, as arrays with labels: the page, the notebook and the documents draw the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

LINE, POINTS, DASHES, TICKS, RASTER = "line", "points", "dashes", "ticks", "raster"
"""How a curve is drawn: joined, as marks, as a broken line (theory), as strokes (a few spikes), as dots (many)."""

PINNED = "A: "
"""Before the names of the curves of the setting that was kept for comparison."""


@dataclass(frozen=True)
class Curve:
    """Values against values.

    Attributes
    ----------
    name : str
        For the legend.
    x, y : (n,) float
        In the units that the labels of the picture say; nan breaks the line.
    kind : str
        One of `LINE`, `POINTS`, `DASHES`, `TICKS`.
    error : (n,) float, optional
        Half the length of an error bar at every point.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    kind: str = LINE
    error: np.ndarray | None = None


@dataclass(frozen=True)
class Surface:
    """Values over a plane, of both signs: 0 is the middle of the colours.

    Attributes
    ----------
    x, y : (n,), (m,) float
        Evenly spaced.
    z : (m, n) float
    label : str
        What `z` is, with unit.
    """

    x: np.ndarray
    y: np.ndarray
    z: np.ndarray
    label: str


@dataclass(frozen=True)
class Family:
    """The curves of a picture at many values of one parameter.

    Attributes
    ----------
    label : str
        The parameter, with unit.
    log : bool
        Whether its values stand in equal ratios.
    values : (n,) float
    curves : sequence of sequence of Curve
        For each curve of the picture that the parameter moves, the n forms it takes.
    """

    label: str
    log: bool
    values: np.ndarray
    curves: Sequence[Sequence[Curve]]


@dataclass(frozen=True)
class Picture:
    """One pair of axes.

    Attributes
    ----------
    name : str
        Unique within its view.
    x, y : str
        Labels with units.
    curves : sequence of Curve
    surface : Surface, optional
    family : Family, optional
        Behind the curves.
    title : str
    log_x : bool
        Whether the x axis is logarithmic.
    x_ends : tuple of float, optional
        Ends of the x axis; pictures with the same label share them.
    note : str
        What was worked out: numbers in a sentence.
    edits : str
        What a click does, in words; empty if nothing.
    """

    name: str
    x: str
    y: str
    curves: Sequence[Curve] = ()
    surface: Surface | None = None
    family: Family | None = None
    title: str = ""
    log_x: bool = False
    x_ends: tuple[float, float] | None = None
    note: str = ""
    edits: str = ""

    def table(self) -> pd.DataFrame:
        """All that is drawn, one row for every point, with units in the names of the columns."""
        if self.surface is not None:
            x, y = np.meshgrid(self.surface.x, self.surface.y)
            return pd.DataFrame(
                {self.x: x.ravel(), self.y: y.ravel(), self.surface.label: self.surface.z.ravel()}
            )  # fmt: skip
        tables = [
            pd.DataFrame({"curve": each.name, self.x: each.x, self.y: each.y})
            if each.error is None
            else pd.DataFrame({"curve": each.name, self.x: each.x, self.y: each.y, f"error of {self.y}": each.error})
            for each in self.curves
        ]
        if self.family is not None:
            tables += [
                pd.DataFrame({"curve": each.name, self.x: each.x, self.y: each.y, self.family.label: value})
                for forms in self.family.curves
                for value, each in zip(self.family.values, forms, strict=True)
            ]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=["curve", self.x, self.y])
