"""Random clicks for a network: trains on two sides, a silence, and a go cue, during which the answer counts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.core.declaration import Param, Preset, Size

from ._clicks import Clicks
from ._task import SpikeTrains, Stimulus

SIDES = 2


class RandomClicks(Clicks):
    """Trials one after the other: clicks, a silent delay of random length, and a go cue that reads the memory out.

    Groups of inputs: left, right, go, noise. Every click makes each input of its side fire with the same chance, at the
    time of the click. Trials of different length fill slots of one length, the longest that there is: each ends at the
    end of its slot, and before it nothing fires, so that what is at rest stays at rest. The target of the right side
    fires when the go cue begins, which is also when the answer begins to count.

    The truth, for every trial: ``label`` (0 left, 1 right), ``onset`` (s) and ``delay`` (s); the clicks as
    `ClickTrials.truth`; ``trial``, the length of a slot (s).
    """

    drives = ("inputs", "targets")

    n_per_side = Size(20, "inputs of each side", low=1, high=10**5)
    p_spike = Param(0.5, "chance of an input of the side to fire at a click", low=0, high=1)
    low_delay = Param(300 * ms, "shortest delay; lengths are uniform", low=0 * ms, high=100 * second)
    high_delay = Param(500 * ms, "longest delay", low=0 * ms, high=100 * second)
    response = Param(150 * ms, "how long the answer counts, and the go cue lasts", low=1 * ms, high=100 * second)
    n_go = Size(10, "inputs of the go cue; none without one", low=0, high=10**5)
    go_rate = Param(50 * Hz, "rate of each in the go cue", low=0 * Hz, high=1000 * Hz)
    n_noise = Size(10, "inputs of noise", low=0, high=10**5)
    noise_rate = Param(10 * Hz, "rate of each during the trial", low=0 * Hz, high=1000 * Hz)

    presets = {
        "cues": Preset(
            {
                "timing": "slots", "stereo": "none", "rate": 1 / (150 * ms), "low_duration": 1050 * ms,
                "high_duration": 1050 * ms, "low_gamma": float(np.log(0.7 / 0.3)),
                "high_gamma": float(np.log(0.7 / 0.3)), "n_gammas": 1, "low_delay": 1050 * ms, "high_delay": 1050 * ms,
            },
            "bellec2020 (code)",
            "Seven cues in slots of 150 ms, each on the side of the trial with a chance of 0.7. A cue is one volley "
            "here and lasts 100 ms in CueAccumulation.",
        ),
    }  # fmt: skip

    def check(self) -> None:
        super().check()
        if self.low_delay > self.high_delay:
            raise self.fields["high_delay"].refuse(
                "RandomClicks", f"at least low_delay = {self.low_delay}", str(self.high_delay)
            )

    @property
    def sizes(self) -> dict[str, int]:
        return {"inputs": SIDES * self.n_per_side + self.n_go + self.n_noise, "targets": SIDES}

    @property
    def trial(self) -> float:
        """Length of a slot, s."""
        return float(self.high_duration + self.high_delay + self.response)

    @property
    def duration(self) -> float:
        """Length of a run, s."""
        return self.n_trials * self.trial

    def draw(self, rng: np.random.Generator) -> Stimulus:
        n, response = self.n_trials, float(self.response)
        trials, label = self._drawn(rng)
        delay = rng.uniform(float(self.low_delay), float(self.high_delay), n)
        end = self.trial * np.arange(1, n + 1)
        onset = np.maximum(end - response - delay - trials.duration, end - self.trial)  # not a rounding before its slot
        fires = np.flatnonzero(rng.random((trials.times.size, self.n_per_side)) < self.p_spike)
        click, number = np.divmod(fires, self.n_per_side)
        times = [(onset[trials.trial] + trials.times)[click]]
        neurons = [trials.right[click] * self.n_per_side + number]
        first = SIDES * self.n_per_side
        for size, hertz, begin in (
            (self.n_go, float(self.go_rate), end - response),
            (self.n_noise, float(self.noise_rate), onset),
        ):
            counts = rng.poisson(size * hertz * (end - begin))
            times.append(np.repeat(begin, counts) + np.repeat(end - begin, counts) * rng.random(counts.sum()))
            neurons.append(first + rng.integers(0, max(size, 1), counts.sum()))
            first += size
        at, who = np.concatenate(times), np.concatenate(neurons).astype(np.int32)
        order = np.argsort(at, kind="stable")
        return Stimulus(
            spikes={
                "inputs": SpikeTrains(who[order], at[order], self.sizes["inputs"]),
                "targets": SpikeTrains(label.astype(np.int32), end - response, SIDES),
            },
            period=self.duration,
            duration=self.duration,
            truth={"label": label, "onset": onset, "delay": delay, "trial": np.array([self.trial]), **trials.truth},
        )

    @classmethod
    def examples(cls) -> Iterator[RandomClicks]:
        """A few trials; of one length, without pair, go cue and noise; in slots; ties by coin; by rate."""
        yield cls(n_trials=5)
        yield cls(n_trials=3, low_duration=1 * second, low_delay=500 * ms, stereo="none", n_go=0, n_noise=0, p_spike=1)
        yield cls.preset("cues", n_trials=3)
        yield cls(n_trials=20, answer="clicks_or_coin", stereo="none", low_duration=1 * ms, high_duration=50 * ms)
        yield cls(n_trials=3, answer="rate", low_gamma=0, high_gamma=0, n_gammas=1, p_right=1)
