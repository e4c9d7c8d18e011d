"""Run figures, draw them, judge their claims: what `run`, `draw` and `check` have in common."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table
from rich.text import Text

from brian2learn.core.errors import DeclarationError
from brian2learn.core.quantities import span
from brian2learn.core.seeds import parse_seeds as seeds_in

from .console import FAILED, messages, output, print_json, say
from .progress import Run, RunProgress
from .quiet import quiet_brian2

if TYPE_CHECKING:
    from brian2learn.figures._produce import Judged

MANY = 10_000
STYLES = {"reproduced": "bold green", "not reproduced": "bold red", "cannot tell": "yellow"}


def parse_seeds(text: str) -> list[int]:
    """Seeds of the option ``--seeds``, at most 10 000; see `core.seeds.parse_seeds`."""
    return list(seeds_in(text, "brian2learn", "--seeds", MANY))


def run_figures(
    name: str,
    *,
    seeds: str | None,
    small: bool,
    size: str | None,
    n_workers: int | None,
    results: Path,
    as_json: bool,
    compute: bool,
) -> None:
    """Produce the figures that `name` stands for, and say what came out.

    Without `compute`, records must be in the store, and the seeds are those of the last run unless they are given.
    """
    chosen = None if seeds is None else parse_seeds(seeds)
    _one_size(small, size)
    usable(results, make=compute)
    quiet_brian2()
    from brian2learn.core.compiler import n_cpus
    from brian2learn.figures._produce import Produced, names_of, produce

    figures = names_of(name)
    n_workers = n_workers or n_cpus()
    produced: list[tuple[Produced, list[int]]] = []

    def finish(figure: str, progress: RunProgress | None) -> None:
        used = chosen or ([0] if compute else _last_seeds(results, figure, small, size))
        tell = (
            None if progress is None else (lambda experiment, seed, t: progress.tell(Run(figure, experiment, seed), t))
        )
        with redirect_stdout(sys.stderr):  # stdout is for the answer, whatever a figure prints
            done = produce(
                figure, used, results, small=small, size=size, n_workers=n_workers, progress=tell, compute=compute
            )  # fmt: skip
        produced.append((done, used))

    try:
        planned = _missing(figures, chosen or [0], results, small, size) if compute else {}
        if planned:
            with RunProgress(planned, n_workers) as progress:
                for figure in figures:
                    finish(figure, progress)
        else:
            if compute:
                messages().print("[dim]All records are in the store; nothing has to be run.[/]")
            for figure in figures:
                finish(figure, None)
    finally:  # what is finished is shown, whatever became of the rest
        if not as_json:
            for done, used in produced:
                _print_judged(done.name, done.judged, used, small, done.folder)
            if produced:
                output().print(f"\nAll figures on one page: {results / 'index.html'}", soft_wrap=True)
    if as_json:
        print_json(
            {
                "small": small,
                "results": str(results),
                "page": str(results / "index.html"),
                "figures": [
                    {
                        "name": done.name,
                        "seeds": used,
                        "folder": str(done.folder),
                        "files": sorted(path.name for path in done.folder.iterdir()),
                        "claims": [each.row for each in done.judged],
                    }
                    for done, used in produced
                ],
            }
        )


def check_figures(name: str, *, seeds: str | None, small: bool, size: str | None, results: Path, as_json: bool) -> None:
    """Judge claims from the store; exit with 1 if one is not reproduced."""
    chosen = None if seeds is None else parse_seeds(seeds)
    _one_size(small, size)
    usable(results)
    quiet_brian2()
    from brian2learn.figures._produce import collect, figure_named, judge, names_of
    from brian2learn.runs.store import Store

    judged: dict[str, tuple[Sequence[Judged], list[int]]] = {}
    with redirect_stdout(sys.stderr):
        for figure in names_of(name):
            used = chosen or _last_seeds(results, figure, small, size)
            declared = figure_named(figure, size)
            records = collect(declared, used, Store(results / "store"), small=small, compute=False)
            judged[figure] = judge(declared, records, small=small), used
    if as_json:
        figures = [
            {"name": figure, "seeds": used, "claims": [each.row for each in found]}
            for figure, (found, used) in judged.items()
        ]
        print_json({"small": small, "results": str(results), "figures": figures})
    else:
        for figure, (found, used) in judged.items():
            _print_judged(figure, found, used, small)
    if any(each.verdict.value == "not reproduced" for found, _ in judged.values() for each in found):
        raise typer.Exit(FAILED)


def write_board(results: Path, out: Path | None) -> None:
    """Write the page of all figures, and say where it is."""
    usable(results)
    usable(out or results, make=True, option="--out" if out else "--results")
    quiet_brian2()
    from brian2learn.figures._board import board, board_of

    page = board(results, out)
    found = board_of(results)
    say("board", "green", f"{len(found.produced)} produced, {len(found.waiting)} not yet run")
    print(page)


def usable(results: Path, *, make: bool = False, option: str = "--results") -> None:
    """Refuse a results folder that cannot be one before anything is computed."""
    problem = None
    try:
        if make:
            results.mkdir(parents=True, exist_ok=True)
        if results.exists() and not results.is_dir():
            problem = "a file"
        elif make and not os.access(results, os.W_OK):
            problem = "one that cannot be written"
    except OSError as failed:
        problem = failed.strerror
    if problem:
        raise DeclarationError(
            "brian2learn", option, expected="a folder that can be written", got=f"{results}: {problem}"
        )


def _one_size(small: bool, size: str | None) -> None:
    if small and size is not None:
        raise DeclarationError("brian2learn", "--size", expected="either --small or --size", got="both")


def _last_seeds(results: Path, figure: str, small: bool, size: str | None) -> list[int]:
    """The seeds with which a figure was drawn last, else 0."""
    from brian2learn.figures._produce import folder_of

    path = folder_of(results, figure, small=small, size=size) / "claims.json"
    try:
        return [int(seed) for seed in json.loads(path.read_text(encoding="utf-8"))["seeds"]]
    except (OSError, ValueError, KeyError, TypeError):
        return [0]


def _missing(
    figures: Iterable[str], seeds: Iterable[int], results: Path, small: bool, size: str | None
) -> dict[Run, float]:
    """The runs to be made, in order; figures may share some of them."""
    from brian2learn.figures._produce import figure_named
    from brian2learn.runs.store import Store

    store = Store(results / "store")
    found: dict[str, tuple[Run, float]] = {}
    for figure in figures:
        for name, experiment in figure_named(figure, size).experiments(small=small).items():
            for seed in seeds:
                key = experiment.key(seed)
                if key not in store:
                    found.setdefault(key, (Run(figure, name, seed), experiment.task.duration))
    return dict(found.values())


def _print_judged(
    name: str, judged: Sequence[Judged], seeds: list[int], small: bool, folder: Path | None = None
) -> None:
    """The claims of one figure with their verdicts, and where its pictures lie."""
    console = output()
    note = "small size: nothing is judged" if small else f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''}"
    console.print(Text.assemble("\n", (name, "bold cyan"), f"  {note}\n"))
    table = Table.grid(padding=(0, 2, 1, 0), collapse_padding=False)
    table.add_column(no_wrap=True)
    table.add_column()
    for each in judged:
        row = each.row
        accepted = f"{span(*row['accept'])} {row['unit']}".strip()
        numbers = Text.assemble(
            *(("paper ", "dim"), row["paper_value"], ("  accepted ", "dim"), accepted),
            *(("  measured ", "dim"), (_measured(row), "bold")),
        )
        verdict = Text(row["verdict"], style=STYLES[row["verdict"]])
        table.add_row(verdict, Text.assemble(row["sentence"], "\n", numbers))
    if judged:
        console.print(table)
    if folder is not None:
        console.print(f"Pictures, data and verdicts: {folder}", soft_wrap=True)


def _measured(row: Mapping[str, Any]) -> str:
    """The measured value with its unit, interval and number of observations."""
    measured = row["measured"]
    if measured["value"] is None:
        return "nothing"
    value = f"{measured['value']:.4g} {row['unit']}".strip()
    if measured["low"] is None or measured["high"] is None:
        return f"{value} (n={measured['n']}: no interval)"
    if measured["low"] == measured["high"] == measured["value"]:
        return value
    return f"{value} [{measured['low']:.4g}, {measured['high']:.4g}] (n={measured['n']}, {measured['method']})"
