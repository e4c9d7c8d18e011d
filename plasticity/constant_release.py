"""A release that does not change: the control of short-term plasticity."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from brian2learn.core.declaration import Param

from ._release import Release


class ConstantRelease(Release):
    """Every spike releases the same amount.

    In place of a release that changes, held at its mean, it tells what synapses do by their strength from what they do
    by remembering.
    """

    level = Param(1.0, "what a spike releases, in units of the weight", low=0, high=1000)

    amount = "level"

    @property
    def most(self) -> float:
        return self.level

    def reference(self, times: np.ndarray) -> np.ndarray:
        return np.full(len(times), self.level)

    @classmethod
    def examples(cls) -> Iterator[Any]:
        """The weight itself; three times as much; nothing."""
        yield cls()
        yield cls(level=3.0)
        yield cls(level=0.0)
