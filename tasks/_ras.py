"""Spikes from ``.ras`` files: text, one spike a line, its time in s and its neuron."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from brian2learn.core.errors import DeclarationError

from ._task import SpikeTrains

GRID = 1e-4  # s


def read_ras(path: Path | str, n: int, period: float, *, first_id: int = 0) -> SpikeTrains:
    """The spikes of a file, on a grid of 0.1 ms and in order.

    Times are rounded to the nearest grid point, then sorted; lines that begin with ``#`` are comments.

    Parameters
    ----------
    path : Path
        The file.
    n : int
        Neurons of the population.
    period : float, s
        After which the file is played again; every spike lies before it.
    first_id : int
        What the file calls the first neuron.

    Raises
    ------
    DeclarationError
        With the first line that is no spike, or whose neuron or time lies outside.
    """
    path = Path(path)
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as problem:
        raise DeclarationError("read_ras", path.name, expected="a text file of spikes", got=str(problem)) from problem
    found = []
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        try:
            time, neuron = float(words[0]), int(words[1])
            if len(words) != 2 or not np.isfinite(time):
                raise ValueError
        except (ValueError, IndexError):
            expected = "two numbers, a time in s and a neuron"
            raise DeclarationError("read_ras", f"{path.name}:{number}", expected=expected, got=repr(line)) from None
        date = round(time / GRID)
        if not 0 <= neuron - first_id < n:
            expected = f"a neuron from {first_id} to {first_id + n - 1}"
            raise DeclarationError("read_ras", f"{path.name}:{number}", expected=expected, got=str(neuron))
        if not 0 <= date < round(period / GRID):
            expected = f"a time from 0 to {period} s"
            raise DeclarationError("read_ras", f"{path.name}:{number}", expected=expected, got=f"{time} s")
        found.append((date, neuron - first_id))
    dates, neurons = np.array(sorted(found), np.int64).reshape(-1, 2).T
    return SpikeTrains(neurons.astype(np.int32), dates * GRID, n)


def data_directory(variable: str, hint: str) -> Path:
    """The folder that an environment variable names.

    Raises
    ------
    DeclarationError
        If there is none.
    """
    folder = Path(os.environ.get(variable, ""))
    if not os.environ.get(variable) or not folder.is_dir():
        got = os.environ.get(variable) or "nothing"
        raise DeclarationError("environment", variable, expected="a folder of data", got=got, hint=hint)
    return folder
