"""The input of Masquelier, Guyonneau & Thorpe 2008: a spike pattern hidden in trains of the same rate."""

from __future__ import annotations

import copy
import ctypes
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.core.compiler import library
from brian2learn.core.declaration import Param, Size, plain

from ._task import SpikeBlocks, SpikeTrains, Stimulus, Task, ahead

SECOND = 1_000_000_000  # spike dates are whole nanoseconds while they are drawn
STEP = SECOND // 1000  # the rates walk on a grid of 1 ms
LEVELS = 2**16  # a chance per step is held in units of 1 / LEVELS, so that 16 random bits decide on a spike
CHANGES = 2**8  # a slope changes by one of so many evenly spaced values
INDEX_BITS = 20  # a spike is packed in one int64: its date above, its afferent in the lowest bits
BLOCK = 2**20  # afferents times steps that are drawn at once: few enough for a processor's cache
NONE = np.empty(0, np.int64)


class HiddenPattern(Task):
    """A spike pattern of some afferents comes back at random times in trains that otherwise never repeat.

    The period is cut into sections of the length of the pattern. What the first `n_pattern` afferents (indices 0 to
    ``n_pattern - 1``) emit in the section before it begins, or in the first slot, is the pattern. It replaces their
    spikes in all the slots, with fresh jitter every time; a spike that jitter moves out of its section stays, and one
    that it moves over an end of the period comes back at the other end. The number of slots is `pattern_share` of the
    sections, rounded; all schedules without two slots in a row are equally likely. The period repeats, so its last and
    its first section are neighbours too, and a share of one half alternates throughout. Noise is added at the end.

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
    * the paper picks a section of the period for the pattern and does not say whether it is a slot: were it not, it
      would be one more presentation, without jitter, counted as a false alarm; here it is the last section of
      `lead_in`, which is not shown. After 1 s the walk has forgotten how it began (5 % is left of its rates after
      0.3 s); ``lead_in=0*ms`` takes the first slot, as the replication does (hathway2018), where it mostly has not
      (docs/masquelier2008_fig7.md);
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
    lead_in = Param(
        1 * second,
        "walk before the period, whose end is the pattern; 0: the first slot is",
        low=0 * ms,
        high=100 * second,
    )

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

    @property
    def duration(self) -> float:
        return float(self.period) * self.n_repeats

    def draw(self, rng: np.random.Generator) -> Stimulus:
        slots = self._schedule(rng)
        walk = _Walk(self, rng)
        pattern = self._cut(walk, slots)
        pasted = self._paste(pattern, slots, rng)
        noise_seed = rng.integers(2**63, size=4)

        def make() -> Iterator[SpikeTrains]:
            parts = self._own(walk.copy(), slots), pasted, self._noise(np.random.default_rng(noise_seed))
            for own, arrived, noise in zip(*parts, strict=True):
                yield SpikeTrains(*_unpack(np.concatenate((own, *arrived, noise))), self.n_afferents)

        return Stimulus(
            spikes={"afferents": SpikeBlocks(make, self.n_afferents)},
            period=float(self.period),
            duration=self.duration,
            truth=self._truth(pattern, slots),
        )

    def _truth(self, pattern: np.ndarray, slots: np.ndarray) -> dict[str, np.ndarray]:
        sections = slots + self._n_sections * np.arange(self.n_repeats)[:, np.newaxis]
        indices, times = _unpack(pattern)
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

    @property
    def _blocks(self) -> list[range]:
        """The sections, as many at a time as fit into `BLOCK`."""
        size = max(1, BLOCK // (self._length // STEP * self.n_afferents))
        return [range(self._n_sections)[start : start + size] for start in range(0, self._n_sections, size)]

    def _own(self, walk: _Walk, slots: np.ndarray) -> Iterator[np.ndarray]:
        """Packed spikes of the walk in every block, not sorted; in a slot those of the other afferents only."""
        lowest = np.zeros(self._n_sections, np.int64)
        lowest[slots] = self.n_pattern
        return ahead(walk.spikes(block.start, lowest[block]) for block in self._blocks)

    def _noise(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        """Packed spikes of the noise in every block: a Poisson number, at random times of random afferents."""
        counts = rng.poisson(float(self.noise_rate) * self.n_afferents * self._length / SECOND, self._n_sections)
        starts = np.arange(self._n_sections) * self._length
        for block in self._blocks:
            both = rng.integers(self._length * self.n_afferents, size=counts[block].sum())  # date and afferent in one
            dates = both // self.n_afferents
            yield _pack(dates + starts[block].repeat(counts[block]), both - dates * self.n_afferents)

    def _cut(self, walk: _Walk, slots: np.ndarray) -> np.ndarray:
        """The pattern: packed spikes of its afferents in the section it is cut from, since its onset, sorted."""
        spikes = self._source(walk, slots)
        return np.sort(spikes[_indices(spikes) < (self.n_pattern if self._n_slots else 0)])

    def _source(self, walk: _Walk, slots: np.ndarray) -> np.ndarray:
        """Packed spikes of all afferents in the section a pattern is cut from, since its onset, in no order.

        The last one of a further lead-in, or without any the first slot, which is then walked twice.
        """
        n_sections = -(-_nanoseconds(self.lead_in) // self._length)
        if not n_sections:
            walk, n_sections = walk.copy(), slots[:1].sum() + 1
        for _ in range(n_sections):
            spikes = walk.spikes(0, np.zeros(1, np.int64))
        return spikes

    def _paste(self, pattern: np.ndarray, slots: np.ndarray, rng: np.random.Generator) -> list[list[np.ndarray]]:
        """Packed spikes, for every block, of the pattern in all slots, jittered or put at random times of the slot."""
        pasted: list[list[np.ndarray]] = [[] for _ in self._blocks]
        jitter, deletion, period = float(self.jitter) * SECOND, self.deletion, _nanoseconds(self.period) << INDEX_BITS
        n_together, afferents = len(self._blocks[0]), _indices(pattern)
        for slot in slots:
            moves = np.rint(jitter * rng.standard_normal(pattern.size)).astype(np.int64)
            is_moved = rng.random(pattern.size) < deletion
            spikes = _later(pattern, moves)
            spikes[is_moved] = _pack(rng.integers(self._length, size=np.count_nonzero(is_moved)), afferents[is_moved])
            spikes = _later(spikes, slot * self._length)
            spikes -= spikes // period * period  # several times faster than %
            block_of = spikes // (n_together * self._length << INDEX_BITS)
            stays = block_of == slot // n_together
            pasted[slot // n_together].append(spikes[stays])
            for block in np.unique(block_of[~stays]):
                pasted[block].append(spikes[block_of == block])
        return pasted

    @classmethod
    def examples(cls) -> Iterator[HiddenPattern]:
        small = cls(n_afferents=200, n_pattern=100, period=2 * second, n_repeats=2)
        yield small
        yield small.replace(pattern_share=0.0)
        yield small.replace(pattern_share=0.5, jitter=0 * ms)
        yield small.replace(deletion=0.3, jitter=6 * ms)
        yield small.replace(deletion=1.0, n_pattern=200)
        yield small.replace(pattern_length=100 * ms, max_silence=10 * ms, noise_rate=0 * Hz)
        yield small.replace(max_rate=0 * Hz, n_repeats=1, lead_in=50 * ms)
        yield small.replace(lead_in=0 * ms)
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


def _later(spikes: np.ndarray, delay: np.ndarray | int) -> np.ndarray:
    """The packed spikes `delay` ns later."""
    return spikes + (delay << INDEX_BITS)


def _unpack(spikes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Afferents (int32) and times (float, s), sorted by time, of packed spikes."""
    compiled = _compiled()
    if compiled is None:
        spikes = np.sort(spikes)
        return _indices(spikes).astype(np.int32), _dates(spikes) / SECOND
    indices, times = np.empty(spikes.size, np.int32), np.empty(spikes.size)
    compiled.unpack(spikes, spikes.size, INDEX_BITS, SECOND, indices, times)
    return indices, times


