"""What there is: every declaration by kind, from file names and headings, without importing any."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from brian2learn.core.discovery import FOLDERS, Heading, files, folders, heading, snake_case
from brian2learn.core.errors import UnknownNameError

from .console import output, print_json

FOLDER_OF = {"rule": "plasticity", "cell": "circuits", "circuit": "circuits", "task": "tasks", "figure": "figures"}


def kind_of(found: Heading) -> str:
    """Kind of a declaration; a class derived from another cell is a cell too."""
    base = found.base.rpartition(".")[2]
    if found.folder == "circuits":
        if base == "Cell":
            return "cell"
        parent = snake_case(base)
        if parent != found.name and parent in files("circuits"):
            return kind_of(heading("circuits", parent))
    return next(kind for kind, folder in FOLDER_OF.items() if folder == found.folder and kind != "cell")


def kind_called(name: str) -> str:
    """The kind that a user's word stands for: ``rule``, ``rules`` or ``plasticity``.

    Raises
    ------
    UnknownNameError
        With the nearest kind.
    """
    for kind, folder in FOLDER_OF.items():
        if name.lower() in (kind, f"{kind}s") or (name.lower() == folder and kind != "cell"):
            return kind
    raise UnknownNameError(
        "list", "KIND", expected="a kind of declarations", got=repr(name), choices=[f"{kind}s" for kind in FOLDER_OF],
        typed=name,
    )  # fmt: skip


def entries(kind: str | None = None) -> Iterator[tuple[str, Heading]]:
    """Kind and heading of every declaration, in the order of `FOLDER_OF`."""
    found = [heading(folder, name) for folder in FOLDERS for name in files(folder)]
    kinds = [kind_of(each) for each in found]
    for wanted in FOLDER_OF if kind is None else (kind,):
        yield from ((wanted, each) for own, each in zip(kinds, found, strict=True) if own == wanted)


def names(*among: str) -> list[str]:
    """Names of all declarations in some folders, for completion."""
    return [name for folder in among or FOLDERS for name in files(folder)]


def is_users(path: Path, folder: str) -> bool:
    """Whether a file comes from a directory of ``BRIAN2LEARN_PATH``."""
    return path.parent != folders(folder)[0]


def list_declarations(kind: str | None, as_json: bool) -> None:
    """Print what there is."""
    found = list(entries(None if kind is None else kind_called(kind)))
    if as_json:
        rows = [{"kind": kind, "name": each.name, "class": each.class_name or None, "summary": each.summary,
                 "readable": bool(each.class_name), "file": str(each.path)} for kind, each in found]  # fmt: skip
        return print_json(rows)
    if not sys.stdout.isatty():  # one line each, for grep
        for own, each in found:
            print(own, each.name, each.summary, sep="\t")
        return None
    console = output()
    if not found:
        console.print(f"There are no {kind or 'declarations'} yet.")
        return None
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    last = None
    for own, each in found:
        if own != last:
            if last is not None:
                table.add_row()
            table.add_row(Text(f"{own.capitalize()}s", style="bold"))
            last = own
        yours = " (yours)" if is_users(each.path, each.folder) else ""
        summary = Text(each.summary, style="" if each.class_name else "red")
        table.add_row(Text(f"  {each.name}", style="cyan"), summary.append(yours, style="green"))
    console.print(table)
    console.print("\n[dim]brian2learn show NAME tells more about one of them.[/]")
    return None
