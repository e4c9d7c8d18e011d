"""Serve the page, to this machine alone unless somebody else is let in."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import panel as pn

from brian2learn.core.errors import Brian2LearnError

from . import live
from .circuit_page import CircuitExplorer, is_circuit
from .describe import explorable
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
    started : callable, optional
        Called with the port once the page can be had.
    """
    port = port or _free_port(address)
    # import every declaration now, in the main thread, and not when the first page is asked for
    explorable(), watchable()

    def at_first() -> Any:  # Panel takes functions only
        return page(first)

    server = pn.serve(
        {"/": at_first}, port=port, address=address, show=show, start=False, title="brian2learn explore",
        websocket_origin=_origins(address, port), autoreload=False, admin=False, verbose=False, threaded=False,
    )  # fmt: skip
    server.start()
    if started is not None:
        started(port)
    try:
        server.io_loop.start()
    finally:
        live.close()


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
    arguments = {
        key: values[-1].decode("utf-8", "replace") for key, values in (pn.state.session_args or {}).items() if values
    }
    ground, problem = arguments.pop("ground", ""), ""
    query = urlencode(arguments) if arguments else urlencode({"show": first or FIRST})
    more = {"dark": ground == "dark", "location": pn.state.location}
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
    template = pn.Template(TEMPLATE.read_text(encoding="utf-8"))
    template.add_variable("light", GROUND[False])
    template.add_variable("dark", GROUND[True])
    template.location = True  # so that the address follows the setting
    template.add_panel("page", explorer.layout)
    return template
