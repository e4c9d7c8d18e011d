"""What stands for the derivative of a spike by the distance to threshold."""

from __future__ import annotations

from typing import Any

import sympy

from brian2learn.core.equations import check_names

from ._derive import parsed, symbol, written
from ._mechanism import Mechanism


class Surrogate(Mechanism):
    """The derivative of a smooth step, in place of that of a spike.

    Class attribute: `psi`, in its numbers and the `distance` of the cell to its threshold, in SI units.
    """

    psi: Any = ""

    def check(self) -> None:
        check_names(type(self).__name__, {"psi": self.psi}, {*self.numbers}, from_others={"distance"})

    def text(self, condition: Any, names: dict[str, str]) -> str:
        """The derivative for a spike condition, with its numbers called by `names`."""
        numbers = {symbol(name): symbol(new) for name, new in names.items()}
        expression = parsed(self.psi).xreplace({**numbers, symbol("distance"): sympy.Symbol("distance", real=True)})
        return written(expression.subs(symbol("distance"), condition))
