"""Pictures on paper, by matplotlib, in the style of the figures."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm, Normalize, to_hex
from matplotlib.figure import Figure as Canvas

from brian2learn.figures import _style

from .pictures import DASHES, PINNED, POINTS, RASTER, TICKS, Family, Picture

STYLE = Path(str(_style.__file__)).with_name("paper.mplstyle")
FORMATS = ("pdf", "png", "svg")
UNDATED: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
N_COLUMNS = 2
RAMP = {
    False: [to_hex(colour) for colour in colormaps["viridis"](np.linspace(0, 0.93, 256))],
    True: [to_hex(colour) for colour in colormaps["viridis"](np.linspace(0.22, 1, 256))],
}
"""Values of a parameter, evenly perceived, without what is lost on light or on dark ground."""
PATTERNS = ("-", "--", ":", "-.")
"""Curves in order, where colours stand for values of a parameter."""


def canvas(pictures: Sequence[Picture]) -> Canvas:
    """One figure with a panel for every picture."""
    n = len(pictures)
    n_columns = min(n, N_COLUMNS)
    n_rows = -(-n // n_columns)
    width = _style.TWO_COLUMNS if n_columns > 1 else _style.ONE_COLUMN
    found = _style.canvas(width, 55 * n_rows)
    axes = found.subplots(n_rows, n_columns, squeeze=False).ravel()
    for k, (each, picture) in enumerate(zip(axes, pictures, strict=False)):
        _draw(found, each, picture)
        if n > 1:
            _style.letter(each, "abcdefghijklmnopqrstuvwxyz"[k], left=9)
    for each in axes[n:]:
        each.set_axis_off()
    return found


def saved(pictures: Sequence[Picture], form: str) -> bytes:
    """The bytes of a file: ``pdf``, ``png`` or ``svg``."""
    with matplotlib.rc_context(fname=STYLE):
        found = canvas(pictures)
        _style.settle(found)
        file = io.BytesIO()
        found.savefig(file, format=form, metadata=UNDATED.get(form))
    return file.getvalue()


def _draw(found: Canvas, axes: Axes, picture: Picture) -> None:
    if picture.surface is not None:
        surface = picture.surface
        largest = float(np.max(np.abs(surface.z))) or 1.0
        mesh = axes.pcolormesh(
            surface.x, surface.y, surface.z, cmap="RdBu_r", vmin=-largest, vmax=largest, shading="nearest",
            rasterized=True,
        )  # fmt: skip
        found.colorbar(mesh, ax=axes, label=surface.label)
    lines = [each for each in picture.curves if each.kind not in (POINTS, TICKS) and not each.name.startswith(PINNED)]
    patterns = {each.name: PATTERNS[k % len(PATTERNS)] for k, each in enumerate(lines)}
    if picture.family is not None:
        _family(found, axes, picture.family, patterns)
    for curve in picture.curves:
        look: dict[str, Any] = {"label": curve.name}
        if picture.family is not None:
            look["color"] = _style.BLACK
        if curve.name.startswith(PINNED):
            look["color"] = _style.GREY
        if curve.kind == TICKS:
            axes.plot(curve.x, curve.y, "|", ms=8, mew=0.8, **look)
        elif curve.kind == RASTER:
            axes.plot(curve.x, curve.y, "o", ms=0.6, mew=0, rasterized=True, **look)
        elif curve.kind == POINTS:
            axes.errorbar(curve.x, curve.y, curve.error, fmt="o", ms=2.5, lw=0.6, **look)
        else:
            line = "--" if curve.kind == DASHES else "-"
            if picture.family is not None:
                line = patterns.get(curve.name.removeprefix(PINNED), line)
            axes.errorbar(curve.x, curve.y, curve.error, fmt=line, elinewidth=0.5, lw=0.9, **look)
    if picture.log_x:
        axes.set_xscale("log")
    axes.set_xlabel(picture.x)
    axes.set_ylabel(picture.y)
    axes.set_title(picture.title)
    if len(picture.curves) > 1:
        if all(curve.kind == TICKS for curve in picture.curves):
            axes.set_yticks([0, 1], ["post", "pre"])
            axes.set_ylim(-0.6, 1.6)
        else:
            axes.legend()


def _family(found: Canvas, axes: Axes, family: Family, patterns: Mapping[str, str]) -> None:
    ends = float(family.values[0]), float(family.values[-1])
    scale = ScalarMappable((LogNorm if family.log else Normalize)(*ends), ListedColormap(RAMP[False]))
    for forms in family.curves:
        for value, curve in zip(family.values, forms, strict=True):
            points = curve.kind == POINTS
            marks: dict[str, Any] = {"ls": "", "marker": "."} if points else {"ls": patterns.get(curve.name, "-")}
            axes.plot(curve.x, curve.y, color=scale.to_rgba(value), lw=0.6, ms=2, **marks)
    found.colorbar(scale, ax=axes, label=family.label)
