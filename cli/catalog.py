"""What there is: every declaration by kind, from file names and headings, without importing any."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from brian2learn.core.discovery import FOLDERS, Heading, files, folders, heading, load, snake_case
from brian2learn.core.errors import Brian2LearnError, UnknownNameError

from ._markdown import link, table
from .console import output, print_json

KINDS = {
    "rule": ("plasticity", "Plasticity"),
    "rate rule": ("plasticity", "RateRule"),
    "transmission": ("plasticity", "Transmission"),
    "release": ("plasticity", "Release"),
    "three-factor rule": ("plasticity", "ThreeFactor"),
    "surrogate": ("plasticity", "Surrogate"),
    "optimiser": ("plasticity", "Optimiser"),
    "circuit": ("circuits", "Circuit"),
    "cell": ("circuits", "Cell"),
    "task": ("tasks", "Task"),
    "figure": ("figures", "Figure"),
}
"""Folder and base class of every kind; what derives from none of them is of the first kind of its folder."""


def kind_of(found: Heading) -> str:
    """Kind of a declaration; a class derived from another one of its folder is of the same kind."""
    listed, seen = files(found.folder), {found.name}
    while True:
        base = found.base.rpartition(".")[2]
        for kind, (folder, name) in KINDS.items():
            if (folder, name) == (found.folder, base):
                return kind
        parent = snake_case(base)
        if parent in seen or parent not in listed:
            return next(kind for kind, (folder, _) in KINDS.items() if folder == found.folder)
        seen.add(parent)
        found = heading(found.folder, parent)


def plural(kind: str) -> str:
    """What a kind is called on the command line: ``rate-rules``."""
    return f"{kind.replace(' ', '-')}s"


def kinds_called(name: str) -> list[str]:
    """The kinds that a user's word stands for: ``rule`` or ``rules``, or ``plasticity`` for all of that folder.

    Raises
    ------
    UnknownNameError
        With the nearest kind.
    """
    word = name.lower().replace(" ", "-").replace("_", "-")
    for kind in KINDS:
        if word in (plural(kind), plural(kind)[:-1]):
            return [kind]
    found = [kind for kind, (folder, _) in KINDS.items() if folder == word]
    if not found:
        raise UnknownNameError(
            "list", "KIND", expected="a kind of declarations", got=repr(name), choices=map(plural, KINDS), typed=name
        )
    return found


def entries(kinds: Iterable[str] = tuple(KINDS)) -> Iterator[tuple[str, Heading]]:
    """Kind and heading of every declaration of some kinds, by kind."""
    found = [heading(folder, name) for folder in FOLDERS for name in files(folder)]
    own = [kind_of(each) for each in found]
    for wanted in dict.fromkeys(kinds):
        yield from ((wanted, each) for kind, each in zip(own, found, strict=True) if kind == wanted)


def names(*among: str) -> list[str]:
    """Names of all declarations in some folders, for completion."""
    return [name for folder in among or FOLDERS for name in files(folder)]


def is_users(path: Path, folder: str) -> bool:
    """Whether a file comes from a directory of ``BRIAN2LEARN_PATH``."""
    return path.parent != folders(folder)[0]


def list_declarations(words: Sequence[str], as_json: bool, as_markdown: bool = False) -> None:
    """Print what there is of some kinds, of all if none is named."""
    found = list(entries([kind for word in words for kind in kinds_called(word)] or KINDS))
    if as_json:
        rows = [{"kind": kind, "name": each.name, "class": each.class_name or None, "summary": each.summary,
                 "readable": bool(each.class_name), "file": str(each.path)} for kind, each in found]  # fmt: skip
        return print_json(rows)
    if as_markdown:
        sys.stdout.write(markdown(found, [*words, "--markdown"]))
        return None
    if not sys.stdout.isatty():  # one line each, for grep
        for own, each in found:
            print(own, each.name, each.summary, sep="\t")
        return None
    console = output()
    if not found:
        console.print(f"There are no {' or '.join(words) or 'declarations'} yet.")
        return None
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column()
    last = None
    for own, each in found:
        if own != last:
            if last is not None:
                grid.add_row()
            grid.add_row(Text(f"{own.capitalize()}s", style="bold"))
            last = own
        yours = " (yours)" if is_users(each.path, each.folder) else ""
        summary = Text(each.summary, style="" if each.class_name else "red")
        grid.add_row(Text(f"  {each.name}", style="cyan"), summary.append(yours, style="green"))
    console.print(grid)
    console.print("\n[dim]brian2learn show NAME tells more about one of them.[/]")
    return None


def markdown(found: Iterable[tuple[str, Heading]], arguments: Sequence[str]) -> str:
    """A page with one table for every kind: name, what it does, what it needs, sources."""
    from .quiet import quiet_brian2
    from .show import needs

    quiet_brian2()

    def row(each: Heading) -> tuple[str, ...]:
        try:
            cls = load(each.name, each.folder)
        except Brian2LearnError as problem:
            return f"`{each.name}`", str(problem), "", ""
        cites = (cls.cites,) if isinstance(cls.cites, str) else cls.cites
        summary = each.summary.replace("``", "`")
        return f"`{cls.__name__}`", summary, "; ".join(needs(cls())), ", ".join(map(link, cites))

    lines = ["# What there is", "", f"Written by `brian2learn list {' '.join(arguments)}`.", ""]
    for kind, some in groupby(found, lambda each: each[0]):
        rows = (row(heading) for _, heading in some)
        lines += [f"## {kind.capitalize()}s", "", *table(("name", "what it does", "needs", "sources"), rows)]
    return "\n".join(lines)
