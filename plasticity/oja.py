"""Oja's rule between rate units, with instantaneous or slow compensation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.core.declaration import Choice, Param

from ._rate_rule import RateRule


class Oja(RateRule):
    """Hebbian growth is compensated by a decay with the square of the postsynaptic rate.

    With instantaneous compensation the weights go to norm 1 along the first principal component of the inputs. With
    slow compensation, for a single input x = 1, the fixed point w = 1 is stable for every tau; beyond tau eta = 1/8
    the weight spirals into it, on excursions that grow with tau without bound. What a slow compensation costs here is
    the size of the excursion, while in `BCM` it is stability.
    """

    cites = ("oja1982", "zenkegerstner2017", "zenke2017")

    compensation = Choice(
        "instant",
        "which rate the decay follows",
        {"instant": "the rate y itself", "slow": "its low-pass ybar: tau dybar/dt = -ybar + y"},
    )
    eta = Param(1 * Hz, "learning rate", low=0 * Hz, high=10_000 * Hz)
    tau = Param(0.1 * second, "time constant of the slow compensation", low=0.1 * ms, high=10_000 * second)

    def check(self) -> None:
        super().check()
        if self.compensation == "instant" and self.tau != self.fields["tau"].default:
            raise self.fields["tau"].refuse(
                "Oja", "a value for slow compensation only", str(self.tau), hint="Write compensation='slow'."
            )

    @property
    def numbers(self) -> dict[str, Any]:
        """Name and value of every `Param` that counts."""
        unused = () if self.compensation == "slow" else ("tau",)
        return {name: value for name, value in super().numbers.items() if name not in unused}

    @property
    def change(self) -> str:
        return f"eta*(x*y - w*{'ybar' if self.compensation == 'slow' else 'y'}**2)"

    @property
    def on_cell(self) -> str:
        return "dybar/dt = (y - ybar)/tau : 1" if self.compensation == "slow" else ""

    def slopes(
        self, x: np.ndarray, w: np.ndarray, y: np.ndarray, cell: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        slow = self.compensation == "slow"
        followed = cell["ybar"] if slow else y
        of_cell = {"ybar": (y - cell["ybar"]) / float(self.tau)} if slow else {}
        return float(self.eta) * (np.multiply(x, y) - w * np.square(followed)), of_cell

    @classmethod
    def examples(cls) -> Iterator[Oja]:
        """Slow compensation of two time constants; instantaneous compensation, fast and slow learning."""
        yield cls(compensation="slow")
        yield cls(compensation="slow", tau=2 * second)
        yield cls()
        yield cls(eta=0.1 * Hz)
