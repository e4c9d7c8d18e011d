"""What there is to see, and what is said above it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import cache
from html import escape

from brian2learn.core.declaration import Declaration
from brian2learn.core.discovery import files, load
from brian2learn.core.errors import Brian2LearnError
from brian2learn.core.references import bibliography, cite

from .settings import parts_of
from .views._view import views_of


@cache
def explorable() -> dict[str, dict[str, str]]:
    """Class name and file name of every declaration there is something to see of, by kind."""
    found: dict[str, dict[str, str]] = {}
    for name in files("plasticity"):
        try:
            cls = load(name, "plasticity")
            shown = cls()
            if views_of(shown):
                found.setdefault(kind_of(shown), {})[cls.__name__] = name
        except Brian2LearnError:  # a broken file of a user breaks itself only
            continue
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def kind_of(shown: Declaration) -> str:
    """Name of the class that says what it is: the first one of its bases in a file that begins with ``_``."""
    bases = [base for base in type(shown).__mro__ if base.__module__.rpartition(".")[2].startswith("_")]
    return bases[0].__name__ if bases else "Declaration"


def heading(shown: Declaration) -> str:
    """Name, first sentences and sources, as HTML."""
    parts = parts_of(shown)
    found = [f"<h1>{escape(' + '.join(type(part).__name__ for part in parts))}</h1>"]
    for part in parts:
        first = inspect.cleandoc(type(part).__doc__ or "").partition("\n\n")[0]
        found.append(f"<p>{escape(' '.join(first.split()))}</p>")
    return "".join([*found, sources(parts)])


def sources(parts: Sequence[Declaration]) -> str:
    """What they cite, as HTML."""
    cites = ((part.cites,) if isinstance(part.cites, str) else part.cites for part in parts)
    found = " · ".join(_source(key) for key in dict.fromkeys(key for keys in cites for key in keys))
    return f"<small>{found}</small>" if found else ""


def _source(key: str) -> str:
    entry = bibliography().get(key, {})
    address = f"https://doi.org/{entry['doi']}" if "doi" in entry else entry.get("url", "")
    title = escape(cite(key), quote=True)
    if not address:
        return f"<span title='{title}'>{escape(key)}</span>"
    return f"<a href='{escape(address, quote=True)}' title='{title}' target='_blank' rel='noopener'>{escape(key)}</a>"
