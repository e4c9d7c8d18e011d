"""The page of one session: what is shown, its sliders, its pictures, its equations and its code."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from html import escape
from typing import Any

import pandas as pd
import panel as pn

from brian2learn.core.declaration import plain
from brian2learn.core.discovery import load
from brian2learn.plasticity._rule import Plasticity

from . import family, formulas, paper
from .describe import explorable, heading
from .draw import side_by_side
from .family import TROUBLE
from .gallery import Gallery
from .history import History
from .listing import PYTHON, SCRIPT, Listing, code_of
from .pictures import Picture
from .scene import watchable
from .settings import (
    Setting,
    added,
    axes,
    carried,
    changed,
    compared,
    fields_of,
    fresh,
    names_of,
    parts_of,
    usual,
    values_of,
)  # fmt: skip
from .values import Values
from .views._view import views_of
from .widgets import GROUND, WIDE, WIDGET, html, in_order

SOON = 10  # ms; what comes within this time is drawn at once
PAUSE = 25  # ms; for so long what takes its time leaves the page to the reader
NOTHING = (-1, "")
SIDE = {
    "padding": "10px 12px", "background": "var(--panel)", "border-right": "1px solid var(--edge)", "height": "100vh",
    "position": "sticky", "top": "0", "box-sizing": "border-box",
}  # fmt: skip


class Explorer(Values):
    """One reader's page.

    Parameters
    ----------
    setting : Setting
        What is shown first.
    dark : bool
        Whether the ground is dark.
    location : panel.io.location.Location, optional
        The address of the page, which follows the setting; a cell of a notebook has none.
    """

    kinds_of_code: tuple[str, ...] = (PYTHON, SCRIPT)

    def __init__(self, setting: Setting, *, dark: bool = False, location: Any = None) -> None:
        self.history, self.dark, self.location = History(setting), dark, location
        self.following = False  # while widgets follow the setting instead of leading it
        self.waiting = False
        self.gallery = Gallery(self.click)
        self.follow = {}
        self.document = pn.state.curdoc
        served = self.document is not None and self.document.session_context is not None
        self.comparison = family.Comparison(self.draw, self._later if served else None)
        self._make_widgets()
        self._wire()
        self._rebuild()
        self.draw()

    @property
    def setting(self) -> Setting:
        """What is shown now."""
        return self.history.now

    # ------------------------------------------------------------------ changes

    def attempt(self, make: Callable[[], Setting], what: str = "", *, soon: bool = False) -> None:
        """Go to the setting that a function makes, or say why it cannot be made.

        Parameters
        ----------
        what : str
            The value that is moved, if it is one.
        soon : bool
            Whether moves may follow each other fast; then a setting is drawn a little later, with all that came since.
        """
        try:
            setting = make()
            if not soon:
                self._try(setting)
        except TROUBLE as problem:
            self.say(str(problem))
            self._follow()
            return
        self.say("")
        if setting != self.setting:
            before = self.setting
            self.history.go(setting, what)
            self._changed(before)

    def _try(self, setting: Setting) -> None:
        """Raise what stands against a setting."""
        setting.view.pictures(setting.shown)

    def change(self, of_view: bool, values: dict[str, Any], *, soon: bool = False) -> None:
        """Change some values of the declaration or of the view."""

        def make() -> Setting:
            return self.setting.change_view(values) if of_view else self.setting.change(values)

        self.attempt(make, ",".join(values), soon=soon)

    def undo(self) -> None:
        """Go back by one change."""
        before = self.setting
        if self.history.undo():
            self._changed(before)

    def redo(self) -> None:
        """Take the last `undo` back."""
        before = self.setting
        if self.history.redo():
            self._changed(before)

    def _changed(self, before: Setting) -> None:
        if before.form != self.setting.form:
            self._rebuild()
        self._follow()
        self._draw_soon()

    def say(self, problem: str) -> None:
        """Show what went wrong, or nothing."""
        text = f"<div class='error' role='alert'>{escape(problem)}</div>" if problem else ""
        if text != self.problem.object:
            self.problem.object, self.problem.visible = text, bool(text)

    # ------------------------------------------------------------------ the parts of the page

    def _make_widgets(self) -> None:
        look: dict[str, Any] = {"stylesheets": [WIDGET]}
        button: dict[str, Any] = {"button_type": "default", "height": 34, "margin": (5, 6), **look}
        self.problem, self.head, self.equations = html(visible=False), html(), html()
        self.controls, self.view_controls = pn.Column(**WIDE), pn.Column(**WIDE)
        circuits = {} if self.location is None else {"Circuit": watchable()}
        groups = {f"{kind}s": names for kind, names in {**circuits, **explorable()}.items()}
        self.declaration = pn.widgets.Select(name="Declaration", groups=groups, **WIDE, **look)
        self.plus = pn.widgets.MultiChoice(name="plus mechanisms", solid=False, max_items=7, **WIDE, **look)
        self.preset = pn.widgets.Select(name="Published values", options={"choose …": NOTHING}, **WIDE, **look)
        self.views = pn.widgets.RadioButtonGroup(name="View", options=["…"], button_type="default", **look)
        self.over = pn.widgets.Select(name="Compare over a slider", options={"nothing": ""}, **WIDE, **look)
        self.undo_button = pn.widgets.Button(name="Undo", **button)
        self.redo_button = pn.widgets.Button(name="Redo", **button)
        self.reset_button = pn.widgets.Button(name="Defaults", **button)
        self.keep_button = pn.widgets.Button(name="Keep as A", **button)
        self.ground = pn.widgets.Toggle(name="Dark", value=self.dark, **button)
        self.numbers = pn.widgets.Checkbox(name="numbers in the equations", **look)
        self.code = Listing(self.kinds_of_code, button)
        self.link = pn.widgets.Button(name="Copy link", **button)
        self.files = [
            pn.widgets.FileDownload(
                callback=made, filename=f"brian2learn.{kind}", label=label, disabled=True, **button
            )
            for made, kind, label in ((self._data, "csv", "Data (CSV)"), (self._paper, "pdf", "Picture (PDF)"))
        ]  # fmt: skip
        alone = self.location is not None
        self.link.visible = self.ground.visible = alone
        side = pn.Column(
            self.declaration, self.plus, self.preset, self.controls, html("<h2>How it is looked at</h2>"),
            self.over, self.view_controls, width=320, styles=SIDE if alone else {"padding": "0 12px 0 0"}, scroll=alone,
        )  # fmt: skip
        buttons = (self.undo_button, self.redo_button, self.reset_button, self.keep_button, self.link, *self.files)
        title = html("<h2>Equations</h2>", sizing_mode=None, margin=(0, 10))
        self.of_equations = pn.FlexBox(title, self.numbers, align_items="baseline")
        main = pn.Column(
            pn.FlexBox(*buttons, self.ground, **WIDE), self.problem, self.head, self.views, self.gallery.layout,
            self.of_equations, self.equations,
            *self.code.layout, styles={"padding": "12px 18px", "min-width": "0"}, **WIDE,
        )  # fmt: skip
        colours = {} if alone else {**GROUND[self.dark], "background": "var(--ground)", "color": "var(--ink)"}
        self.layout = pn.Row(side, main, min_height=700, styles=colours, **WIDE)

    def _wire(self) -> None:
        self._watch(self.declaration, self._choose)
        self._watch(self.plus, self._add)
        self._watch(self.preset, self._take_preset)
        self._watch(self.views, lambda view: self.attempt(lambda: self._usual(self.setting.shown, view)))
        self._watch(self.over, lambda name: self.attempt(lambda: compared(self.setting, str(name or ""))))
        self._watch(self.numbers, lambda _: self._draw_equations())
        self._watch(self.code.chosen, lambda _: self._draw_code())
        self._watch(self.ground, self._change_ground)
        self.undo_button.on_click(lambda _: self.undo())
        self.redo_button.on_click(lambda _: self.redo())
        self.reset_button.on_click(lambda _: self.attempt(self._defaults))
        self.keep_button.on_click(lambda _: self._keep())
        self.link.js_on_click(code="navigator.clipboard.writeText(window.location.href)")
        self.ground.jscallback(value="document.documentElement.dataset.theme = cb_obj.active ? 'dark' : 'light'")

    def _rebuild(self) -> None:
        """Make the widgets of another declaration or another view."""
        shown, view = self.setting.shown, self.setting.view
        names = names_of(shown)
        self.following = True
        try:
            self.declaration.value = names[0]
            self.plus.visible = isinstance(shown, Plasticity) and bool(shown.terms)
            rules = explorable().get("Rule", {})
            self.plus.param.update(
                options={cls: name for cls, name in rules.items() if name != names[0]}, value=list(names[1:])
            )
            presets = {
                preset if len(names) == 1 else f"{type(part).__name__}: {preset}": (k, preset)
                for k, part in enumerate(parts_of(shown))
                for preset in part.presets
            }
            self.preset.param.update(options={"choose …": NOTHING, **presets}, value=NOTHING, visible=bool(presets))
            self.views.param.update(options={each.title: each for each in views_of(shown)}, value=type(view))
            meanings = {f"{name}: {field.meaning}"[:90]: name for name, (_, field) in axes(self.setting).items()}
            self.over.param.update(options={"nothing": "", **meanings}, value=self.setting.over)
            self.follow = {}
            self.controls[:] = self._widgets(False, shown, list(fields_of(shown)))
            self.view_controls[:] = self._widgets(True, view, list(view.controls(shown)))
        finally:
            self.following = False
        self.head.object = heading(shown)

    # ------------------------------------------------------------------ what is done at a click

    def _choose(self, name: str) -> None:
        if name in watchable().values():
            self.leave(name)
        else:
            self.attempt(lambda: usual(fresh([name])))

    def leave(self, name: str) -> None:
        """Go to the page of another declaration, which is one of its own."""
        if self.location is not None:
            self.location.param.update(search=f"?show={name}{'&ground=dark' if self.dark else ''}", reload=True)

    def _defaults(self) -> Setting:
        return usual(fresh(names_of(self.setting.shown)), type(self.setting.view))

    def _add(self, names: list[str]) -> None:
        present = dict(zip(names_of(self.setting.shown), parts_of(self.setting.shown), strict=True))

        def make() -> Setting:
            shown: Any = present[names_of(self.setting.shown)[0]]
            for name in names:
                shown = shown + present[name] if name in present else added(shown, load(name, "plasticity"))
            return self._usual(shown)

        self.attempt(make)
        self.following = True  # what could not be added is not left in the list
        self.plus.value = list(names_of(self.setting.shown)[1:])
        self.following = False

    def _take_preset(self, choice: tuple[int, str]) -> None:
        if choice == NOTHING:
            return
        part = parts_of(self.setting.shown)[choice[0]]
        values = {
            name: value if isinstance(value, str) else plain(value)
            for name, value in type(part).preset(choice[1]).values.items()
        }
        self.attempt(lambda: self._usual(changed(self.setting.shown, values)))
        self._rebuild()  # so that sliders reach the new values
        self._draw_soon()

    def _usual(self, shown: Any, view: Any = None) -> Setting:
        """Another declaration or view, compared over the same parameter if it has that."""
        return carried(usual(shown, view or type(self.setting.view)), self.setting.over)

    def _keep(self) -> None:
        self.history.kept = self.setting if self.history.kept is None else None
        self.keep_button.name = "Keep as A" if self.history.kept is None else "Forget A"
        self._draw_soon()

    def _change_ground(self, dark: bool) -> None:
        self.dark = dark
        self._draw_soon()

    def click(self, x: float, y: float) -> None:
        """Add a spike where the reader clicks on the trains, or take one away."""
        view = self.setting.view
        if not {"pre", "post", "t_stop"} <= {*view.fields}:
            return
        end = float(view.values["t_stop"])
        at = float(x) * (1e-3 if end < 2 else 1.0)
        if not 0 <= at < end:
            return
        side = "pre" if y > 0.5 else "post"
        times = view.values[side]
        near = [each for each in times if abs(each - at) < 0.01 * end]
        kept = tuple(each for each in times if each not in near) if near else (*times, round(at, 4))
        self.change(True, {side: kept})

    def _data(self) -> io.StringIO:
        tables = [
            picture.table().rename(columns={picture.x: "x", picture.y: "y"}).assign(
                picture=picture.name, x_label=picture.x, y_label=picture.y
            )
            for picture in self._pictures(whole=True)
        ]  # fmt: skip
        return io.StringIO(f"# {self.setting.address}\n" + pd.concat(tables, ignore_index=True).to_csv(index=False))

    def _paper(self) -> io.BytesIO:
        return io.BytesIO(paper.saved(self._pictures(whole=True), "pdf"))

    # ------------------------------------------------------------------ drawing

    def _follow(self) -> None:
        """Let the widgets show the values of the setting."""
        self.following = True
        try:
            for of_view, declaration in ((False, self.setting.shown), (True, self.setting.view)):
                for name, value in values_of(declaration).items():
                    if (of_view, name) in self.follow:
                        self.follow[of_view, name](value)
            self.over.value = self.setting.over
        finally:
            self.following = False

    def _draw_soon(self) -> None:
        """Draw once for all that arrives within a moment, and with the lock that Bokeh wants for its models."""
        if self.document is None or self.document.session_context is None:
            self.draw()
        elif not self.waiting:
            self.waiting = True
            self.document.add_timeout_callback(self._draw_now, SOON)

    def _later(self, act: Callable[[], None]) -> None:
        """Call after a pause, but never before the browser has the page: it would miss new models."""
        pn.state.onload(partial(self.document.add_timeout_callback, act, PAUSE))

    def _draw_now(self) -> None:
        self.waiting = False
        self.draw()

    def _pictures(self, *, whole: bool = False) -> list[Picture]:
        """The present pictures with what they are compared to; with `whole`, all of it whatever time that takes."""
        found, kept = list(self.setting.view.pictures(self.setting.shown)), self.history.kept
        if kept is not None and type(kept.view) is type(self.setting.view):
            found = side_by_side(found, kept.view.pictures(kept.shown))
        return self.comparison.behind(self.setting, found, whole=whole)

    def draw(self) -> None:
        """Show pictures, equations, code and address of the setting."""
        with in_order(self.document):
            self._draw_all()

    def _draw_all(self) -> None:
        try:
            pictures = self._pictures()
        except TROUBLE as problem:
            self.say(str(problem))
            self._can_be_taken(False)
            return
        self._show(pictures)
        self._can_be_taken(True)
        self._draw_code()
        self._tell_place()

    def _show(self, pictures: list[Picture]) -> None:
        self.gallery.show(pictures, dark=self.dark, beside=type(self.setting.view).side_by_side)
        self._draw_equations()

    def _can_be_taken(self, whole: bool) -> None:
        """Data and picture can be taken along while what is seen is all of what the address says."""
        for each in self.files:
            each.disabled = not whole

    def _tell_place(self) -> None:
        """Let address and buttons follow."""
        self.undo_button.disabled, self.redo_button.disabled = not self.history.past, not self.history.future
        if self.location is not None:
            self.location.search = f"?{self.setting.address}{'&ground=dark' if self.dark else ''}"

    def _draw_equations(self) -> None:
        text = formulas.html_of(self.setting.shown, with_values=self.numbers.value)
        if text != self.equations.object:
            self.equations.object = text

    def _draw_code(self) -> None:
        self.code.show(partial(code_of, self.setting))
