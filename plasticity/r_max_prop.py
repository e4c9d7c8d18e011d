"""RMaxProp: a step for every synapse, scaled by the largest recent gradient."""

from __future__ import annotations

from brian2learn.core.declaration import Param

from ._optimiser import Optimiser


class RMaxProp(Optimiser):
    """The step is the gradient over the root of the largest recent square: at most the learning rate.

    Differs from the paper's text, as its program does: the square is that of the chunk's mean gradient.
    """

    cites = "zenkeganguli2018"

    gamma = Param(0.98347145382161, "what is left of the largest square a chunk later: exp(-0.5 s / 30 s)",
                  low=0, high=1, source="zenkeganguli2018 (code)")  # fmt: skip
    offset = Param(1e-12, "added to the root", low=1e-300, high=1, source="zenkeganguli2018 (code)")

    equations = "largest : 1"
    update = """
    largest = clip(gamma*largest, m*m, inf)
    w += rate*m/(sqrt(largest) + offset)
    """
