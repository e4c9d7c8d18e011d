"""The page over all figures: pictures, claims, verdicts, and what has not been run yet."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, Template

from brian2learn.core.claims import Verdict
from brian2learn.core.discovery import files, load
from brian2learn.core.errors import Brian2LearnError

PAGE = "index.html"
FIGURES = "figures"
NOT_RUN = "not yet run"

Entry = dict[str, Any]


class Board(NamedTuple):
    """What the page shows.

    Attributes
    ----------
    produced : list of dict
        Every folder in which a figure has been produced: its claims with verdicts, and where they come from.
    waiting : list of dict
        Every declared figure for which there is none.
    """

    produced: list[Entry]
    waiting: list[Entry]


def board(results: Path, out: Path | None = None) -> Path:
    """Write the page over all figures.

    Parameters
    ----------
    results : Path
        Holds ``figures/NAME/claims.json`` and ``provenance.json`` of every figure that has been produced.
    out : Path, optional
        Where page, pictures and data go, to be published from there; else the page goes to `results`.

    Returns
    -------
    Path
        ``index.html``.
    """
    found = board_of(results)
    if out is not None and out.resolve() != results.resolve():
        for each in found.produced:
            shutil.copytree(results / FIGURES / each["folder"], out / FIGURES / each["folder"], dirs_exist_ok=True)
    page = (out or results) / PAGE
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(page_of(found), encoding="utf-8")
    return page


def page_of(found: Board) -> str:
    """The page as HTML."""
    return _template().render(**found._asdict())


def fragment(found: Board) -> str:
    """The same as a piece of HTML, for a page that has a head of its own."""
    parts: Any = _template().module
    return f"{parts.style()}\n{parts.body(*found)}\n"


def section(found: Board, root: str) -> str:
    """All there is of some figures as a piece of HTML; `root` leads to the page of the board."""
    parts: Any = _template().module
    of_drawn = (parts.drawn(figure, root) for figure in found.produced)
    return "".join(map(str, (parts.style(), *of_drawn, *(parts.undrawn(figure, True) for figure in found.waiting))))


def board_of(results: Path) -> Board:
    """What there is to show of all figures, from what they left in `results` and from their declarations."""
    produced = [_produced(path.parent) for path in sorted((results / FIGURES).glob("*/claims.json"))]
    done = {each["figure"] for each in produced}
    return Board(produced, [each for name in files(FIGURES) if name not in done for each in _waiting(name)])


def _produced(folder: Path) -> Entry:
    entry: Entry = {}
    for name in ("provenance.json", "claims.json"):
        entry |= json.loads((folder / name).read_text(encoding="utf-8"))
    return {
        **entry, "folder": folder.name, "name": entry["figure"],
        "files": sorted(each.name for each in folder.iterdir()),
        "n_records": len({key for keys in entry["records"].values() for key in keys}),
    }  # fmt: skip


def _waiting(name: str) -> Sequence[Entry]:
    try:
        figure = load(name, FIGURES)
    except Brian2LearnError:  # a broken file of a user breaks itself only
        return ()
    summary = " ".join((figure.__doc__ or "").split("\n\n")[0].split())
    claims = [{**claim.row, "verdict": NOT_RUN} for claim in figure.claims]
    return ({"folder": name, "name": name, "title": figure.title, "summary": summary, "claims": claims},)


def _template() -> Template:
    environment = Environment(autoescape=True)
    environment.filters |= {"accepted": _accepted, "measured": _measured, "having": _having}
    environment.globals["verdicts"] = [each.value for each in Verdict]
    return environment.from_string(Path(__file__).with_name("board.html").read_text(encoding="utf-8"))


def _having(claims: Sequence[Mapping[str, Any]], verdict: str) -> int:
    return sum(claim["verdict"] == verdict for claim in claims)


def _accepted(accept: list[float | None]) -> str:
    low, high = accept
    if high is None:
        return f"≥ {low:g}"
    if low is None:
        return f"≤ {high:g}"
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _measured(measured: Mapping[str, Any]) -> str:
    value, low, high = measured["value"], measured["low"], measured["high"]
    if value is None:
        return "–"
    return f"{value:.4g}" if low is None or high is None or low == high else f"{value:.4g} [{low:.4g}, {high:.4g}]"
