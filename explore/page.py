"""The page: what is shown, its sliders, its pictures, its equations and its code, each session with a state of its own."""

from __future__ import annotations

import inspect
import io
import time
from collections.abc import Callable
from functools import cache
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import panel as pn
from bokeh.models import CustomJSTickFormatter

from brian2learn.core.declaration import Choice, Declaration, Param
from brian2learn.core.discovery import files, load
from brian2learn.core.errors import Brian2LearnError
from brian2learn.core.references import bibliography, cite
from brian2learn.plasticity._rule import Plasticity

from . import formulas, paper
from .controls import Slider, slider_for
from .draw import Drawn, shape_of, side_by_side
from .pictures import Picture
from .settings import Setting, added, changed, fields_of, fresh, names_of, parts_of, read_address, values_of
from .views._view import Times, View, in_use, views_of

CSS = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
WIDGET = """
label, .bk-input-group { color: var(--ink); font-size: 13px }
label { white-space: normal }
.bk-input, select.bk-input, .choices__inner, .choices__list--dropdown { background-color: var(--ground); color: var(--ink);
  border-color: var(--edge) }
.bk-btn, .bk-btn-default { background-color: var(--panel); color: var(--ink); border: 1px solid var(--edge) }
.bk-btn-default:hover { background-color: var(--edge) }
.bk-btn-default.bk-active { background-color: var(--accent); color: var(--ground) }
.bk-btn:focus-visible, .bk-input:focus-visible { outline: 2px solid var(--accent) }
.noUi-target { background: var(--edge); border-color: var(--edge) }
.noUi-connect { background: var(--accent) }
.noUi-handle:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px }
"""
NO_TITLE = WIDGET + ".bk-slider-title { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden }"
TEMPLATE = Path(__file__).with_name("page.html")
FIRST = "pair_stdp"
SOON = 10  # ms; what comes within this time is drawn at once
ONE_MOVE = 1.0  # s; changes of one value that follow each other faster are undone together
N_UNDO = 200
NOTHING = (-1, "")
SIDE = {
    "padding": "10px 12px", "background": "var(--panel)", "border-right": "1px solid var(--edge)", "height": "100vh",
    "position": "sticky", "top": "0", "box-sizing": "border-box",
}  # fmt: skip


@cache
def explorable() -> dict[str, dict[str, str]]:
    """Class name and file name of every declaration there is something to see of, by kind."""
    found: dict[str, dict[str, str]] = {}
    for name in files("plasticity"):
        try:
            cls = load(name, "plasticity")
            shown = cls()
            if views_of(shown):
                found.setdefault(_kind(shown), {})[cls.__name__] = name
        except Brian2LearnError:  # a broken file of a user breaks itself only
            continue
    return found


def _kind(shown: Declaration) -> str:
    """The class of which it is one, in words."""
    bases = [base for base in type(shown).__mro__ if base.__module__.rpartition(".")[2].startswith("_")]
    return {"Holder": "Release"}.get(bases[0].__name__, bases[0].__name__) if bases else "Other"


