"""The page of the figures: claims, provenance, the picture, and drawing it at its small size."""

from __future__ import annotations

from functools import cache
from html import escape
from typing import Any

import panel as pn

from brian2learn.core.discovery import files, load
from brian2learn.core.errors import Brian2LearnError
from brian2learn.figures._board import FIGURES, Board, board_of, section

from .board import UNREADABLE
from .describe import sources
from .drawing import DONE, FAILED, RUNNING, Desk, Drawing
from .widgets import WIDE, WIDGET, html, in_order

OFTEN = 500  # ms between looks at a drawing
BOARD = "board/"  # from this page
LOOK = ".board section { margin: 0 0 1.5rem } .board h2 { font-size: 22px; color: var(--ink); margin: 0 }"


@cache
def titles() -> dict[str, str]:
    """File name of every figure by its title."""
    found: dict[str, str] = {}
    for name in files(FIGURES):
        try:
            found[load(name, FIGURES).title] = name
        except Brian2LearnError:  # a broken file of a user breaks itself only
            continue
    return found


class FigurePage:
    """One reader's page of figures.

    Parameters
    ----------
    desk : Desk
        Where figures are drawn; its results are shown.
    name : str
        The figure that is shown first.
    dark : bool
        Whether the ground is dark.
    location : panel.io.location.Location
        The address of the page, which follows the figure.
    """

    def __init__(self, desk: Desk, name: str, *, dark: bool, location: Any) -> None:
        self.desk, self.dark, self.location = desk, dark, location
        self.document = pn.state.curdoc
        self.drawing: Drawing | None = None
        self.asked: list[Drawing] = []
        self.looking: Any = None
        button: dict[str, Any] = {"button_type": "default", "height": 34, "margin": (5, 6), "stylesheets": [WIDGET]}
        self.figure = pn.widgets.Select(
            name="Figure", options=titles(), value=name, stylesheets=[WIDGET], **WIDE, max_width=900
        )  # fmt: skip
        self.draw_button = pn.widgets.Button(name="Draw at small size", **button)
        self.stop_button = pn.widgets.Button(name="Stop", visible=False, **button)
        self.ground = pn.widgets.Toggle(name="Dark", value=dark, **button)
        self.status, self.sources = html(visible=False), html()
        self.body = html(margin=(0, 10))
        self.body.stylesheets = [*self.body.stylesheets, LOOK]
        self.layout = pn.Column(
            self.figure, pn.FlexBox(self.draw_button, self.stop_button, self.ground, **WIDE), self.status, self.body,
            self.sources,
            styles={"padding": "12px 18px", "max-width": "1100px", "margin": "0 auto"}, min_height=700, **WIDE,
        )  # fmt: skip
        self.figure.param.watch(lambda _: self.show(), "value")
        self.draw_button.on_click(lambda _: self.draw())
        self.stop_button.on_click(lambda _: self.stop())
        self.ground.param.watch(lambda event: self._change_ground(event.new), "value")
        self.ground.jscallback(value="document.documentElement.dataset.theme = cb_obj.active ? 'dark' : 'light'")
        self.show()

    @property
    def name(self) -> str:
        """The figure that is shown."""
        return str(self.figure.value)

    def show(self) -> None:
        """Show the chosen figure, and how far its drawing is if it is being drawn."""
        if self.name not in titles().values():
            return
        self.drawing = next((each for each in self.desk.drawings if each.name == self.name), None)
        self._draw_body()
        self.sources.object = sources([load(self.name, FIGURES)()])
        self._follow()

    def draw(self) -> None:
        """Have it drawn."""
        try:
            self.drawing = self.desk.ask(self.name)
        except Brian2LearnError as problem:
            self.say(str(problem))
            return
        self.asked.append(self.drawing)
        self._follow()

    def stop(self) -> None:
        """Give up what was asked for here."""
        if self.drawing in self.asked:
            self.desk.stop(self.drawing)
            self._follow()

    def say(self, problem: str) -> None:
        """Show what went wrong."""
        self._say(_trouble(problem))

    def _say(self, text: str) -> None:
        self.status.object, self.status.visible = text, bool(text)

    def _follow(self) -> None:
        """Say how far the drawing is, and go on looking until it has ended."""
        drawing = self.drawing
        going = drawing is not None and not drawing.ended
        if drawing is not None and drawing.state == DONE:
            self._draw_body()
        self._say(self._said())
        self.draw_button.disabled = going
        self.stop_button.visible = going and drawing in self.asked
        if going and self.looking is None:
            self.looking = self.document.add_periodic_callback(self._look, OFTEN)
        elif not going and self.looking is not None:
            self.document.remove_periodic_callback(self.looking)
            self.looking = None

    def _look(self) -> None:
        with in_order(self.document):
            self._follow()

    def _said(self) -> str:
        drawing = self.drawing
        if drawing is None:
            return ""
        if drawing.state == DONE:
            return _note("Drawn at small size. It proves that everything runs; nothing is judged.")
        if drawing.stopped:
            return _note("Stopped; records that were finished are in the store.")
        if drawing.state == FAILED:
            return _trouble(f"It could not be drawn.\n{drawing.said.strip()}")
        if drawing.state == RUNNING:
            last = drawing.said.strip().rpartition("\n")[2][-200:]
            return _note(f"Drawing at small size, {drawing.seconds:.0f} s. {last}")
        return _note(f"Waiting: one figure is drawn at a time, and {self.desk.before(drawing)} asked for earlier.")

    def _draw_body(self) -> None:
        try:
            found = board_of(self.desk.results)
        except UNREADABLE as problem:
            self.say(f"{self.desk.results}: {problem}")
            return
        mine = Board(*([each for each in part if each["name"] == self.name] for part in found))
        self.body.object = (
            f"<div class='{'dark' if self.dark else 'light'}'><div class='board'>{section(mine, BOARD)}</div></div>"
        )
        self.location.search = f"?show={self.name}{'&ground=dark' if self.dark else ''}"

    def _change_ground(self, dark: bool) -> None:
        self.dark = dark
        self._draw_body()


def _note(text: str) -> str:
    return f"<p class='note' role='status'>{escape(text)}</p>"


def _trouble(text: str) -> str:
    return f"<div class='error' role='alert' style='white-space: pre-wrap'>{escape(text)}</div>"
