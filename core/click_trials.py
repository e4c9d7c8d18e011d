"""Trials of left and right clicks: what tasks draw, animals hear, models sum up and analyses read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import DeclarationError

WHERE = "ClickTrials"
FIELDS = ("times", "right", "offsets", "duration", "gamma")


@dataclass(frozen=True)
class ClickTrials:
    """Click times of many trials, one after the other in flat arrays; the right side counts positive.

    Attributes
    ----------
    times : (n_clicks,) float, s
        From the onset of their trial on, ascending within it. Clicks of both sides at one time are two entries.
    right : (n_clicks,) bool
        Whether a click came from the right.
    offsets : (n_trials + 1,) int
        Clicks ``offsets[k]`` to ``offsets[k + 1]`` are those of trial k.
    duration : (n_trials,) float, s
        Length of the stimulus.
    gamma : (n_trials,) float
        Logarithm of the rate on the right over that on the left.

    Raises
    ------
    DeclarationError
        If there is no trial, an array does not fit, or a click is not finite, out of order or outside its trial; with
        the first trial at fault.
    """

    times: NDArray[np.float64]
    right: NDArray[np.bool_]
    offsets: NDArray[np.int64]
    duration: NDArray[np.float64]
    gamma: NDArray[np.float64]

    def __post_init__(self) -> None:
        kinds = {"times": float, "right": bool, "offsets": np.int64, "duration": float, "gamma": float}
        for name, kind in kinds.items():
            given = np.asarray(getattr(self, name))
            if given.ndim != 1:
                raise _refuse(name, "a one-dimensional array", f"one of shape {given.shape}")
            object.__setattr__(self, name, given.astype(kind))
        n = self.duration.size
        if n == 0:
            raise _refuse("duration", "at least one trial", "none")
        for name, size in (("gamma", n), ("offsets", n + 1), ("right", self.times.size)):
            if getattr(self, name).size != size:
                raise _refuse(name, f"{size} values", str(getattr(self, name).size))
        ends = (int(self.offsets[0]), int(self.offsets[-1]))
        if ends != (0, self.times.size) or np.any(np.diff(self.offsets) < 0):
            raise _refuse(
                "offsets", f"ascending numbers from 0 to the {self.times.size} clicks", f"{ends[0]} to {ends[1]}"
            )
        trial = self.trial
        for name, per_trial in (("duration", self.duration), ("gamma", self.gamma)):
            if not np.isfinite(per_trial).all():
                at = int(np.argmin(np.isfinite(per_trial)))
                raise _refuse(name, "finite values", f"{per_trial[at]} in trial {at}")
        if self.duration.min() <= 0:
            at = int(np.argmin(self.duration))
            raise _refuse("duration", "more than 0 s", f"{self.duration[at]} s in trial {at}")
        if not np.isfinite(self.times).all():
            at = int(np.argmin(np.isfinite(self.times)))
            raise _refuse("times", "finite times", f"{self.times[at]} in trial {trial[at]}")
        falls = np.flatnonzero((np.diff(self.times) < 0) & (np.diff(trial) == 0))
        if falls.size:
            at = int(falls[0])
            got = f"{self.times[at]} before {self.times[at + 1]} s in trial {trial[at]}"
            raise _refuse("times", "ascending times", got)
        outside = np.flatnonzero((self.times < 0) | (self.times > self.duration[trial]))
        if outside.size:
            at, of = int(outside[0]), int(trial[outside[0]])
            raise _refuse("times", f"times from 0 to {self.duration[of]} s", f"{self.times[at]} s in trial {of}")

    @classmethod
    def of_sides(
        cls, left: Sequence[ArrayLike], right: Sequence[ArrayLike], duration: ArrayLike, gamma: ArrayLike
    ) -> ClickTrials:
        """Trials from the click times of each side.

        Parameters
        ----------
        left, right : sequence of (k,) float, s
            Ascending times of every trial.
        duration, gamma
            See `ClickTrials`.
        """
        if len(left) != len(right):
            raise _refuse("right", f"as many trials as on the left, {len(left)}", str(len(right)))
        times, sides, counts = [], [], []
        for k, both in enumerate(zip(left, right, strict=True)):
            one = [np.atleast_1d(np.asarray(each, float)) for each in both]
            for name, each in zip(("left", "right"), one, strict=True):
                if each.ndim != 1:
                    raise _refuse(name, "a list of times for every trial", f"an array of shape {each.shape}")
                falls = np.flatnonzero(np.diff(each) < 0)
                if falls.size:
                    got = f"{each[falls[0]]} before {each[falls[0] + 1]} s in trial {k}"
                    raise _refuse(name, "ascending times", got)
            joined = np.concatenate(one)
            order = np.argsort(joined, kind="stable")
            times.append(joined[order])
            sides.append(order >= one[0].size)
            counts.append(joined.size)
        offsets = np.cumsum([0, *counts])
        return cls(np.concatenate([*times, []]), np.concatenate([*sides, []]), offsets, duration, gamma)  # type: ignore[arg-type]

    @classmethod
    def of_truth(cls, truth: Mapping[str, NDArray[Any]]) -> ClickTrials:
        """The trials in the truth of a stimulus or a record; see `truth`."""
        return cls(*(truth[f"click_{name}"] for name in FIELDS))

    @property
    def truth(self) -> dict[str, NDArray[Any]]:
        """All arrays, as ``click_times`` and so on, for the truth of a stimulus."""
        return {f"click_{name}": getattr(self, name) for name in FIELDS}

    def __len__(self) -> int:
        return int(self.duration.size)

    @property
    def trial(self) -> NDArray[np.int64]:
        """(n_clicks,) int: the trial of every click."""
        return np.repeat(np.arange(self.duration.size), np.diff(self.offsets))

    @property
    def counts(self) -> NDArray[np.int64]:
        """(n_trials, 2) int: clicks on the left and on the right."""
        n = self.duration.size
        return np.bincount(2 * self.trial + self.right, minlength=2 * n).reshape(n, 2)

    @property
    def difference(self) -> NDArray[np.int64]:
        """(n_trials,) int: clicks on the right less those on the left."""
        return self.counts[:, 1] - self.counts[:, 0]

    def on_grid(self, dt: float) -> ClickTrials:
        """The same clicks at the beginnings of the time steps of `dt` (s) in which they fall, as a simulation has them.

        Further clicks of a side in one step are left out. Brian2's rounding: a time within a thousandth of a step below
        the next one belongs to that.
        """
        steps, trial = np.floor(self.times / dt + 1e-3).astype(np.int64), self.trial
        order = np.lexsort((self.right, steps, trial))
        sorted_ = np.stack([trial[order], steps[order], self.right[order]])
        kept = order[np.concatenate([[True], np.any(np.diff(sorted_) != 0, axis=0)])[: order.size]]
        offsets = np.concatenate([[0], np.cumsum(np.bincount(trial[kept], minlength=len(self)))])
        duration = np.maximum(np.floor(self.duration / dt + 1e-3), 1) * dt
        return ClickTrials(
            np.minimum(steps[kept] * dt, duration[trial[kept]]), self.right[kept], offsets, duration, self.gamma
        )

    def pick(self, which: ArrayLike) -> ClickTrials:
        """Some of the trials, by a mask or by their numbers, in that order."""
        chosen = np.arange(len(self))[np.asarray(which)]
        sizes = np.diff(self.offsets)[chosen]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        at = np.arange(offsets[-1]) - np.repeat(offsets[:-1], sizes) + np.repeat(self.offsets[:-1][chosen], sizes)
        return ClickTrials(self.times[at], self.right[at], offsets, self.duration[chosen], self.gamma[chosen])


def _refuse(name: str, expected: str, got: str) -> DeclarationError:
    return DeclarationError(WHERE, name, meaning=MEANING[name], expected=expected, got=got)


MEANING = {
    "times": "click times, s",
    "right": "clicks of the right",
    "left": "clicks of the left",
    "offsets": "where trials begin among the clicks",
    "duration": "lengths of the trials, s",
    "gamma": "logarithms of rate on the right over left",
}
