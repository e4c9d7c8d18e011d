"""The code that makes what is shown: which kind of it, the text, and a button that copies it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import panel as pn

from . import family
from .settings import Setting
from .widgets import WIDGET, html

NOTHING, PYTHON, SCRIPT = "no code", "Python", "Brian2 script"
LONGEST = 200_000  # characters


class Listing:
    """A list of kinds of code, and the text of the one that is chosen.

    Parameters
    ----------
    kinds : sequence of str
    button : dict
        The look of a button.

    Attributes
    ----------
    layout : tuple
        What is placed on the page, from top to bottom.
    """

    def __init__(self, kinds: Sequence[str], button: dict[str, Any]) -> None:
        self.chosen = pn.widgets.RadioButtonGroup(
            name="Code", options=[NOTHING, *kinds], button_type="default", stylesheets=[WIDGET]
        )  # fmt: skip
        self.copy = pn.widgets.Button(name="Copy", visible=False, **button)
        self.text = html(visible=False)
        self.copy.js_on_click(
            args={"pane": self.text},
            code="const text = (html) => new DOMParser().parseFromString(html, 'text/html').body.textContent; "
            "navigator.clipboard.writeText(text(text(pane.text)).trim())",
        )
        self.layout = (pn.Row(self.chosen, self.copy), self.text)

    def show(self, written: Callable[[str], str]) -> None:
        """Show what a function writes of the chosen kind."""
        kind = str(self.chosen.value)
        text = "" if kind == NOTHING else written(kind)
        found = f"<pre tabindex='0'>{escape(text)}</pre>" if text else ""
        if found != self.text.object:
            self.text.object = found
        self.text.visible = self.copy.visible = bool(text)


def code_of(setting: Setting, kind: str) -> str:
    """The code of a kind for a view; of one that is longer than a page should show, what writes it."""
    view, shown = setting.view, setting.shown
    if kind == PYTHON:
        text = view.python(shown) + (family.python(setting) if setting.over else "")
    else:
        text = view.brian2_script(shown) or "# There is no script for this view.\n"
    if len(text) <= LONGEST:
        return text
    return (
        f"# This script has {len(text)} characters, more than a page should show. It is written by:\n\n"
        f"{view.python(shown)}print(view.brian2_script(rule))\n"
    )
