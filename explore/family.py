"""The same view at many values of one parameter: a family of pictures over its slider."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from brian2learn.core.errors import Brian2LearnError

from .controls import Slider, slider_for
from .pictures import TICKS, Curve, Family, Picture
from .settings import OF_VIEW, Setting, axes, names_of, parts_of
from .views._view import in_use

N = 25
SLICE = 0.02  # s; for so long the page does not answer while a family is worked out
TROUBLE = (Brian2LearnError, ArithmeticError, ValueError, MemoryError)
"""What a setting can come to that passed its checks and still cannot be worked out."""


def slider_of(setting: Setting) -> Slider:
    """The slider over which a setting is compared; where it stands does not matter."""
    of, field = axes(setting)[setting.over]
    name = setting.over.removeprefix(OF_VIEW)
    return slider_for(field, field.default, [each for part in parts_of(of) for each in in_use(part, name)])


class Members:
    """Settings from one end of a slider to the other, and their pictures, worked out one after the other.

    Parameters
    ----------
    setting : Setting
        With `over`, the name of what is varied; the value that it has does not matter.

    Attributes
    ----------
    of : Setting
        The setting with the first value: equal for all settings that have this family.
    """

    def __init__(self, setting: Setting) -> None:
        self.slider = slider_of(setting)
        values = [self.slider.value(place) for place in np.linspace(*self.slider.ends, N).tolist()]
        self.values = list(dict.fromkeys(values))
        self.setting = setting
        self.of = self._with(self.values[0])
        self.pictures: list[Sequence[Picture]] = []
        self.families: dict[str, tuple[Family | None, str]] = {}

    def _with(self, value: float) -> Setting:
        name = self.setting.over
        if name.startswith(OF_VIEW):
            return self.setting.change_view({name.removeprefix(OF_VIEW): value})
        return self.setting.change({name: value})

    @property
    def complete(self) -> bool:
        """Whether all have been worked out."""
        return len(self.pictures) == len(self.values)

    def step(self) -> None:
        """Work out the next one; what cannot be worked out has no pictures."""
        try:
            member = self._with(self.values[len(self.pictures)])
            self.pictures.append(member.view.pictures(member.shown))
        except TROUBLE:
            self.pictures.append(())

    def behind(self, now: Sequence[Picture]) -> list[Picture]:
        """The present pictures with the family behind them, where it can be drawn so."""
        return [each if each.surface is not None else self._behind(each) for each in now]

    def _behind(self, now: Picture) -> Picture:
        if now.name not in self.families:
            self.families[now.name] = self._family(now.name)
        family, note = self.families[now.name]
        return _noted(replace(now, family=family), note)

    def _family(self, name: str) -> tuple[Family | None, str]:
        """The family behind a picture and what is said of it; none if the parameter does not move it."""
        found: list[tuple[float, Picture]] = []
        for value, pictures in zip(self.values, self.pictures, strict=True):
            found += [(value / self.slider.factor, each) for each in pictures if each.name == name]
        names = dict.fromkeys(curve.name for _, each in found for curve in each.curves if curve.kind != TICKS)
        kinds = [[_curve(each, curve) for _, each in found] for curve in names]
        kinds = [each for each in kinds if not _same(each)]
        if not kinds:
            return None, ""
        label = f"{self.slider.name} ({self.slider.unit})" if self.slider.unit else self.slider.name
        family = Family(label, self.slider.log, np.array([value for value, _ in found]), kinds)
        without = len(self.values) - len(found)
        note = f"{len(found)} values of {self.slider.name}, {self.slider.meaning}, behind the present one"
        note += f"; {without} more cannot be worked out." if without else "."
        return family, note


def _noted(picture: Picture, note: str) -> Picture:
    return replace(picture, note="  |  ".join(filter(None, (picture.note, note))))


def _curve(picture: Picture, name: str) -> Curve:
    """The curve of a name; empty if this picture has none."""
    return next((each for each in picture.curves if each.name == name), Curve(name, np.empty(0), np.empty(0)))


def _same(curves: Sequence[Curve]) -> bool:
    """Whether the parameter makes no difference."""
    first = curves[0]
    return all(
        np.array_equal(first.x, each.x, equal_nan=True) and np.array_equal(first.y, each.y, equal_nan=True)
        for each in curves
    )


class Comparison:
    """Keeps the family of what is shown, worked out in pieces between which the page answers.

    While a value is moved the family follows as fast as it can be worked out; the present curves do not wait for it.

    Parameters
    ----------
    redraw : callable
        Called when there is something new.
    later : callable, optional
        Calls a function after a pause in which others have their turn; without it all is worked out at once.
    """

    def __init__(self, redraw: Callable[[], None], later: Callable[[Callable[[], None]], Any] | None) -> None:
        self.redraw, self.later = redraw, later
        self.ready: Members | None = None
        self.working: Members | None = None

    def behind(self, setting: Setting, now: Sequence[Picture], *, whole: bool = False) -> list[Picture]:
        """Pictures of a setting with what there is of its family; with `whole`, all of it."""
        if not setting.over:
            self.ready = self.working = None
            return list(now)
        if all(each.surface is not None for each in now):
            return [_noted(now[0], "Surfaces are not compared over a slider."), *now[1:]]
        wanted = Members(setting)
        if self.ready is None or self.ready.of != wanted.of:
            if whole or self.later is None:
                while not wanted.complete:
                    wanted.step()
                self.ready = wanted
            elif self.working is None:
                self.working = wanted
                self.later(self._work)
            elif _kind(self.working) != _kind(wanted):
                self.working = wanted
        if self.ready is not None and _kind(self.ready) == _kind(wanted):
            return self.ready.behind(now)
        first, *others = now
        return [_noted(first, f"{len(wanted.values)} values of {wanted.slider.name} are being worked out."), *others]

    def _work(self) -> None:
        members, end = self.working, time.monotonic() + SLICE
        if members is None or self.later is None:
            return
        while not members.complete and time.monotonic() < end:
            members.step()
        if not members.complete:
            self.later(self._work)
            return
        self.ready, self.working = members, None
        self.redraw()


def _kind(members: Members) -> Any:
    """What must be equal for a family to stand for another one for a moment."""
    return names_of(members.of.shown), type(members.of.view), members.of.over


def python(setting: Setting) -> str:
    """Lines that go on from the script of a view: the tables of the whole family."""
    members = Members(setting)
    of, name = (
        ("view", setting.over.removeprefix(OF_VIEW)) if setting.over.startswith(OF_VIEW) else ("rule", setting.over)
    )
    made = f'changed({of}, {{"{name}": value}})'
    call = f"view.pictures({made})" if of == "rule" else f"{made}.pictures(rule)"
    return (
        "\nfrom brian2learn.explore.settings import changed\n\n"
        f"for value in {members.values!r}:  # of {name}, in SI units\n"
        f"    for picture in {call}:\n        print(value, picture.table())\n"
    )
