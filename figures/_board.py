"""The page over all figures of a results folder: pictures, claims, verdicts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment


def board(results: Path) -> Path:
    """Write the page over all figures that have been produced in `results`.

    Parameters
    ----------
    results : Path
        Holds ``figures/NAME/claims.json`` and ``provenance.json`` of every figure.

    Returns
    -------
    Path
        ``index.html`` in `results`.
    """
    environment = Environment(autoescape=True)
    environment.filters |= {"accepted": _accepted, "measured": _measured}
    template = environment.from_string(Path(__file__).with_name("board.html").read_text(encoding="utf-8"))
    figures = [
        {
            **json.loads(path.with_name("provenance.json").read_text(encoding="utf-8")),
            **json.loads(path.read_text(encoding="utf-8")),
            "folder": path.parent.name,
        }
        for path in sorted((results / "figures").glob("*/claims.json"))
    ]
    page = results / "index.html"
    page.write_text(template.render(figures=[{**each, "name": each["figure"]} for each in figures]), encoding="utf-8")
    return page


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
