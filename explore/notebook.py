"""Widgets and rich text for notebooks."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Sequence
from functools import singledispatch
from html import escape
from typing import Any

import matplotlib
import numpy as np

from brian2learn.circuits._circuit import Circuit
from brian2learn.core.claims import Claim
from brian2learn.core.declaration import Choice, Declaration, Param, Part
from brian2learn.core.quantities import span, written
from brian2learn.figures import _style
from brian2learn.figures._produce import Judged
from brian2learn.runs.record import Record, Spikes

from . import diagram, formulas
from .describe import heading
from .paper import STYLE
from .settings import parts_of

LOOK = """<style>
.b2l h1 { font-size: 1.25em; margin: .2em 0 }
.b2l table { border-collapse: collapse; margin: .4em 0 }
.b2l th, .b2l td { text-align: left; vertical-align: top; padding: .2em .8em .2em 0 }
.b2l dl { display: grid; grid-template-columns: max-content 1fr; gap: .2em 1.2em; align-items: center; margin: .4em 0 }
.b2l dt { font-weight: normal; opacity: .75 }
.b2l dd { margin: 0 }
.b2l math { display: inline math; margin-right: 1.5em }
</style>"""
MOST_SPIKES = 200_000  # of a raster


def explore(shown: Any, *, dark: bool = False) -> Any:
    """Sliders and pictures; see `core.notebook.explore`."""
    import panel as pn

    from .page import Explorer
    from .settings import usual

    setting = usual(shown)
    pn.extension()
    return Explorer(setting, dark=dark).layout


def html(shown: Any) -> str:
    """A declaration, a record, a claim or a verdict as HTML."""
    return f"{LOOK}<div class='b2l'>{_html(shown)}</div>"


@singledispatch
def _html(shown: Any) -> str:
    raise NotImplementedError(f"There is no rich text for {type(shown).__name__}.")


@_html.register
def _of_declaration(shown: Declaration) -> str:
    found = [heading(shown)]
    if isinstance(shown, Circuit):
        found.append(diagram.svg(shown))
    if formulas.equations_of(shown):
        found.append(formulas.html_of(shown))
    rows = [row for part in parts_of(shown) for row in _rows(part)]
    if rows:
        found.append(f"<details><summary>{len(rows)} parameters</summary>")
        found.append(_table(("", "value", "bounds", "meaning", "source"), rows) + "</details>")
    return "".join(found)


def _rows(part: Declaration) -> Iterator[Sequence[str]]:
    for name, field in part.fields.items():
        value = part.values[name]
        bounds = ""
        if isinstance(field, Param):
            bounds = span(field.low, field.high, field.default)
        elif isinstance(field, Choice):
            bounds = ", ".join(field.options)
        elif not isinstance(field, Part):
            continue
        said = written(value) if isinstance(field, Param) else str(value)
        yield name, said, bounds, field.meaning, field.source or ""


@_html.register
def _of_claim(shown: Claim) -> str:
    return _claims(_claimed(shown))


@_html.register
def _of_verdict(shown: Judged) -> str:
    verdict = f"<b>{shown.verdict.value}</b><br>{escape(str(shown.measured))} {escape(shown.claim.unit)}"
    return _claims((*_claimed(shown.claim), verdict))


def _claimed(claim: Claim) -> tuple[str, ...]:
    accepted = f"{span(*claim.row['accept'])} {claim.unit}".strip()
    return (
        f"{escape(claim.sentence)}<br><small>{escape(claim.source)} [{claim.evidence}]</small>",
        escape(claim.paper_value),
        f"{escape(accepted)}<br><small>{escape(claim.reason)}</small>",
    )


def _claims(row: Sequence[str]) -> str:
    return _table(("claim", "paper", "accepted", "measured")[: len(row)], [row], safe=True)


@_html.register
def _of_record(shown: Record) -> str:
    info = shown.info
    task, circuit = (info["experiment"][each]["class"] for each in ("task", "circuit"))
    first = [
        ("", f"{shown.duration:g} s in steps of {info['dt'] * 1e3:g} ms, seed {info['seed']}"),
        *((name, f"{each.t.size} spikes of {np.unique(each.i).size} cells") for name, each in shown.spikes.items()),
        *((name, f"{' × '.join(map(str, each.values.shape))} values") for name, each in shown.states.items()),
        *((name, _spread(each)) for name, each in shown.final.items()),
        ("truth", ", ".join(shown.truth)),
        ("made", f"brian2learn {info['versions']['brian2learn']}, Brian2 {info['versions']['brian2']}, "
                 f"{'commit ' + str(info['commit'])[:12] if info['commit'] else 'installed'}, {info['written']}"),
        ("key", shown.key),
    ]  # fmt: skip
    rasters = "".join(_raster(name, each, shown.duration) for name, each in shown.spikes.items() if each.t.size)
    return f"<h1>{escape(task)} → {escape(circuit)}</h1>{_table(('', ''), first)}{rasters}"


def _spread(values: np.ndarray) -> str:
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if not finite.size:
        return f"{values.size} values"
    low, middle, high = np.quantile(finite, (0, 0.5, 1))
    return f"{values.size} values, {low:.4g} to {high:.4g}, median {middle:.4g}"


def _raster(name: str, spikes: Spikes, duration: float) -> str:
    """A raster plot as an image: of very many spikes every k-th is drawn, and that is said."""
    every = -(-spikes.t.size // MOST_SPIKES)
    with matplotlib.rc_context(fname=STYLE):
        canvas = _style.canvas(_style.TWO_COLUMNS, 42)
        axes = canvas.subplots()
        axes.plot(spikes.t[::every], spikes.i[::every], ",", color=_style.BLACK)
        axes.set(xlim=(0, duration), xlabel="Time (s)", ylabel=f"Cell ({name})")
        if every > 1:
            axes.set_title(f"one spike in {every}")
        file = io.BytesIO()
        canvas.savefig(file, format="png", dpi=110)
    image = base64.b64encode(file.getvalue()).decode()
    return f"<img alt='Spikes of {escape(name)}' style='max-width:100%' src='data:image/png;base64,{image}'>"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, safe: bool = False) -> str:
    head = "".join(f"<th>{each}</th>" for each in columns) if any(columns) else ""
    body = "".join(f"<tr>{''.join(f'<td>{cell if safe else escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table>{f'<thead><tr>{head}</tr></thead>' if head else ''}<tbody>{body}</tbody></table>"
