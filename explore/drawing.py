"""Figures drawn at small size while the page is served: one at a time, each by the command in a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from brian2learn.core.discovery import files
from brian2learn.core.errors import UnknownNameError

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"
NICE = 5  # the page comes first
LONGEST = 3000  # characters of what a process has said last


class Drawing:
    """One figure that somebody has asked for.

    Attributes
    ----------
    name : str
    state : str
        One of `WAITING`, `RUNNING`, `DONE`, `FAILED`.
    said : str
        What the command has said last.
    stopped : bool
        Whether it was given up.
    """

    def __init__(self, name: str) -> None:
        self.name, self.state, self.said, self.stopped = name, WAITING, "", False
        self.started = 0.0

    @property
    def ended(self) -> bool:
        return self.state in (DONE, FAILED)

    @property
    def seconds(self) -> float:
        """For how long it has been running."""
        return time.monotonic() - self.started


class Desk:
    """Where figures are asked for; all sessions of a server share it.

    Parameters
    ----------
    results : Path
        Where figures and records go.
    """

    def __init__(self, results: Path) -> None:
        self.results = results.resolve()
        self.drawings: list[Drawing] = []  # waiting or running, in order
        self.process: asyncio.subprocess.Process | None = None
        self.worker: asyncio.Task[None] | None = None

    def ask(self, name: str) -> Drawing:
        """Have a figure drawn, or take part in the drawing of one that was asked for.

        Raises
        ------
        UnknownNameError
            If it is not declared.
        """
        if name not in files("figures"):
            raise UnknownNameError(
                "explore", "figure", expected="a declared one", got=repr(name[:60]), choices=files("figures")
            )  # fmt: skip
        for drawing in self.drawings:
            if drawing.name == name:
                return drawing
        drawing = Drawing(name)
        self.drawings.append(drawing)
        if self.worker is None or self.worker.done():
            self.worker = asyncio.ensure_future(self._work())
        return drawing

    def before(self, drawing: Drawing) -> int:
        """How many others come first."""
        return self.drawings.index(drawing) if drawing in self.drawings else 0

    def stop(self, drawing: Drawing) -> None:
        """Give a drawing up; what it has stored stays."""
        drawing.stopped = True
        if drawing.state == RUNNING:
            self._end()
        elif drawing in self.drawings:
            self.drawings.remove(drawing)
            drawing.state = FAILED

    def close(self) -> None:
        """Leave no process behind."""
        self.drawings.clear()
        self._end()

    def _end(self) -> None:
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):  # its compilers and programs, too
                os.killpg(self.process.pid, signal.SIGTERM)

    async def _work(self) -> None:
        while self.drawings:
            drawing = self.drawings[0]
            drawing.state, drawing.started = RUNNING, time.monotonic()
            try:
                code = await self._draw(drawing)
            except OSError as problem:
                drawing.said, code = str(problem), 1
            drawing.state = FAILED if code else DONE
            if drawing in self.drawings:
                self.drawings.remove(drawing)

    async def _draw(self, drawing: Drawing) -> int:
        """Run the command and listen to it; its exit code."""
        command = [sys.executable, "-m", "brian2learn.cli", "run", drawing.name, "--small", "--workers", "1"]
        process = self.process = await asyncio.create_subprocess_exec(
            *command, "--results", str(self.results), stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, start_new_session=True,
            env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", **os.environ},
        )  # fmt: skip
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
        assert process.stderr is not None
        while piece := await process.stderr.read(4096):
            drawing.said = (drawing.said + piece.decode(errors="replace"))[-LONGEST:]
        return await process.wait()