class _Walk:
    """The walk of the rates of all afferents and the spikes on the way, section after section.

    Every afferent has a generator of its own (xoroshiro128++ of Blackman and Vigna, 2021), which gives 64 bits a step:
    the highest 16 decide on a spike, the next 8 change the slope, the rest dates the spike within the step. So the
    afferents do not wait for each other, and a processor takes many at once.

    The inner loop is in C++, or in NumPy where there is no compiler: the same random numbers, the same float32, the
    same spikes. Rates, slopes and their bounds are in units of 1 / LEVELS per step (and step).
    """

    def __init__(self, task: HiddenPattern, rng: np.random.Generator) -> None:
        step = STEP / SECOND
        self.n_steps = task._length // STEP  # of a section
        self.top = np.float32(float(task.max_rate) * step * LEVELS)
        self.slope_top = np.float32(float(task.max_slope) * step**2 * LEVELS)
        self.slope_unit = np.float32(float(task.slope_step) * step**2 * LEVELS / (CHANGES / 2))
        self.max_silence = _nanoseconds(task.max_silence) // STEP
        self.rates = rng.uniform(0, self.top, task.n_afferents).astype(np.float32)
        self.slopes = rng.uniform(-self.slope_top, self.slope_top, task.n_afferents).astype(np.float32)
        # steps until a spike is forced, if none is emitted before
        self.waits = rng.integers(self.max_silence, size=task.n_afferents, dtype=np.int32)
        self.generators = rng.integers(2**64, size=(2, task.n_afferents), dtype=np.uint64)

    def copy(self) -> _Walk:
        """An independent copy."""
        other = copy.copy(self)
        for name in ("rates", "slopes", "waits", "generators"):
            setattr(other, name, getattr(self, name).copy())
        return other

    def spikes(self, section: int, lowest: np.ndarray) -> np.ndarray:
        """Walk through sections and give their spikes.

        Parameters
        ----------
        section : int
            The first one.
        lowest : (n_sections,) int64
            The first afferent whose spikes are given, for every section.

        Returns
        -------
        spikes : (k,) int64
            Packed, in no order.
        """
        lowest, start = lowest.repeat(self.n_steps), section * self.n_steps * STEP
        compiled = _compiled()
        if compiled is None:
            return np.concatenate([np.empty(0, np.int64), *self._steps(lowest, start)])
        spikes = np.empty(lowest.size * self.waits.size, np.int64)
        n_spikes = compiled.walk(
            lowest.size, self.waits.size, *self.generators, self.rates, self.slopes, self.waits, self.top,
            self.slope_top, self.slope_unit, self.max_silence, lowest, start, STEP, INDEX_BITS, spikes,
        )  # fmt: skip
        return spikes[:n_spikes]

    def _steps(self, lowest: np.ndarray, start: int) -> Iterator[np.ndarray]:
        """Packed spikes of each step."""
        for step, first in enumerate(lowest):
            random = _random(self.generators)
            level = (random >> np.uint64(48)).astype(np.float32)
            change = (random >> np.uint64(40) & np.uint64(CHANGES - 1)).astype(np.float32)
            is_spike = (self.waits == 0) | (level < self.rates)
            self.waits[is_spike] = self.max_silence
            self.waits -= 1
            np.clip(self.rates + self.slopes, 0, self.top, out=self.rates)
            slopes = self.slopes + (change - np.float32((CHANGES - 1) / 2)) * self.slope_unit
            np.clip(slopes, -self.slope_top, self.slope_top, out=self.slopes)
            afferents = first + np.flatnonzero(is_spike[first:])
            late = (random[afferents] & np.uint64(2**40 - 1)) * np.uint64(STEP) >> np.uint64(40)
            yield _pack(start + step * STEP + late.astype(np.int64), afferents)


