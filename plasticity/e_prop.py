"""e-prop."""

from __future__ import annotations

from brian2 import Hz, ms, second

from brian2learn.core.declaration import Choice, Param, Part

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
    rates = Choice(
        "trial",
        "rates that the regulariser compares",
        {
            "trial": "of a trial, with the eligibilities of the same trial",
            "batch": "of the batch before; in the first batch none",
        },
        source="bellec2020 (code)",
    )
    window = Param(1.0, "steps of a trial over which gradients are averaged; 1 for their sum", low=1, high=1e9)

    coefficients = {"keep_out": "exp(-dt/tau_out)"}
    filters = "e_bar = keep_out*e_bar + (1 - keep_out)*elig"
    readout = "e_bar"
    on_cell_step = """
    err = -raw
    fired += spiked
    """
    forgets = True
    divisor = "window"

    @property
    def on_cell(self) -> str:  # type: ignore[override]
        """Spikes so far; with the rates of a batch also those of the one before, per step, and trials so far."""
        return "fired : 1" + ("\nn_trials : 1\nbefore : 1\nknown : 1" if self.rates == "batch" else "")

    @property
    def on_chunk(self) -> str:  # type: ignore[override]
        """The regulariser."""
        if self.rates == "trial":
            return "direct = -c_reg*(fired/n_steps - f_target*dt)/n_steps"
        return "direct = -c_reg*known*(before - f_target*dt)/n_steps"

    @property
    def after_chunk(self) -> str:  # type: ignore[override]
        """Counts begin anew, after a trial or a batch."""
        if self.rates == "trial":
            return "fired = 0"
        return f"""
        n_trials += int(t > 0)
        full = int(n_trials >= {self.batch})
        before = full*fired/({self.batch}*n_steps) + (1 - full)*before
        known = clip(known + full, 0, 1)
        fired *= 1 - full
        n_trials *= 1 - full
        """
