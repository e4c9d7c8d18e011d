"""Checkpoints: the state of a running program, written into the cache now and then, from which a later run goes on."""

from __future__ import annotations

import logging
import os
import re
import time
import warnings
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from brian2 import defaultclock
from brian2.core.variables import DynamicArrayVariable
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject

from brian2learn.core.compiler import cache_directory
from brian2learn.core.errors import RunError

EVERY = 60.0
"""Seconds of wall time between two checkpoints, and before the first."""
OLD = 30 * 24 * 3600.0  # s; a checkpoint that nobody went on from is removed after a month
VARIABLE = "BRIAN2LEARN_CHECKPOINT"

_log = logging.getLogger("brian2learn")


class Checkpoint:
    """The state of one unfinished run, in a file of the cache that is written anew every minute.

    Attributes
    ----------
    path : Path
        Where it lies, if it is there.
    resumed_at : float or None, s
        Simulated time at which the program went on from it.
    wall_time : float, s
        How long the program took to write checkpoints.
    """

    def __init__(self, key: str) -> None:
        folder = cache_directory() / "checkpoints"
        self.path = folder / key
        self.resumed_at: float | None = None
        self.wall_time = 0.0
        self._told = False
        with suppress(OSError):
            folder.mkdir(exist_ok=True)
            for path in folder.iterdir():
                if time.time() - path.stat().st_mtime > OLD:
                    path.unlink()

    def environment(self, identity: str) -> dict[str, str]:
        """What tells a program to write it and to go on from it, if all that `identity` stands for is the same."""
        return {VARIABLE: f"{EVERY} {identity} {self.path}"}

    def hear(self, line: str) -> bool:
        """Take notice of a line that the program printed; whether it was about checkpoints."""
        found = re.fullmatch(r"checkpoint (resumed|written|ignored|failed) (.*)", line.strip())
        if found is None:
            return False
        event, rest = found.groups()
        if event == "resumed":
            self.resumed_at = float(rest)
            _log.warning("Resumes at t = %g s from its last checkpoint (%s).", self.resumed_at, self.path.name[:12])
        elif event == "written":
            self.wall_time += float(rest)
        elif event == "ignored":
            warnings.warn(f"the checkpoint {self.path} is not used: {rest}; the run begins anew.", stacklevel=2)
        elif not self._told:
            self._told = True
            warnings.warn(f"no checkpoint could be written to {self.path}: {rest}.", stacklevel=2)
        return True

    @property
    def about(self) -> dict[str, Any]:
        """What a record says of it, if it was written or read."""
        if self.resumed_at is None and not self.wall_time:
            return {}
        return {"checkpoint": {"resumed_at": self.resumed_at, "wall_time": self.wall_time}}

    def remove(self) -> None:
        """Remove it, now that the run is over."""
        with suppress(OSError):
            self.path.unlink(missing_ok=True)


def write_code(device: Any, directory: Path, results: Collection[str]) -> None:
    """Add to a written standalone project what writes and reads its state, and let it leave no results but those named.

    Parameters
    ----------
    device : brian2 device
        The standalone device that has just written the project.
    directory : Path
        The project.
    results : collection of str
        Names of the files, as Brian2 calls them, that it is to write at its end.

    Raises
    ------
    RunError
        If this version of Brian2 writes other sources than those we know.
    """
    parts: dict[str, list[Any]] = {
        name: [] for name in ("arrays", "dynamic_arrays", "dynamic_arrays_2d", "constants", "dynamic_constants")
    }
    for variable in device.arrays:
        name = device.get_array_name(variable, access_data=False)
        if not isinstance(variable, DynamicArrayVariable):
            parts["constants" if variable.constant else "arrays"].append((name, variable.size))
        elif variable.ndim == 2:
            parts["dynamic_arrays_2d"].append(name)
        else:
            parts["dynamic_constants" if variable.constant else "dynamic_arrays"].append(name)
    left = [
        (device.get_array_name(each, access_data=False), file,
         f"{each.ndim}d" if isinstance(each, DynamicArrayVariable) else each.size)
        for each in device.arrays
        if (file := os.path.basename(device.get_array_filename(each))) in results
    ]  # fmt: skip
    text = CPPStandaloneCodeObject.templater.derive("brian2learn.runs").state(
        None, None, variable=VARIABLE, results=sorted(left), time=device.get_array_name(defaultclock.variables["t"]),
        pathways=sorted(path.name for synapses in device.synapses for path in synapses._pathways),
        **{name: sorted(each) for name, each in parts.items()},
    )  # fmt: skip
    objects, network_source = directory / "objects.cpp", directory / "network.cpp"
    own = _replaced(objects, {r"void _write_arrays\(\)\n\{.*?\n\}\n(?=\s*void _dealloc_arrays)": ""})
    objects.write_text(f"{own}\n{text}\n")
    declared = "void brian2learn_begin();\nvoid brian2learn_between_steps();\n\n"
    network_source.write_text(
        declared
        + _replaced(
            network_source,
            {
                r"(?=\b\w*Clock\* clock = next_clocks\(\);)": "brian2learn_begin();\n    ",
                r"(?<=tick\(\);\n)(?=\s*clock = next_clocks\(\);)": "        brian2learn_between_steps();\n",
            },
        )
    )


def _replaced(source: Path, changes: Mapping[str, str]) -> str:
    text = source.read_text()
    for pattern, new in changes.items():
        text, n = re.subn(pattern, new, text, flags=re.DOTALL)
        if n != 1:
            got = f"{n} places in {source.name} that look like {pattern}"
            raise RunError("Program", "build", expected="sources as Brian2 2.9 to 2.11 writes them", got=got)
    return text
