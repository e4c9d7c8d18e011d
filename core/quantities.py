"""Quantities for people: in the unit in which they are best written, without needless digits."""

from __future__ import annotations

import re
from itertools import product
from typing import Any

from .declaration import dimension_of, plain


def span(low: Any, high: Any, like: Any = 1.0) -> str:
    """A range in words, in the unit in which `like` is best written; an end that is None or infinite is open."""
    low, high = (None if end is None or abs(plain(end)) == float("inf") else end for end in (low, high))
    if low is None or high is None:
        return f"≥ {written(low, like)}" if low is not None else f"≤ {written(high, like)}" if high is not None else ""
    if low == high:
        return written(low, like)
    return f"{written(low, like).split()[0]} to {written(high, like)}"


def written(value: Any, like: Any = None) -> str:
    """A number without needless digits, in the unit in which `like` (or itself) is best written."""
    like = value if like is None else like
    if dimension_of(like) is None:
        return f"{value:.6g}" if isinstance(value, float) else str(value)
    unit, factor = unit_for(like)
    return f"{float(value) / factor:.6g} {unit}"


def unit_for(like: Any) -> tuple[str, float]:
    """Name and size (SI) of the unit in which a value is best written; no name and 1 for a number."""
    if dimension_of(like) is None:
        return "", 1.0
    unit = like.get_best_unit()
    # of other units, what Brian2 offers depends on which have been used before
    ratio = "" if re.fullmatch(r"[^\W\d_]+(\^\d)?", str(unit)) else _ratio(like)
    return (ratio, 1.0) if ratio else (str(unit), float(unit))


def _ratio(quantity: Any) -> str:
    """The coherent unit of a quantity as a ratio of two, ``F/m^2``; nothing if there is none."""
    from brian2 import amp, coulomb, farad, metre, ohm, second, siemens, volt

    above = {"1": 1, **{str(unit): unit for unit in (volt, amp, siemens, farad, ohm, coulomb, metre, second)}}
    below = {
        f"{unit}{sign}": unit**power for unit in (volt, amp, metre, second) for sign, power in (("", 1), ("^2", 2))
    }
    for (one, top), (two, bottom) in product(above.items(), below.items()):
        if dimension_of(top / bottom) == dimension_of(quantity):
            return f"{one}/{two}"
    return ""
