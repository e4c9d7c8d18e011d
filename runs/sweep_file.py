"""Sweeps written in TOML: names, values with their units, and what is swept; values are read, never evaluated."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from brian2learn.core.declaration import Choice, Declaration, Field, Part
from brian2learn.core.discovery import load, snake_case
from brian2learn.core.errors import DeclarationError, UnknownNameError
from brian2learn.core.seeds import parse_seeds
from brian2learn.plasticity._rule import Plasticity

from .children import Limits
from .design import MOST
from .experiment import Experiment
from .paths import field_at
from .sweep import Span, Sweep

TOP = ("task", "circuit", "dt", "record", "over", "design", "n", "design_seed", "seeds", "measures", "keep", "retries",
       "timeout", "slurm")  # fmt: skip
SPAN = ("low", "high", "n", "log")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_FACTOR = r"[A-Za-z_]\w*(?:\s*(?:\*\*|\^)\s*-?\d+)?|1"


@dataclass(frozen=True)
class SweepFile:
    """What a sweep file says.

    Attributes
    ----------
    sweep : Sweep
    limits : Limits
        Time-out and retries.
    slurm : mapping
        What a SLURM job asks for.
    """

    sweep: Sweep
    limits: Limits
    slurm: Mapping[str, Any] = field(default_factory=dict)


def read_sweep(path: str | Path) -> SweepFile:
    """The sweep that a TOML file describes.

    Raises
    ------
    DeclarationError, UnknownNameError
        If it cannot be read or something in it is wrong, with the nearest valid name.
    """
    where = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        got = getattr(problem, "strerror", None) or str(problem)
        raise DeclarationError(where, expected="a sweep file", got=got) from problem
    return parse_sweep(text, where)


def parse_sweep(text: str, where: str = "sweep") -> SweepFile:
    """The sweep that the text of a TOML file describes; `where` names it in errors."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise DeclarationError(where, expected="a TOML file", got=str(problem)) from problem
    _known(where, given, TOP)
    for name in ("task", "circuit"):
        if name not in given:
            raise DeclarationError(where, name, expected=f"a [{name}] table or a name", got="none")
    options: dict[str, Any] = {}
    if "dt" in given:
        options["dt"] = quantity(given["dt"], where, "dt")
    record = _table(given, "record", where)
    options["record"] = {name: quantity(value, where, f"record.{name}") for name, value in record.items()}
    base = Experiment(
        _declared(given["task"], f"{where}: task", "tasks"),
        _declared(given["circuit"], f"{where}: circuit", "circuits"),
        **options,
    )
    chosen: dict[str, Any] = {name: given[name] for name in ("design", "n", "design_seed", "keep") if name in given}
    if "seeds" in given:
        chosen["seeds"] = _seeds(given["seeds"], where)
    over = {path: _values(base, path, value, where) for path, value in _table(given, "over", where).items()}
    measures = _table(given, "measures", where)
    sweep = Sweep(base, over, measures=measures, **chosen)
    limits = Limits(**{name: given[name] for name in ("retries",) if name in given}, timeout=_timeout(given, where))
    return SweepFile(sweep, limits, _table(given, "slurm", where))


def _known(where: str, given: Mapping[str, Any], names: Iterable[str]) -> None:
    for name in given:
        if name not in names:
            raise UnknownNameError(where, name, expected="one of its entries", got=repr(name), choices=names)


def _table(given: Mapping[str, Any], name: str, where: str) -> dict[str, Any]:
    table = given.get(name, {})
    if not isinstance(table, dict):
        raise DeclarationError(where, name, expected=f"a [{name}] table", got=repr(table))
    return table


def _seeds(given: Any, where: str) -> Any:
    if isinstance(given, str):
        return parse_seeds(given, where, "seeds", MOST)
    return range(given, given + 1) if type(given) is int else given


def _timeout(given: Mapping[str, Any], where: str) -> float | None:
    if "timeout" not in given:
        return None
    value = given["timeout"]
    if isinstance(value, str):
        from brian2 import second

        value = quantity(value, where, "timeout")
        if getattr(value, "dim", None) is not second.dim:
            raise DeclarationError(where, "timeout", expected='a time such as "10 minute"', got=repr(given["timeout"]))
    return float(value)


