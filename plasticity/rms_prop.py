"""RMSprop."""

from __future__ import annotations

from brian2learn.core.declaration import Param

from ._optimiser import Optimiser


class RMSProp(Optimiser):
    """The step is the gradient over the root of a running mean of its square."""

    cites = "zenkeganguli2018"

    gamma = Param(0.98347145382161, "what is left of the mean square a chunk later", low=0, high=1)
    offset = Param(1e-12, "added to the root", low=1e-300, high=1)

    equations = "mean_square : 1"
    update = """
    mean_square = gamma*mean_square + (1 - gamma)*m*m
    w += rate*m/(sqrt(mean_square) + offset)
    """
