"""Input and target spikes of the spiking supervised benchmark (ssbm)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from brian2learn.core.declaration import Choice, Size

from ._ras import data_directory, read_ras
from ._task import Stimulus, Task

VARIABLE = "BRIAN2LEARN_SSBM"
"""Environment variable with the folder that holds a folder for every data set."""


class _Set(NamedTuple):
    n_inputs: int
    n_targets: int
    period: float  # s
    first_target: int  # what the file calls the first target
    about: str


SETS = {
    "poisson": _Set(100, 1, 0.5, 0, "100 Poisson inputs, one output with 5 equidistant spikes, 0.5 s"),
    "seqgen": _Set(4, 100, 1.0, 0, "4 input spikes, 100 outputs that fire one after the other, 1 s"),
    "oxford": _Set(200, 200, 1.89, 1, "200 inputs, a picture in the spikes of 200 outputs, 1.89 s"),
    "monalisa": _Set(1000, 500, 33.1, 1, "1000 inputs, a picture in the spikes of 500 outputs, 33.1 s"),
}


class SSBM(Task):
    """Frozen input spikes and the spikes that outputs should fire, over and over.

    Targets that the files number from 1 are numbered from 0. Times are on a grid of 0.1 ms.
    """

    cites = "zenkeganguli2018"
    drives = ("inputs", "targets")

    data = Choice("poisson", "data set", {name: each.about for name, each in SETS.items()})
    n_loops = Size(20, "how often the data set is shown", low=1, high=10**6)

    @property
    def sizes(self) -> dict[str, int]:
        return {"inputs": SETS[self.data].n_inputs, "targets": SETS[self.data].n_targets}

    @property
    def duration(self) -> float:
        """Length of a run, s."""
        return self.n_loops * SETS[self.data].period

    def draw(self, rng: np.random.Generator) -> Stimulus:
        about = SETS[self.data]
        folder = data_directory(VARIABLE, "Get the benchmark (github.com/fzenke/ssbm) and name its folder there.")
        folder = folder / self.data
        inputs = read_ras(folder / "input.ras", about.n_inputs, about.period)
        targets = read_ras(folder / "target.ras", about.n_targets, about.period, first_id=about.first_target)
        return Stimulus(
            spikes={"inputs": inputs, "targets": targets},
            period=about.period,
            duration=self.duration,
            truth={
                "target_times": targets.times, "target_neurons": targets.indices, "period": np.array([about.period]),
            },
        )  # fmt: skip

    @classmethod
    def examples(cls) -> Iterator[SSBM]:
        """Every data set that is small."""
        yield cls()
        yield cls(data="oxford", n_loops=2)
