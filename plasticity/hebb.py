"""Plain Hebbian learning between rate units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from brian2 import Hz

from brian2learn.core.declaration import Param

from ._rate_rule import RateRule


class Hebb(RateRule):
    """A weight grows with the product of the rates on both sides, without bound."""

    cites = "zenkegerstner2017"

    eta = Param(1 * Hz, "learning rate", low=0 * Hz, high=10_000 * Hz)

    change = "eta*x*y"

    def slopes(
        self, x: np.ndarray, w: np.ndarray, y: np.ndarray, cell: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        return float(self.eta) * np.multiply(x, y), {}

    @classmethod
    def examples(cls) -> Iterator[Hebb]:
        """The default; a slow one."""
        yield cls()
        yield cls(eta=0.1 * Hz)
