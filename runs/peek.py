"""What a run has recorded so far: a second process goes on from its last checkpoint, and stops there.

The running program only writes its state, at most a fiftieth of its time. What reads it is the same binary, started
beside it with the input cut at that time; it leaves the results that the whole run would have left by then.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from brian2learn.core.errors import RunError

from .checkpoint import VARIABLE, Checkpoint
from .program import Output, Program, Progress
from .spikes import HEADER

See = Callable[[float, Output], None]
"""Called with the simulated time in s and what was recorded until then."""


Run = tuple[Any, Any, Mapping[str, Path], int]
"""Settings, initial values, spikes and seed, see `Program.run`."""


@contextmanager
def peeking(program: Program, run: Run, key: str, every: float, see: See) -> Iterator[Peeks]:
    """What to run a program with, so that it is looked at.

    Parameters
    ----------
    program : Program
    run : tuple
        What it is run with.
    key : str
        Identity of the run.
    every : float, s
        Wall time between two looks.
    see : callable
        Called from another thread.
    """
    with tempfile.TemporaryDirectory(prefix="brian2learn-peek-") as folder:
        peeks = Peeks(Path(folder) / key, program, run, every, see)
        try:
            yield peeks
        finally:
            peeks.finish()


class Peeks(Checkpoint):
    """A checkpoint that is looked at whenever it has been written; see `peeking`."""

    def __init__(self, path: Path, program: Program, run: Run, every: float, see: See) -> None:
        self.path = path
        self.resumed_at, self.wall_time, self._told = None, 0.0, False
        self.program, self.run, self.every, self.see = program, run, every, see
        self.n_steps = 0  # how far the run is, as it says itself
        self.looking: threading.Thread | None = None

    def told(self, progress: Progress | None) -> Progress:
        """The same, that is heard here too."""

        def tell(time: float) -> None:
            self.n_steps = round(time / float(self.program.manifest["dt"]))
            if progress is not None:
                progress(time)

        return tell

    def environment(self, identity: str) -> dict[str, str]:
        return {VARIABLE: f"{self.every} {identity} {self.path}"}

    def hear(self, line: str) -> bool:
        about = super().hear(line)
        if line.startswith("checkpoint written") and (self.looking is None or not self.looking.is_alive()):
            self.looking = threading.Thread(target=self._look, daemon=True)
            self.looking.start()
        return about

    def finish(self) -> None:
        """Wait for the last look."""
        if self.looking is not None:
            self.looking.join()

    def _look(self) -> None:
        settings, initial, spikes, seed = self.run
        folder = self.path.with_name(f"{self.path.name}.seen")
        with suppress(
            OSError, RunError, ValueError
        ):  # a look that fails is left out; the run says itself what is wrong with it
            folder.mkdir(exist_ok=True)
            copy = folder / self.path.name
            copy.unlink(missing_ok=True)
            os.link(self.path, copy)
            cut = {name: folder / f"{name}.spikes" for name in spikes}
            for name, path in spikes.items():
                n_steps = _cut(path, cut[name], self.n_steps)
            if n_steps:
                output = self.program.run(settings, initial, cut, seed, None, _Last(copy))
                self.see(n_steps * float(self.program.manifest["dt"]), output)


class _Last(Checkpoint):
    """A checkpoint to go on from, and never to be written again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.resumed_at, self.wall_time, self._told = None, 0.0, False

    def environment(self, identity: str) -> dict[str, str]:
        return {VARIABLE: f"1e9 {identity} {self.path}"}

    def hear(self, line: str) -> bool:
        return line.startswith("checkpoint ")


def _cut(source: Path, target: Path, n_told: int) -> int:
    """Copy an input such that the run ends where the program will have been before it tells its step again.

    Returns
    -------
    n_steps : int
        Where it ends; 0 if the input is not yet drawn so far.
    """
    data = bytearray(source.read_bytes())
    header = np.frombuffer(data, np.int64, HEADER // 8)
    n_steps = int(min(n_told + header[3] + 1, header[2]))
    if header[4] < header[1]:
        return 0
    header[2] = n_steps
    target.write_bytes(data)
    return n_steps
