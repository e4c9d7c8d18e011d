"""The command ``explore``: serve the page with sliders and pictures."""

from __future__ import annotations

from pathlib import Path

from brian2learn.core.discovery import snake_case
from brian2learn.core.extras import need

from .console import say
from .produce import usable
from .quiet import quiet_brian2


def explore(names: str | None, *, port: int, address: str, browser: bool, results: Path) -> None:
    """Serve the page until the keyboard ends it."""
    usable(results)
    quiet_brian2()
    need("panel", "explore", "the page with sliders")
    from brian2learn.explore.scene import opened, watchable
    from brian2learn.explore.serve import serve
    from brian2learn.explore.settings import fresh, names_of, usual

    first = ""
    if names and snake_case(names.strip()) in watchable().values():
        first = snake_case(names.strip())
        opened(first)
    elif names:
        shown = fresh([name.strip() for name in names.split("+")])
        usual(shown)  # is there something to see?
        first = ",".join(names_of(shown))

    def started(port: int) -> None:
        host = "127.0.0.1" if address == "0.0.0.0" else address
        say("explore", "green", f"http://{host}:{port}/ until Ctrl+C")

    serve(first, port=port, address=address, show=browser, results=results, started=started)
