"""Pictures in a browser, by Bokeh: drawn once, then moved along with their numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from bokeh.models import (
    ColorBar,
    ColumnDataSource,
    HoverTool,
    Legend,
    LegendItem,
    LinearColorMapper,
    LogColorMapper,
    Range1d,
    Whisker,
)  # fmt: skip
from bokeh.plotting import figure
from matplotlib import colormaps
from matplotlib.colors import to_hex

from brian2learn.figures._style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION

from . import raster
from .paper import RAMP
from .pictures import DASHES, PINNED, POINTS, RASTER, TICKS, Curve, Family, Picture

COLOURS = {
    False: (BLUE, VERMILION, GREEN, PURPLE, ORANGE, BLACK),
    True: (SKY, ORANGE, "#2fd3a5", PURPLE, "#f0e442", "#ffffff"),
}
"""Curves in order, on light and on dark ground; all from or near Okabe and Ito's, told apart with any colour vision."""
INK = {False: "#1c1c1c", True: "#e6e6e6"}
LINES = {False: "#e3e3e3", True: "#3a3f45"}
HEIGHT, LOW_HEIGHT = 300, 130
PATTERNS = ("solid", "dashed", "dotted", "dotdash")
"""Curves in order, where colours stand for values of a parameter."""
DIVERGING = [to_hex(colour) for colour in colormaps["RdBu_r"](np.linspace(0, 1, 255))]


