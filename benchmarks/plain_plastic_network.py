"""The plastic network as an ordinary Brian2 script, nothing of brian2learn in it; prints its timings as JSON.

It reads the first potentials, the sizes and the seed from an .npz file. Every trace sits on the synapses and is brought
up to date at spikes, as in Brian2's own examples of plasticity.
"""

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np
from brian2 import (
    Network,
    NeuronGroup,
    SpikeMonitor,
    Synapses,
    defaultclock,
    device,
    ms,
    mV,
    nS,
    pA,
    pF,
    prefs,
    second,
    seed,
    set_device,
)
from brian2.core.variables import DynamicArrayVariable

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("input", type=Path, help="the .npz file with sizes, weights, seed and first potentials")
parser.add_argument("--duration", type=float, required=True, help="simulated time in s")
parser.add_argument("--directory", type=Path, required=True, help="where the standalone project is written")
parser.add_argument("--save", type=Path, help="an .npz file for spikes and final weights")
parser.add_argument("--jobs", type=int, default=1, help="compiler processes of the build")
options = parser.parse_args()

started = time.perf_counter()
set_device("cpp_standalone", build_on_run=False)
prefs.devices.cpp_standalone.extra_make_args_unix = [f"-j{options.jobs}"]
defaultclock.dt = 0.1 * ms
given = np.load(options.input)
seed(int(given["seed"]))

cell = {
    "C": 200 * pF, "g_L": 10 * nS, "E_L": -60 * mV, "E_E": 0 * mV, "E_I": -80 * mV, "V_t": -50 * mV, "V_r": -60 * mV,
    "tau_E": 5 * ms, "tau_I": 10 * ms, "I": float(given["bias"]) * pA,
}  # fmt: skip
triplet = {
    "tau_plus": 16.8 * ms, "tau_minus": 33.7 * ms, "tau_y": 114 * ms, "nS": nS,
    "a2_minus": float(given["a2_minus"]), "a3_plus": float(given["a3_plus"]), "w_max": float(given["w_max"]),
}  # fmt: skip
p, delay = float(given["p"]), float(given["delay"]) * ms


def population(name):
    group = NeuronGroup(
        given[f"v_{name}"].size,
        """
        dv/dt = (g_L*(E_L - v) + g_E*(E_E - v) + g_I*(E_I - v) + I)/C : volt (unless refractory)
        dg_E/dt = -g_E/tau_E : siemens
        dg_I/dt = -g_I/tau_I : siemens
        """,
        threshold="v >= V_t",
        reset="v = V_r",
        refractory=5 * ms,
        method="exponential_euler",
        namespace=cell,
        name=name,
    )
    group.v = given[f"v_{name}"] * 1e3 * mV
    return group


excitatory, inhibitory = population("excitatory"), population("inhibitory")
e_to_e = Synapses(
    excitatory,
    excitatory,
    """
    w : 1
    dr1/dt = -r1/tau_plus : 1 (event-driven)
    do1/dt = -o1/tau_minus : 1 (event-driven)
    do2/dt = -o2/tau_y : 1 (event-driven)
    """,
    on_pre="""
    g_E_post += w*nS
    w = clip(w - a2_minus*o1, 0, w_max)
    r1 += 1
    """,
    on_post="""
    w = clip(w + a3_plus*r1*o2, 0, w_max)
    o1 += 1
    o2 += 1
    """,
    delay={"pre": delay},
    namespace=triplet,
    name="e_to_e",
)
e_to_e.connect(condition="i != j", p=p)
e_to_e.w = float(given["w_ee"])
static = []
for name, source, target, conductance in (
    ("e_to_i", excitatory, inhibitory, "g_E"),
    ("i_to_e", inhibitory, excitatory, "g_I"),
    ("i_to_i", inhibitory, inhibitory, "g_I"),
):
    namespace = {"strength": float(given[f"w_{name[0]}{name[-1]}"]) * nS}
    synapses = Synapses(
        source, target, on_pre=f"{conductance}_post += strength", delay=delay, namespace=namespace, name=name
    )
    synapses.connect(p=p, **({"condition": "i != j"} if source is target else {}))
    static.append(synapses)
spikes = [SpikeMonitor(group) for group in (excitatory, inhibitory)]
network = Network(excitatory, inhibitory, e_to_e, *static, *spikes)
made = time.perf_counter()
network.run(options.duration * second)
device.build(directory=str(options.directory), run=False, with_output=False)
built = time.perf_counter()
before = resource.getrusage(resource.RUSAGE_CHILDREN)
device.run(with_output=False)
finished = time.perf_counter()
after = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu_time = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
# at small size the compiler needs more memory than the program
peak_memory = after.ru_maxrss * 1024 / 1e9 if after.ru_maxrss > before.ru_maxrss else None

n_synapses = len(e_to_e)
sizes = {each.name: np.dtype(each.dtype).itemsize for each in e_to_e.variables.values()
         if isinstance(each, DynamicArrayVariable) and each.owner.name == "e_to_e"}  # fmt: skip
state = sum(size for name, size in sizes.items() if name not in ("N_incoming", "N_outgoing"))
if options.save:
    excitatory_spikes = spikes[0]
    np.savez(
        options.save, t=np.array(excitatory_spikes.t_), i=np.array(excitatory_spikes.i), w=np.array(e_to_e.w[:]),
    )  # fmt: skip
timings = {"make objects": made - started, "build": built - made, "run": finished - built, "all": finished - started}
print(
    json.dumps(
        {
            "wall_time": timings,
            "n_synapses": n_synapses,
            "state": state,
            "cpu_time": cpu_time,
            "peak_memory": peak_memory,
        }
    )
)
