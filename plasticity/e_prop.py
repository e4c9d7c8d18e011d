"""e-prop."""

from __future__ import annotations

from brian2 import Hz, ms, second

from brian2learn.core.declaration import Param, Part

from ._surrogate import Surrogate
from ._three_factor import ThreeFactor
from .gradient_descent import GradientDescent
from .triangle import Triangle


class EProp(ThreeFactor):
    """Weights follow the learning signals of readouts, times eligibilities that are filtered like the readout.

    A chunk is a trial: nothing goes on into the next one. A regulariser draws the rate of every cell to a target, by
    its eligibilities of the whole trial. ``raw`` is the learning signal, the readout minus what is wanted, weighted.
    """

    cites = "bellec2020"

    surrogate = Part(Triangle(), "derivative of a spike", kind=Surrogate)
    optimiser = Part(GradientDescent(r0=1e-4), "how weights follow the gradient", kind=ThreeFactor.optimiser.kind)
    chunk = Param(1 * second, "length of a trial", low=1e-4 * second, structural=True)
    tau_out = Param(30 * ms, "time constant of the readout", low=0.1 * ms, high=10_000 * ms, source="bellec2020 (code)")
    c_reg = Param(300.0, "strength of the rate regulariser", low=0, high=1e9, source="bellec2020 (code)")
    f_target = Param(10 * Hz, "rate that the regulariser wants", low=0 * Hz, high=1000 * Hz, source="bellec2020 (code)")
    window = Param(1.0, "steps of a trial over which gradients are averaged; 1 for their sum", low=1, high=1e9)

    coefficients = {"keep_out": "exp(-dt/tau_out)"}
    filters = "e_bar = keep_out*e_bar + (1 - keep_out)*elig"
    readout = "e_bar"
    on_cell = "fired : 1"
    on_cell_step = """
    err = -raw
    fired += spiked
    """
    on_chunk = "direct = -c_reg*(fired/n_steps - f_target*dt)/n_steps"
    after_chunk = "fired = 0"
    forgets = True
    divisor = "window"
