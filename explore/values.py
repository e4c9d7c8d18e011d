"""Widgets for the values of declarations, as a part of a page."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from brian2learn.core.declaration import Choice, Declaration, Param

from .controls import Slider, slider_for
from .settings import fields_of, parts_of, values_of
from .views._view import Times, in_use
from .widgets import choice_list, slider_row, times_box

MARK = "⚙"
"""Behind the meaning of a value that acts when the hand lets go of it."""


class Values:
    """What a page needs to have values moved by hand: `change`, `say` and `_follow` are the page's own.

    Attributes
    ----------
    following : bool
        While widgets follow the setting instead of leading it.
    follow : dict
        What lets each widget show a value, by whether it is one of the view, and by its name or path.
    """

    following: bool
    follow: dict[tuple[bool, str], Callable[[Any], None]]

    def change(self, of_view: bool, values: dict[str, Any], *, soon: bool = False) -> None:
        """Change some values of the declaration or of the view."""
        raise NotImplementedError

    def say(self, problem: str) -> None:
        """Show what went wrong, or nothing."""
        raise NotImplementedError

    def _follow(self) -> None:
        raise NotImplementedError

    def _watch(self, widget: Any, act: Callable[[Any], None], slow: bool = False) -> None:
        def called(event: Any) -> None:
            if not self.following:
                act(event.new)

        widget.param.watch(called, "value_throttled" if slow and "value_throttled" in widget.param else "value")

    def _widgets(
        self, of_view: bool, declaration: Declaration, names: list[str], path: str = "", slow: Collection[str] = ()
    ) -> list[Any]:  # fmt: skip
        """Widgets for values of a declaration; those in `slow` act when the hand lets go of them."""
        fields, values, parts = fields_of(declaration), values_of(declaration), parts_of(declaration)
        found = []
        for name in (each for each in names if each in fields):
            field, value = fields[name], values[name]

            def move(value: Any, name: str = f"{path}{name}", soon: bool = False) -> None:
                self.change(of_view, {name: value}, soon=soon)

            if isinstance(field, Choice):
                owners: list[Any] = [part.fields[name] for part in parts if name in part.fields]
                options = [option for option in field.options if all(option in each.options for each in owners)]
                widget, follow = choice_list(name, field, options, value, self._watch, move)
            elif isinstance(field, Param):
                slider = slider_for(field, value, [each for part in parts for each in in_use(part, name)])
                typed = self._typed(of_view, slider, path)
                watch, mark = partial(self._watch, slow=name in slow), MARK if name in slow else ""
                widget, follow = slider_row(slider, value, watch, partial(move, soon=True), typed, mark)
            elif isinstance(field, Times):
                widget, follow = times_box(field, value, self._watch, self._typed_times(name))
            else:
                continue
            self.follow[of_view, f"{path}{name}"] = follow
            found.append(widget)
        return found

    def _typed(self, of_view: bool, slider: Slider, path: str = "") -> Callable[[str], None]:
        def act(text: str) -> None:
            try:
                value = float(text) * slider.factor
            except ValueError:
                self.say(f"{slider.name} ({slider.meaning}): expected a number, got {text[:30]!r}.")
                self._follow()
                return
            self.change(of_view, {f"{path}{slider.name}": value})

        return act

    def _typed_times(self, name: str) -> Callable[[str], None]:
        def act(text: str) -> None:
            try:
                times = tuple(float(word) * 1e-3 for word in text.replace(";", ",").replace(",", " ").split())
            except ValueError:
                self.say(f"{name}: expected numbers in ms with commas between, got {text[:60]!r}.")
                self._follow()
                return
            self.change(True, {name: times})

        return act
