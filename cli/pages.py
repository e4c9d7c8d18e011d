"""One declaration as a page in Markdown: what ``show`` prints, for documents and web sites."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from brian2learn.core.discovery import find
from brian2learn.core.quantities import span

from ._markdown import escaped, link, table
from .show import described, paragraphs


def page(name: str, typeset: str = "") -> str:
    """The page of one declaration.

    Parameters
    ----------
    name : str
        As in `brian2learn list`, or a class.
    typeset : str
        Its equations as HTML, to stand before their text.

    Raises
    ------
    UnknownNameError, DeclarationError
    """
    document = described(name)
    return "\n".join([*_head(document, find(name)[0]), *_equations(document["texts"], typeset), *_fields(document),
                      *_claims(document.get("claims", ())), *_sources(document["cites"]), ""])  # fmt: skip


def _head(document: Mapping[str, Any], folder: str) -> Iterator[str]:
    yield f"# {document['class']}\n"
    if "title" in document:
        yield f"**{document['title']}**\n"
    yield _prose(document["summary"]) + "\n"
    for indent, line in paragraphs(document["description"]):
        yield f":   {_prose(line)}\n" if indent and line else f"{_prose(line)}\n" if line else ""
    name = document["name"]
    if document["kind"] == "figure":
        yield f"```sh\nbrian2learn run {name}\n```\n"
    else:
        # text, not python: there is nothing in it that could go wrong
        yield f"```text\nfrom brian2learn.{folder} import {document['class']}\n```\n"


def _equations(texts: Mapping[str, str], typeset: str) -> Iterator[str]:
    if texts:
        yield "## What it says\n"
        if typeset:
            yield f"{typeset}\n"
    for title, text in texts.items():
        yield f"**{title}**\n\n```text\n{text}\n```\n"


def _fields(document: Mapping[str, Any]) -> Iterator[str]:
    rows: list[tuple[str, ...]]
    if document["parts"]:
        yield "## Parts\n"
        rows = [(f"`{each['name']}`", f"`{each['default']}`", each["meaning"]) for each in document["parts"]]
        yield from table(("name", "default", "what it is"), rows)
    if document["parameters"]:
        yield "## Parameters\n"
        rows = [
            (f"`{each['name']}`", each["default"], each["bounds"], each["meaning"], each["source"] or "")
            for each in document["parameters"]
        ]
        yield from table(("name", "default", "bounds", "meaning", "source"), rows)
    if document["choices"]:
        yield "## Choices\n"
    for choice in document["choices"]:
        source = f" ({choice['source']})" if choice["source"] else ""
        yield f"**`{choice['name']}`**: {choice['meaning']}{source}\n"
        yield from table(
            ("option", "meaning"),
            [(f"`{name}`" + (" (default)" if name == choice["default"] else ""), meaning)
             for name, meaning in choice["options"].items()],
        )  # fmt: skip
    if document["presets"]:
        yield "## Presets\n"
        rows = [
            (
                f"`{each['name']}`", ", ".join(f"{key} = {value}" for key, value in each["values"].items()) or
                "the defaults", each["source"] or "", each["note"] or "",
            )
            for each in document["presets"]
        ]  # fmt: skip
        yield from table(("name", "values", "source", "note"), rows)


def _claims(claims: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if claims:
        yield "## Claims\n"
        rows = [
            (
                each["sentence"], each["paper_value"], f"{span(*each['accept'])} {each['unit']}".strip(),
                f"{each['reason']} {each['source']} [{each['evidence']}]",
            )
            for each in claims
        ]  # fmt: skip
        yield from table(("claim", "paper", "accepted", "why"), rows)


def _sources(cites: Mapping[str, str]) -> Iterator[str]:
    if cites:
        yield "## Sources\n"
        yield from (f"* {link(key)}: {escaped(text)}" for key, text in cites.items())


def _prose(text: str) -> str:
    """Text of a docstring with its code as Markdown has it; what looks like a list or a star stays what it is."""
    pieces = re.split(r"``(.+?)``|`(.+?)`", text)
    return "".join(
        f"`{piece}`" if k % 3 else piece.replace("<", "&lt;") for k, piece in enumerate(pieces) if piece is not None
    )