class Explorer:
    """One reader's page.

    Parameters
    ----------
    setting : Setting
        What is shown first.
    dark : bool
        Whether the ground is dark.
    location : panel.io.location.Location, optional
        The address of the page, which follows the setting.
    """

    def __init__(self, setting: Setting, *, dark: bool = False, location: Any = None) -> None:
        self.setting, self.dark, self.location = setting, dark, location
        self.kept: Setting | None = None
        self.past: list[Setting] = []
        self.future: list[Setting] = []
        self.last_move = ("", 0.0)
        self.quiet = False  # while widgets follow the setting instead of leading it
        self.waiting = False
        self.drawn: list[Drawn] = []
        self.moved: dict[str, Callable[[Any], None]] = {}
        self._build()
        self.rebuild()

    # ------------------------------------------------------------------ changes

    def change(self, setting: Setting, what: str = "") -> None:
        """Go to another setting, which can be undone."""
        if setting == self.setting:
            return
        now = time.monotonic()
        if not (what and self.last_move[0] == what and now - self.last_move[1] < ONE_MOVE):
            self.past = [*self.past[1 - N_UNDO :], self.setting]
        self.last_move = (what, now)
        self.future = []
        self._go(setting)

    def undo(self) -> None:
        """Go back by one change."""
        if self.past:
            self.future.append(self.setting)
            self._go(self.past.pop())

    def redo(self) -> None:
        """Take the last `undo` back."""
        if self.future:
            self.past.append(self.setting)
            self._go(self.future.pop())

    def _go(self, setting: Setting) -> None:
        before, self.setting = self.setting, setting
        if _form(before) != _form(setting):
            self.rebuild()
        else:
            self._follow()
            self._draw_soon()

    def attempt(self, make: Callable[[], Setting], what: str = "") -> None:
        """Go to the setting that a function makes, or say why it cannot be made."""
        try:
            setting = make()
            setting.view.pictures(setting.shown)
        except Brian2LearnError as problem:
            self.say(str(problem))
            self._follow()
            return
        except (ArithmeticError, ValueError, MemoryError) as problem:
            self.say(f"This cannot be worked out: {problem}")
            self._follow()
            return
        self.say("")
        self.change(setting, what)

    def move(self, of_view: bool, name: str, value: Any) -> None:
        """Set one value, in SI units, as a slider does; pictures follow soon."""
        try:
            setting = (
                self.setting.change_view({name: value}) if of_view else self.setting.change({name: value})
            )  # fmt: skip
        except Brian2LearnError as problem:
            self.say(str(problem))
            self._follow()
            return
        self.say("")
        self.change(setting, name)

    def say(self, problem: str) -> None:
        """Show what went wrong, or nothing."""
        self.problem.object = f"<div class='error' role='alert'>{escape(problem)}</div>" if problem else ""
        self.problem.visible = bool(problem)

    # ------------------------------------------------------------------ parts of the page

    def _build(self) -> None:
        style: dict[str, Any] = {"stylesheets": [CSS]}
        widget: dict[str, Any] = {"stylesheets": [WIDGET]}
        self.problem = pn.pane.HTML("", sizing_mode="stretch_width", visible=False, name="problem", **style)
        self.head = pn.pane.HTML("", sizing_mode="stretch_width", **style)
        self.equations = pn.pane.HTML("", sizing_mode="stretch_width", **style)
        self.pictures = pn.Column(sizing_mode="stretch_width")
        self.notes: list[Any] = []
        self.controls = pn.Column(sizing_mode="stretch_width")
        self.view_controls = pn.Column(sizing_mode="stretch_width")
        groups = {f"{kind}s": names for kind, names in explorable().items()}
        self.choose = pn.widgets.Select(name="Declaration", groups=groups, sizing_mode="stretch_width", **widget)
        rules = {cls: name for cls, name in explorable().get("Rule", {}).items()}
        self.add = pn.widgets.MultiChoice(
            name="plus mechanisms", options=rules, solid=False, sizing_mode="stretch_width", max_items=7, **widget
        )
        self.preset = pn.widgets.Select(name="Published values", options=[""], sizing_mode="stretch_width", **widget)
        self.tabs = pn.widgets.RadioButtonGroup(name="View", options=["…"], button_type="default", **widget)
        buttons: dict[str, Any] = {"button_type": "default", "height": 34, "margin": (5, 6)} | widget
        self.undo_button = pn.widgets.Button(name="Undo", **buttons)
        self.redo_button = pn.widgets.Button(name="Redo", **buttons)
        self.reset_button = pn.widgets.Button(name="Defaults", **buttons)
        self.keep_button = pn.widgets.Button(name="Keep as A", **buttons)
        self.ground = pn.widgets.Toggle(name="Dark", value=self.dark, **buttons)
        self.numbers = pn.widgets.Checkbox(name="numbers in the equations", value=False, **widget)
        self.code_kind = pn.widgets.RadioButtonGroup(
            name="Code", options=["no code", "Python", "Brian2 script"], value="no code", button_type="default", **widget
        )
        self.code = pn.pane.HTML("", sizing_mode="stretch_width", visible=False, **style)
        self.copy = pn.widgets.Button(name="Copy", visible=False, **buttons)
        self.link = pn.widgets.Button(name="Copy link", **buttons)
        self.data_button = pn.widgets.FileDownload(
            callback=self._data, filename="brian2learn.csv", label="Data (CSV)", **buttons
        )
        self.picture_button = pn.widgets.FileDownload(
            callback=self._paper, filename="brian2learn.pdf", label="Picture (PDF)", **buttons
        )
        self._wire()
        side = pn.Column(
            self.choose, self.add, self.preset, self.controls, pn.pane.HTML("<h2>How it is looked at</h2>", **style),
            self.view_controls, width=320, styles=SIDE, scroll=True,
        )  # fmt: skip
        bar = pn.FlexBox(
            self.undo_button, self.redo_button, self.reset_button, self.keep_button, self.link, self.data_button,
            self.picture_button, self.ground, sizing_mode="stretch_width",
        )  # fmt: skip
        main = pn.Column(
            bar, self.problem, self.head, self.tabs, self.pictures,
            pn.FlexBox(pn.pane.HTML("<h2>Equations</h2>", margin=(0, 10), **style), self.numbers, align_items="baseline"),
            self.equations,
            pn.Row(self.code_kind, self.copy), self.code,
            sizing_mode="stretch_width", styles={"padding": "12px 18px", "min-width": "0"},
        )  # fmt: skip
        self.layout = pn.Row(side, main, sizing_mode="stretch_width", min_height=700, name="page")

    def _wire(self) -> None:
        def on(widget: Any, act: Callable[[Any], None], event: str = "value") -> None:
            def called(change: Any) -> None:
                if not self.quiet:
                    act(change.new)

            widget.param.watch(called, event)

        on(self.choose, lambda name: self.attempt(lambda: _usual(fresh([name]))))
        on(self.add, self._add)
        on(self.preset, self._take_preset)
        on(self.tabs, lambda view: self.attempt(lambda: Setting(self.setting.shown, view.suited(self.setting.shown))))
        on(self.numbers, lambda _: self._draw_equations())
        on(self.code_kind, lambda _: self._draw_code())
        on(self.ground, self._change_ground)
        self.undo_button.on_click(lambda _: self.undo())
        self.redo_button.on_click(lambda _: self.redo())
        self.reset_button.on_click(lambda _: self.attempt(lambda: _usual(fresh(names_of(self.setting.shown)),
                                                                         type(self.setting.view))))  # fmt: skip
        self.keep_button.on_click(lambda _: self._keep())
        self.link.js_on_click(code="navigator.clipboard.writeText(window.location.href)")
        self.copy.js_on_click(
            args={"pane": self.code},
            code="const t = document.createElement('div'); t.innerHTML = new DOMParser().parseFromString(pane.text, "
            "'text/html').documentElement.textContent; navigator.clipboard.writeText(t.textContent.trim())",
        )
        self.ground.jscallback(
            args={}, value="document.documentElement.dataset.theme = cb_obj.active ? 'dark' : 'light'"
        )

    def rebuild(self) -> None:
        """Make the widgets of another declaration or another view, then draw."""
        self.quiet = True
        try:
            shown, view = self.setting.shown, self.setting.view
            names = names_of(shown)
            self.choose.value = names[0]
            is_rule = isinstance(shown, Plasticity) and bool(shown.terms)
            self.add.visible = is_rule
            self.add.options = {
                cls: name for cls, name in explorable().get("Rule", {}).items() if name != names[0]
            }  # fmt: skip
            self.add.value = list(names[1:])
            presets = {
                f"{preset}" if len(names) == 1 else f"{type(part).__name__}: {preset}": (k, preset)
                for k, part in enumerate(parts_of(shown))
                for preset in part.presets
            }
            self.preset.options = {"choose …": NOTHING, **presets}
            self.preset.value, self.preset.visible = NOTHING, bool(presets)
            views = {each.title: each for each in views_of(shown)}
            self.tabs.options, self.tabs.value = views, type(view)
            self.moved = {}
            self.controls[:] = self._widgets(False, shown, list(fields_of(shown)))
            self.view_controls[:] = self._widgets(True, view, list(view.controls(shown)))
        finally:
            self.quiet = False
        self.head.object = _heading(shown)
        self.drawn = []
        self.draw()

    def _widgets(self, of_view: bool, declaration: Any, names: list[str]) -> list[Any]:
        fields, values = fields_of(declaration), values_of(declaration)
        found = []
        for name in (each for each in names if each in fields):
            field = fields[name]
            key = f"view.{name}" if of_view else name
            if isinstance(field, Choice):
                found.append(self._choice(of_view, key, name, field, declaration))
            elif isinstance(field, Param):
                published = [value for part in parts_of(declaration) for value in in_use(part, name)]
                found.append(self._slider(of_view, key, name, slider_for(field, values[name], published), values[name]))
            elif isinstance(field, Times):
                found.append(self._times(of_view, key, name, field))
        return found

    def _choice(self, of_view: bool, key: str, name: str, field: Choice, declaration: Any) -> Any:
        options = [
            option for option in field.options
            if all(option in part.fields[name].options for part in parts_of(declaration) if name in part.fields)
        ]  # fmt: skip
        words = {f"{option}: {field.options[option]}"[:90]: option for option in options}
        value = values_of(declaration)[name]
        widget = pn.widgets.Select(
            name=f"{name}: {field.meaning}", options=words, value=value, sizing_mode="stretch_width", stylesheets=[WIDGET]
        )
        self._watch(widget, lambda value: self.attempt(lambda: self._with(of_view, {name: value}), name))
        self.moved[key] = lambda value: setattr(widget, "value", value)
        return widget

    def _slider(self, of_view: bool, key: str, name: str, slider: Slider, value: Any) -> Any:
        title = f"{slider.meaning}; {slider.bounds}" + (f"; {slider.source}" if slider.source else "")
        label = pn.pane.HTML(
            f"<div class='label' title='{escape(title, quote=True)}'>{formulas.mathml(formulas.symbol(name))}"
            f"<span class='meaning'>{escape(slider.meaning)}</span></div>",
            stylesheets=[CSS], sizing_mode="stretch_width", margin=(2, 8, 0, 8),
        )  # fmt: skip
        low, high = slider.ends
        unit = f" {slider.unit}" if slider.unit else ""
        shown = "Number((10**tick).toPrecision(3))" if slider.log else "Number(tick.toPrecision(4))"
        bar = pn.widgets.FloatSlider(
            name=name, start=low, end=high, step=slider.step, value=min(max(slider.place(value), low), high),
            format=CustomJSTickFormatter(code=f"return {shown} + '{unit}'"), show_value=False, tooltips=True,
            sizing_mode="stretch_width", margin=(8, 10, 2, 12), stylesheets=[NO_TITLE],
        )  # fmt: skip
        box = pn.widgets.TextInput(
            value=_typed(slider.shown(value)), width=84, margin=(0, 4, 0, 0), max_length=30, placeholder="number", stylesheets=[WIDGET],
        )
        behind = pn.pane.HTML(f"<small>{escape(slider.unit)}</small>", stylesheets=[CSS], width=34, margin=(6, 0, 0, 0))
        self._watch(bar, lambda place: self.move(of_view, name, slider.value(place)))
        self._watch(box, lambda typed: self._type(of_view, name, typed, slider))

        def follow(value: Any) -> None:
            bar.value = min(max(slider.place(value), low), high)
            box.value = _typed(slider.shown(value))

        self.moved[key] = follow
        return pn.Column(label, pn.Row(bar, box, behind, sizing_mode="stretch_width"), sizing_mode="stretch_width",
                         margin=0)  # fmt: skip

    def _type(self, of_view: bool, name: str, typed: str, slider: Slider) -> None:
        try:
            value = float(typed) * slider.factor
        except ValueError:
            self.say(f"{name} ({slider.meaning}): expected a number in {slider.unit or '1'}, got {typed[:30]!r}.")
            self._follow()
            return
        self.attempt(lambda: self._with(of_view, {name: value}), name)

    def _times(self, of_view: bool, key: str, name: str, field: Times) -> Any:
        present = self.setting.view.values[name] if of_view else ()
        box = pn.widgets.TextInput(
            name=field.meaning.replace(", s", " (ms)"), value=_milliseconds(present), sizing_mode="stretch_width",
            max_length=6000, stylesheets=[WIDGET],
        )  # fmt: skip

        def act(text: str) -> None:
            try:
                times = tuple(float(word) * 1e-3 for word in text.replace(";", ",").replace(" ", ",").split(",") if word)
            except ValueError:
                self.say(f"{name}: expected numbers in ms with commas between, got {text[:60]!r}.")
                return
            self.attempt(lambda: self._with(of_view, {name: times}), name)

        self._watch(box, act)
        self.moved[key] = lambda times: setattr(box, "value", _milliseconds(times))
        return box

    def _with(self, of_view: bool, values: dict[str, Any]) -> Setting:
        return self.setting.change_view(values) if of_view else self.setting.change(values)

    def _watch(self, widget: Any, act: Callable[[Any], Any]) -> None:
        def called(event: Any) -> None:
            if not self.quiet:
                act(event.new)

        widget.param.watch(called, "value")

    # ------------------------------------------------------------------ what buttons do

    def _add(self, names: list[str]) -> None:
        first = self.choose.value

        def make() -> Setting:
            kept = {name_of: part for name_of, part in zip(names_of(self.setting.shown), parts_of(self.setting.shown),
                                                           strict=True)}  # fmt: skip
            shown: Declaration = kept.get(first, fresh([first]))
            for name in names:
                shown = shown + kept[name] if name in kept else added(shown, load(name, "plasticity"))  # type: ignore[operator]
            return _usual(shown, type(self.setting.view))

        self.attempt(make)
        self.quiet = True
        self.add.value = list(names_of(self.setting.shown)[1:])
        self.quiet = False

    def _take_preset(self, choice: tuple[int, str]) -> None:
        if choice == NOTHING:
            return
        k, name = choice
        part = parts_of(self.setting.shown)[k]
        values = {each: getattr(value, "dim", None) is not None and float(value) or value
                  for each, value in dict(type(part).preset(name).values).items()}  # fmt: skip

        def make() -> Setting:
            return _usual(changed(self.setting.shown, values), type(self.setting.view))

        self.attempt(make)
        self.rebuild()

    def _keep(self) -> None:
        self.kept = None if self.kept is not None else self.setting
        self.keep_button.name = "Forget A" if self.kept is not None else "Keep as A"
        self.draw()

    def _change_ground(self, dark: bool) -> None:
        self.dark = dark
        self.drawn = []
        self.draw()

    def click(self, x: float, y: float) -> None:
        """Add a spike where the reader clicks on the trains, or take one away."""
        view = self.setting.view
        if not {"pre", "post"} <= {*view.fields}:
            return
        end = float(view.values["t_stop"])
        at = float(x) * (1e-3 if end < 2 else 1.0)
        side = "pre" if y > 0.5 else "post"
        if not 0 <= at < end:
            return
        times = view.values[side]
        near = [each for each in times if abs(each - at) < 0.01 * end]
        kept = tuple(each for each in times if each not in near) if near else (*times, round(at, 4))
        self.attempt(lambda: self.setting.change_view({side: kept}))

    def _data(self) -> io.StringIO:
        tables = [
            picture.table().assign(picture=picture.name).rename(columns={picture.x: "x", picture.y: "y"})
            .assign(x_label=picture.x, y_label=picture.y)
            for picture in self._pictures()
        ]  # fmt: skip
        return io.StringIO(f"# {self.setting.address}\n" + pd.concat(tables, ignore_index=True).to_csv(index=False))

    def _paper(self) -> io.BytesIO:
        return io.BytesIO(paper.saved(self._pictures(), "pdf"))

    # ------------------------------------------------------------------ drawing

    def _follow(self) -> None:
        """Let the widgets show the values of the setting."""
        self.quiet = True
        try:
            for name, value in values_of(self.setting.shown).items():
                if name in self.moved:
                    self.moved[name](value)
            for name, value in values_of(self.setting.view).items():
                if f"view.{name}" in self.moved:
                    self.moved[f"view.{name}"](value)
        finally:
            self.quiet = False

    def _draw_soon(self) -> None:
        """Draw once for all the moves that arrive within a moment."""
        if self.waiting:
            return
        document = pn.state.curdoc
        if document is None or document.session_context is None:
            self.draw()
            return
        self.waiting = True

        def now() -> None:
            self.waiting = False
            self.draw()

        document.add_timeout_callback(now, SOON)

    def _pictures(self) -> list[Picture]:
        found = list(self.setting.view.pictures(self.setting.shown))
        if self.kept is None or type(self.kept.view) is not type(self.setting.view):
            return found
        return side_by_side(found, self.kept.view.pictures(self.kept.shown))

    def draw(self) -> None:
        """Show pictures, equations, code and address of the setting."""
        try:
            pictures = self._pictures()
        except (Brian2LearnError, ArithmeticError, ValueError, MemoryError) as problem:
            self.say(str(problem))
            return
        shapes = [shape_of(picture) for picture in pictures]
        if shapes == [drawn.shape for drawn in self.drawn]:
            for drawn, picture in zip(self.drawn, pictures, strict=True):
                drawn.update(picture)
        else:
            ranges: dict[str, Any] = {}
            self.drawn = [
                Drawn(picture, dark=self.dark, on_click=self.click, ranges=ranges) for picture in pictures
            ]  # fmt: skip
            beside = any(picture.surface is not None for picture in pictures) or type(self.setting.view).side_by_side
            self.notes = [pn.pane.HTML("", stylesheets=[CSS], sizing_mode="stretch_width", margin=(0, 10))
                          for _ in pictures]  # fmt: skip
            cards = [
                pn.Column(pn.pane.Bokeh(drawn.figure, sizing_mode="stretch_width"), note, sizing_mode="stretch_width",
                          min_width=320, max_width=1100, styles={"flex": "1 1 400px"} if beside else {})
                for drawn, note in zip(self.drawn, self.notes, strict=True)
            ]  # fmt: skip
            self.pictures[:] = [pn.FlexBox(*cards, sizing_mode="stretch_width")] if beside else cards
        for note, picture in zip(self.notes, pictures, strict=True):
            words = " ".join(filter(None, (picture.note, picture.edits)))
            note.object = f"<p class='note'>{escape(words)}</p>" if words else ""
        self._draw_equations()
        self._draw_code()
        self.undo_button.disabled, self.redo_button.disabled = not self.past, not self.future
        if self.location is not None:
            ground = "&ground=dark" if self.dark else ""
            self.location.search = f"?{self.setting.address}{ground}"

    def _draw_equations(self) -> None:
        html = formulas.html_of(self.setting.shown, with_values=self.numbers.value)
        if html != self.equations.object:
            self.equations.object = html

    def _draw_code(self) -> None:
        kind = self.code_kind.value
        text = ""
        if kind == "Python":
            text = self.setting.view.python(self.setting.shown)
        elif kind == "Brian2 script":
            text = self.setting.view.brian2_script(self.setting.shown) or "# There is no script for this view."
        html = f"<pre tabindex='0'>{escape(text)}</pre>" if text else ""
        if html != self.code.object:
            self.code.object = html
        self.code.visible = self.copy.visible = bool(text)


