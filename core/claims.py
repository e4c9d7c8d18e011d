"""A paper's claim, what we measured, and the verdict from an interval against an accepted range."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

from .errors import DeclarationError


class Verdict(Enum):
    """Whether a claim holds in our records."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    CANNOT_TELL = "cannot tell"


EVIDENCE = ("paper", "code", "abstract", "secondary", "derived", "recalled")


@dataclass(frozen=True)
class Interval:
    """A measured value with its uncertainty.

    Attributes
    ----------
    value : float
        The estimate.
    low, high : float
        Ends of the 95 % interval; infinite where nothing is known of the spread.
    n : int
        How many observations it rests on.
    method : str
        How the interval was found, for example ``Wilson``.
    """

    value: float
    low: float
    high: float
    n: int
    method: str

    def __str__(self) -> str:
        if self.low == self.high == self.value:
            return f"{self.value:.4g}"
        if self.low == float("-inf") or self.high == float("inf"):
            return f"{self.value:.4g} (n={self.n}: no interval)"
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}] (n={self.n}, {self.method})"


@dataclass(frozen=True)
class Claim:
    """One sentence of a paper that our records can support or contradict.

    Attributes
    ----------
    name : str
        Short identifier, unique within the figure.
    sentence : str
        The claim in our own words.
    source : str
        Key of ``references.bib`` and the place in the paper: ``masquelier2008, Fig 4c``.
    paper_value : str
        The number as the paper gives it.
    accept : tuple of float
        Accepted range (low, high), ends included.
    reason : str
        Why the range is as wide as it is.
    evidence : str
        Evidence mark of the paper's number: one of `EVIDENCE`.
    measure : callable
        From the figure's records to an `Interval`.
    unit : str
        Unit of the measured value, for printing.
    """

    name: str
    sentence: str
    source: str
    paper_value: str
    accept: tuple[float, float]
    reason: str
    evidence: str
    measure: Callable[[Any], Interval]
    unit: str = ""

    def __post_init__(self) -> None:
        where = f"Claim {self.name}"
        if self.evidence not in EVIDENCE:
            raise DeclarationError(
                where,
                "evidence",
                expected="an evidence mark",
                got=repr(self.evidence),
                choices=EVIDENCE,
                typed=self.evidence,
            )
        if self.evidence == "recalled":
            raise DeclarationError(where, "evidence", expected="a number confirmed in its source", got="'recalled'")
        if not self.accept[0] <= self.accept[1]:
            raise DeclarationError(where, "accept", expected="a range (low, high)", got=repr(self.accept))
        if not self.reason.strip():
            raise DeclarationError(where, "reason", expected="why the range is as wide as it is", got="nothing")

    @property
    def row(self) -> dict[str, Any]:
        """As plain JSON; an end of the range that is not finite is null."""
        row = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "measure"}
        return {**row, "accept": [end if math.isfinite(end) else None for end in self.accept]}

    def _repr_html_(self) -> str | None:
        from .notebook import html

        return html(self)

    def judge(self, measured: Interval) -> Verdict:
        """The whole interval inside the range, the whole interval outside, or neither."""
        low, high = self.accept
        if low <= measured.low and measured.high <= high:
            return Verdict.REPRODUCED
        if measured.high < low or measured.low > high:
            return Verdict.NOT_REPRODUCED
        return Verdict.CANNOT_TELL
