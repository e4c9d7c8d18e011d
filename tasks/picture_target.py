"""A picture in the spikes of outputs."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import Hz, second

from brian2learn.core.declaration import Field, Param, Size
from brian2learn.core.errors import DeclarationError

from ._task import SpikeTrains, Stimulus, Task


def read_picture(path: Path | str, n_rows: int, n_columns: int) -> str:
    """The darkness of a picture, scaled to some rows and columns, as the text that `PictureTarget` takes.

    Parameters
    ----------
    path : Path
        A PNG file, or any other that Pillow reads; transparent parts are white.
    n_rows, n_columns : int
        Outputs, from the bottom up, and stretches of time.

    Raises
    ------
    DeclarationError
        If there is no such picture.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            white = Image.new("RGBA", image.size, "white")
            whole = Image.alpha_composite(white, image.convert("RGBA")).convert("L")
    except OSError as problem:
        got = str(problem).replace(str(path), Path(path).name)
        raise DeclarationError("read_picture", Path(path).name, expected="a picture", got=got) from problem
    return written(1 - np.asarray(whole.resize((n_columns, n_rows), Image.Resampling.BOX), float) / 255)


def written(darkness: np.ndarray) -> str:
    """Rows and columns of darkness, from 0 to 1, as text: their number, then a byte for each."""
    levels = np.rint(255 * np.clip(darkness, 0, 1)).astype(np.uint8)
    return f"{levels.shape[0]}x{levels.shape[1]}:{base64.b64encode(levels.tobytes()).decode()}"


def darkness(text: str) -> np.ndarray:
    """What `written` wrote: (n_rows, n_columns) float, from 0 to 1."""
    shape, _, levels = text.partition(":")
    rows, columns = (int(each) for each in shape.split("x"))
    return np.frombuffer(base64.b64decode(levels, validate=True), np.uint8).reshape(rows, columns) / 255


class Picture(Field):
    """The text of a picture, as `read_picture` makes it."""

    def check(self, value: Any, where: str) -> str:
        try:
            if darkness(value).size:
                return str(value)
        except (AttributeError, ValueError):
            pass
        hint = "Make it by read_picture(path, n_rows, n_columns)."
        raise self.refuse(where, "the text of a picture", f"{value!r:.60}", hint=hint)


def _ring() -> str:
    y, x = np.mgrid[-1:1:20j, -1:1:30j]
    return written(np.exp(-(((np.hypot(x, y) - 0.6) / 0.2) ** 2)))


class PictureTarget(Task):
    """Frozen Poisson spikes as input; the spikes of outputs are to draw a picture, over and over.

    A row of the picture is an output, the lowest one the first; its columns follow each other in time. Its darkness is
    the rate of the output: darkness is added up, and whenever it is enough for one more, the output is to fire. So two
    targets are never closer than the inverse of the highest rate. The truth: ``target_times`` (s), ``target_neurons``.
    """

    cites = "zenkeganguli2018"
    drives = ("inputs", "targets")

    picture = Picture(_ring(), "darkness of rows and columns; a ring if none is given")
    n_inputs = Size(100, "inputs", low=1, high=10**6)
    n_loops = Size(100, "how often the picture is shown", low=1, high=10**7)
    period = Param(1 * second, "length of the picture", low=0.01 * second, high=1000 * second)
    input_rate = Param(5 * Hz, "rate of every input", low=0 * Hz, high=1000 * Hz)
    rate = Param(60 * Hz, "rate of an output where the picture is black", low=0.1 * Hz, high=1000 * Hz)

    @property
    def sizes(self) -> dict[str, int]:
        return {"inputs": self.n_inputs, "targets": darkness(self.picture).shape[0]}

    @property
    def duration(self) -> float:
        """Length of a run, s."""
        return self.n_loops * float(self.period)

    def draw(self, rng: np.random.Generator) -> Stimulus:
        period = float(self.period)
        n = rng.poisson(self.n_inputs * float(self.input_rate) * period)
        times = np.sort(rng.uniform(0, period, n))
        neurons = rng.integers(0, self.n_inputs, n).astype(np.int32)
        dark = darkness(self.picture)[::-1]
        n_rows, n_columns = dark.shape
        edges = np.linspace(0, period, n_columns + 1)
        at, who = [], []
        for row, each in enumerate(dark):
            filled = np.append(0, np.cumsum(each) * float(self.rate) * period / n_columns)
            wanted = np.arange(0.5, filled[-1])  # the first comes when half is there
            at.append(np.interp(wanted, filled, edges))
            who.append(np.full(wanted.size, row, np.int32))
        order = np.argsort(np.concatenate(at), kind="stable")
        targets = SpikeTrains(np.concatenate(who)[order], np.concatenate(at)[order], n_rows)
        return Stimulus(
            spikes={"inputs": SpikeTrains(neurons, times, self.n_inputs), "targets": targets},
            period=period,
            duration=self.duration,
            truth={"target_times": targets.times, "target_neurons": targets.indices, "period": np.array([period])},
        )

    @classmethod
    def examples(cls) -> Iterator[PictureTarget]:
        """A ring; one black pixel; a white picture."""
        yield cls(n_loops=3)
        yield cls(picture=written(np.ones((1, 1))), n_loops=2)
        yield cls(picture=written(np.zeros((3, 4))), n_loops=1)
