"""Adam."""

from __future__ import annotations

from brian2learn.core.declaration import Param

from ._optimiser import Optimiser


class Adam(Optimiser):
    """The step is a running mean of the gradient over the root of a running mean of its square, both unbiased."""

    cites = "bellec2020"

    b_mean = Param(0.9, "what is left of the mean an update later", low=0, high=1, source="bellec2020 (code)")
    b_square = Param(0.999, "what is left of the mean square", low=0, high=1, source="bellec2020 (code)")
    offset = Param(1e-8, "added to the root", low=0, high=1, source="bellec2020 (code)")

    equations = """
    mean_gradient : 1
    mean_square : 1
    """
    update = """
    mean_gradient = b_mean*mean_gradient + (1 - b_mean)*m
    mean_square = b_square*mean_square + (1 - b_square)*m*m
    w += rate*sqrt(1 - b_square**k)/(1 - b_mean**k)*mean_gradient/(sqrt(mean_square) + offset)
    """
