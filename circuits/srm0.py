"""The spike response model whose kernels are differences of exponentials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from brian2 import ms

from brian2learn.core.declaration import Param

from ._circuit import Cell, check_rise, epsp_gain


class SRM0(Cell):
    """A spike flushes all postsynaptic potentials and starts the afterpotential anew; potentials add up until then.

    The potential is the difference of two exponentials, which is the closed form
    ``u(t) = eta(t - t_i) + sum over pre spikes since t_i of w_j eps(t - t_j)`` exactly.

    Differs from the paper: the kernels are not cut off (masquelier2008 cuts them at seven membrane time constants);
    input that arrives in the very time step of a spike is lost with the flush.
    """

    cites = ("masquelier2008", "gerstner1993")

    tau_m = Param(10 * ms, "membrane time constant", low=0.5 * ms, high=200 * ms, source="masquelier2008, Methods")
    tau_s = Param(2.5 * ms, "synaptic time constant", low=0.1 * ms, high=100 * ms, source="masquelier2008, Methods")
    theta = Param(500.0, "threshold, in peaks of an EPSP of weight 1", low=1e-6, source="masquelier2008, Methods")
    k_spike = Param(2.0, "height of a spike, in thresholds (K1)", low=0, high=10, source="masquelier2008, Methods")
    k_after = Param(4.0, "depth of the afterpotential (K2)", low=0, high=20, source="masquelier2008, Methods")
    tau_ref = Param(1 * ms, "refractory period", low=0 * ms, high=50 * ms, source="masquelier2008, Methods")

    equations = """
    dp/dt = -p/tau_m : 1
    dq/dt = -q/tau_s : 1
    u = p - q : 1
    """
    threshold = "u >= theta"
    reset = "p = (k_spike - k_after) * theta; q = -k_after * theta"
    receive = "p_post += gain_post * w; q_post += gain_post * w"
    refractory = "tau_ref"

    def check(self) -> None:
        check_rise(self)
        super().check()

    @property
    def derived(self) -> dict[str, Any]:
        return {"gain": epsp_gain(self.tau_m, self.tau_s)}

    @classmethod
    def examples(cls) -> Iterator[SRM0]:
        """The paper's cell; a slow one that is never refractory; one without afterpotential."""
        yield cls()
        yield cls(tau_m=20 * ms, tau_s=0.5 * ms, tau_ref=0 * ms)
        yield cls(k_spike=0, k_after=0, theta=3)