class Drawn:
    """A picture as a Bokeh figure.

    Parameters
    ----------
    picture : Picture
    dark : bool
        Whether the ground is dark.
    on_click : callable, optional
        Called with the place of a click, in the units of the picture.
    ranges : dict, optional
        Axes by label, of pictures that are moved together.
    """

    def __init__(
        self, picture: Picture, *, dark: bool = False, on_click: Callable[..., None] | None = None,
        ranges: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        self.dark, self.shape, self.ends = dark, shape_of(picture), picture.x_ends
        many = any(each.kind == RASTER for each in picture.curves)
        ticks_only = bool(picture.curves) and all(each.kind == TICKS for each in picture.curves)
        self.figure = figure(
            name=f"picture:{picture.name}", height=LOW_HEIGHT if ticks_only else HEIGHT, sizing_mode="stretch_width",
            tools="pan,box_zoom,wheel_zoom,reset,save", toolbar_location="right", min_width=260, min_border_left=78,
            x_axis_type="log" if picture.log_x else "linear", title=picture.title or None, output_backend="canvas",
        )  # fmt: skip
        self.figure.toolbar.logo = None
        self.figure.toolbar.autohide = True
        self.figure.xaxis.axis_label, self.figure.yaxis.axis_label = picture.x, picture.y
        if picture.x_ends is not None:
            ends = {} if ranges is None else ranges
            self.figure.x_range = ends.setdefault(picture.x, Range1d(*picture.x_ends))
        self._rows = 1  # the most cells that were shown
        if many:
            raster.prepare(self.figure)
        self.sources: list[ColumnDataSource] = []
        self.family: Family | None = None  # the one that is drawn
        self.of_family: list[ColumnDataSource] = []
        self._style(ticks_only)
        if picture.surface is not None:
            self._surface(picture)
        else:
            if picture.family is not None:
                self._family(picture, picture.family)
            self._curves(picture, ticks_only)
        if on_click is not None and picture.edits:
            from bokeh.events import Tap

            self.figure.on_event(Tap, lambda event: on_click(event.x, event.y))
        self.update(picture)

    def update(self, picture: Picture) -> None:
        """Show the numbers of another picture of the same shape."""
        if picture.x_ends is not None and picture.x_ends != self.ends:
            self.ends = picture.x_ends
            self.figure.x_range.start, self.figure.x_range.end = picture.x_ends
        if picture.surface is not None:
            surface = picture.surface
            largest = float(np.max(np.abs(surface.z))) or 1e-12
            self.mapper.low, self.mapper.high = -largest, largest
            dx, dy = (float(each[1] - each[0]) if each.size > 1 else 1.0 for each in (surface.x, surface.y))
            self.sources[0].data = {
                "image": [surface.z], "x": [surface.x[0] - dx / 2], "y": [surface.y[0] - dy / 2],
                "dw": [surface.x[-1] - surface.x[0] + dx], "dh": [surface.y[-1] - surface.y[0] + dy],
            }  # fmt: skip
            return
        for source, curve in zip(self.sources, picture.curves, strict=True):
            if curve.kind == RASTER:
                self._rows = max(self._rows, int(curve.y.max(initial=0)) + 1)
                raster.rows(self.figure, self._rows, HEIGHT)
            source.data = columns(curve)
        if picture.family is not None and picture.family is not self.family:
            self.family = picture.family
            self.mapper.low, self.mapper.high = float(picture.family.values[0]), float(picture.family.values[-1])
            for source, forms in zip(self.of_family, picture.family.curves, strict=True):
                source.data = columns_of(forms, picture.family.values)

    # ------------------------------------------------------------------ parts

    def _style(self, ticks_only: bool) -> None:
        plot, ink, line = self.figure, INK[self.dark], LINES[self.dark]
        plot.background_fill_color = plot.border_fill_color = None
        plot.outline_line_color = None
        plot.grid.grid_line_color = line
        for axis in plot.axis:
            axis.axis_label_text_color = axis.major_label_text_color = ink
            axis.axis_line_color = axis.major_tick_line_color = ink
            axis.minor_tick_line_color = None
            axis.axis_label_text_font_style = "normal"
            axis.axis_label_text_font_size = "14px"
            axis.major_label_text_font_size = "13px"
        if plot.title is not None:
            plot.title.text_color, plot.title.text_font_size = ink, "14px"
        if ticks_only:
            plot.y_range = Range1d(-0.6, 1.6)
            plot.yaxis.ticker = [0, 1]
            plot.yaxis.major_label_overrides = {0: "post", 1: "pre"}
            plot.ygrid.grid_line_color = None

    def _surface(self, picture: Picture) -> None:
        assert picture.surface is not None
        self.mapper = LinearColorMapper(palette=DIVERGING)
        source = ColumnDataSource()
        image = self.figure.image(
            image="image", x="x", y="y", dw="dw", dh="dh", source=source, color_mapper=self.mapper,
            name=f"{picture.name}:surface",
        )  # fmt: skip
        bar = ColorBar(
            color_mapper=self.mapper, title=picture.surface.label, background_fill_color=None, width=14,
            major_label_text_color=INK[self.dark], title_text_color=INK[self.dark], title_text_font_style="normal",
        )  # fmt: skip
        self.figure.add_layout(bar, "right")
        self.figure.add_tools(HoverTool(renderers=[image], tooltips=[("gaps", "$x, $y ms"), ("change", "@image")]))
        self.figure.grid.grid_line_color = None
        self.sources.append(source)

    def _family(self, picture: Picture, family: Family) -> None:
        self.mapper = (LogColorMapper if family.log else LinearColorMapper)(palette=RAMP[self.dark])
        colour, glyphs = {"field": "value", "transform": self.mapper}, []
        for forms in family.curves:
            source, name = ColumnDataSource(data=columns_of(forms, family.values)), forms[0].name
            self.of_family.append(source)
            if any(each.kind == POINTS for each in forms):
                glyph = self.figure.scatter(
                    "x", "y", source=source, size=5, color=colour, name=f"{picture.name}:{name}:family"
                )
            else:
                glyph = self.figure.multi_line(
                    "x", "y", source=source, line_width=1.3, line_color=colour, line_dash=self._pattern(picture, name),
                    name=f"{picture.name}:{name}:family",
                )  # fmt: skip
            glyphs.append(glyph)
        bar = ColorBar(
            color_mapper=self.mapper, title=family.label, background_fill_color=None, width=14,
            major_label_text_color=INK[self.dark], title_text_color=INK[self.dark], title_text_font_style="normal",
            bar_line_color=None, major_tick_line_color=INK[self.dark],
        )  # fmt: skip
        self.figure.add_layout(bar, "right")
        self.figure.add_tools(HoverTool(renderers=glyphs, tooltips=[(family.label, "@value")]))

    def _pattern(self, picture: Picture, name: str) -> str:
        """The pattern of a curve among those that are lines."""
        names = [each.name for each in picture.curves if not each.name.startswith(PINNED) and each.kind != POINTS]
        return PATTERNS[names.index(name) % len(PATTERNS)] if name in names else "solid"

    def _curves(self, picture: Picture, ticks_only: bool) -> None:
        items = []
        hovered = []
        for k, curve in enumerate(picture.curves):
            source = ColumnDataSource(data=columns(curve))
            self.sources.append(source)
            glyph = self._glyph(picture, curve, source, self._colour(picture, k))
            items.append(LegendItem(label=curve.name, renderers=[glyph]))
            if curve.kind not in (TICKS, RASTER):
                hovered.append(glyph)
        if len(items) > 1 and not ticks_only:
            legend = Legend(
                items=items, orientation="horizontal", background_fill_color=None, border_line_color=None, padding=0,
                margin=2, spacing=12, label_text_color=INK[self.dark], label_text_font_size="13px", ncols=6,
                click_policy="hide",
            )  # fmt: skip
            legend.location = "top_left"
            self.figure.add_layout(legend, "above")
        if hovered:
            self.figure.add_tools(HoverTool(renderers=hovered, tooltips=[(picture.x, "@x"), (picture.y or "y", "@y")]))

    def _colour(self, picture: Picture, k: int) -> str:
        """A theory has no colour of its own, what was pinned is grey; before a family all is in ink."""
        curves = picture.curves
        if curves[k].name.startswith(PINNED):
            return GREY if not self.dark else "#9aa0a6"
        if picture.family is not None:
            return INK[self.dark]
        present = [each for each in curves if not each.name.startswith(PINNED)]
        if curves[k].kind == DASHES and sum(each.kind == DASHES for each in present) == 1:
            return INK[self.dark]
        palette = COLOURS[self.dark]
        return palette[sum(not each.name.startswith(PINNED) for each in curves[:k]) % len(palette)]

    def _glyph(self, picture: Picture, curve: Curve, source: ColumnDataSource, colour: str) -> Any:
        name = f"{picture.name}:{curve.name}"
        if curve.kind == TICKS:
            return self.figure.scatter("x", "y", source=source, marker="dash", angle=np.pi / 2, size=26, line_width=2,
                                       color=colour, name=name)  # fmt: skip
        if curve.kind == RASTER:
            return raster.add_raster(self.figure, source, colour, name)
        if curve.kind == POINTS:
            if curve.error is not None:
                self._whiskers(source, colour)
            return self.figure.scatter("x", "y", source=source, size=8, color=colour, name=name)
        if curve.error is not None:
            self._whiskers(source, colour)
        dash = "dashed" if curve.kind == DASHES else "solid"
        if picture.family is not None:
            dash = self._pattern(picture, curve.name.removeprefix(PINNED))
        return self.figure.line("x", "y", source=source, line_width=2, color=colour, line_dash=dash, name=name)

    def _whiskers(self, source: ColumnDataSource, colour: str) -> None:
        whisker = Whisker(base="x", upper="upper", lower="lower", source=source, line_color=colour)
        for head in (whisker.upper_head, whisker.lower_head):
            head.size, head.line_color = 6, colour
        self.figure.add_layout(whisker)


def columns(curve: Curve) -> dict[str, np.ndarray]:
    """The data source of a curve."""
    if curve.kind == RASTER:
        return {"x": np.asarray(curve.x, float), "y": np.asarray(curve.y, np.int32)}
    found = {"x": np.asarray(curve.x, float), "y": np.asarray(curve.y, float)}
    if curve.error is not None:
        found |= {"upper": found["y"] + curve.error, "lower": found["y"] - curve.error}
    return found


def columns_of(forms: Sequence[Curve], values: np.ndarray) -> dict[str, Any]:
    """The data source of all forms of a curve: a row for each line, or for each point."""
    x, y = ([np.asarray(getattr(each, side), float) for each in forms] for side in ("x", "y"))
    if any(each.kind == POINTS for each in forms):
        return {"x": np.concatenate(x), "y": np.concatenate(y), "value": np.repeat(values, [each.size for each in x])}
    return {"x": x, "y": y, "value": values}


def shape_of(picture: Picture) -> Any:
    """What must be equal for a figure to be moved along instead of being made anew."""
    curves = tuple((each.name, each.kind, each.error is None) for each in picture.curves)
    family = picture.family and (
        picture.family.label,
        picture.family.log,
        [each[0].name for each in picture.family.curves],
    )
    return picture.name, picture.x, picture.y, picture.title, picture.log_x, picture.surface is None, curves, family


def side_by_side(now: Sequence[Picture], pinned: Sequence[Picture]) -> list[Picture]:
    """The present pictures with the curves of the kept setting behind them; kept surfaces stand beside."""
    kept = {picture.name: picture for picture in pinned}
    found: list[Picture] = []
    for picture in now:
        other = kept.get(picture.name)
        if other is None:
            found.append(picture)
        elif picture.surface is not None:
            found += [picture, replace(other, title=f"{PINNED}{other.title}", name=f"{other.name}_kept")]
        else:
            theirs = [Curve(f"{PINNED}{each.name}", each.x, each.y, each.kind, each.error) for each in other.curves]
            note = f"{picture.note}  |  {PINNED}{other.note}" if other.note else picture.note
            found.append(replace(picture, curves=[*theirs, *picture.curves], note=note))
    return found
