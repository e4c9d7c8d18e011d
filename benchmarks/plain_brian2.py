"""The standard model as an ordinary Brian2 script, nothing of brian2learn in it; prints its timings as JSON.

It reads the input spikes from an .npz file: ``indices``, ``times`` (s, within one period), ``period`` (s).
"""

import json

import numpy as np
from _frame import begin, run
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, SpikeMonitor, Synapses, ms, second

options = begin(__doc__, targets=("cython", "numpy", "standalone"))

tau_m, tau_s = 10 * ms, 2.5 * ms
theta = 500
ratio = tau_s / tau_m
gain = 1 / (ratio ** (ratio / (1 - ratio)) - ratio ** (1 / (1 - ratio)))
neuron = {"tau_m": tau_m, "tau_s": tau_s, "theta": theta}
stdp = {"tau_plus": 16.8 * ms, "tau_minus": 33.7 * ms, "a_plus": 2**-5, "a_minus": 0.85 * 2**-5, "gain": gain}

with np.load(options.input) as given:
    afferents = SpikeGeneratorGroup(
        2000, given["indices"], given["times"] * second, period=float(given["period"]) * second, sorted=True
    )
cell = NeuronGroup(
    1,
    """
    dp/dt = -p/tau_m : 1
    dq/dt = -q/tau_s : 1
    u = p - q : 1
    """,
    threshold="u >= theta",
    reset="p = -2*theta; q = -4*theta",
    refractory=1 * ms,
    method="exact",
    namespace=neuron,
)
synapses = Synapses(
    afferents,
    cell,
    """
    w : 1
    dx/dt = -x/tau_plus : 1 (event-driven)
    dy/dt = -y/tau_minus : 1 (event-driven)
    """,
    on_pre="""
    p_post += gain*w
    q_post += gain*w
    w = clip(w - a_minus*y, 0, 1)
    y = 0
    x = 1
    """,
    on_post="""
    w = clip(w + a_plus*x, 0, 1)
    x = 0
    y = 1
    """,
    namespace=stdp,
)
synapses.connect()
synapses.w = 0.475
spikes = SpikeMonitor(cell)
network = Network(afferents, cell, synapses, spikes)
found = run(network, options)

times, weights = np.array(spikes.t_), np.array(synapses.w[:])
if options.save:
    np.savez(options.save, spikes=times, weights=weights)
print(json.dumps({**found, "n_spikes": times.size, "sum_of_weights": float(weights.sum())}))
