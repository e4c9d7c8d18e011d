"""Measurements over the runs of an experiment, one for each seed: the spread between seeds is the yardstick."""

from __future__ import annotations

from collections.abc import Callable

from brian2learn.analysis.intervals import ANY, mean, share
from brian2learn.core.claims import Interval
from brian2learn.runs.record import Record

from ._figure import Records

Range = tuple[float, float]
Measurement = Callable[[Records], Interval]


def over_seeds(name: str, measure: Callable[[Record], float | None], within: Range = ANY) -> Measurement:
    """Mean over the runs of an experiment in which `measure` gives a number, not None; `within` as for `mean`."""
    return lambda records: mean([value for record in records[name] if (value := measure(record)) is not None], within)


def difference(measure: Callable[[Record], float], name: str, other: str, within: Range = ANY) -> Measurement:
    """Mean of what is measured in one experiment less that in another, seed by seed."""
    return lambda records: mean(
        [measure(a) - measure(b) for a, b in zip(records[name], records[other], strict=True)], within
    )


def share_of_seeds(name: str, holds: Callable[[Record], bool]) -> Measurement:
    """Share of runs in which something holds."""
    return lambda records: share(sum(bool(holds(record)) for record in records[name]), len(records[name]))
