"""What a figure is: what to run, what the paper says, how to draw it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import pandas as pd
from matplotlib.figure import Figure as Canvas

from brian2learn.core.claims import Claim
from brian2learn.core.declaration import Declaration
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record

Records = Mapping[str, Sequence[Record]]
"""Records of each experiment of a figure, one per seed, in the order of the seeds."""


class Figure(Declaration):
    """One figure of a paper. A subclass says what to run, what is claimed, and draws.

    Class attributes: `cites`, `title`, `claims`.
    """

    title: ClassVar[str] = ""
    claims: ClassVar[tuple[Claim, ...]] = ()

    def experiments(self, *, small: bool = False) -> dict[str, Experiment]:
        """What to run, by name.

        Parameters
        ----------
        small : bool
            A size that proves the pipeline in under a minute; claims are never judged at it.
        """
        raise NotImplementedError

    def data(self, records: Records) -> dict[str, pd.DataFrame]:
        """The plotted data as tables, one for each panel, with units in the column names."""
        raise NotImplementedError

    def draw(self, data: Mapping[str, pd.DataFrame]) -> Canvas:
        """Draw the figure from its tables alone."""
        raise NotImplementedError
