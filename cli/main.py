"""The command ``brian2learn``. Simulator and libraries are imported by the commands that need them, never here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from brian2learn import __version__

from .console import Commands
from .slurm import register as register_slurm
from .sweep import register as register_sweep


def _examples(*lines: str) -> str:
    """Examples below the help of a command, one paragraph each since typer joins lines."""
    return "\n\n".join(["[bold]Examples[/]", *(f"  [cyan]{line}[/]" for line in lines)])


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_examples(
        "brian2learn list rules",
        "brian2learn show pair_stdp",
        "brian2learn run masquelier2008 --small",
        "brian2learn doctor",
    ),
)


def _complete_declarations(incomplete: str) -> list[str]:
    from .catalog import names

    return [name for name in names() if name.startswith(incomplete)]


def _complete_explorable(incomplete: str) -> list[str]:
    from .catalog import heading, kind_of, names

    *before, last = incomplete.split("+")
    start = "".join(f"{name}+" for name in before)
    found = [start + name for name in names("plasticity") if name.startswith(last)]
    if not before:  # circuits do not add up
        beginning = [name for name in names("circuits") if name.startswith(last)]
        found += [name for name in beginning if kind_of(heading("circuits", name)) == "circuit"]
    return found


def _complete_figures(incomplete: str) -> list[str]:
    from .catalog import names

    figures = names("figures")
    papers = dict.fromkeys(name.rsplit("_", 1)[0] for name in figures)
    return [name for name in (*papers, *figures) if name.startswith(incomplete)]


def _complete_kinds(incomplete: str) -> list[str]:
    from .catalog import KINDS, plural

    return [plural(kind) for kind in KINDS if plural(kind).startswith(incomplete)]


Json = Annotated[bool, typer.Option("--json", help="Write one JSON document to stdout, all messages to stderr.")]
FigureName = Annotated[
    str,
    typer.Argument(
        metavar="FIGURE", help="A figure, or a paper for all its figures.", autocompletion=_complete_figures
    ),
]
Small = Annotated[bool, typer.Option("--small", help="A size that proves the pipeline; claims are not judged at it.")]
Size = Annotated[
    str | None,
    typer.Option(
        "--size", help="A size that the figure declares, see `show`.", metavar="NAME", show_default="the judged one"
    ),
]
Results = Annotated[
    Path, typer.Option("--results", envvar="BRIAN2LEARN_RESULTS", help="Folder of records and figures.", metavar="DIR")
]
SEEDS = "Seeds: 0:20 is 0 to 19; 0,1,5 these three; 3 that one."
StoredSeeds = Annotated[
    str | None, typer.Option("--seeds", help=SEEDS, metavar="SEEDS", show_default="those of the last run")
]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"brian2learn {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Learning in spiking networks with Brian2: plasticity rules, circuits, tasks, and paper figures with verdicts."""


@app.command(
    "list",
    epilog=_examples(
        "brian2learn list", "brian2learn list rules rate-rules", "brian2learn list plasticity cells --markdown"
    ),
)
def list_(
    kinds: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KIND",
            help="rules, rate-rules, transmissions, releases (together: plasticity), circuits, cells, tasks, figures.",
            show_default="all",
            autocompletion=_complete_kinds,
        ),
    ] = None,
    as_json: Json = False,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Write a page with what each does, needs and cites.")
    ] = False,
) -> None:
    """List what there is, yours in BRIAN2LEARN_PATH included."""
    from .catalog import list_declarations

    list_declarations(kinds or [], as_json, as_markdown)


@app.command(
    epilog=_examples("brian2learn show pair_stdp", "brian2learn show SRM0", "brian2learn show detector --json")
)
def show(
    name: Annotated[
        str, typer.Argument(help="A name of `brian2learn list`, or a class.", autocompletion=_complete_declarations)
    ],
    as_json: Json = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Write the same as a page in Markdown.")] = False,
) -> None:
    """Show one declaration: what it does, its equations, parameters, choices, presets, claims and sources."""
    if as_markdown:
        from .pages import page

        print(page(name), end="")
        return
    from .show import show_declaration

    show_declaration(name, as_json)


