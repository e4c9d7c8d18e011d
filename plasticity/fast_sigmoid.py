"""The derivative of a fast sigmoid."""

from __future__ import annotations

from brian2learn.core.declaration import Param

from ._surrogate import Surrogate


class FastSigmoid(Surrogate):
    """The derivative of h/(1 + |h|), with h the distance to threshold in widths; it is nowhere zero.

    That is what lets a silent cell learn: 10 widths below threshold it still is 1/121 of its peak, ``1/width``. The
    paper leaves out the factor ``1/width``, the published program has it (1000 per volt).
    """

    cites = "zenkeganguli2018"

    width = Param(
        1e-3, "distance over which it falls to a quarter, in volts where the potential has a unit",
        low=1e-9, high=1e3, source="zenkeganguli2018, Table 1: 1/beta",
    )  # fmt: skip

    psi = "1/(width*(1 + abs(distance/width))**2)"
