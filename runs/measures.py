"""What is measured on a record: functions of it, and the small records of their results."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from brian2learn.core.errors import DeclarationError
from brian2learn.core.identity import digest, source_digest

from .record import Record

Measure = Callable[[Record], Any]


def measure_of(name: str, measure: Measure | str) -> Measure:
    """A measure given as a function or as ``"module:function"``.

    Raises
    ------
    DeclarationError
        If there is no such function.
    """
    if callable(measure):
        return measure
    module, colon, function = str(measure).partition(":")
    try:
        found = getattr(importlib.import_module(module), function) if colon else None
    except (ImportError, AttributeError, ValueError) as problem:
        choices = None
        if isinstance(problem, AttributeError):
            choices = [
                each for each, value in vars(importlib.import_module(module)).items() if inspect.isfunction(value)
            ]
        raise DeclarationError(
            "Sweep", f"measures.{name}", expected="module:function", got=f"{measure!r} ({problem})", choices=choices,
            typed=function,
        ) from problem  # fmt: skip
    if not callable(found):
        raise DeclarationError("Sweep", f"measures.{name}", expected="a function or module:function", got=repr(measure))
    return found


def number_of(name: str, value: Any) -> Any:
    """What a measure gave as a plain number, truth value or text; None for nothing and for what is not a number."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if getattr(value, "shape", None) == () or isinstance(value, float):
        value = value.item() if hasattr(value, "item") else value
        return None if isinstance(value, float) and not math.isfinite(value) else value
    raise DeclarationError("Sweep", f"measures.{name}", expected="one number, truth value or text", got=repr(value))


def measures_tag(measures: Mapping[str, Any]) -> bytes:
    """What tells measures from others: their names, functions and the files these are in."""
    found = []
    for name, measure in sorted(measures.items()):
        try:
            code = source_digest(Path(inspect.getfile(measure)))
        except (TypeError, OSError) as problem:
            raise DeclarationError(
                "Sweep", f"measures.{name}", expected="a function in a file, so that its numbers can be told apart",
                got=repr(measure),
            ) from problem  # fmt: skip
        found.append([name, measure.__qualname__, code])
    return bytes.fromhex(digest("measures", found))


def small_key(key: bytes, tag: bytes) -> bytes:
    """What the small record of a point is called."""
    return hashlib.sha256(tag + key).digest()


def reduced(record: Record, measures: Mapping[str, Measure], tag: bytes) -> Record:
    """A small record with what was measured on a record."""
    numbers = {name: number_of(name, measure(record)) for name, measure in measures.items()}
    kept = {name: value for name, value in record.info.items() if name not in ("outputs", "record")}
    info = {**kept, "outputs": [], "record": {}, "of": record.key, "measures": numbers}
    return Record(small_key(bytes.fromhex(record.key), tag).hex(), info, {}, {}, {}, {})


def n_spikes(record: Record) -> int:
    """Output spikes of all groups."""
    return sum(int(spikes.t.size) for spikes in record.spikes.values())


def mean_weight(record: Record) -> float:
    """Mean of all weights at the end."""
    weights = [values.ravel() for name, values in record.final.items() if name.endswith(".w")]
    return float(np.concatenate(weights).mean()) if weights else math.nan
