"""The verdict board of a results folder, as the command ``board`` writes it; nothing is written here."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Any

from tornado.web import HTTPError, RequestHandler

from brian2learn.core.discovery import files
from brian2learn.figures._board import FIGURES, board_of, page_of

SHOWN = (".svg", ".png", ".pdf", ".csv", ".json")
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'",
}  # nothing on the board is executed, whatever lies in the folder
UNREADABLE = (OSError, ValueError, LookupError, TypeError)
"""What a folder can come to that no figure has left so."""


def output(results: Path, folder: str, name: str) -> Path | None:
    """A file that a declared figure has left, if there is one of this name."""
    if not any(folder == figure or folder.startswith(f"{figure}-") for figure in files(FIGURES)):
        return None
    root = results / FIGURES
    for found in (root / folder).iterdir() if folder in {each.name for each in root.glob("*")} else ():
        if found.name == name and found.suffix in SHOWN and found.resolve().is_relative_to(results.resolve()):
            return found
    return None


class BoardHandler(RequestHandler):
    """``board/`` is the page, ``board/figures/NAME/FILE`` what it shows."""

    def initialize(self, results: Path) -> None:
        """Take the folder."""
        self.results = results

    def set_default_headers(self) -> None:
        """Say what a browser may do with it."""
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def get(self, folder: str | None = None, name: str | None = None) -> None:
        """Answer with the page or with a file."""
        if folder is None:
            try:
                self.finish(page_of(board_of(self.results)))
            except UNREADABLE as problem:
                raise HTTPError(404, f"no board of {self.results}: {problem}") from None
            return
        found = output(self.results, folder, name or "")
        if found is None:
            raise HTTPError(404)
        self.set_header("Content-Type", mimetypes.guess_type(found.name)[0] or "application/octet-stream")
        self.finish(found.read_bytes())


def routes(results: Path) -> list[Any]:
    """Where the server answers with the board."""
    given = {"results": results}
    return [(r"/board/?", BoardHandler, given), (rf"/board/{FIGURES}/([\w-]+)/([\w.-]+)", BoardHandler, given)]
