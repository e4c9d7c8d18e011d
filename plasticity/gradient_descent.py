"""Plain gradient descent."""

from __future__ import annotations

from ._optimiser import Optimiser


class GradientDescent(Optimiser):
    """The step is the gradient times the learning rate."""

    update = "w += rate*m"
