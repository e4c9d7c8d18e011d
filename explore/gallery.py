"""The pictures of a page: moved along while their shape stays, made anew when it changes, each with its note."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import panel as pn

from .draw import Drawn, shape_of
from .pictures import Picture
from .widgets import WIDE, html


class Gallery:
    """Pictures with their notes, below or beside each other.

    Parameters
    ----------
    on_click : callable
        Called with the place of a click in a picture that can be edited, in the units of the picture.

    Attributes
    ----------
    layout : panel.Column
    drawn : list of Drawn
    """

    def __init__(self, on_click: Callable[..., None]) -> None:
        self.on_click, self.layout = on_click, pn.Column(**WIDE)
        self.drawn: list[Drawn] = []
        self.notes: list[Any] = []

    def show(self, pictures: Sequence[Picture], *, dark: bool, beside: bool) -> None:
        """Show pictures on dark or light ground; `beside` each other where there is room for that."""
        if [(shape_of(each), dark) for each in pictures] != [(drawn.shape, drawn.dark) for drawn in self.drawn]:
            self._draw_anew(pictures, dark, beside or any(each.surface is not None for each in pictures))
        else:
            for drawn, picture in zip(self.drawn, pictures, strict=True):
                drawn.update(picture)
        for note, picture in zip(self.notes, pictures, strict=True):
            words = " ".join(filter(None, (picture.note, picture.edits)))
            note.object = f"<p class='note'>{escape(words)}</p>" if words else ""

    def _draw_anew(self, pictures: Sequence[Picture], dark: bool, beside: bool) -> None:
        ranges: dict[str, Any] = {}
        self.drawn = [Drawn(each, dark=dark, on_click=self.on_click, ranges=ranges) for each in pictures]
        self.notes = [html(margin=(0, 10)) for _ in pictures]
        styles = {"flex": "1 1 400px"} if beside else {}
        cards = [
            pn.Column(pn.pane.Bokeh(drawn.figure, **WIDE), note, min_width=320, max_width=1100, styles=styles, **WIDE)
            for drawn, note in zip(self.drawn, self.notes, strict=True)
        ]
        self.layout[:] = [pn.FlexBox(*cards, **WIDE)] if beside else cards
