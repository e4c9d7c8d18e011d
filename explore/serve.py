"""Serve the page, to this machine alone unless somebody else is let in."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import panel as pn
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher
from tornado.web import ErrorHandler

from brian2learn.core.discovery import find
from brian2learn.core.errors import Brian2LearnError

from . import board, live
from .circuit_page import CircuitExplorer, is_circuit
from .describe import explorable
from .drawing import Desk
from .figure_page import FigurePage, titles
from .page import Explorer
from .scene import read_scene, watchable
from .settings import read_address
from .widgets import GROUND

LOCAL = "127.0.0.1"
FIRST = "pair_stdp"
TEMPLATE = Path(__file__).with_name("page.html")


def serve(
    first: str = "",
    *,
    port: int = 0,
    address: str = LOCAL,
    show: bool = True,
    results: Path = Path("results"),
    started: Callable[[int], None] | None = None,
) -> None:
    """Serve until the process is ended.

    Parameters
    ----------
    first : str
        What is shown where the address says nothing.
    port : int
        0 for any that is free.
    address : str
        The interface to listen on.
    show : bool
        Whether to open a browser.
    results : Path
        Folder of records and figures: those in it are shown, and those drawn from the page go there.
    started : callable, optional
        Called with the port once the page can be had.
    """
    port = port or _free_port(address)
    # import what every page lists now, in the main thread, and not when the first one is asked for
    explorable(), watchable()
    desk = Desk(results)

    def at_first() -> Any:  # Panel takes functions only
        return page(first)

    def figures() -> Any:
        return figure_page(desk)

    server = pn.serve(
        {"/": at_first, "/figures": figures}, port=port, address=address, show=show, start=False,
        title="brian2learn explore", websocket_origin=_origins(address, port), autoreload=False, admin=False,
        verbose=False, threaded=False, extra_patterns=board.routes(desk.results),
    )  # fmt: skip
    server._tornado.add_handlers(".*", [(Malformed(), ErrorHandler, {"status_code": 400})])
    server.start()
    if started is not None:
        started(port)
    with suppress(NotImplementedError):  # where there are no signals
        server.io_loop.asyncio_loop.add_signal_handler(signal.SIGTERM, server.io_loop.stop)
    try:
        server.io_loop.start()
    finally:
        desk.close()
        live.close()


class Malformed(Matcher):
    """Requests on which Panel (a second ``?``, a ``#``) or Tornado (a NUL) would fail: they are refused first."""

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        uri = request.uri or ""
        return {} if uri.count("?") > 1 or "#" in uri or "%00" in uri.partition("?")[0] else None


def _free_port(address: str) -> int:
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _origins(address: str, port: int) -> list[str]:
    """Pages that may talk to the server: its own."""
    hosts = ["127.0.0.1", "localhost"]
    if address not in (LOCAL, "localhost"):
        hosts += [address, socket.gethostname()] if address != "0.0.0.0" else [socket.gethostname(), socket.getfqdn()]
    return [f"{host}:{port}" for host in dict.fromkeys(hosts)]


def page(first: str = "") -> Any:
    """The page of one session, at the setting that its address says, else at `first`; a bad address is explained."""
    arguments, dark = _asked()
    problem, query = "", urlencode(arguments or {"show": first or FIRST})
    more = {"dark": dark, "location": pn.state.location}
    try:
        if is_circuit(query):
            explorer: Explorer = CircuitExplorer(read_scene(query), **more)
        else:
            setting = read_address(query)
            setting.view.pictures(setting.shown)
            explorer = Explorer(setting, **more)
    except Brian2LearnError as trouble:
        problem, explorer = str(trouble), Explorer(read_address(f"show={FIRST}"), **more)
    if problem:
        explorer.say(problem)
    return _template(explorer.layout)


def figure_page(desk: Desk) -> Any:
    """The page of figures of one session, at the figure that its address says."""
    arguments, dark = _asked()
    name, problem = next(iter(titles().values())), ""
    try:
        if "show" in arguments:
            name = find(arguments["show"][:100], "figures")[1]
    except Brian2LearnError as trouble:
        problem = str(trouble)
    shown = FigurePage(desk, name, dark=dark, location=pn.state.location)
    if problem:
        shown.say(problem)
    return _template(shown.layout)


def _asked() -> tuple[dict[str, str], bool]:
    """What the address says, and whether it wants dark ground."""
    given = pn.state.session_args or {}
    arguments = {key: values[-1].decode("utf-8", "replace") for key, values in given.items() if values}
    return arguments, arguments.pop("ground", "") == "dark"


class _Whole(pn.Template):
    """A page that is not written out as text: Panel would do so for notebooks, a sixth of what a page takes."""

    def __repr__(self) -> str:
        return type(self).__name__


def _template(layout: Any) -> Any:
    template = _Whole(TEMPLATE.read_text(encoding="utf-8"))
    template.add_variable("light", GROUND[False])
    template.add_variable("dark", GROUND[True])
    template.location = True  # so that the address follows the setting
    template.add_panel("page", layout)
    return template