def _form(setting: Setting) -> Any:
    """What must be equal for the widgets to stay."""
    choices = tuple(value for value in values_of(setting.shown).values() if isinstance(value, str))
    return names_of(setting.shown), type(setting.view), tuple(fields_of(setting.shown)), choices


def _usual(shown: Declaration, view: type[View] | None = None) -> Setting:
    """A declaration in a view that it has, with settings that suit it."""
    views = views_of(shown)
    chosen = view if view in views else views[0]
    assert chosen is not None
    return Setting(shown, chosen.suited(shown))


def _typed(value: float) -> str:
    return f"{value:.5g}"


def _milliseconds(times: tuple[float, ...]) -> str:
    return ", ".join(f"{each * 1e3:.6g}" for each in times)


def _heading(shown: Declaration) -> str:
    parts = parts_of(shown)
    name = " + ".join(type(part).__name__ for part in parts)
    found = [f"<h1>{escape(name)}</h1>"]
    for part in parts:
        first = inspect.cleandoc(type(part).__doc__ or "").partition("\n\n")[0]
        found.append(f"<p>{escape(' '.join(first.split()))}</p>")
    keys = dict.fromkeys(key for part in parts for key in ((part.cites,) if isinstance(part.cites, str) else part.cites))
    cited = []
    for key in keys:
        entry = bibliography().get(key, {})
        address = f"https://doi.org/{entry['doi']}" if "doi" in entry else entry.get("url", "")
        text = escape(key)
        title = escape(cite(key), quote=True)
        cited.append(f"<a href='{escape(address, quote=True)}' title='{title}' target='_blank' rel='noopener'>{text}</a>"
                     if address else f"<span title='{title}'>{text}</span>")  # fmt: skip
    if cited:
        found.append(f"<small>{' · '.join(cited)}</small>")
    return "".join(found)


def page(first: str = "") -> Any:
    """The page of one session, at the setting that its address or `first` says; a bad address is explained."""
    arguments = {
        key: values[-1].decode("utf-8", "replace") for key, values in (pn.state.session_args or {}).items() if values
    }
    ground = arguments.pop("ground", "")
    problem = ""
    try:
        setting = read_address(urlencode(arguments)) if "show" in arguments else read_address(f"show={first or FIRST}")
        setting.view.pictures(setting.shown)
    except Brian2LearnError as trouble:
        problem, setting = str(trouble), read_address(f"show={FIRST}")
    explorer = Explorer(setting, dark=ground == "dark", location=pn.state.location)
    if problem:
        explorer.say(problem)
    template = pn.Template(TEMPLATE.read_text(encoding="utf-8"))
    template.add_panel("page", explorer.layout)
    return template

