"""Sliders from declared parameters: where they end, whether they are logarithmic, in which unit they read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from brian2learn.core.declaration import Param, Size, plain
from brian2learn.core.quantities import span, unit_for

N_STEPS = 400
WIDE = 300.0  # a logarithmic slider goes this far beyond the values that are in use
NEAR = 4.0  # a linear one


@dataclass(frozen=True)
class Slider:
    """How a parameter is moved by hand. All numbers but `factor` are in its unit.

    Attributes
    ----------
    name, meaning : str
    unit : str
        As written behind a number; empty for a plain one.
    factor : float
        Size of the unit in SI units.
    low, high : float
        Ends of the slider. Typed numbers may go beyond, to the declared bounds.
    log : bool
        Whether equal distances are equal ratios.
    whole : bool
        Whether it is a count.
    bounds : str
        The declared bounds in words.
    source : str
        Where the default comes from.
    """

    name: str
    meaning: str
    unit: str
    factor: float
    low: float
    high: float
    log: bool
    whole: bool
    bounds: str
    source: str

    def place(self, value: Any) -> float:
        """Where a value (a quantity, or in SI units) stands on the slider."""
        shown = self.shown(value)
        return math.log10(max(shown, self.low)) if self.log else shown

    def shown(self, value: Any) -> float:
        """A value in the unit of the slider."""
        return float(plain(value)) / self.factor

    def value(self, place: float) -> float:
        """The value, in SI units, at a place of the slider, with no more digits than tell it from the next place."""
        shown, beyond = (10**each if self.log else each for each in (place, place + self.step))
        if self.whole:
            return float(round(shown))
        rounded = round(shown, -math.floor(math.log10(beyond - shown)))
        return min(max(rounded, self.low), self.high) * self.factor

    @property
    def ends(self) -> tuple[float, float]:
        """Places of both ends."""
        return (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)

    @property
    def step(self) -> float:
        """Smallest step of the place."""
        if self.whole:
            return 1.0
        low, high = self.ends
        return (high - low) / N_STEPS


def slider_for(param: Param, value: Any, in_use: Iterable[Any] = ()) -> Slider:
    """The slider of a parameter.

    Parameters
    ----------
    param : Param
    value : float or Quantity
        The present value.
    in_use : iterable of float or Quantity
        Further values that somebody has published.
    """
    like = next((each for each in (param.default, value, *in_use) if plain(each)), param.default)
    unit, factor = unit_for(like)
    lowest = -math.inf if param.low is None else plain(param.low)
    highest = math.inf if param.high is None else plain(param.high)
    sizes = [abs(plain(each)) for each in (param.default, value, *in_use) if plain(each)]
    smallest, largest = (min(sizes), max(sizes)) if sizes else (1.0, 1.0)
    whole = isinstance(param, Size)
    log = not whole and lowest > 0 and highest / lowest >= 50
    if log:
        low, high = max(lowest, smallest / WIDE), min(highest, largest * WIDE)
    elif lowest >= 0:
        low, high = lowest, highest if highest <= 2 * NEAR * largest else lowest + NEAR * largest
    else:
        low = lowest if lowest >= -5 * NEAR * largest else -NEAR * largest
        high = highest if highest <= 5 * NEAR * largest else NEAR * largest
    if not sizes and math.isfinite(highest):
        high = highest
    return Slider(
        param.name, param.meaning, re.sub(r"^u(?=\w)", "µ", unit), factor, low / factor, high / factor, log, whole,
        span(param.low, param.high, like), param.source or "",
    )  # fmt: skip
