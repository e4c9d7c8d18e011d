"""Cues on two sides; which side had more of them is asked after a silence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import Hz, ms

from brian2learn.core.declaration import Param, Size

from ._task import SpikeTrains, Stimulus, Task

SIDES = 2


class CueAccumulation(Task):
    """Cues on the left or right, one after the other, a silence, and a recall cue, during which the answer counts.

    Groups of inputs: left, right, recall, noise. The truth, for every trial: ``label``, the side (0 or 1) with more
    cues, and ``cues`` (n_trials, n_cues), the side of each. The target of the right class fires when recall begins.
    """

    cites = "bellec2020"
    drives = ("inputs", "targets")

    n_per_group = Size(10, "inputs of every group", low=1, high=10**5, source="bellec2020 (code)")
    n_cues = Size(7, "cues; an odd number", low=1, high=999, source="bellec2020 (code)")
    n_trials = Size(1000, "trials", low=1, high=10**7)
    before_cue = Param(50 * ms, "silence before every cue", low=0 * ms, high=10_000 * ms, source="bellec2020 (code)")
    cue = Param(100 * ms, "length of a cue", low=1 * ms, high=10_000 * ms, source="bellec2020 (code)")
    silence = Param(1050 * ms, "silence after the last cue", low=0 * ms, high=100_000 * ms, source="bellec2020 (code)")
    recall = Param(150 * ms, "length of the recall cue", low=1 * ms, high=10_000 * ms, source="bellec2020 (code)")
    p_more = Param(0.7, "chance of every cue to be on the side of the trial", low=0.5, high=1,
                   source="bellec2020 (code)")  # fmt: skip
    cue_rate = Param(40 * Hz, "rate of an input in its cue", low=0 * Hz, high=1000 * Hz, source="bellec2020 (code)")
    noise_rate = Param(10 * Hz, "rate of an input of noise", low=0 * Hz, high=1000 * Hz, source="bellec2020 (code)")

    def check(self) -> None:
        if self.n_cues % 2 == 0:
            raise self.fields["n_cues"].refuse("CueAccumulation", "an odd number, so that one side has more",
                                               str(self.n_cues))  # fmt: skip

    @property
    def sizes(self) -> dict[str, int]:
        return {"inputs": 4 * self.n_per_group, "targets": SIDES}

    @property
    def trial(self) -> float:
        """Length of a trial, s."""
        return self.n_cues * float(self.before_cue + self.cue) + float(self.silence + self.recall)

    @property
    def duration(self) -> float:
        """Length of a run, s."""
        return self.n_trials * self.trial

    def draw(self, rng: np.random.Generator) -> Stimulus:
        trial, cue, recall = self.trial, float(self.cue), float(self.recall)
        side = rng.integers(0, SIDES, self.n_trials)
        cues = np.where(rng.random((self.n_trials, self.n_cues)) < self.p_more, side[:, None], 1 - side[:, None])
        label = (cues.sum(axis=1) > self.n_cues // 2).astype(np.int64)
        begin = trial * np.arange(self.n_trials)
        onset = begin[:, None] + np.arange(self.n_cues) * float(self.before_cue + self.cue) + float(self.before_cue)
        rate, noise = float(self.cue_rate), float(self.noise_rate)
        stretches = [(onset.ravel(), cue, rate, cues.ravel()),
                     (begin + trial - recall, recall, rate, np.full(self.n_trials, 2)),
                     (begin, trial, noise, np.full(self.n_trials, 3))]  # fmt: skip
        times, neurons = [], []
        for starts, length, hertz, group in stretches:
            counts = rng.poisson(self.n_per_group * hertz * length, starts.size)
            times.append(np.repeat(starts, counts) + length * rng.random(counts.sum()))
            first = self.n_per_group * np.repeat(group, counts)
            neurons.append(first + rng.integers(0, self.n_per_group, counts.sum()))
        at, who = np.concatenate(times), np.concatenate(neurons).astype(np.int32)
        order = np.argsort(at, kind="stable")
        return Stimulus(
            spikes={
                "inputs": SpikeTrains(who[order], at[order], 4 * self.n_per_group),
                "targets": SpikeTrains(label.astype(np.int32), begin + trial - recall, SIDES),
            },
            period=self.duration,
            duration=self.duration,
            truth={"label": label, "cues": cues, "trial": np.array([trial])},
        )

    @classmethod
    def examples(cls) -> Iterator[CueAccumulation]:
        """The default, shortened; one cue; certain cues."""
        yield cls(n_trials=3)
        yield cls(n_trials=2, n_cues=1, silence=0 * ms)
        yield cls(n_trials=2, p_more=1, n_per_group=1)