def _random(generators: np.ndarray) -> np.ndarray:
    """The next 64 bits of every generator."""

    def rotated(bits: np.ndarray, by: int) -> np.ndarray:
        return bits << np.uint64(by) | bits >> np.uint64(64 - by)

    one, two = generators
    random = rotated(one + two, 17) + one
    two = one ^ two
    generators[0] = rotated(one, 49) ^ two ^ two << np.uint64(21)
    generators[1] = rotated(two, 28)
    return random


@cache
def _compiled() -> ctypes.CDLL | None:
    """The functions of hidden_pattern.cpp; None where there is no compiler."""
    compiled = library(Path(__file__).with_suffix(".cpp"))
    if compiled is not None:
        whole, small, real = ctypes.c_int64, ctypes.c_int32, ctypes.c_float
        integers, indices, times, bits, floats = (
            np.ctypeslib.ndpointer(dtype, flags="C_CONTIGUOUS")
            for dtype in (np.int64, np.int32, np.float64, np.uint64, np.float32)
        )
        compiled.walk.argtypes = (
            whole, whole, bits, bits, floats, floats, indices, real, real, real, small, integers, whole, whole, small,
            integers,
        )  # fmt: skip
        compiled.walk.restype = whole
        compiled.unpack.argtypes = (integers, whole, small, whole, indices, times)
        compiled.unpack.restype = None
    return compiled
