"""Pictures on paper, by matplotlib, in the style of the figures."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from brian2learn.figures import _style

from .pictures import DASHES, PINNED, POINTS, RASTER, TICKS, Picture

STYLE = Path(str(_style.__file__)).with_name("paper.mplstyle")
FORMATS = ("pdf", "png", "svg")
UNDATED: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
N_COLUMNS = 2


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
    for curve in picture.curves:
        look: dict[str, Any] = {"label": curve.name}
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
