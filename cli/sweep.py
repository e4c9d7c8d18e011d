"""The commands `sweep` and `store`: many runs of one experiment, and the records they leave."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from brian2learn.core.errors import DeclarationError

from .console import FAILED, messages, output, print_json

if TYPE_CHECKING:
    from brian2learn.runs.sweep import Sweep
    from brian2learn.runs.sweep_file import SweepFile

SHOWN = 5  # failures that are told; the others are in the store
EVERY = 10.0  # s between two lines of progress where there is no terminal

Json = Annotated[bool, typer.Option("--json", help="Write one JSON document to stdout, all messages to stderr.")]
Directory = Annotated[Path, typer.Argument(metavar="DIR", help="The store: a directory of records.")]


def register(app: typer.Typer, examples: Callable[..., str]) -> None:
    """Add the commands of this file to the command line."""
    app.command("sweep", epilog=examples(
        "brian2learn sweep robustness.toml --dry-run", "brian2learn sweep robustness.toml --workers 4",
        "brian2learn sweep robustness.toml --on dask://node1:8786", "brian2learn sweep robustness.toml --share 3/20",
        "brian2learn sweep robustness.toml --export robustness.parquet",
        "brian2learn sweep masquelier2008_fig7 --seeds 0:20 --dry-run",
    ))(sweep)  # fmt: skip
    store = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
    store.command("ls", epilog=examples("brian2learn store ls results/store"))(ls)
    store.command(epilog=examples("brian2learn store verify results/store"))(verify)
    store.command(epilog=examples("brian2learn store tidy results/store"))(tidy)
    store.command(epilog=examples("brian2learn store export results/store --to records.parquet"))(export)
    app.add_typer(store, name="store", help="Look after a store of records.")


# ---------------------------------------------------------------------- sweep


def sweep(
    what: Annotated[
        str, typer.Argument(metavar="FILE|FIGURE", help="A sweep file, see docs/sweeps.md, or all runs of a figure.")
    ],
    on: Annotated[str, typer.Option("--on", metavar="WHERE", help="local, slurm, or dask://HOST:PORT.")] = "local",
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=1,
            metavar="N",
            help="Processes, or SLURM jobs, at the same time.",
            show_default="all CPUs; 10 jobs",
        ),
    ] = None,
    where: Annotated[Path, typer.Option("--where", metavar="DIR", help="The store of the records.")] = Path(
        "results/store"
    ),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what there is to do and what it costs.")] = False,
    share: Annotated[
        str, typer.Option("--share", metavar="K/N", help="Only share K of N, from 1/N to N/N: for job arrays.")
    ] = "1/1",
    to: Annotated[
        Path | None,
        typer.Option(
            "--export", metavar="PATH", help="Then write the results: .csv or .parquet a table, .nc or .zarr arrays."
        ),
    ] = None,
    slurm_option: Annotated[
        list[str] | None,
        typer.Option(
            "--slurm-option", metavar="NAME=VALUE", help="Ask SLURM for this, as in the file's [slurm] table."
        ),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            "--seeds", metavar="SEEDS", help="As 0:20 or 0,1,5; instead of the file's.", show_default="0 for a figure"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run a sweep: that of a file, or all experiments of a figure.

    Points that the store already holds are not computed again, so a sweep that was stopped goes on where it was.
    Exit code 1 if points failed; their reasons are in the store and in the table.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what a cluster sends before it ends a job
    from .quiet import quiet_brian2

    quiet_brian2()
    from brian2learn.runs.export import ARRAYS, TABLES, check_format, write
    from brian2learn.runs.store import Store

    if to is not None:
        check_format(to, TABLES + ARRAYS)
    read = sweep_named(what, seeds)
    chosen, store = parse_share(share), Store(where)
    if dry_run:
        return _dry_run(read.sweep, store, chosen, workers, as_json)
    with SweepProgress() as progress:
        done = read.sweep.execute(
            store, on=on, n_workers=workers, limits=read.limits, share=chosen, progress=progress.tell,
            slurm={**read.slurm, **slurm_options(slurm_option or [])},
        )  # fmt: skip
    reasons = _reasons(read.sweep, store) if done.n_failed else {}
    if to is not None:
        write(read.sweep, store, to)
    if as_json:
        print_json({**vars(done), "store": str(where), "failed": reasons})
    else:
        console = output()
        console.print(
            f"{done.n_points} points: {done.n_before} were there, {done.n_computed} computed, {done.n_failed} failed."
        )
        for reason, n in list(reasons.items())[:SHOWN]:
            console.print(f"  {n} × {reason}", soft_wrap=True)
        console.print(f"Records: {where}" + (f"; results: {to}" if to is not None else ""), soft_wrap=True)
    if done.n_failed:
        raise typer.Exit(FAILED)
    return None


def sweep_named(what: str, seeds: str | None = None) -> SweepFile:
    """The sweep of a file, or, where `what` is neither a file nor looks like one, of a figure.

    Raises
    ------
    DeclarationError, UnknownNameError
        If it is neither, or something in it is wrong.
    """
    from dataclasses import replace

    from brian2learn.core.seeds import parse_seeds
    from brian2learn.runs.children import Limits
    from brian2learn.runs.design import MOST
    from brian2learn.runs.sweep_file import SweepFile, read_sweep

    chosen = None if seeds is None else parse_seeds(seeds, "brian2learn", "--seeds", MOST)
    if Path(what).suffix or Path(what).exists() or len(Path(what).parts) > 1:
        read = read_sweep(what)
        return read if chosen is None else replace(read, sweep=replace(read.sweep, seeds=chosen))
    from brian2learn.figures._sweep import sweep_of

    return SweepFile(sweep_of(what, range(1) if chosen is None else chosen), Limits())


def parse_share(text: str) -> tuple[int, int]:
    """``3/20`` as (3, 20).

    Raises
    ------
    DeclarationError
        If it is no share.
    """
    k, slash, n = text.partition("/")
    if not (slash and k.isascii() and k.isdigit() and n.isascii() and n.isdigit() and 1 <= int(k) <= int(n)):
        raise DeclarationError("brian2learn", "--share", expected="K/N with K from 1 to N", got=repr(text))
    return int(k), int(n)


def slurm_options(pairs: list[str]) -> dict[str, Any]:
    """``NAME=VALUE`` pairs; a number becomes one.

    Raises
    ------
    DeclarationError
        If one is no such pair.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise DeclarationError("brian2learn", "--slurm-option", expected="NAME=VALUE", got=repr(pair))
        found[name] = int(value) if value.isascii() and value.isdigit() else value
    return found


