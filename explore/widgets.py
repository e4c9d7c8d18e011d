"""Sliders, boxes and lists of the page, made from declared fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import panel as pn
from bokeh.models import CustomJSTickFormatter

from brian2learn.core.declaration import Choice
from brian2learn.figures._style import BLUE

from . import formulas
from .controls import Slider
from .views._view import Times

CSS = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
"""Of headings, notes, equations and code."""
WIDGET = Path(__file__).with_name("widgets.css").read_text(encoding="utf-8")
UNTITLED = WIDGET + ".bk-slider-title { position: absolute; clip-path: inset(50%); width: 1px; height: 1px }"
WIDE: dict[str, Any] = {"sizing_mode": "stretch_width"}

GROUND = {
    False: {"--ground": "#ffffff", "--ink": "#1c1c1c", "--soft": "#5b5b5b", "--edge": "#d5d9de", "--panel": "#f6f7f9",
            "--accent": "#0072b2"},
    True: {"--ground": "#15181c", "--ink": "#e6e6e6", "--soft": "#a3abb3", "--edge": "#3a3f45", "--panel": "#1d2126",
           "--accent": "#56b4e9"},
}  # fmt: skip
"""Colours of the page by name, on light and on dark ground."""

Act = Callable[[Any], None]
Made = tuple[Any, Act]
"""What is placed on the page, and what lets it show another value, in SI units."""


@contextmanager
def in_order(document: Any) -> Iterator[None]:
    """Let all changes within reach the browser in the order in which they are made, none waiting for a next one.

    Panel sends its changes past those that Bokeh makes to its own models: where the line is busy, numbers for a new
    figure came before the figure ("reference … isn't known" in the console), and its queue for a busy line can forget
    to go on. What is held here is sent by Bokeh alone. Only where a callback of the document has its lock: what Panel
    calls at a click has not.
    """
    if document is None or document.session_context is None or document.callbacks.hold_value:
        yield
        return
    document.hold()
    try:
        yield
    finally:
        document.unhold()


def html(text: str = "", **more: Any) -> Any:
    """A piece of text."""
    return pn.pane.HTML(text, stylesheets=[CSS], **{**WIDE, **more})


def slider_row(
    slider: Slider, value: Any, watch: Callable[[Any, Act], None], move: Act, typed: Act, mark: str = ""
) -> Made:  # fmt: skip
    """A slider with its symbol and meaning, and a box in which any allowed number can be typed.

    Parameters
    ----------
    slider : Slider
    value : float or Quantity
        Where it stands at first.
    watch : callable
        Lets a widget call a function when the reader changes it.
    move, typed : callable
        Called with a value in SI units, and with typed text.
    mark : str
        Stands behind the meaning.
    """
    source = f"; {slider.source}" if slider.source else ""
    title = escape(f"{slider.name}: {slider.meaning}; {slider.bounds}{source}", quote=True)
    symbol, meaning = formulas.mathml(formulas.symbol(slider.name)), escape(f"{slider.meaning} {mark}".strip())
    label = html(
        f"<div class='label' title='{title}'>{symbol}<span class='meaning'>{meaning}</span></div>",
        margin=(2, 8, 0, 8),
    )
    low, high = slider.ends
    unit = f" {slider.unit}" if slider.unit else ""
    shown = "Number((10**tick).toPrecision(3))" if slider.log else "Number(tick.toPrecision(4))"
    bar = pn.widgets.FloatSlider(
        name=f"{slider.name} ({slider.meaning})", start=low, end=high, step=slider.step,
        value=min(max(slider.place(value), low), high), show_value=False, tooltips=True, margin=(8, 10, 2, 12),
        bar_color=BLUE,
        format=CustomJSTickFormatter(code=f"return {shown} + '{unit}'"), stylesheets=[UNTITLED], **WIDE,
    )  # fmt: skip
    box = pn.widgets.TextInput(
        value=_typed(slider.shown(value)), width=84, margin=(0, 4, 0, 0), max_length=30, placeholder="number",
        stylesheets=[WIDGET],
    )  # fmt: skip
    behind = html(f"<small>{escape(slider.unit)}</small>", sizing_mode=None, width=36, margin=(6, 0, 0, 0))
    watch(bar, lambda place: move(slider.value(place)))
    watch(box, typed)

    def follow(value: Any) -> None:
        place = min(max(slider.place(value), low), high)
        if abs(float(bar.value or 0) - place) > slider.step:  # never against the hand that moves it
            bar.value = place
        box.value = _typed(slider.shown(value))

    return pn.Column(label, pn.Row(bar, box, behind, **WIDE), margin=0, **WIDE), follow


def choice_list(name: str, field: Choice, options: Sequence[str], value: str, watch: Any, chosen: Act) -> Made:
    """A list of options with their meanings."""
    words = {f"{option}: {field.options[option]}"[:90]: option for option in options}
    widget = pn.widgets.Select(
        name=f"{name}: {field.meaning}", options=words, value=value, stylesheets=[WIDGET], **WIDE
    )  # fmt: skip
    watch(widget, chosen)
    return widget, lambda value: setattr(widget, "value", value)


def times_box(field: Times, value: tuple[float, ...], watch: Any, typed: Act) -> Made:
    """A box for spike times in ms."""
    box = pn.widgets.TextInput(
        name=field.meaning.replace(", s", " (ms)"), value=_milliseconds(value), max_length=6000, stylesheets=[WIDGET],
        **WIDE,
    )  # fmt: skip
    watch(box, typed)
    return box, lambda times: setattr(box, "value", _milliseconds(times))


def _typed(value: float) -> str:
    return f"{value:.5g}"


def _milliseconds(times: tuple[float, ...]) -> str:
    return ", ".join(f"{each * 1e3:.6g}" for each in times)
