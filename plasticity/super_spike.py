"""SuperSpike."""

from __future__ import annotations

from brian2 import ms

from brian2learn.core.declaration import Param

from ._three_factor import ThreeFactor


class SuperSpike(ThreeFactor):
    """Weights follow the filtered difference of wanted and fired spikes, times a filtered surrogate eligibility.

    The error is in 1/s: events of missing (+1) and surplus (-1) spikes through a double exponential of unit area. The
    regulariser takes weights down by ``rho`` times the fourth (``power``-th) power of a trace of the cell's spikes.

    Differs from the paper: the surrogate derivative has its factor ``1/width``, as in the published program, so that
    ``rho`` there and here are the same. The regulariser also acts while the error is zero.
    """

    cites = "zenkeganguli2018"

    tau_rise = Param(5 * ms, "rise of the error kernel", low=0.1 * ms, high=1000 * ms, source="zenkeganguli2018")
    tau_decay = Param(10 * ms, "decay of the error kernel", low=0.1 * ms, high=1000 * ms, source="zenkeganguli2018")
    rho = Param(0.0, "strength of the regulariser", low=0, high=1e6, source="zenkeganguli2018, eq 3.4")
    power = Param(4.0, "power of the trace in the regulariser", low=0, high=8, source="zenkeganguli2018, eq 3.5")
    tau_het = Param(100 * ms, "decay of the trace in the regulariser", low=1 * ms, high=10_000 * ms,
                    source="zenkeganguli2018 (code)")  # fmt: skip
    w_max = Param(0.1, "largest absolute weight", low=0, high=1e6, source="zenkeganguli2018 (code)")

    coefficients = {"keep_rise": "exp(-dt/tau_rise)", "keep_decay": "exp(-dt/tau_decay)"}
    filters = """
    lam = keep_decay*lam + (1 - keep_decay)*lam_rise
    lam_rise = keep_rise*lam_rise + (1 - keep_rise)*elig
    """
    readout = "lam"
    on_cell = """
    err_rise : 1
    zeta : 1
    zeta_sum : 1
    cost : 1
    """
    on_cell_step = """
    err_rise += dt/tau_rise*(raw/dt - err_rise)
    err += dt/tau_decay*(err_rise - err)
    cost += dt*err**2
    zeta_sum += zeta**power
    zeta = zeta*exp(-dt/tau_het) + spiked
    """
    on_chunk = "decay = rho*zeta_sum/n_steps"
    after_chunk = "zeta_sum = 0"
    bounds = ("-w_max", "w_max")