@app.command(
    "run",
    epilog=_examples(
        "brian2learn run masquelier2008_fig4 --small",
        "brian2learn run masquelier2008 --seeds 0:20 --workers 4",
        "brian2learn run masquelier2008_fig5 --results /scratch/me --json",
        "brian2learn run zenke2015_memory --size full",
    ),
)
def run_(
    figure: FigureName,
    seeds: Annotated[str, typer.Option("--seeds", help=f"{SEEDS} One run for each.", metavar="SEEDS")] = "0",
    small: Small = False,
    size: Size = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers", min=1, help="Processes that run at the same time.", show_default="all CPUs", metavar="N"
        ),
    ] = None,
    results: Results = Path("results"),
    as_json: Json = False,
) -> None:
    """Run a figure, draw it, and judge the paper's claims.

    Records that the store already holds are not computed again, so a run that was stopped goes on where it was.
    """
    from .produce import run_figures

    run_figures(
        figure, seeds=seeds, small=small, size=size, n_workers=workers, results=results, as_json=as_json, compute=True
    )


@app.command(epilog=_examples("brian2learn draw masquelier2008_fig4", "brian2learn draw masquelier2008 --seeds 0:20"))
def draw(
    figure: FigureName,
    seeds: StoredSeeds = None,
    small: Small = False,
    size: Size = None,
    results: Results = Path("results"),
    as_json: Json = False,
) -> None:
    """Draw a figure again from stored records; nothing is run."""
    from .produce import run_figures

    run_figures(
        figure, seeds=seeds, small=small, size=size, n_workers=1, results=results, as_json=as_json, compute=False
    )


@app.command(epilog=_examples("brian2learn check masquelier2008", "brian2learn check masquelier2008_fig5 --json"))
def check(
    figure: FigureName,
    seeds: StoredSeeds = None,
    small: Small = False,
    size: Size = None,
    results: Results = Path("results"),
    as_json: Json = False,
) -> None:
    """Judge a paper's claims from stored records; exit code 1 if one is not reproduced."""
    from .produce import check_figures

    check_figures(figure, seeds=seeds, small=small, size=size, results=results, as_json=as_json)


@app.command(epilog=_examples("brian2learn board", "brian2learn board --results /scratch/me --out public"))
def board(
    results: Results = Path("results"),
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder to write the page to, with all it shows.", show_default="the results folder",
            metavar="DIR",
        ),
    ] = None,
) -> None:  # fmt: skip
    """Write the page of all figures: pictures, claims, verdicts, where they come from, and what is not yet run."""
    from .produce import write_board

    write_board(results, out)


@app.command(
    epilog=_examples(
        "brian2learn explore bcm",
        "brian2learn explore detector",
        "brian2learn explore triplet_stdp+heterosynaptic --port 5006",
    )
)
def explore(
    rule: Annotated[
        str | None,
        typer.Argument(
            help="What to show first: anything of plasticity, mechanisms with + between, or a circuit.",
            autocompletion=_complete_explorable, show_default="pair_stdp",
        ),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 for any that is free.")] = 0,
    address: Annotated[
        str, typer.Option("--address", help="Interface to listen on; this machine alone by default.")
    ] = "127.0.0.1",
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Whether to open a browser.")] = True,
    results: Results = Path("results"),
) -> None:  # fmt: skip
    """Move a rule's parameters by hand and see what they do, in a local page; draw figures there, and see the board."""
    from .explore import explore as serve_page

    serve_page(rule, port=port, address=address, browser=browser, results=results)


@app.command(epilog=_examples("brian2learn doctor", "CXX=clang++ brian2learn doctor --json"))
def doctor(results: Results = Path("results"), as_json: Json = False) -> None:
    """Check Python, packages, compiler, folders and disk space; exit code 1 if there is a problem."""
    from .doctor import print_findings

    print_findings(results, as_json)


register_sweep(app, _examples)
register_slurm(app, _examples)


def run() -> None:
    """Entry point of the console script."""
    app(prog_name="brian2learn")
