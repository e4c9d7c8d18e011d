"""Read ``core/references.bib`` as far as a citation on the screen needs it."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path

BIBLIOGRAPHY = Path(__file__).with_name("references.bib")
_ACCENTS = {'"': "\u0308", "'": "\u0301", "`": "\u0300", "^": "\u0302", "~": "\u0303", "c": "\u0327", "v": "\u030c"}
_LETTERS = {r"\o": "ø", r"\O": "Ø", r"\ss": "ß", r"\ae": "æ", r"\l": "ł", r"\i": "i", r"\&": "&"}


@cache
def bibliography(path: Path = BIBLIOGRAPHY) -> dict[str, dict[str, str]]:
    """Key and fields of every entry; nothing if there is no such file."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        return {}
    starts = list(re.finditer(r"@(\w+)\s*\{\s*([^,\s]+)\s*,", text))
    ends = [start.start() for start in starts[1:]] + [len(text)]
    return {start[2]: _fields(text[start.end() : end]) for start, end in zip(starts, ends, strict=True)}


def cite(key: str) -> str:
    """One line on a source, or that it is not in ``references.bib``."""
    entry = bibliography().get(key)
    if entry is None:
        return "not in references.bib"
    where = entry.get("journal") or entry.get("booktitle") or entry.get("publisher") or entry.get("howpublished", "")
    if "volume" in entry:
        where += f" {entry['volume']}" + (f":{entry['pages'].replace('--', '–')}" if "pages" in entry else "")
    link = f"doi:{entry['doi']}" if "doi" in entry else entry.get("url", "")
    who = f"{_authors(entry.get('author', ''))} ({entry.get('year', 'no year')})".strip()
    return " ".join(
        f"{part.rstrip('.')}." if part != link else part for part in (who, entry.get("title", ""), where, link) if part
    )


def _fields(body: str) -> dict[str, str]:
    """Name and plain text of the fields in an entry's body; braces are counted, since they nest."""
    fields: dict[str, str] = {}
    position = 0
    while match := re.compile(r"(\w+)\s*=\s*").search(body, position):
        begin = position = match.end()
        depth = quotes = 0
        while position < len(body) and (depth or quotes % 2 or body[position] not in ",}\n"):
            depth += (body[position] == "{") - (body[position] == "}")
            quotes += body[position] == '"' and not depth
            position += 1
        fields[match[1].lower()] = _plain(body[begin:position].strip().strip('"'))
    return fields


def _plain(text: str) -> str:
    for command, letter in _LETTERS.items():
        text = re.sub(rf"{re.escape(command)}(?![A-Za-z])\s*", letter, text)
    text = re.sub(
        r"\\([\"'`^~]|[cv](?=[{\s]))\s*\{?\s*([A-Za-z])\}?",
        lambda match: unicodedata.normalize("NFC", match[2] + _ACCENTS[match[1]]),
        text,
    )
    return " ".join(re.sub(r"[{}]", "", text).split())


def _authors(text: str) -> str:
    names = [name.split(",")[0] if "," in name else name.split()[-1] for name in text.split(" and ") if name.strip()]
    if len(names) > 3:
        return f"{names[0]} et al."
    return " & ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""
