"""The input of Masquelier, Guyonneau & Thorpe 2008: a spike pattern hidden in trains of the same rate."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.core.compiler import library
from brian2learn.core.declaration import Param, Size, plain

from ._task import SpikeTrains, Stimulus, Task

SECOND = 1_000_000_000  # spike dates are whole nanoseconds while they are drawn
STEP = SECOND // 1000  # the rates walk on a grid of 1 ms
LEVELS = 2**16  # a chance per step is held in units of 1 / LEVELS, so that 16 random bits decide on a spike
CHANGES = 2**8  # a slope changes by one of so many evenly spaced values
INDEX_BITS = 20  # a spike is packed in one int64: its date above, its afferent in the lowest bits
BLOCK = 2**22  # spikes are kept in blocks of this size: the system is slow to give memory in small pieces


class HiddenPattern(Task):
    """A spike pattern of some afferents comes back at random times in trains that otherwise never repeat.

    The period is cut into sections of the length of the pattern. In one of them, the source, the spikes of the first
    `n_pattern` afferents (indices 0 to ``n_pattern - 1``) are the pattern. It replaces their spikes in all the slots,
    its source included, with fresh jitter every time; a spike that jitter moves out of its section stays, and one
    that it moves over an end of the period comes back at the other end. The number of slots is `pattern_share` of the
    sections, rounded; all schedules without two slots in a row are equally likely. The period repeats, so its last
    and its first section are neighbours too, and a share of one half alternates throughout. Noise is added at the end.

    ``pattern_share=0`` is the control without a pattern.

    The truth of a stimulus:

    ``onset`` : (number of presentations,) float, s
        When a pattern begins, in the whole duration.
    ``in_pattern`` : (n_afferents,) bool
        Which afferents take part; none without a pattern.
    ``pattern_index``, ``pattern_time`` : (number of spikes in the pattern,) int32 and float, s
        Its spikes as they were cut out, before jitter: afferent and time since onset, sorted by time.
    ``pattern_length`` : () float, s
        Length of a presentation.

    Differs from the paper:

    * dates are whole nanoseconds;
    * the chance of a spike in a step is rounded up to a multiple of 2**-16, which adds 0.008 Hz on average, and a
      change of slope is one of 2**8 evenly spaced values;
    * the paper does not say when a silence is looked at: here a spike is forced in the ms at whose end the silence
      would exceed `max_silence`, at a random time like any other, which gives the paper's 54 Hz and no gap over 51 ms;
    * the paper does not say that the source is a slot: in another section its copy without jitter would be one more
      presentation, counted as a false alarm;
    * how spikes are deleted was never published: here every pasted spike is, with chance `deletion`, put at a random
      time of the section instead, so that every afferent keeps its number of spikes.
    """

    cites = "masquelier2008"
    drives = ("afferents",)

    n_afferents = Size(2000, "afferents", low=1, high=10**6, source="masquelier2008, Methods")
    n_pattern = Size(1000, "afferents that show the pattern", low=1, source="masquelier2008, Methods")
    pattern_length = Param(
        50 * ms, "length of the pattern", low=1 * ms, high=1 * second, source="masquelier2008, Methods"
    )
    pattern_share = Param(
        0.25, "share of the sections that show the pattern", low=0, high=0.5, source="masquelier2008, Methods"
    )
    jitter = Param(
        1 * ms, "SD of a pasted spike's displacement", low=0 * ms, high=20 * ms, source="masquelier2008, Methods"
    )
    deletion = Param(
        0.0, "share of the pasted spikes put at random times", low=0, high=1, source="masquelier2008, Figure 7"
    )
    max_rate = Param(
        90 * Hz, "highest rate, before silences are filled", low=0 * Hz, high=500 * Hz, source="masquelier2008, Methods"
    )
    max_slope = Param(
        1800 * Hz / second,
        "steepest change of a rate",
        low=0 * Hz / second,
        high=1e5 * Hz / second,
        source="masquelier2008, Methods",
    )
    slope_step = Param(
        360 * Hz / second,
        "largest change of a slope in 1 ms",
        low=0 * Hz / second,
        high=1e5 * Hz / second,
        source="masquelier2008, Methods",
    )
    max_silence = Param(
        50 * ms, "silence that ends in a forced spike", low=1 * ms, high=10 * second, source="masquelier2008, Methods"
    )
    noise_rate = Param(
        10 * Hz, "rate of the noise on all afferents", low=0 * Hz, high=500 * Hz, source="masquelier2008, Methods"
    )
    period = Param(
        150 * second, "time drawn, then repeated", low=1 * ms, high=3600 * second, source="masquelier2008, Methods"
    )
    n_repeats = Size(3, "times the period is shown", low=1, high=10**4, source="masquelier2008, Methods")

    def check(self) -> None:
        self._expect("n_pattern", self.n_pattern <= self.n_afferents, f"at most n_afferents = {self.n_afferents}")
        self._expect("pattern_length", self._length % STEP == 0, "a whole number of ms")
        self._expect("max_silence", _nanoseconds(self.max_silence) % STEP == 0, "a whole number of ms")
        whole = _nanoseconds(self.period) % self._length == 0 and self._n_sections >= 4
        self._expect("period", whole, f"a whole number, at least 4, of sections of {self.pattern_length}")
        shown = self.pattern_share == 0 or self._n_slots > 0
        self._expect("pattern_share", shown, f"0 or enough for one of {self._n_sections} sections")

    def _expect(self, name: str, fits: bool, expected: str) -> None:
        if not fits:
            raise self.fields[name].refuse(type(self).__name__, expected, str(self.values[name]))

    @property
    def sizes(self) -> dict[str, int]:
        return {"afferents": self.n_afferents}

    @property
    def _length(self) -> int:
        """Length of a section in ns."""
        return _nanoseconds(self.pattern_length)

    @property
    def _n_sections(self) -> int:
        return _nanoseconds(self.period) // self._length

    @property
    def _n_slots(self) -> int:
        return min(round(self.pattern_share * self._n_sections), self._n_sections // 2)

    def draw(self, rng: np.random.Generator) -> Stimulus:
        slots = self._schedule(rng)
        sections = [[spikes] for spikes in self._own_trains(rng)]
        pattern = self._cut(sections, slots, rng)
        self._paste(pattern, sections, slots, rng)
        self._add_noise(sections, rng)
        indices, times = _unpack(sections)
        period = float(self.period)
        return Stimulus(
            spikes={"afferents": SpikeTrains(indices, times, self.n_afferents)},
            period=period,
            duration=period * self.n_repeats,
            truth=self._truth(pattern, slots),
        )

    def _truth(self, pattern: np.ndarray, slots: np.ndarray) -> dict[str, np.ndarray]:
        sections = slots + self._n_sections * np.arange(self.n_repeats)[:, np.newaxis]
        indices, times = _unpack([[pattern]])
        return {
            "onset": sections.ravel() * self._length / SECOND,
            "in_pattern": np.arange(self.n_afferents) < (self.n_pattern if slots.size else 0),
            "pattern_index": indices,
            "pattern_time": times,
            "pattern_length": np.array(self._length / SECOND),
        }

    def _schedule(self, rng: np.random.Generator) -> np.ndarray:
        """Sections that show the pattern, in order; no two are neighbours on the circle of sections.

        A slot and the section after it are drawn as one piece among ``n_sections - n_slots`` pieces, and the circle is
        then turned at random: every schedule arises in the same number of ways.
        """
        n_sections, n_slots = self._n_sections, self._n_slots
        pieces = np.sort(rng.choice(n_sections - n_slots, n_slots, replace=False))
        return np.sort((pieces + np.arange(n_slots) + rng.integers(n_sections)) % n_sections)

    def _own_trains(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Packed spikes of every section in turn, before pattern and noise; sorted by ms only."""
        n_cells = self._length // STEP * self.n_afferents
        walk, block = _Walk(self, rng), np.empty(0, np.int64)
        for section in range(self._n_sections):
            if block.size < n_cells:
                block = np.empty(max(n_cells, BLOCK), np.int64)
            n_spikes = walk.spikes(section * self._length, block, rng)
            yield block[:n_spikes]
            block = block[n_spikes:]

    def _cut(self, sections: list[list[np.ndarray]], slots: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The pattern: packed spikes of its afferents since the onset of its source, sorted; empty without slots."""
        if not slots.size:
            return np.empty(0, np.int64)
        source = rng.choice(slots)
        (spikes,) = sections[source]
        return np.sort(_later(spikes[_indices(spikes) < self.n_pattern], -source * self._length))

    def _paste(
        self, pattern: np.ndarray, sections: list[list[np.ndarray]], slots: np.ndarray, rng: np.random.Generator
    ) -> None:
        """Put the pattern in place of its afferents' spikes in every slot of `sections`."""
        for slot in slots:
            own = sections[slot][0]
            sections[slot][0] = own[_indices(own) >= self.n_pattern]
            dates = self._presentation(pattern, slot, rng)
            spikes, arrived = _pack(dates, _indices(pattern)), dates // self._length
            for section in np.unique(arrived):
                sections[section].append(spikes[arrived == section])

    def _presentation(self, pattern: np.ndarray, slot: int, rng: np.random.Generator) -> np.ndarray:
        """Dates of the pattern's spikes in a slot, jittered or put at random times of the slot."""
        moves = float(self.jitter) * SECOND * rng.standard_normal(pattern.size)
        dates = _dates(pattern) + np.rint(moves).astype(np.int64)
        is_moved = rng.random(pattern.size) < self.deletion
        dates[is_moved] = rng.integers(self._length, size=np.count_nonzero(is_moved))
        return (dates + slot * self._length) % _nanoseconds(self.period)

    def _add_noise(self, sections: list[list[np.ndarray]], rng: np.random.Generator) -> None:
        """Add a Poisson number of spikes, at random times of random afferents, to every section."""
        counts = rng.poisson(float(self.noise_rate) * self.n_afferents * self._length / SECOND, self._n_sections)
        for section, count in enumerate(counts):
            noise = _pack(rng.integers(self._length, size=count), rng.integers(self.n_afferents, size=count))
            sections[section].append(_later(noise, section * self._length))

    @classmethod
    def examples(cls) -> Iterator[HiddenPattern]:
        small = cls(n_afferents=200, n_pattern=100, period=2 * second, n_repeats=2)
        yield small
        yield small.replace(pattern_share=0.0)
        yield small.replace(pattern_share=0.5, jitter=0 * ms)
        yield small.replace(deletion=0.3, jitter=6 * ms)
        yield small.replace(deletion=1.0, n_pattern=200)
        yield small.replace(pattern_length=100 * ms, max_silence=10 * ms, noise_rate=0 * Hz)
        yield small.replace(max_rate=0 * Hz, n_repeats=1)
        yield small.replace(n_afferents=1, n_pattern=1, pattern_length=1 * ms, max_rate=500 * Hz)


def _nanoseconds(time: float) -> int:
    return round(plain(time) * SECOND)


def _pack(dates: np.ndarray, indices: np.ndarray | int) -> np.ndarray:
    """One int64 per spike, in the order of the dates (in ns)."""
    return dates << INDEX_BITS | indices


def _dates(spikes: np.ndarray) -> np.ndarray:
    """Dates of packed spikes in ns."""
    return spikes >> INDEX_BITS


def _indices(spikes: np.ndarray) -> np.ndarray:
    """Afferents of packed spikes."""
    return spikes & ((1 << INDEX_BITS) - 1)


def _later(spikes: np.ndarray, delay: int) -> np.ndarray:
    """The packed spikes `delay` ns later."""
    return spikes + (delay << INDEX_BITS)


def _unpack(sections: list[list[np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """Afferents (int32) and times (float, s), sorted by time, of the packed spikes of successive sections.

    Empties `sections`, so that the memory can be used again.
    """
    compiled = _compiled()
    size = sum(spikes.size for parts in sections for spikes in parts)
    indices, times = np.empty(size, np.int32), np.empty(size)
    sections.reverse()
    first = 0
    while sections:
        spikes = np.concatenate(sections.pop())
        here = slice(first, first + spikes.size)
        first = here.stop
        if compiled is not None:
            compiled.unpack(spikes, spikes.size, INDEX_BITS, SECOND, indices[here], times[here])
        else:
            spikes.sort()
            indices[here] = _indices(spikes)
            np.divide(_dates(spikes), SECOND, out=times[here])
    return indices, times


class _Walk:
    """The walk of the rates of all afferents and the spikes on the way, section after section.

    The inner loop is in C++, or in NumPy where there is no compiler: the same random numbers, the same float32, the
    same spikes. Rates, slopes and their bounds are in units of 1 / LEVELS per step (and step).
    """

    def __init__(self, task: HiddenPattern, rng: np.random.Generator) -> None:
        step = STEP / SECOND
        self.shape = (task._length // STEP, task.n_afferents)
        self.top = np.float32(float(task.max_rate) * step * LEVELS)
        self.slope_top = np.float32(float(task.max_slope) * step**2 * LEVELS)
        self.slope_unit = np.float32(float(task.slope_step) * step**2 * LEVELS / (CHANGES / 2))
        self.max_silence = _nanoseconds(task.max_silence) // STEP
        self.rates = rng.uniform(0, self.top, task.n_afferents).astype(np.float32)
        self.slopes = rng.uniform(-self.slope_top, self.slope_top, task.n_afferents).astype(np.float32)
        # steps until a spike is forced, if none is emitted before
        self.waits = rng.integers(self.max_silence, size=task.n_afferents, dtype=np.int32)

    def spikes(self, start: int, block: np.ndarray, rng: np.random.Generator) -> int:
        """Write the packed spikes of the next section, which begins at `start` ns, into `block`; how many they are.

        They are at random times in the steps that emit.
        """
        n_cells = self.shape[0] * self.shape[1]
        # 64 bits at once are drawn twice as fast as 16 and 8
        random = rng.integers(2**64, size=-(-3 * n_cells // 8), dtype=np.uint64).view(np.uint8)
        levels = random[: 2 * n_cells].view(np.uint16).reshape(self.shape)
        changes = random[2 * n_cells : 3 * n_cells].reshape(self.shape)
        n_spikes = self.walk_on(levels, changes, block)
        dates = rng.integers(STEP, size=n_spikes)
        dates += start
        dates <<= INDEX_BITS
        block[:n_spikes] += dates
        return n_spikes

    def walk_on(self, levels: np.ndarray, changes: np.ndarray, block: np.ndarray) -> int:
        """Walk through a section.

        Parameters
        ----------
        levels : (n_steps, n_afferents) uint16
            An afferent emits a spike where its rate is higher.
        changes : (n_steps, n_afferents) uint8
            How the slopes change, in units of `slope_unit` around the middle.
        block : (k,) int64
            Takes the steps with a spike, packed, in the order of steps and then of afferents.

        Returns
        -------
        n_spikes : int
        """
        compiled = _compiled()
        if compiled is not None:
            return compiled.walk_on(
                *self.shape, levels, changes, self.rates, self.slopes, self.waits,
                self.top, self.slope_top, self.slope_unit, self.max_silence, STEP << INDEX_BITS, block,
            )  # fmt: skip
        spikes = np.empty(self.shape, bool)
        middle = np.float32((CHANGES - 1) / 2)
        for level, change, is_spike in zip(levels, changes, spikes, strict=True):
            np.logical_or(self.waits == 0, level < self.rates, out=is_spike)
            self.waits[is_spike] = self.max_silence
            self.waits -= 1
            self.rates += self.slopes
            np.clip(self.rates, 0, self.top, out=self.rates)
            self.slopes += (change - middle) * self.slope_unit
            np.clip(self.slopes, -self.slope_top, self.slope_top, out=self.slopes)
        cells = np.flatnonzero(spikes)
        steps, afferents = np.divmod(cells, self.shape[1])
        block[: cells.size] = _pack(steps * STEP, afferents)
        return cells.size


@cache
def _compiled() -> ctypes.CDLL | None:
    """The functions of hidden_pattern.cpp; None where there is no compiler."""
    compiled = library(Path(__file__).with_suffix(".cpp"))
    if compiled is not None:
        whole, small, real = ctypes.c_int64, ctypes.c_int32, ctypes.c_float
        spikes, indices, times, levels, changes, floats = (
            np.ctypeslib.ndpointer(dtype, flags="C_CONTIGUOUS")
            for dtype in (np.int64, np.int32, np.float64, np.uint16, np.uint8, np.float32)
        )
        compiled.walk_on.argtypes = (
            whole, whole, levels, changes, floats, floats, indices, real, real, real, small, whole, spikes
        )  # fmt: skip
        compiled.walk_on.restype = whole
        compiled.unpack.argtypes = (spikes, whole, small, whole, indices, times)
        compiled.unpack.restype = None
    return compiled
