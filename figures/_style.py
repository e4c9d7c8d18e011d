"""Widths, colours and panel letters of all figures; the rest is in ``paper.mplstyle``."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.transforms import ScaledTranslation

MM = 1 / 25.4  # inch
ONE_COLUMN = 85.0  # mm
TWO_COLUMNS = 174.0  # mm

# Okabe-Ito, told apart with any colour vision
BLACK, BLUE, SKY, GREEN = "#000000", "#0072B2", "#56B4E9", "#009E73"
VERMILION, ORANGE, PURPLE = "#D55E00", "#E69F00", "#CC79A7"
GREY, BAND = "#7F7F7F", "#DCE6EC"  # for what must stay in the background


def canvas(width: float, height: float) -> Canvas:
    """An empty figure of this size, mm, whose axes never overlap.

    Parameters
    ----------
    width, height : float, mm
        On the page; the widths of journals are `ONE_COLUMN` and `TWO_COLUMNS`.
    """
    return Canvas(figsize=(width * MM, height * MM), layout="constrained")


def settle(canvas: Canvas) -> None:
    """Lay the figure out for good, to rounded places: the last digits that the solver finds differ between runs."""
    canvas.draw_without_rendering()
    canvas.set_layout_engine("none")
    for axes in canvas.axes:
        left, bottom, width, height = axes.get_position(original=True).bounds
        axes.set_position((round(left, 5), round(bottom, 5), round(width, 5), round(height, 5)))


def letter(axes: Axes, text: str, left: float = 8.5) -> None:
    """Write the letter of a panel above its top left corner, `left` mm left of the axis."""
    assert axes.figure is not None
    shift = ScaledTranslation(-left * MM, 3 / 72, axes.figure.dpi_scale_trans)
    axes.text(
        0, 1, text, transform=axes.transAxes + shift, fontsize=9, fontweight="bold", ha="left", va="baseline",
        in_layout=False,
    )  # fmt: skip
