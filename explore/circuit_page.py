"""The page of a circuit: it is run whenever something changes, and what it does is shown while it runs."""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from functools import partial
from html import escape
from typing import Any
from urllib.parse import parse_qs

import panel as pn

from brian2learn.core.declaration import Choice, Param

from . import formulas, live
from .describe import heading
from .draw import side_by_side
from .listing import PYTHON
from .page import Explorer
from .pictures import Picture
from .scene import Group, Scene, needs_program, opened, watchable
from .settings import fields_of, names_of, values_of
from .values import MARK
from .widgets import WIDE, WIDGET, html, in_order

MARKED = f"Values marked {MARK}, and every list, make another program: it is compiled once, which takes some seconds."
OPEN = ("rule.", "task.")
"""Parts whose values are seen at first, besides the circuit's own."""
CARD = ".card-header, .card-button { color: var(--ink) !important } .card-button svg { stroke: var(--ink) }"


class CircuitExplorer(Explorer):
    """One reader's page of a circuit; the parameters are those of `Explorer`, with a scene for the setting."""

    setting: Scene  # type: ignore[assignment]
    kinds_of_code = (PYTHON,)

    def __init__(self, scene: Scene, **more: Any) -> None:
        self.job: live.Job | None = None
        self.seen: live.Seen | None = None
        self.kept_seen: live.Seen | None = None
        self.of: Scene | None = None  # what was seen belongs to
        self.began = 0.0
        self.heard: deque[tuple[Any, ...]] = deque()
        self.loaded = False
        self.status = html("<p class='note' role='status'>…</p>")
        self.closed: dict[str, bool] = {}
        super().__init__(scene, **more)  # type: ignore[arg-type]
        live.pool().warm(scene.experiment)
        if pn.state.curdoc is not None and pn.state.curdoc.session_context is not None:
            pn.state.on_session_destroyed(lambda _: self._end())
            pn.state.onload(self._load)

    # ------------------------------------------------------------------ the run

    def _draw_all(self) -> None:
        """Run the circuit anew, or draw what was seen if nothing changed that a run depends on."""
        same = self.of is not None and _run_of(self.of) == _run_of(self.setting)
        self.of = self.setting
        self._draw_code()
        self._tell_place()
        if same:
            self._show_seen()
            return
        self._end()
        self._can_be_taken(False)
        self.began = time.monotonic()
        job = live.Job(self.setting.experiment, int(self.setting.view.seed), lambda *_: None)
        job.tell = partial(self._heard, job)
        self.job = live.pool().submit(job)

    def _end(self) -> None:
        if self.job is not None:
            self.job.end()
            self.job = None

    def _heard(self, job: live.Job, what: str, *more: Any) -> None:
        """Called from another thread: let the page's own loop know, once there is a page."""
        self.heard.append((job, what, *more))
        if self.loaded and self.document is not None and self.document.session_context is not None:
            self.document.add_next_tick_callback(self._hear_all)

    def _load(self) -> None:
        """What changes before the page is there would not be seen."""
        self.loaded = True
        self._hear_all()

    def _hear_all(self) -> None:
        with suppress(IndexError), in_order(self.document):
            while True:
                self._hear(*self.heard.popleft())

    def _hear(self, job: live.Job, what: str, *more: Any) -> None:
        if job is not self.job:
            return
        if what == live.COMPILING:
            self._say_how("Compiling the program of this circuit, once: about 10 to 40 s …")
        elif what == live.RUNNING:
            self._say_how(f"Simulating: {more[0]:.3g} of {self.setting.task.duration:.3g} s …")
        elif what in (live.SEEN, live.DONE):
            self.seen = more[0]
            self._show_seen()
            if what == live.DONE:
                self._can_be_taken(True)
                took = time.monotonic() - self.began
                self._say_how(
                    f"{self.seen.duration:.4g} s simulated in {self.seen.wall_time:.2f} s, shown after {took:.2f} s."
                )
        elif what == live.FAILED:
            self.say(more[0])
            self._say_how("Not run.")

    def _say_how(self, words: str) -> None:
        self.status.object = f"<p class='note' role='status'>{escape(words)}</p>"

    # ------------------------------------------------------------------ pictures

    def _show_seen(self) -> None:
        if self.seen is not None:
            self._show(self._pictures())

    def _pictures(self, *, whole: bool = False) -> list[Picture]:
        if self.seen is None:
            return []
        found = list(self.setting.view.pictures(self.seen, self.setting.units))
        kept = self.history.kept
        if not isinstance(kept, Scene) or self.kept_seen is None:
            return found
        return side_by_side(found, self.setting.view.pictures(self.kept_seen, kept.units))

    def _keep(self) -> None:
        self.kept_seen = self.seen if self.history.kept is None else None
        super()._keep()

    def _change_ground(self, dark: bool) -> None:
        self.dark = dark
        self._tell_place()
        self._show_seen()

    def _draw_equations(self) -> None:
        text = "".join(
            f"<h2>{escape(group.role)}: {escape(type(group.declaration).__name__)}</h2>"
            + formulas.html_of(group.declaration, with_values=self.numbers.value)
            for group in self.setting.groups
            if formulas.equations_of(group.declaration)
        )
        self.of_equations.visible = bool(text)
        if text != self.equations.object:
            self.equations.object = text

    def _draw_code(self) -> None:
        self.code.show(lambda _: self.setting.view.python(self.setting))

    # ------------------------------------------------------------------ widgets

    def _try(self, setting: Any) -> None:
        """A scene checks itself when it is made."""

    def _choose(self, name: str) -> None:
        self.leave(name)

    def _defaults(self) -> Any:
        return opened(names_of(self.setting.shown)[0])

    def _make_widgets(self) -> None:
        super()._make_widgets()
        self.plus.visible = self.preset.visible = self.views.visible = self.over.visible = False
        main = self.layout[1]
        main.insert(main.objects.index(self.views), self.status)

    def _rebuild(self) -> None:
        """Make the widgets of another circuit, task or part."""
        self.following = True
        try:
            self.declaration.value = names_of(self.setting.shown)[0]
            self.follow = {}
            *groups, view = self.setting.groups
            self.controls[:] = [html(f"<p class='note'>{MARKED}</p>"), *(self._card(group) for group in groups)]
            self.view_controls[:] = self._values(view)
        finally:
            self.following = False
        self.head.object = heading(self.setting.shown)

    def _card(self, group: Group) -> Any:
        role = group.role[:1].upper() + group.role[1:].replace("_", " ")
        title = role if not group.path else f"{role}: {type(group.declaration).__name__}"
        closed = self.closed.setdefault(group.path, bool(group.path) and not group.path.endswith(OPEN))
        card = pn.Card(
            *([] if closed else self._within(group)), title=title, collapsed=closed, margin=(4, 0), stylesheets=[CARD],
            header_background="var(--panel)", active_header_background="var(--panel)", header_color="var(--ink)",
            styles={"background": "var(--panel)", "border": "1px solid var(--edge)"}, **WIDE,
        )  # fmt: skip

        def turned(event: Any) -> None:
            self.closed[group.path] = event.new
            if not event.new and not card.objects:  # what is closed is made when it is first opened
                present = next(each for each in self.setting.groups if each.path == group.path)
                card.extend(self._within(present))

        card.param.watch(turned, "collapsed")
        return card

    def _within(self, group: Group) -> list[Any]:
        """A list of what may stand in a part's place, and its values."""
        values = self._values(group)
        names = ",".join(names_of(group.declaration))
        if {*group.options.values()} <= {names}:
            return values
        path = group.path[:-1]
        options = {**group.options, **({} if names in group.options.values() else {names: names})}
        chosen = pn.widgets.Select(name=group.role, options=options, value=names, stylesheets=[WIDGET], **WIDE)
        self._watch(chosen, lambda name: self.change(False, {path: name}))
        self.follow[False, f"={path}"] = lambda name: setattr(chosen, "value", name)
        return [chosen, *values]

    def _values(self, group: Group) -> list[Any]:
        fields = fields_of(group.declaration)
        shown = [name for name, field in fields.items() if isinstance(field, (Param, Choice))]
        slow = [name for name in shown if needs_program(group, fields[name])]
        return self._widgets(False, group.declaration, shown, group.path, slow)

    def _follow(self) -> None:
        self.following = True
        try:
            for group in self.setting.groups:
                if follow := self.follow.get((False, f"={group.path[:-1]}")):
                    follow(",".join(names_of(group.declaration)))
                for name, value in values_of(group.declaration).items():
                    if follow := self.follow.get((False, f"{group.path}{name}")):
                        follow(value)
        finally:
            self.following = False


def _run_of(scene: Scene) -> Any:
    """What a run depends on."""
    return scene.shown, scene.task, scene.view.seed, scene.view.dt, scene.view.weights


def is_circuit(query: str) -> bool:
    """Whether an address leads to a circuit."""
    return parse_qs(query).get("show", [""])[-1] in watchable().values()