def _reasons(sweep: Sweep, store: Any) -> dict[str, int]:
    """Why points of a sweep failed, and how many of them."""
    failures, reasons = store.failures(), dict[str, int]()
    for block in sweep._blocks():
        for raw in sweep.record_keys(block):
            reason = failures.get(raw.tobytes().hex())
            if reason is not None:
                reasons[reason] = reasons.get(reason, 0) + 1
    return dict(sorted(reasons.items(), key=lambda item: -item[1]))


def _dry_run(sweep: Sweep, store: Any, share: tuple[int, int], workers: int | None, as_json: bool) -> None:
    """Say what there is to do and what it costs."""
    from brian2learn.core.compiler import n_cpus

    from .progress import clock

    to_do, workers = sweep.to_do(store, share), workers or n_cpus()
    programs = sweep.programs()
    cost, source = sweep.cost(store)
    if cost is None and to_do.n:
        messages().print("[dim]Timing one point, which is kept in the store …[/]")
        cost, source = sweep.timed(store), "one point, timed"
        to_do = sweep.to_do(store, share)
    total = None if cost is None else cost * to_do.n
    if as_json:
        return print_json({
            "n_points": to_do.n_points, "n_settings": sweep.n_settings, "n_seeds": len(sweep.seeds), "n_to_do": to_do.n,
            "programs": len(programs), "to_compile": sum(not built for built in programs.values()),
            "seconds_per_point": cost, "seconds": total, "estimated_from": source, "workers": workers,
        })  # fmt: skip
    console = output()
    console.print(f"{to_do.n_points} points ({sweep.n_settings} settings × {len(sweep.seeds)} seeds)"
                  + (f", share {share[0]} of {share[1]}" if share != (1, 1) else ""))  # fmt: skip
    console.print(f"{to_do.n_points - to_do.n} done already, {to_do.n} to compute")
    console.print(f"{len(programs)} programs, {sum(not built for built in programs.values())} of them to compile")
    if total is not None:
        console.print(
            f"about {total / 3600:.3g} core-hours ({cost:.3g} s for each; {source}): {clock(total / workers)} "
            f"with {workers} workers"
        )
    return None


