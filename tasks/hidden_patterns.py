"""The input of Masquelier, Guyonneau & Thorpe 2009: several spike patterns hidden in trains of the same rate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.core.declaration import Param, Size

from ._task import SpikeBlocks, SpikeTrains, Stimulus
from .hidden_pattern import HiddenPattern, _dates, _indices, _unpack, _Walk


class HiddenPatterns(HiddenPattern):
    """Several patterns, each in `n_pattern` afferents of its own choice, come back in trains that never repeat.

    As in `HiddenPattern`, but the slots are shared out at random, equally often for every pattern, or once more for the
    first ones. What the afferents of a pattern emit in a section before the period begins is the pattern; sections for
    different patterns lie `lead_in` apart. Without a lead-in it is what they emit in the pattern's first slot.

    The truth of a stimulus differs in:

    ``pattern`` : (number of presentations,) int32
        Which pattern each presentation shows.
    ``in_pattern`` : (n_patterns, n_afferents) bool
        Which afferents take part in each pattern.
    ``pattern_number``, ``pattern_index``, ``pattern_time`` : (number of spikes in the patterns,) int32, int32, float s
        Their spikes before jitter: pattern, afferent and time since onset, sorted by pattern and time.

    Differs from the author's code: there every slot after one without a pattern shows one with a fixed chance; here the
    number of slots is fixed and all schedules without two in a row are equally likely.
    """

    cites = "masquelier2009"

    n_patterns = Size(3, "patterns", low=1, high=1000, source="masquelier2009, parameter file")
    pattern_share = Param(
        1 / 3, "share of the sections that show a pattern", low=0, high=0.5, source="masquelier2009, parameter file"
    )
    period = Param(
        225 * second,
        "time drawn, then repeated",
        low=1 * ms,
        high=3600 * second,
        source="masquelier2009, parameter file",
    )

    def check(self) -> None:
        super().check()
        shown = self.pattern_share == 0 or self._n_slots >= self.n_patterns
        self._expect("n_patterns", shown, f"at most as many as there are slots, {self._n_slots}")

    def draw(self, rng: np.random.Generator) -> Stimulus:
        slots = self._schedule(rng)
        shown = rng.permutation(np.arange(slots.size) % self.n_patterns)
        members = np.array([rng.permutation(self.n_afferents) < self.n_pattern for _ in range(self.n_patterns)])
        members &= slots.size > 0
        walk = _Walk(self, rng)
        patterns = [self._cut_of(walk, each, slots[shown == k]) for k, each in enumerate(members)]
        each_pasted = [self._paste(pattern, slots[shown == k], rng) for k, pattern in enumerate(patterns)]
        pasted = [list(chain(*parts)) for parts in zip(*each_pasted, strict=True)]
        noise_seed = rng.integers(2**63, size=4)
        hidden = np.zeros((self._n_sections, self.n_afferents), bool)
        hidden[slots] = members[shown]

        def make() -> Iterator[SpikeTrains]:
            parts = self._own(walk.copy(), slots[:0]), pasted, self._noise(np.random.default_rng(noise_seed))
            for own, arrived, noise in zip(*parts, strict=True):
                left = own[~hidden[_dates(own) // self._length, _indices(own)]]
                yield SpikeTrains(*_unpack(np.concatenate((left, *arrived, noise))), self.n_afferents)

        return Stimulus(
            spikes={"afferents": SpikeBlocks(make, self.n_afferents)},
            period=float(self.period),
            duration=self.duration,
            truth=self._truth_of(patterns, slots, shown, members),
        )

    def _cut_of(self, walk: _Walk, members: np.ndarray, slots: np.ndarray) -> np.ndarray:
        """A pattern: packed spikes of its afferents in the section it is cut from, since its onset, sorted."""
        spikes = self._source(walk, slots)
        return np.sort(spikes[members[_indices(spikes)]])

    def _truth_of(
        self, patterns: Sequence[np.ndarray], slots: np.ndarray, shown: np.ndarray, members: np.ndarray
    ) -> dict[str, np.ndarray]:
        indices, times = (np.concatenate(each) for each in zip(*map(_unpack, patterns), strict=True))
        return {
            **self._truth(patterns[0], slots),
            "pattern": np.tile(shown, self.n_repeats).astype(np.int32),
            "in_pattern": members,
            "pattern_number": np.repeat(np.arange(self.n_patterns), [each.size for each in patterns]).astype(np.int32),
            "pattern_index": indices,
            "pattern_time": times,
        }

    @classmethod
    def examples(cls) -> Iterator[HiddenPatterns]:
        small = cls(n_afferents=200, n_pattern=100, period=3 * second, n_repeats=2)
        yield small
        yield small.replace(n_patterns=1, pattern_share=0.5)
        yield small.replace(pattern_share=0.0)
        yield small.replace(lead_in=0 * ms)
        yield small.replace(n_patterns=20, n_pattern=200, jitter=6 * ms, deletion=0.3, noise_rate=0 * Hz)
