"""A raster of many spikes, painted in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from bokeh.models import BasicTicker, ColumnDataSource, CustomJS, Range1d

FEW = 10  # cells
PAINT = Path(__file__).with_name("raster.js").read_text(encoding="utf-8")


def add_raster(plot: Any, spikes: ColumnDataSource, colour: str, name: str) -> Any:
    """Let a figure show the spikes of a source, with times in order in ``x`` and cells in ``y``; its sign for a legend.

    Parameters
    ----------
    plot : bokeh.plotting.figure
        Its axes are those of time and of cells.
    spikes : ColumnDataSource
    colour : str
        Hexadecimal.
    name : str
        Of the picture's part, by which the spikes can be found.
    """
    nothing = np.zeros((1, 1), np.uint32)
    image = ColumnDataSource({"image": [nothing], "x": [0.0], "y": [0.0], "dw": [1.0], "dh": [1.0]})
    drawn = plot.image_rgba(image="image", x="x", y="y", dw="dw", dh="dh", source=image)
    # never drawn: holds the spikes, so that they can be read out of the page under the name of their curve
    plot.scatter("x", "y", source=spikes, visible=False, name=name)
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    ink = 255 << 24 | blue << 16 | green << 8 | red
    paint = CustomJS(args={"plot": plot, "spikes": spikes, "image": image, "ink": ink}, code=PAINT)
    for axis in (plot.x_range, plot.y_range):
        for end in ("start", "end"):
            axis.js_on_change(end, paint)
    for model, change in ((plot, "inner_width"), (plot, "inner_height"), (spikes, "data")):
        model.js_on_change(change, paint)
    # what stands for it in a legend
    sign = plot.scatter([np.nan], [np.nan], marker="square", size=8, color=colour)
    sign.js_link("visible", drawn, "visible")
    return sign


def rows(plot: Any, n: int, height: int) -> None:
    """Let the axis of cells have room for `n`, in a picture of a height; a few lie in a low one."""
    plot.y_range.update(end=n - 0.5, reset_end=n - 0.5)
    plot.height = height if n > FEW else height // 2


def prepare(plot: Any) -> None:
    """Give a figure an axis of cells."""
    plot.y_range = Range1d(-0.5, 0.5, reset_start=-0.5)
    plot.yaxis.ticker = BasicTicker(min_interval=1)
