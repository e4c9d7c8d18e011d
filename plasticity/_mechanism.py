"""What rules, releases and transmissions share: their names on a neuron, and numbers worked out from their text."""

from __future__ import annotations

import math

from brian2learn.core.declaration import Declaration
from brian2learn.core.discovery import snake_case


class Mechanism(Declaration):
    """A declaration that may put something on a neuron."""

    engine = ("_[!_]*.py", "templates/*.cpp")  # what makes Brian2 objects of it

    def on_neuron(self, name: str) -> str:
        """What one of its names is called on a neuron: ``pair_stdp_x``, ``ampa_tau``."""
        return f"{snake_case(type(self).__name__)}_{name}"

    def value_of(self, text: str) -> float:
        """An expression in its parameters, in SI units; the text of a class, never of a user."""
        return float(eval(text, {"__builtins__": {}, "inf": math.inf, **self.numbers}))
