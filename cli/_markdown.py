"""Markdown: links to papers, tables, escapes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from brian2learn.core.references import bibliography


def link(key: str) -> str:
    """A key of the bibliography as a link to its paper, if it has an address."""
    entry = bibliography().get(key, {})
    address = f"https://doi.org/{entry['doi']}" if "doi" in entry else entry.get("url")
    return f"[{key}]({address.replace('(', '%28').replace(')', '%29')})" if address else key


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Lines of a table, and an empty one after it."""
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(escaped(cell) for cell in row)} |"
    yield ""


def escaped(text: str) -> str:
    """Text of one line, without what ends a cell or begins a tag."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
