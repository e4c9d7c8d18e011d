"""Triplets and quadruplets of spikes, at every timing at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.core.declaration import Param, Size

from ._protocol import Protocol, trains
from ._task import Stimulus

# (pre spikes, post spikes) of one couple, in dates
Couple = tuple[list[int], list[int]]


class SpikeTriplets(Protocol):
    """Pre-post-pre and post-pre-post triplets and quadruplets come again and again at a slow rate.

    Pre neuron k belongs to post neuron k, and each such couple shows one timing: first every pre-post-pre triplet, then
    every post-pre-post triplet with the same times, then every quadruplet. A triplet is any of the first gaps followed
    by any of the second ones. A quadruplet is a post-pre pair and a pre-post pair, both `pair_lag` wide; `separation`
    is the time from the middle of the former to the middle of the latter, negative if the pre-post pair comes first.

    The default times are evenly spaced and contain those of wang2005: gaps of 5, 10 and 15 ms, and separations of
    -88.5, 20 and 83.7 ms.

    The truth of a stimulus, for every couple:

    ``protocol`` : (n,) str
        ``pre_post_pre``, ``post_pre_post`` or ``quadruplet``.
    ``lag_1``, ``lag_2`` : (n,) float, s
        Post minus pre of the first and second gap of a triplet, and of the two pairs of a quadruplet.
    ``separation`` : (n,) float, s
        Of a quadruplet; nan for triplets.
    """

    cites = ("pfister2006", "wang2005")
    drives = ("pre", "post")

    low_gap_1 = Param(5 * ms, "shortest first gap of a triplet", low=0 * ms, high=1 * second, source="wang2005")
    high_gap_1 = Param(15 * ms, "longest first gap", low=0 * ms, high=1 * second, source="wang2005")
    n_gaps_1 = Size(3, "first gaps", low=1, high=10**3)
    low_gap_2 = Param(5 * ms, "shortest second gap of a triplet", low=0 * ms, high=1 * second, source="wang2005")
    high_gap_2 = Param(15 * ms, "longest second gap", low=0 * ms, high=1 * second, source="wang2005")
    n_gaps_2 = Size(3, "second gaps", low=1, high=10**3)
    pair_lag = Param(5 * ms, "width of the pairs of a quadruplet", low=0 * ms, high=1 * second, source="wang2005")
    low_separation = Param(
        -88.5 * ms, "lowest separation of the pairs", low=-10 * second, high=10 * second, source="wang2005"
    )
    high_separation = Param(83.7 * ms, "highest separation", low=-10 * second, high=10 * second, source="wang2005")
    n_separations = Size(247, "separations", low=1, high=10**4)
    rate = Param(1 * Hz, "triplets per second", low=1e-3 * Hz, high=100 * Hz, source="wang2005")
    n_triplets = Size(60, "times that each is shown", low=1, high=10**5, source="wang2005")

    def check(self) -> None:
        for each, several in (("gap_1", "gaps_1"), ("gap_2", "gaps_2"), ("separation", "separations")):
            self._expect_range(each, several)
        for name in ("low_gap_1", "low_gap_2", "pair_lag"):
            self._expect(name, int(self._dates(self.values[name])) > 0, f"at least resolution = {self.resolution}")
        coincide = abs(self._dates(self._evenly("separation", "separations"))) == self._dates(self.pair_lag)
        self._expect("n_separations", not coincide.any(), "no separation of pair_lag, where one neuron fires twice")
        longest = self._length
        self._expect(
            "rate", int(self._dates(1 / self.rate)) > longest, f"below 1 / {self._times(longest)} s, the longest"
        )

    @property
    def sizes(self) -> dict[str, int]:
        n = 2 * self.n_gaps_1 * self.n_gaps_2 + self.n_separations
        return {"pre": n, "post": n}

    @property
    def _length(self) -> int:
        """Resolutions from the first to the last spike of the longest triplet or quadruplet."""
        return max(max(pre + post) for pre, post in self._couples)

    @property
    def _last(self) -> int:
        return self._length + int(self._dates((self.n_triplets - 1) / float(self.rate)))

    @property
    def _gaps(self) -> list[tuple[int, int]]:
        """First and second gap of every triplet."""
        firsts, seconds = self._dates(self._evenly("gap_1", "gaps_1")), self._dates(self._evenly("gap_2", "gaps_2"))
        return [(int(first), int(second_gap)) for first in firsts for second_gap in seconds]

    @property
    def _couples(self) -> list[Couple]:
        """Spikes of every couple, once; the first is at date 0."""
        couples: list[Couple] = [([0, one + two], [one]) for one, two in self._gaps]
        couples += [(pre, post) for post, pre in couples]
        width = int(self._dates(self.pair_lag))
        for separation in self._dates(self._evenly("separation", "separations")).tolist():
            post_pre, pre_post = max(0, -separation), max(0, separation)
            couples.append(([post_pre + width, pre_post], [post_pre, pre_post + width]))
        return couples

    def draw(self, rng: np.random.Generator) -> Stimulus:
        starts = self._dates(np.arange(self.n_triplets) / float(self.rate))[:, np.newaxis]
        pre, post = (
            [self._times((starts + sorted(couple[side])).ravel()) for couple in self._couples] for side in (0, 1)
        )
        gaps, n = np.array(self._gaps), self.n_separations
        width = int(self._dates(self.pair_lag))
        nowhere = np.full(2 * len(gaps), np.nan)
        separations = self._times(self._dates(self._evenly("separation", "separations")))
        return Stimulus(
            spikes={"pre": trains(pre), "post": trains(post)},
            period=self.duration,
            duration=self.duration,
            truth={
                "protocol": np.repeat(["pre_post_pre", "post_pre_post", "quadruplet"], [len(gaps), len(gaps), n]),
                "lag_1": self._times(np.concatenate([gaps[:, 0], -gaps[:, 0], np.full(n, -width)])),
                "lag_2": self._times(np.concatenate([-gaps[:, 1], gaps[:, 1], np.full(n, width)])),
                "separation": np.concatenate([nowhere, separations]),
            },
        )

    @classmethod
    def examples(cls) -> Iterator[SpikeTriplets]:
        yield cls()
        yield cls(n_triplets=1, n_separations=2, silence=0 * second)
        yield cls(
            low_gap_1=0.1 * ms, high_gap_1=0.1 * ms, n_gaps_1=1, low_separation=0 * ms, high_separation=0 * ms,
            n_separations=1, n_triplets=3, rate=20 * Hz,
        )  # fmt: skip
        yield cls(low_separation=-90 * ms, high_separation=90 * ms, n_separations=19, resolution=1 * ms, n_triplets=2)
