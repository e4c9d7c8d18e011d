"""How weights follow a gradient, once per chunk."""

from __future__ import annotations

from typing import Any

from brian2 import second

from brian2learn.core.declaration import Choice, Param
from brian2learn.core.equations import check_names, defined

from ._mechanism import Mechanism


class Optimiser(Mechanism):
    """Turns the mean gradient of a chunk into a step of the weight.

    Class attributes: `equations` (further states of every synapse) and `update` (statements on ``w``, in the direction
    of ascent ``m``, the learning ``rate`` of the moment, the number ``k`` of the update from 1 on, and its numbers).
    """

    equations: Any = ""
    update: Any = ""

    r0 = Param(1e-3, "learning rate: in RMaxProp the largest step of a weight", low=0, high=1e6)
    burn_in = Param(0 * second, "until then weights stay as they are", low=0 * second)
    fall = Choice("step", "how the learning rate falls", {
        "step": "by the factor decay at the time decay_at, once",
        "exponential": "evenly in its logarithm: by the factor decay in every time decay_at",
    })  # fmt: skip
    decay_at = Param(1e6 * second, "when the learning rate falls", low=1e-9 * second)
    decay = Param(0.1, "by what factor it falls", low=0, high=1)
    t_stop = Param(1e6 * second, "from then on weights stay as they are", low=0 * second)

    @property
    def rate(self) -> str:
        """The learning rate of the moment."""
        falls = "(1 - (1 - decay)*int(t >= decay_at))" if self.fall == "step" else "decay**(t/decay_at)"
        return f"r0*{falls}*int(t > burn_in)*int(t <= t_stop)"

    def check(self) -> None:
        texts = {"equations": self.equations, "update": self.update, "rate": self.rate}
        check_names(type(self).__name__, texts, {*self.numbers, *self.states}, from_others={"w", "m", "rate", "k"})

    @property
    def states(self) -> tuple[str, ...]:
        """Names that the equations define."""
        return defined(self.equations)
