"""The standard model as an ordinary Brian2 script, nothing of brian2learn in it; prints its timings as JSON.

It reads the input spikes from an .npz file: ``indices``, ``times`` (s, within one period), ``period`` (s).
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    Synapses,
    defaultclock,
    device,
    ms,
    prefs,
    second,
    set_device,
)

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("input", type=Path, help="the .npz file with the input spikes")
parser.add_argument("--target", choices=["cython", "numpy", "standalone"], default="cython")
parser.add_argument("--duration", type=float, required=True, help="simulated time in s")
parser.add_argument("--directory", type=Path, help="where the standalone project is written")
parser.add_argument("--save", type=Path, help="an .npz file for spike times (s) and final weights")
parser.add_argument("--jobs", type=int, default=1, help="compiler processes of the standalone build")
options = parser.parse_args()
standalone = options.target == "standalone"

started = time.perf_counter()
if standalone:
    set_device("cpp_standalone", build_on_run=False)
    prefs.devices.cpp_standalone.extra_make_args_unix = [f"-j{options.jobs}"]
else:
    prefs.codegen.target = options.target
defaultclock.dt = 0.1 * ms

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
made = time.perf_counter()
if standalone:
    network.run(options.duration * second)
    device.build(directory=str(options.directory), run=False, with_output=False)
else:
    network.run(0 * second)  # generates and loads the code
built = time.perf_counter()
if standalone:
    device.run(with_output=False)
else:
    network.run(options.duration * second)
finished = time.perf_counter()

times, weights = np.array(spikes.t_), np.array(synapses.w[:])
if options.save:
    np.savez(options.save, spikes=times, weights=weights)
timings = {"make objects": made - started, "build": built - made, "run": finished - built, "all": finished - started}
print(json.dumps({"wall_time": timings, "n_spikes": times.size, "sum_of_weights": float(weights.sum())}))