class SweepProgress:
    """A bar on a terminal with rate and time left; elsewhere a line now and then."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        from .progress import Left

        self.console = messages()
        self.bar = Progress(
            TextColumn("points"), BarColumn(bar_width=None), TextColumn("{task.fields[note]}"), Left(),
            console=self.console, expand=True, disable=not self.console.is_terminal,
        )  # fmt: skip
        self.task = self.bar.add_task("", total=None, note="preparing", end=None)
        self.started = self.told = time.monotonic()

    def __enter__(self) -> SweepProgress:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def tell(self, n_done: int, n_failed: int, n: int) -> None:
        """Take notice of how far it is."""
        from .progress import clock

        now, so_far = time.monotonic(), n_done + n_failed
        rate = so_far / (now - self.started)
        left = (n - so_far) / rate
        failed = f", {n_failed} failed" if n_failed else ""
        note = f"{so_far}/{n}{failed}, {_rate(rate)}"
        self.bar.update(self.task, total=n, completed=so_far, note=note, end=now + left)
        if self.bar.disable and (now - self.told > EVERY or so_far == n):
            self.told = now
            self.console.print(f"{note}, {clock(left)} left", soft_wrap=True)


def _rate(per_second: float) -> str:
    for unit, seconds in (("s", 1), ("min", 60), ("h", 3600)):
        if per_second * seconds >= 1 or unit == "h":
            return f"{per_second * seconds:.3g}/{unit}"
    raise AssertionError


# ---------------------------------------------------------------------- store


def ls(
    directory: Directory,
    failed: Annotated[bool, typer.Option("--failed", help="List the points that failed, with their reasons.")] = False,
    as_json: Json = False,
) -> None:
    """Say what a store holds; with --failed, why points have no record."""
    store = _store(directory)
    failures, n = store.failures(), len(store)
    size = sum(path.stat().st_size for path in directory.iterdir() if path.is_file())
    if as_json:
        return print_json({"records": n, "packs": len(store.packs), "bytes": size, "failures": failures})
    if failed:
        for key, reason in failures.items():
            sys.stdout.write(f"{key}\t{reason}\n")
        return None
    output().print(f"{n} records in {len(store.packs)} packs, {size / 1e6:.3g} MB; {len(failures)} points failed")
    return None


def verify(directory: Directory, as_json: Json = False) -> None:
    """Read every byte and say what is damaged; exit code 1 if anything is.

    Damaged records count as missing from then on, so the next run computes them again.
    """
    store = _store(directory)
    damages = list(store.verify())
    for key in {damage.key for damage in damages if damage.key}:
        store.distrust(key)
    if as_json:
        print_json([{**vars(damage), "path": str(damage.path)} for damage in damages])
    else:
        for damage in damages:
            key = f", record {damage.key[:12]}" if damage.key else ""
            output().print(f"{damage.path}, byte {damage.offset}{key}: {damage.what}", soft_wrap=True)
        output().print(f"{len(store)} whole records, {len(damages)} places damaged")
    if damages:
        raise typer.Exit(FAILED)


def tidy(directory: Directory) -> None:
    """Bring all whole records, each once, into as few files as need be."""
    saved = _store(directory).tidy()
    output().print(f"{saved / 1e6:.3g} MB freed")


def export(
    directory: Directory,
    to: Annotated[
        Path,
        typer.Option("--to", metavar="PATH", help="A table (.csv, .parquet); with --record an .nwb file."),
    ],
    measure: Annotated[
        list[str] | None,
        typer.Option("--measure", metavar="NAME=MODULE:FUNCTION", help="What to measure on every record."),
    ] = None,
    record: Annotated[
        str | None,
        typer.Option("--record", metavar="KEY", help="Write the spikes of this record; its first digits do."),
    ] = None,
) -> None:
    """Write a table of all records, or the spikes of one of them as NWB."""
    from .quiet import quiet_brian2

    quiet_brian2()
    from brian2learn.runs.export import TABLES, check_format, store_table, to_nwb, write_table

    store = _store(directory)
    if record is not None:
        check_format(to, (".nwb",))
        found = [key for key in list(store.keys()) if key.startswith(record)]
        if len(found) != 1:
            raise DeclarationError(
                "store", "--record", expected="the beginning of one key", got=f"{len(found)} with it"
            )
        to_nwb(store.read(found[0]), to)
        return
    check_format(to, TABLES)
    measures = {}
    for pair in measure or []:
        name, equals, function = pair.partition("=")
        if not equals:
            raise DeclarationError("store", "--measure", expected="NAME=MODULE:FUNCTION", got=repr(pair))
        measures[name] = function
    write_table(store_table(store, measures), to)


def _store(directory: Path) -> Any:
    """The store at a directory that must be there."""
    from brian2learn.runs.store import Store

    if not directory.is_dir():
        raise DeclarationError("store", str(directory), expected="a directory of records", got="none")
    return Store(directory)
