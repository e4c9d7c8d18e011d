"""The plastic network as an ordinary Brian2 script, nothing of brian2learn in it; prints its timings as JSON.

It reads the first potentials, the sizes and the seed from an .npz file. Every trace sits on the synapses and is brought
up to date at spikes, as in Brian2's own examples of plasticity.
"""

import json

import numpy as np
from _frame import begin, run, state
from brian2 import Network, NeuronGroup, SpikeMonitor, Synapses, ms, mV, nS, pA, pF, seed

options = begin(__doc__)
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
found = run(network, options)
if options.save:
    np.savez(options.save, t=np.array(spikes[0].t_), i=np.array(spikes[0].i), w=np.array(e_to_e.w[:]))
print(json.dumps({**found, "n_synapses": len(e_to_e), "state": state(e_to_e)}))
