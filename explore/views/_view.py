"""What a view is: it says what it applies to, and makes pictures of it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

import numpy as np

from brian2learn.core.declaration import Declaration, Field, dimension_of

from ..pictures import Picture

MOST_TIMES = 500


class View(Declaration):
    """A way to look at a declaration. A subclass has settings of its own, with bounds, from which sliders are made.

    Class attributes: `title`, `order` (where it stands among others), and whether its pictures stand `side_by_side`.
    """

    title: ClassVar[str] = ""
    order: ClassVar[int] = 100
    side_by_side: ClassVar[bool] = False

    @classmethod
    def fits(cls, shown: Declaration) -> bool:
        """Whether there is something to see, by what the declaration is and has."""
        raise NotImplementedError

    @classmethod
    def suited(cls, shown: Declaration) -> Any:
        """The view with settings that suit a declaration."""
        return cls()

    def controls(self, shown: Declaration) -> Sequence[str]:
        """Names of the settings that matter for a declaration."""
        return tuple(self.fields)

    def __hash__(self) -> int:
        return quick_hash(self)

    def pictures(self, shown: Any) -> tuple[Picture, ...]:
        """What there is to see.

        Raises
        ------
        Brian2LearnError
            If the settings and the declaration do not go together.
        """
        raise NotImplementedError

    def brian2_script(self, shown: Any) -> str:
        """A script for Brian2 that prints the same numbers; empty if there is none."""
        return ""

    def python(self, shown: Any) -> str:
        """A script that makes the same pictures with this package and prints their tables."""
        text = f"rule = {shown!r}\nview = {self!r}\n"
        units = units_in(text)
        lines = [f"from brian2 import {', '.join(units)}"] if units else []
        lines.append(f"from {type(self).__module__} import {type(self).__name__}")
        found: dict[str, set[str]] = {}
        for part in getattr(shown, "terms", ()) or (shown,):
            found.setdefault(type(part).__module__, set()).add(type(part).__name__)
        own = []
        for module, names in found.items():
            if module.startswith("brian2learn."):
                lines.append(f"from {module} import {', '.join(sorted(names))}")
            else:  # a user's file, which is found by its name
                own += [f"{name} = load({name!r})" for name in sorted(names)]
        if own:
            lines.append("from brian2learn.core.discovery import load")
        end = "for picture in view.pictures(rule):\n    print(picture.table())\n"
        return "\n".join([*sorted(lines), "", *own, text + end])


def quick_hash(declaration: Declaration) -> int:
    """A hash that takes microseconds where that of a declaration writes every quantity out."""
    return hash((type(declaration), *(_hashable(value) for value in declaration.values.values())))


def _hashable(value: Any) -> Any:
    if isinstance(value, Declaration):
        return quick_hash(value)
    if isinstance(value, tuple):
        return tuple(map(_hashable, value))
    return value if getattr(value, "dim", None) is None else float(value)


class Key:
    """A declaration as a key: equal where it is equal, with a quick hash."""

    def __init__(self, of: Any) -> None:
        self.of, self.hash = of, quick_hash(of)

    def __hash__(self) -> int:
        return self.hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self.of == other.of


def units_in(code: str) -> list[str]:
    """Names of Brian2's units in Python code."""
    from brian2.core.namespace import DEFAULT_UNITS

    words = set(re.findall(r"(?<![\w.'\"])[A-Za-z_]\w*", re.sub(r"'[^']*'", "", code)))
    return sorted(words & set(DEFAULT_UNITS))


class Times(Field):
    """Spike times, s: sorted, none twice, from 0 on."""

    def check(self, value: Any, where: str) -> tuple[float, ...]:
        try:
            if isinstance(value, (str, bytes)) or dimension_of(value) is not None:
                raise TypeError
            times = np.asarray(value, float).ravel()
        except (TypeError, ValueError):
            raise self.refuse(where, "a sequence of times in s", repr(value)[:60]) from None
        if times.size > MOST_TIMES:
            raise self.refuse(where, f"at most {MOST_TIMES} times", f"{times.size} of them")
        if not np.isfinite(times).all() or (times < 0).any() or (times > 1000).any():
            raise self.refuse(where, "times from 0 to 1000 s", repr(value)[:60])
        return tuple(float(each) for each in np.unique(times))


@cache
def all_views() -> tuple[type[View], ...]:
    """Every view that there is a file for, in order."""
    package = importlib.import_module(__package__)
    found: list[type[View]] = []
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            content = vars(importlib.import_module(f"{__package__}.{module.name}"))
            found += [
                value
                for value in content.values()
                if isinstance(value, type) and issubclass(value, View) and value.__module__.endswith(f".{module.name}")
            ]
    return tuple(sorted(found, key=lambda view: (view.order, view.__name__)))


def views_of(shown: Declaration) -> tuple[type[View], ...]:
    """The views that a declaration gives something to see in."""
    return tuple(view for view in all_views() if view.fits(shown))


def in_use(part: Declaration, name: str) -> list[Any]:
    """What the published sets of values give a parameter."""
    return [preset.values[name] for preset in part.presets.values() if name in preset.values]
