"""The input of Masquelier, Guyonneau & Thorpe 2008: a spike pattern hidden in trains of the same rate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.core.declaration import Param, Size, plain

from ._task import SpikeTrains, Stimulus, Task

SECOND = 1_000_000_000  # spike dates are whole nanoseconds while they are drawn
STEP = SECOND // 1000  # the rates walk on a grid of 1 ms
LEVELS = 2**16  # a chance per step is held in units of 1 / LEVELS, so that 16 random bits decide on a spike
INDEX_BITS = 20  # a spike is packed in one int64: its date above, its afferent in the lowest bits


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
      change of slope is one of 2**16 evenly spaced values;
    * a spike emitted in the ms in which one is forced is that forced spike, at the start of the ms;
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
        sections = list(self._own_trains(rng))
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
        indices, times = _unpack([pattern])
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
        """Packed spikes of every section in turn, before pattern and noise; not sorted."""
        n_steps = self._length // STEP
        wait = _nanoseconds(self.max_silence) // STEP + 1
        walk, low, high, slope_step = self._start_walk(n_steps, rng)
        emits = np.ones((n_steps + 1, self.n_afferents), bool)
        last = -rng.integers(1, wait, self.n_afferents)
        for section in range(self._n_sections):
            _walk_on(walk, low, high, slope_step, rng)
            np.less(_random_levels((n_steps, self.n_afferents), rng), walk[:-1, 0], out=emits[:-1])
            spikes, last = _fill_silences(emits, last, wait, rng)
            yield _later(spikes, section * self._length)

    def _start_walk(
        self, n_steps: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.float32]:
        """Room for the walk, its bounds and the largest change of slope, in units of 1 / LEVELS per step.

        Returns
        -------
        walk : (n_steps + 1, 3, n_afferents) float32
            In every step the rates, their slopes and the changes of the slopes.
        low, high : (2, n_afferents) float32
            Bounds of rates and slopes.
        slope_step : float32
        """
        step = STEP / SECOND
        top, slope_top = float(self.max_rate) * step * LEVELS, float(self.max_slope) * step**2 * LEVELS
        bounds = np.array([[[0], [-slope_top]], [[top], [slope_top]]], np.float32)
        low, high = np.tile(bounds, self.n_afferents)
        walk = np.zeros((n_steps + 1, 3, self.n_afferents), np.float32)
        walk[-1, :2] = rng.uniform(low, high)
        return walk, low, high, np.float32(float(self.slope_step) * step**2 * LEVELS)

    def _cut(self, sections: list[np.ndarray], slots: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The pattern: packed spikes of its afferents since the onset of its source, sorted; empty without slots."""
        if not slots.size:
            return np.empty(0, np.int64)
        source = rng.choice(slots)
        spikes = sections[source]
        return np.sort(_later(spikes[_indices(spikes) < self.n_pattern], -source * self._length))

    def _paste(
        self, pattern: np.ndarray, sections: list[np.ndarray], slots: np.ndarray, rng: np.random.Generator
    ) -> None:
        """Put the pattern in place of its afferents' spikes in every slot of `sections`."""
        for slot in slots:
            sections[slot] = sections[slot][_indices(sections[slot]) >= self.n_pattern]
        pasted = np.sort(self._presentations(pattern, slots, rng))
        onsets = _pack(np.arange(self._n_sections + 1) * self._length, 0)
        borders = np.searchsorted(pasted, onsets)
        for section, (first, end) in enumerate(zip(borders[:-1], borders[1:], strict=True)):
            sections[section] = np.concatenate((sections[section], pasted[first:end]))

    def _presentations(self, pattern: np.ndarray, slots: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Packed spikes of the pattern in all slots, jittered or put at random times of the slot."""
        shape = (slots.size, pattern.size)
        moves = np.rint(float(self.jitter) * SECOND * rng.standard_normal(shape)).astype(np.int64)
        dates = np.where(
            rng.random(shape) < self.deletion, rng.integers(self._length, size=shape), _dates(pattern) + moves
        )
        dates += slots[:, np.newaxis] * self._length
        dates %= _nanoseconds(self.period)
        return _pack(dates, _indices(pattern)).ravel()

    def _add_noise(self, sections: list[np.ndarray], rng: np.random.Generator) -> None:
        """Add a Poisson number of spikes, at random times of random afferents, to every section."""
        counts = rng.poisson(float(self.noise_rate) * self.n_afferents * self._length / SECOND, self._n_sections)
        for section, count in enumerate(counts):
            noise = _pack(rng.integers(self._length, size=count), rng.integers(self.n_afferents, size=count))
            sections[section] = np.concatenate((sections[section], _later(noise, section * self._length)))

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


def _unpack(sections: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Afferents (int32) and times (float, s) of the packed spikes of successive sections, sorted by time."""
    borders = np.cumsum([0, *map(len, sections)])
    indices, times = np.empty(borders[-1], np.int32), np.empty(borders[-1])
    for spikes, first, end in zip(sections, borders[:-1], borders[1:], strict=True):
        spikes = np.sort(spikes)
        indices[first:end] = _indices(spikes)
        np.divide(_dates(spikes), SECOND, out=times[first:end])
    return indices, times


def _random_levels(shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Uniform uint16, cut from 64-bit draws: twice as fast as drawing them one by one."""
    size = shape[0] * shape[1]
    return rng.integers(2**64, size=-(-size // 4), dtype=np.uint64).view(np.uint16)[:size].reshape(shape)


def _walk_on(
    walk: np.ndarray, low: np.ndarray, high: np.ndarray, slope_step: np.float32, rng: np.random.Generator
) -> None:
    """Let the rates walk through the steps of `walk`, from where they stand in its last row.

    A row is (rates, slopes, changes of slope): one addition moves the rates by the slopes and the slopes by their
    changes.
    """
    n_rows, _, n_afferents = walk.shape
    walk[0] = walk[-1]
    np.subtract(_random_levels((n_rows - 1, n_afferents), rng), np.float32((LEVELS - 1) / 2), out=walk[:-1, 2])
    walk[:-1, 2] *= slope_step / np.float32(LEVELS / 2)
    for state, change, after in zip(walk[:-1, :2], walk[:-1, 1:], walk[1:, :2], strict=True):
        np.add(state, change, after)
        np.maximum(after, low, after)
        np.minimum(after, high, after)


def _fill_silences(
    emits: np.ndarray, last: np.ndarray, wait: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Spikes of a section: at a random time in the steps that emit, and at the start of a step after a silence.

    Parameters
    ----------
    emits : (n_steps + 1, n_afferents) bool
        Whether an afferent emits in a step; True in the last row, which marks the end.
    last : (n_afferents,) int
        Step of the last spike before the section, negative.
    wait : int
        A spike is forced this number of steps after the last one. It takes the place of one emitted in the same step.

    Returns
    -------
    spikes : (k,) int64
        Packed, their dates counted from the start of the section; not sorted.
    last : (n_afferents,) int
        Step of the last spike before the next section, counted from the start of that one.
    """
    n_steps = len(emits) - 1
    cells = np.flatnonzero(emits.T)
    afferent = cells // (n_steps + 1)
    step = cells - afferent * (n_steps + 1)
    ends = np.flatnonzero(step == n_steps)
    due = np.empty_like(step)  # when the next spike is forced, if the afferent does not emit before
    due[1:] = step[:-1] + wait
    due[0], due[ends[:-1] + 1] = last[0] + wait, last[1:] + wait
    latest = step.copy()  # until when a silence before this emission, or before the end, is filled
    latest[ends] -= 1
    is_own = step < n_steps
    spikes = []
    silent = np.flatnonzero(due <= latest)
    while silent.size:
        forced = due[silent]
        spikes.append(_pack(forced * STEP, afferent[silent]))
        is_own[silent[forced == step[silent]]] = False
        due[silent] += wait
        silent = silent[due[silent] <= latest[silent]]
    own = np.flatnonzero(is_own)
    dates = step[own] * STEP + rng.integers(STEP, size=own.size)
    spikes.append(_pack(dates, afferent[own]))
    return np.concatenate(spikes), due[ends] - wait - n_steps
