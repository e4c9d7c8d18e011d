"""Run a figure, draw it, judge its claims, and leave everything that a reader needs in one folder."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

from brian2learn.core.claims import Claim, Interval, Verdict
from brian2learn.core.discovery import files, load, snake_case
from brian2learn.core.errors import DeclarationError, RecordError, UnknownNameError
from brian2learn.core.notebook import html
from brian2learn.runs.coordinator import compute_points
from brian2learn.runs.record import Record
from brian2learn.runs.simulate import described, provenance, simulate_all
from brian2learn.runs.store import Store

from . import _style
from ._board import board
from ._figure import Figure, Records

FORMATS = ("pdf", "png", "svg")
UNDATED: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}  # the same bytes every time

Progress = Callable[[str, int, float], None]
"""Called with the name of an experiment, a seed, and the simulated time in s."""


@dataclass(frozen=True)
class Judged:
    """A claim, what was measured, and the verdict.

    Attributes
    ----------
    claim : Claim
    measured : Interval
    verdict : Verdict
    """

    claim: Claim
    measured: Interval
    verdict: Verdict

    def _repr_html_(self) -> str | None:
        return html(self)

    @property
    def row(self) -> dict[str, Any]:
        """As plain JSON; a value or an end of the interval that is not finite is null."""
        low, high = (None if abs(end) == float("inf") else end for end in (self.measured.low, self.measured.high))
        value = self.measured.value if math.isfinite(self.measured.value) else None
        return {
            **self.claim.row,
            "measured": {
                "value": value,
                "low": low,
                "high": high,
                "n": self.measured.n,
                "method": self.measured.method,
            },
            "verdict": self.verdict.value,
        }


@dataclass(frozen=True)
class Produced:
    """What one figure gave.

    Attributes
    ----------
    name : str
        Name of the figure on the command line.
    folder : Path
        Where picture, data, verdicts and provenance lie.
    judged : tuple of Judged
        One for each claim.
    """

    name: str
    folder: Path
    judged: tuple[Judged, ...]


def names_of(name: str) -> list[str]:
    """The figures that `name` stands for: one, or all of a paper (``masquelier2008``).

    Raises
    ------
    UnknownNameError
        With the nearest figure.
    """
    known = list(files("figures"))
    chosen = [each for each in known if each in (name, snake_case(name)) or each.startswith(f"{name}_")]
    if not chosen:
        papers = sorted({each.rsplit("_", 1)[0] for each in known})
        raise UnknownNameError(
            "brian2learn", name, expected="a figure or a paper", got=repr(name), choices=known + papers
        )
    return chosen


def figure_named(name: str, size: str | None = None) -> Figure:
    """A figure, at one of the sizes that it declares, or at that on which its claims are judged.

    Raises
    ------
    DeclarationError
        If it has no such size.
    """
    declared = load(name, "figures")
    if size is None:
        return declared()
    if "size" not in declared.fields:
        expected = "a figure that declares several sizes"
        raise DeclarationError(name, "--size", expected=expected, got=f"{size!r} for one that has one size only")
    return declared(size=size)


def folder_of(results: Path, name: str, *, small: bool = False, size: str | None = None) -> Path:
    """Where the output of a figure goes: ``figures/NAME``, with ``-small`` or the size if it is not the default one."""
    suffix = "small" if small else size
    if size is not None and figure_named(name, size) == figure_named(name):
        suffix = None
    return results / "figures" / (name if suffix is None else f"{name}-{suffix}")


def collect(
    figure: Figure,
    seeds: Iterable[int],
    store: Store,
    *,
    small: bool = False,
    n_workers: int = 1,
    progress: Progress | None = None,
    compute: bool = True,
) -> Records:
    """The records of a figure, computed where they are missing.

    Raises
    ------
    RecordError
        If `compute` is False and one is missing.
    """
    records: dict[str, list[Record]] = {}
    seeds = list(seeds)
    experiments = figure.experiments(small=small)
    if compute and n_workers > 1:  # all of them at once, so that no worker waits for the last run of an experiment
        runs = {each.key(seed): (name, seed) for name, each in experiments.items() for seed in seeds}

        def finished(key: str) -> None:
            if progress is not None:
                name, seed = runs[key]
                progress(name, seed, experiments[name].task.duration)

        for n_earlier in sorted({each.n_earlier for each in experiments.values()}):
            some = [each for each in experiments.values() if each.n_earlier == n_earlier]
            points = ((each, seed) for each in some for seed in seeds)
            compute_points(points, store, n_workers=n_workers, progress=finished)
    for name, experiment in experiments.items():
        missing = [seed for seed in seeds if experiment.key(seed) not in store]
        if missing and not compute:
            raise RecordError(
                str(store.directory), name, expected=f"records of seeds {seeds}", got=f"none of {missing}",
                hint=f"Run them first: brian2learn run {snake_case(type(figure).__name__)}, at the same size.",
            )  # fmt: skip
        tell = None if progress is None else (lambda seed, time, name=name: progress(name, seed, time))
        found = simulate_all(experiment, seeds, store=store, progress=tell)
        records[name] = [record for _, record in found]
    return records


def judge(figure: Figure, records: Records, *, small: bool = False) -> tuple[Judged, ...]:
    """Measure every claim; at small size nothing is judged."""
    judged = []
    for claim in figure.claims:
        measured = claim.measure(records)
        judged.append(Judged(claim, measured, Verdict.CANNOT_TELL if small else claim.judge(measured)))
    return tuple(judged)


def produce(
    name: str,
    seeds: Iterable[int],
    results: Path,
    *,
    small: bool = False,
    size: str | None = None,
    n_workers: int = 1,
    progress: Progress | None = None,
    compute: bool = True,
) -> Produced:
    """Run (or fetch), draw and judge one figure.

    Parameters
    ----------
    name : str
        The figure.
    seeds : iterable of int
    results : Path
        The store is ``results/store``, the output ``results/figures/NAME``.
    small : bool
        Proves the pipeline; the output goes to ``NAME-small`` and claims are not judged.
    size : str, optional
        One of the sizes that the figure declares; see `folder_of`.
    compute : bool
        If False, records must be in the store.
    """
    seeds = list(seeds)
    figure = figure_named(name, size)
    store = Store(results / "store")
    records = collect(figure, seeds, store, small=small, n_workers=n_workers, progress=progress, compute=compute)
    folder = folder_of(results, name, small=small, size=size)
    folder.mkdir(parents=True, exist_ok=True)
    judged = judge(figure, records, small=small)
    data = figure.data(records)
    for panel, table in data.items():
        table.to_csv(folder / f"{panel}.csv", index=False)
    style = Path(__file__).with_name("paper.mplstyle")
    with matplotlib.rc_context(fname=style):
        canvas = figure.draw(data)
        _style.settle(canvas)
        for suffix in FORMATS:
            canvas.savefig(folder / f"{name}.{suffix}", metadata=UNDATED.get(suffix))
    _write(
        folder / "provenance.json",
        {
            "figure": name,
            "title": figure.title,
            "summary": " ".join((figure.__doc__ or "").split("\n\n")[0].split()),
            "cites": figure.cites,
            "experiments": {key: described(value) for key, value in figure.experiments(small=small).items()},
            "records": {key: [record.key for record in found] for key, found in records.items()},
            "store": str(store.directory),
            **provenance(),
        },
    )
    _write(
        folder / "claims.json",
        {
            "figure": name,
            "small": small,
            "size": figure.values.get("size"),
            "seeds": seeds,
            "claims": [each.row for each in judged],
        },
    )
    board(results)
    return Produced(name, folder, judged)


def _write(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON at one stroke: somebody may be looking at the folder."""
    whole = path.with_suffix(".part")
    whole.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    whole.replace(path)
