"""What is shown, with which values: changed one value at a time, written into an address and read from one.

A setting is nothing but two declarations, so that every value has passed its own check. An address holds declared names
and numbers only; it is never executed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode

from brian2learn.core.declaration import Choice, Declaration, Field, Param, Size, plain
from brian2learn.core.discovery import load, snake_case
from brian2learn.core.errors import DeclarationError, UnknownNameError
from brian2learn.plasticity._rule import Plasticity, PlasticitySum

from .views._view import Times, View, views_of

MAX_LENGTH = 8000  # characters of an address
MAX_MECHANISMS = 8
OF_VIEW = "view."


@dataclass(frozen=True)
class Setting:
    """A declaration (or a sum of mechanisms) and how one looks at it.

    Attributes
    ----------
    shown : Declaration
    view : View
    over : str
        The parameter at whose values all are compared, as in an address; empty if none.
    """

    shown: Declaration
    view: View
    over: str = ""

    def change(self, values: Mapping[str, Any]) -> Setting:
        """Another setting with some values of the declaration changed, in SI units or as options."""
        return carried(replace(self, shown=changed(self.shown, values)), self.over)

    def change_view(self, values: Mapping[str, Any]) -> Setting:
        """Another setting with some values of the view changed."""
        return carried(replace(self, view=changed(self.view, values)), self.over)

    @property
    def form(self) -> Any:
        """What must be equal for the widgets to stay."""
        choices = tuple(value for value in values_of(self.shown).values() if isinstance(value, str))
        return names_of(self.shown), type(self.view), tuple(fields_of(self.shown)), choices

    @property
    def address(self) -> str:
        """The query of an address that leads here; what has its default is left out."""
        words = [("show", ",".join(names_of(self.shown))), ("view", snake_case(type(self.view).__name__))]
        words += [("over", self.over)] if self.over else []
        words += _written(self.shown, fresh(names_of(self.shown)))
        words += [(f"{OF_VIEW}{name}", text) for name, text in _written(self.view, type(self.view).suited(self.shown))]
        return urlencode(words, safe=",")


def parts_of(shown: Declaration) -> tuple[Declaration, ...]:
    """The mechanisms of a sum; of anything else itself."""
    return shown.terms if isinstance(shown, PlasticitySum) else (shown,)


def names_of(shown: Declaration) -> tuple[str, ...]:
    """File names of what is shown."""
    return tuple(snake_case(type(part).__name__) for part in parts_of(shown))


def fresh(names: Iterable[str]) -> Declaration:
    """Declarations by name with their defaults, summed; a value that is shared is that of the first.

    Raises
    ------
    UnknownNameError, DeclarationError, AssemblyError
    """
    classes = [load(name, "plasticity") for name in names]
    if not 1 <= len(classes) <= MAX_MECHANISMS:
        raise DeclarationError("explore", "show", expected=f"1 to {MAX_MECHANISMS} names", got=str(len(classes)))
    shown: Declaration = classes[0]()
    for cls in classes[1:]:
        shown = added(shown, cls)
    return shown


def added(shown: Declaration, cls: type[Declaration]) -> Declaration:
    """A sum with one more mechanism, which takes over the values that it shares.

    Raises
    ------
    DeclarationError, AssemblyError
        If they cannot be added.
    """
    if not isinstance(shown, Plasticity) or not issubclass(cls, Plasticity):
        raise DeclarationError(
            "explore",
            cls.__name__,
            expected="a mechanism that adds to others",
            got=f"one beside {type(shown).__name__}",
        )
    known = {name: value for part in parts_of(shown) for name, value in part.values.items()}
    shared = {name: value for name, value in known.items() if name in cls.fields}
    return shown + cls(**shared)


def fields_of(shown: Declaration) -> dict[str, Field]:
    """Every number and choice that counts under the present values, by name; what mechanisms share is one."""
    found: dict[str, Field] = {}
    for part in parts_of(shown):
        counted = part.numbers
        for name, field in part.fields.items():
            if isinstance(field, Param) and name not in counted and not isinstance(field, Size):
                continue
            if isinstance(field, (Param, Choice, Times)):
                found.setdefault(name, field)
    return found


def values_of(shown: Declaration) -> dict[str, Any]:
    """The present value of each of `fields_of`."""
    values: dict[str, Any] = {}
    for part in parts_of(shown):
        values = {**part.values, **values}
    return {name: values[name] for name in fields_of(shown)}


def changed(shown: Any, values: Mapping[str, Any]) -> Any:
    """A copy with other values: SI numbers, options or times, each checked like any other.

    Raises
    ------
    DeclarationError
    """
    known = _all_fields(shown)
    for name in values:
        if name not in known:
            raise DeclarationError(
                type(shown).__name__, name, expected="one of its parameters", got=name, choices=sorted(known)
            )
    parts = [
        _replaced(part, {name: value for name, value in values.items() if name in part.fields})
        for part in parts_of(shown)
    ]
    return PlasticitySum(parts=parts) if isinstance(shown, PlasticitySum) else parts[0]


def _replaced(part: Declaration, values: Mapping[str, Any]) -> Declaration:
    with_units = {name: in_units(part.fields[name], value, type(part).__name__) for name, value in values.items()}
    try:
        return part.replace(**with_units)
    except DeclarationError:
        # a value that counted under another choice may be refused under this one
        choices = {name: value for name, value in part.values.items() if isinstance(part.fields[name], Choice)}
        choices |= {name: value for name, value in with_units.items() if isinstance(part.fields[name], Choice)}
        try:
            counted = type(part)(**choices).numbers
        except DeclarationError:
            counted = part.numbers
        kept = {
            name: value
            for name, value in part.values.items()
            if name in counted or name in choices or not isinstance(part.fields[name], Param)
        }
        return type(part)(**{**kept, **with_units})


def in_units(field: Field, value: Any, where: str) -> Any:
    """A plain SI number as a quantity of the field; anything but a number, an option or times is refused."""
    if not isinstance(field, Param):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise field.refuse(where, "a number", repr(value)[:60])
    if isinstance(field, Size):
        if value != int(value):
            raise field.refuse(where, "a whole number", repr(value))
        return int(value)
    if field.unit == "1":
        return float(value)
    from brian2 import Quantity

    return Quantity(float(value), dim=field.default.dim)


def words_of(query: str) -> dict[str, str]:
    """The names and texts of an address, none of which is trusted yet.

    Raises
    ------
    DeclarationError
        If it is too long.
    """
    if len(query) > MAX_LENGTH:
        raise DeclarationError(
            "explore", "address", expected=f"at most {MAX_LENGTH} characters", got=f"{len(query)} of them"
        )
    try:
        return dict(parse_qsl(query.lstrip("?"), keep_blank_values=True, max_num_fields=200))
    except ValueError:
        raise DeclarationError("explore", "address", expected="at most 200 values", got="more") from None


def read_address(query: str) -> Setting:
    """The setting that an address leads to.

    Raises
    ------
    Brian2LearnError
        If it is too long, holds a name that is not declared, or a value that is not in its bounds.
    """
    words = words_of(query)
    shown = fresh(words.pop("show", "").split(","))
    wanted, over = words.pop("view", ""), words.pop("over", "")
    of_view = {name.removeprefix(OF_VIEW): text for name, text in words.items() if name.startswith(OF_VIEW)}
    of_rule = {name: text for name, text in words.items() if not name.startswith(OF_VIEW)}
    shown = changed(shown, read_values(type(shown).__name__, _all_fields(shown), of_rule))
    views = {snake_case(view.__name__): view for view in views_of(shown)}
    if wanted and wanted not in views:
        raise UnknownNameError("explore", "view", expected="a view of it", got=repr(wanted[:60]), choices=views,
                               typed=wanted[:60])  # fmt: skip
    setting = usual(shown, views.get(wanted))
    values = read_values(type(setting.view).__name__, setting.view.fields, of_view)
    return compared(setting.change_view(values), over)


def compared(setting: Setting, over: str) -> Setting:
    """A setting compared over one of its parameters, or over none.

    Raises
    ------
    UnknownNameError
        If it has no such parameter.
    """
    if over and over not in (known := axes(setting)):
        raise UnknownNameError("explore", "over", expected="a parameter of it", got=repr(over[:60]), choices=known,
                               typed=over[:60])  # fmt: skip
    return replace(setting, over=over)


def carried(setting: Setting, over: str) -> Setting:
    """A setting compared over a parameter if it has that, else over none."""
    return replace(setting, over=over if over and over in axes(setting) else "")


def axes(setting: Setting) -> dict[str, tuple[Declaration, Param]]:
    """Every parameter that counts, with that of which it is one, by the name that it has in an address."""
    shown, view = fields_of(setting.shown), fields_of(setting.view)
    of_view = [name for name in setting.view.controls(setting.shown) if name in view]
    found = [*((name, setting.shown, field) for name, field in shown.items()),
             *((f"{OF_VIEW}{name}", setting.view, view[name]) for name in of_view)]  # fmt: skip
    return {name: (of, field) for name, of, field in found if isinstance(field, Param)}


def _all_fields(shown: Declaration) -> dict[str, Field]:
    return {name: field for part in parts_of(shown) for name, field in part.fields.items()}


def read_values(where: str, fields: Mapping[str, Field], words: Mapping[str, str]) -> dict[str, Any]:
    """Values from the texts of an address: SI numbers, options and times, which have not passed their checks yet.

    Parameters
    ----------
    where : str
        The class to which they belong, for an error.
    fields : mapping of str to Field
        What they may be called.
    words : mapping of str to str

    Raises
    ------
    UnknownNameError, DeclarationError
        If a name is not among them, or a text is no number.
    """
    found: dict[str, Any] = {}
    for name, text in words.items():
        field = fields.get(name)
        if field is None:
            raise UnknownNameError(
                where, name[:60], expected="one of its parameters", got=repr(name[:60]), choices=sorted(fields)
            )  # fmt: skip
        try:
            if isinstance(field, Choice):
                found[name] = text
            elif isinstance(field, Times):
                found[name] = tuple(float(word) for word in text.split(",") if word)
            else:
                found[name] = float(text)
        except ValueError:
            raise field.refuse(field.owner, "a number in SI units", repr(text[:60])) from None
    return found


def _written(declaration: Declaration, defaults: Declaration) -> list[tuple[str, str]]:
    """Name and text of every value that is not the default."""
    usual = {name: value for part in reversed(parts_of(defaults)) for name, value in part.values.items()}
    found = []
    for name, value in values_of(declaration).items():
        if isinstance(value, str):
            text, default = value, usual[name]
        elif isinstance(value, tuple):
            text, default = ",".join(map(repr, value)), ",".join(map(repr, usual[name]))
        else:
            text, default = repr(plain(value)), repr(plain(usual[name]))
        if text != default:
            found.append((name, text))
    return found


def usual(shown: Declaration, view: type[View] | None = None) -> Setting:
    """A declaration in a view that it has, with settings that suit it.

    Raises
    ------
    DeclarationError
        If there is nothing to see of it.
    """
    views = views_of(shown)
    if not views:
        raise DeclarationError("explore", names_of(shown)[0], expected="something there is a picture of", got="none")
    return Setting(shown, (view if view is not None and view in views else views[0]).suited(shown))
