"""The stimuli of Zenke, Agnes & Gerstner 2015: shapes, and partial cues of them, on a background of Poisson spikes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import Hz, second

from brian2learn.core.declaration import Param, Size, plain

from ._task import SpikeBlocks, SpikeTrains, Stimulus, Task

AREAS = (961, 1194, 833, 981)
"""Inputs of the four published shapes, of 4096."""

PUBLISHED_SIDE = 64
BLOCK = 5.0  # s


class ShapeMemory(Task):
    """Four shapes on a square grid of inputs are shown whole, then rarely, then as brief partial cues.

    Every input fires at `background`; those of the shape that is on fire at `stimulus_rate` more. A shape stays for a
    time from a normal distribution with an SD of a third of its mean, cut at 0; the pauses are exponential; the next
    shape is drawn uniformly. In the last phase a cue is the part of the shape that lies left of a vertical line, so
    that the share `cue_share` of its inputs is active. What a phase leaves no time for is not shown.

    The truth of a stimulus:

    ``shape`` : (n_shown,) int32
        Which shape.
    ``phase`` : (n_shown,) int32
        The phase, from 0; in phase 2 what is shown is a cue.
    ``t_start``, ``t_stop`` : (n_shown,) float, s
        When it was on.
    ``in_shape``, ``in_cue`` : (4, n_inputs) bool
        The inputs of each shape and of its cue.

    Differs from the author's code: the published bitmaps are not known. A square, a disc, a triangle and a cross with
    the published number of inputs lie in the four quadrants (on a smaller grid, with the same shares of it), and each
    has one cue.
    """

    cites = "zenke2015"

    drives = ("afferents",)

    side = Size(64, "side of the square grid of inputs", low=8, high=1000, source="zenke2015 (code)")
    background = Param(
        10 * Hz, "rate of every input", low=0 * Hz, high=1000 * Hz, source="zenke2015, scripts of 2015 (code)"
    )
    stimulus_rate = Param(
        35 * Hz, "rate on top, in the shape", low=0 * Hz, high=1000 * Hz, source="zenke2015, scripts of 2015 (code)"
    )
    first = Param(
        50 * second, "earliest start of a shape", low=0 * second, high=1e4 * second, source="zenke2015, P10 (code)"
    )
    learning = Param(
        3600 * second, "length of phase 0", low=0 * second, high=1e6 * second, source="zenke2015, scripts (code)"
    )
    rest = Param(
        3600 * second, "length of phase 1", low=0 * second, high=1e6 * second, source="zenke2015, scripts (code)"
    )
    recall = Param(
        172_800 * second, "length of phase 2", low=0 * second, high=1e6 * second, source="zenke2015, scripts (code)"
    )
    on = Param(1 * second, "mean time on", low=0.01 * second, high=1e4 * second, source="zenke2015, scripts (code)")
    off = Param(
        2 * second, "mean pause in phase 0", low=0.01 * second, high=1e5 * second, source="zenke2015, scripts (code)"
    )
    later_off = Param(
        20 * second, "mean pause in phases 1 and 2", low=0.01 * second, high=1e5 * second,
        source="zenke2015, scripts (code)",
    )  # fmt: skip
    cue_on = Param(
        0.2 * second, "mean time a cue is on", low=0.01 * second, high=1e4 * second, source="zenke2015, scripts (code)"
    )
    cue_share = Param(0.5, "share of the inputs of a shape that its cue holds", low=0, high=1)

    def check(self) -> None:
        if self.duration <= 0:
            raise self.fields["recall"].refuse(type(self).__name__, "a phase that takes time", "three of 0 s")

    @property
    def sizes(self) -> dict[str, int]:
        return {"afferents": self.side**2}

    @property
    def duration(self) -> float:
        """Length of the run, s."""
        return float(sum(self._lengths))

    @property
    def _lengths(self) -> tuple[float, float, float]:
        return plain(self.learning), plain(self.rest), plain(self.recall)

    @property
    def shapes(self) -> np.ndarray:
        """Which inputs each shape has: (4, n_inputs) bool."""
        far = 2 * self.side
        found = np.zeros((4, self.side**2), bool)
        quarter, centre = self.side / 4, self.side / 2
        corners = ((-1, -1), (1, 1), (-1, 1), (1, -1))
        row, column = np.divmod(np.arange(self.side**2), self.side) + np.full((2, 1), 0.5)
        for k, ((up, right), area) in enumerate(zip(corners, AREAS, strict=True)):
            y, x = row - centre - up * quarter, column - centre - right * quarter
            gauge = (
                np.maximum(abs(x), abs(y)),
                np.hypot(x, y),
                np.maximum(1.5 * abs(x) - y, 1.5 * y),
                np.minimum(abs(x), abs(y)) + np.where(np.maximum(abs(x), abs(y)) > quarter, far, 0),
            )[k]
            n = round(area * (self.side / PUBLISHED_SIDE) ** 2)
            found[k, np.argsort(gauge, kind="stable")[:n]] = True
        return found

    @property
    def cues(self) -> np.ndarray:
        """Which inputs the cue of each shape has: (4, n_inputs) bool."""
        shapes = self.shapes
        by_column = np.argsort(np.arange(self.side**2) % self.side, kind="stable")
        found = np.zeros_like(shapes)
        for cue, shape in zip(found, shapes, strict=True):
            members = by_column[shape[by_column]]
            cue[members[: round(self.cue_share * members.size)]] = True
        return found

    def _shown(self, rng: np.random.Generator) -> list[tuple[int, int, float, float]]:
        """Shape, phase, beginning and end of everything that is shown."""
        found, begin, now = [], 0.0, plain(self.first)
        means = ((self.on, self.off), (self.on, self.later_off), (self.cue_on, self.later_off))
        for phase, (length, pair) in enumerate(zip(self._lengths, means, strict=True)):
            on, off = map(plain, pair)
            end, now = begin + length, max(begin, now)
            while now < end:
                stop = min(now + max(rng.normal(on, on / 3), 0.0), end)
                found.append((int(rng.integers(4)), phase, now, stop))
                now = stop + rng.exponential(off)
            begin = end
        return found

    def draw(self, rng: np.random.Generator) -> Stimulus:
        shown = self._shown(rng)
        members = np.stack([self.shapes, self.cues])
        seed = rng.integers(2**63, size=4)
        n, duration = self.side**2, self.duration
        background, extra = plain(self.background), plain(self.stimulus_rate)

        def make() -> Iterator[SpikeTrains]:
            draws = np.random.default_rng(seed)
            for t_start in map(float, np.arange(0, duration, BLOCK)):
                t_stop = min(t_start + BLOCK, duration)
                parts = [_poisson(draws, np.arange(n), background, t_start, t_stop)]
                for shape, phase, *on in shown:
                    begin, end = max(on[0], t_start), min(on[1], t_stop)
                    if begin < end:
                        inputs = np.flatnonzero(members[int(phase == 2), shape])
                        parts.append(_poisson(draws, inputs, extra, begin, end))
                indices, times = (np.concatenate(each) for each in zip(*parts, strict=True))
                order = np.argsort(times, kind="stable")
                yield SpikeTrains(indices[order], times[order], n)

        shape, phase, begin, end = (np.array(each) for each in zip(*shown, strict=True)) if shown else [np.empty(0)] * 4
        return Stimulus(
            spikes={"afferents": SpikeBlocks(make, n)},
            period=duration,
            duration=duration,
            truth={
                "shape": shape.astype(np.int32),
                "phase": phase.astype(np.int32),
                "t_start": begin.astype(float),
                "t_stop": end.astype(float),
                "in_shape": members[0],
                "in_cue": members[1],
            },
        )

    @classmethod
    def examples(cls) -> Iterator[ShapeMemory]:
        """A small grid through all phases; without background; without a shape."""
        brief = cls(side=16, first=0.1 * second, learning=4 * second, rest=3 * second, recall=6 * second,
                    off=0.5 * second, later_off=0.5 * second)  # fmt: skip
        yield brief
        yield brief.replace(background=0 * Hz, cue_share=0.2)
        yield brief.replace(first=100 * second)


def _poisson(
    rng: np.random.Generator, inputs: np.ndarray, rate: float, t_start: float, t_stop: float
) -> tuple[np.ndarray, np.ndarray]:
    """Indices and times of independent Poisson trains of some inputs."""
    k = rng.poisson(inputs.size * rate * (t_stop - t_start))
    times = np.minimum(rng.uniform(t_start, t_stop, k), np.nextafter(t_stop, 0))
    return rng.choice(inputs, k).astype(np.int32) if inputs.size else np.empty(0, np.int32), times
