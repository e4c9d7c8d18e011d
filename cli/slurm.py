"""The command `slurm-script`: a sweep as a SLURM job array, for sites that allow no long-lived scheduler."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from brian2learn.core.errors import DeclarationError, RunError

from .console import messages
from .sweep import slurm_options


def register(app: typer.Typer, examples: Callable[..., str]) -> None:
    """Add the command of this file to the command line."""
    app.command("slurm-script", epilog=examples(
        "brian2learn slurm-script robustness.toml --array 20 --to robustness.sh", "sbatch robustness.sh",
        "brian2learn slurm-script robustness.toml --array 500%50 --workers 4 --slurm-option walltime=12:00:00 | sbatch",
    ))(slurm_script)  # fmt: skip


def slurm_script(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A sweep file, see docs/sweeps.md.")],
    array: Annotated[
        str, typer.Option("--array", metavar="N", help="Number of jobs; N%M: at most M of them at the same time.")
    ],
    workers: Annotated[
        int, typer.Option("--workers", min=1, metavar="N", help="Processes, and CPUs, of each job.")
    ] = 1,
    where: Annotated[Path, typer.Option("--where", metavar="DIR", help="The store of the records.")] = Path(
        "results/store"
    ),
    to: Annotated[
        Path | None, typer.Option("--to", metavar="PATH", help="Write it here.", show_default="standard output")
    ] = None,
    slurm_option: Annotated[
        list[str] | None,
        typer.Option(
            "--slurm-option", metavar="NAME=VALUE", help="Ask SLURM for this, as in the file's [slurm] table."
        ),
    ] = None,
) -> None:
    """Write the script of a SLURM job array that runs a sweep: each job one share, all into the same store.

    Nothing is submitted. The sweep file is checked here, so that a mistake does not wait in a queue.
    """
    from .quiet import quiet_brian2

    quiet_brian2()
    from brian2learn.runs.slurm import SlurmJob
    from brian2learn.runs.sweep_file import read_sweep

    n, at_a_time = parse_array(array)
    read = read_sweep(file)
    job = SlurmJob.of({**read.slurm, **slurm_options(slurm_option or [])})
    if n > read.sweep.n_points:
        raise DeclarationError(
            "brian2learn", "--array", expected=f"at most a job for each of {read.sweep.n_points} points", got=str(n)
        )
    command = [
        sys.executable, "-m", "brian2learn.cli", "sweep", str(file.absolute()), "--where", str(where.absolute()),
        "--workers", str(workers),
    ]  # fmt: skip
    name = re.sub(r"[^\w.-]", "-", file.stem)
    script = job.array(command, n, name=name, at_a_time=at_a_time, n_cpus=workers)
    try:
        Path(job.logs).mkdir(parents=True, exist_ok=True)  # SLURM makes no folder, and a job without its log fails
        if to is not None:
            to.write_text(script, encoding="utf-8")
            messages().print(f"Submit it: sbatch {to}", soft_wrap=True)
            return
    except OSError as problem:
        raise RunError("brian2learn", str(problem.filename), expected="a writable place", got=str(problem)) from problem
    sys.stdout.write(script)


def parse_array(text: str) -> tuple[int, int | None]:
    """``20`` as (20, None), ``500%50`` as (500, 50).

    Raises
    ------
    DeclarationError
        If it is neither.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,6})(?:%([1-9][0-9]{0,6}))?", text)
    if found is None:
        raise DeclarationError("brian2learn", "--array", meaning="number of jobs", expected="N or N%M", got=repr(text))
    return int(found[1]), int(found[2]) if found[2] else None
