"""Trials of random clicks: what the tasks that play them have in common."""

from __future__ import annotations

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.core.click_trials import ClickTrials
from brian2learn.core.declaration import Choice, Param, Size

from ._task import Task


class Clicks(Task):
    """Clicks on the left and right in trials of random length; which side had more? Right is positive.

    Of the total rate the right gets the share 1/(1 + exp(-gamma)). The absolute value of gamma is one of `n_gammas`
    evenly spaced ones, its sign that of the side drawn for the trial.
    """

    cites = ("brunton2013", "erlich2015")

    n_trials = Size(1000, "trials", low=1, high=10**7)
    rate = Param(
        40 * Hz, "clicks of both sides together", low=1 * Hz, high=1000 * Hz, source="brunton2013 (code of the lab)"
    )
    low_gamma = Param(1.0, "smallest absolute value of gamma, the logarithm of the ratio of rates", low=0, high=10,
                      source="brunton2013 (data of a rat)")  # fmt: skip
    high_gamma = Param(3.0, "largest one", low=0, high=10, source="brunton2013 (data of a rat)")
    n_gammas = Size(3, "values between them, evenly spaced", low=1, high=1000, source="brunton2013 (data of a rat)")
    p_right = Param(0.5, "chance of a trial to have the higher rate on the right", low=0, high=1)
    low_duration = Param(100 * ms, "shortest trial; lengths are uniform", low=1 * ms, high=100 * second,
                         source="erlich2015, caption")  # fmt: skip
    high_duration = Param(1 * second, "longest trial", low=1 * ms, high=100 * second, source="erlich2015, caption")
    stereo = Choice("pair", "what is played at the onset", {
        "pair": "a click on both sides, beyond the total rate", "none": "nothing",
    }, source="brunton2013 (data of a rat)")  # fmt: skip
    timing = Choice("poisson", "when clicks come", {
        "poisson": "at random times, as a Poisson process on each side",
        "slots": "one in the middle of every slot of length 1/rate, each on a side drawn by the ratio of rates",
    })  # fmt: skip
    answer = Choice("clicks", "the right side to choose", {
        "clicks": "that which played more; trials with equal numbers are drawn anew",
        "clicks_or_coin": "that which played more, at equal numbers a fair coin",
        "rate": "that with the higher rate",
    })  # fmt: skip

    def check(self) -> None:
        where = type(self).__name__
        for low, high in (("low_gamma", "high_gamma"), ("low_duration", "high_duration")):
            if self.values[low] > self.values[high]:
                raise self.fields[high].refuse(where, f"at least {low} = {self.values[low]}", str(self.values[high]))
        if (self.n_gammas == 1) != (self.low_gamma == self.high_gamma):
            expected = "1 if low_gamma equals high_gamma, else 2 or more"
            raise self.fields["n_gammas"].refuse(where, expected, str(self.n_gammas))
        if self.timing == "slots" and self._n_slots(float(self.low_duration)) < 1:
            expected = f"at least a slot of {1 / self.rate}"
            raise self.fields["low_duration"].refuse(where, expected, str(self.low_duration))

    def _n_slots(self, duration: np.ndarray | float) -> np.ndarray:
        return np.floor(np.asarray(duration) * float(self.rate) + 1e-9).astype(np.int64)

    def _drawn(self, rng: np.random.Generator) -> tuple[ClickTrials, np.ndarray]:
        """All trials and the side, 0 or 1, that is right in each."""
        trials, right = self._trials(self.n_trials, rng)
        if self.answer == "rate":
            return trials, right
        while self.answer == "clicks" and (tied := np.flatnonzero(trials.difference == 0)).size:
            trials = _replaced(trials, tied, self._trials(tied.size, rng)[0])
        coin = rng.integers(0, 2, self.n_trials)
        return trials, np.where(trials.difference == 0, coin, trials.difference > 0).astype(np.int64)

    def _trials(self, n: int, rng: np.random.Generator) -> tuple[ClickTrials, np.ndarray]:
        right = (rng.random(n) < self.p_right).astype(np.int64)
        sizes = np.linspace(self.low_gamma, self.high_gamma, self.n_gammas)
        gamma = (2 * right - 1) * rng.choice(sizes, n)
        duration = rng.uniform(float(self.low_duration), float(self.high_duration), n)
        rate = float(self.rate)
        counts = self._n_slots(duration) if self.timing == "slots" else rng.poisson(rate * duration)
        trial = np.repeat(np.arange(n), counts)
        if self.timing == "slots":
            number = np.arange(trial.size) - np.repeat(np.cumsum(counts) - counts, counts)
            times = (number + 0.5) / rate
        else:
            times = duration[trial] * rng.random(trial.size)
        side = rng.random(trial.size) < 1 / (1 + np.exp(-gamma[trial]))
        if self.stereo == "pair":
            trial = np.concatenate([np.repeat(np.arange(n), 2), trial])
            times = np.concatenate([np.zeros(2 * n), times])
            side = np.concatenate([np.tile([False, True], n), side])
        order = np.lexsort((times, trial))  # stable: of the pair the left one stays first
        offsets = np.concatenate([[0], np.cumsum(np.bincount(trial, minlength=n))])
        return ClickTrials(times[order], side[order], offsets, duration, gamma), right


def _replaced(trials: ClickTrials, which: np.ndarray, by: ClickTrials) -> ClickTrials:
    """The trials with some of them exchanged, in the same order."""
    both = ClickTrials(
        np.concatenate([trials.times, by.times]),
        np.concatenate([trials.right, by.right]),
        np.concatenate([trials.offsets, trials.offsets[-1] + by.offsets[1:]]),
        np.concatenate([trials.duration, by.duration]),
        np.concatenate([trials.gamma, by.gamma]),
    )
    chosen = np.arange(len(trials))
    chosen[which] = len(trials) + np.arange(len(by))
    return both.pick(chosen)