def _declared(given: Any, where: str, *folders: str) -> Any:
    """A declaration given by its name, or by a table with ``class``, ``preset`` and values; rules in a list add up."""
    if isinstance(given, list) and given:
        first, *others = (_declared(each, where, *folders) for each in given)
        for other in others:
            first = first + other
        return first
    if isinstance(given, str):
        given = {"class": given}
    if not isinstance(given, dict) or not isinstance(given.get("class"), str):
        raise DeclarationError(where, expected='a name, or a table with class = "…"', got=repr(given))
    cls = load(snake_case(given["class"]), *folders)
    values = {name: value for name, value in given.items() if name not in ("class", "preset")}
    _known(where, values, cls.fields)
    made = {name: _value(cls.fields[name], value, f"{where}.{name}") for name, value in values.items()}
    return cls.preset(given["preset"], **made) if "preset" in given else cls(**made)


def _value(field: Field | None, given: Any, where: str) -> Any:
    """A value of a field: text for a choice, a table or name for a part, else a number with its unit."""
    if isinstance(field, Choice):
        return given
    if isinstance(field, Part):
        folders = ("plasticity",) if issubclass(field.kind, Plasticity) else ("circuits", "plasticity", "tasks")
        return _declared(given, where, *folders)
    return quantity(given, where, field.name if field is not None else "dt")


def _values(base: Experiment, path: str, given: Any, where: str) -> Any:
    """Values of a swept parameter: a list, or a span ``{low, high, n, log}``."""
    field = field_at(base, path)
    place = f"{where}: over.{path}"
    if isinstance(given, dict) and "class" not in given:
        _known(place, given, SPAN)
        if not {"low", "high"} <= {*given}:
            raise DeclarationError(place, expected="a span with low and high", got=repr(given))
        ends = {name: _value(field, given[name], place) for name in ("low", "high")}
        return Span(**ends, n=given.get("n"), log=bool(given.get("log", False)))
    if not isinstance(given, list):
        raise DeclarationError(place, expected="a list or {low = …, high = …, n = …}", got=repr(given))
    return [_value(field, value, place) for value in given]


# ---------------------------------------------------------------------- units


def quantity(given: Any, where: str, name: str) -> Any:
    """A number, or text with a number and its unit: ``"2 ms"``, ``"1800 Hz/second"``, ``"3 nS/cm**2"``.

    Raises
    ------
    DeclarationError
        If it is neither, or a unit does not exist.
    """
    if isinstance(given, (int, float, Declaration)):
        return given
    number = re.match(rf"\s*({_NUMBER})", given) if isinstance(given, str) else None
    if number is None:
        raise DeclarationError(where, name, expected='a number, or one with its unit such as "2 ms"', got=repr(given))
    value: Any = float(number.group(1))
    at = number.end()
    while rest := given[at:].strip():
        factor = re.match(rf"\s*(\*(?!\*)|/|)\s*({_FACTOR})", given[at:])
        if factor is None:
            raise DeclarationError(where, name, expected="units joined by * and /", got=repr(rest))
        sign, text = factor.groups()
        unit_name, power = re.fullmatch(r"(\w+)\s*(?:(?:\*\*|\^)\s*(-?\d+))?", text).groups()  # type: ignore[union-attr]
        if unit_name != "1" and unit_name not in units():
            raise UnknownNameError(
                where, name, expected="a unit", got=repr(unit_name), typed=unit_name, choices=_usual()
            )
        unit = 1 if unit_name == "1" else units()[unit_name] ** int(power or 1)
        value = value / unit if sign == "/" else value * unit
        at += factor.end()
    return value


@cache
def units() -> Mapping[str, Any]:
    """All units of Brian2 by name, and minute and hour."""
    from brian2.units import allunits, stdunits
    from brian2.units.fundamentalunits import Unit

    found = {**vars(allunits), **vars(stdunits)}
    second = found["second"]
    more = {"Hz": found["hertz"], "s": second, "minute": 60 * second, "hour": 3600 * second}
    return {name: unit for name, unit in found.items() if isinstance(unit, Unit)} | more


def _usual() -> list[str]:
    """The units people write: without the many with rare prefixes, powers within their name, or two spellings."""
    from brian2.units import stdunits
    from brian2.units.fundamentalunits import Unit

    return [*(name for name, unit in vars(stdunits).items() if isinstance(unit, Unit)), "s", "second", "minute", "hour"]
