"""The balanced network of `homeostasis_network.py` as an ordinary Brian2 script; prints its timings as JSON.

Nothing of brian2learn is in it. It reads first potentials, input spikes, numbers and the seed from an .npz file. Traces
sit on the synapses and are brought up to date at spikes, as in Brian2's own examples of plasticity.
"""

import json

import numpy as np
from _frame import begin, run, state
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    Synapses,
    ms,
    mV,
    nS,
    pF,
    second,
    seed,
)

options = begin(__doc__)
given = np.load(options.input)
seed(int(given["seed"]))

cell = {
    "g_L": 10 * nS, "E_L": -70 * mV, "E_E": 0 * mV, "E_I": -80 * mV, "V_t": -50 * mV, "V_r": -70 * mV,
    "theta_spike": 100 * mV, "tau_theta": 5 * ms, "tau_ampa": 5 * ms, "tau_nmda": 100 * ms, "tau_gaba": 10 * ms,
}  # fmt: skip
tau_hom, unit = float(given["tau_hom"]) * second, 10 * nS
triplet = {
    "tau_plus": 16.8 * ms, "tau_minus": 33.7 * ms, "tau_slow": 114 * ms, "kappa": 3 * Hz, "unit": unit,
    "a3": float(given["a3_plus"]), "w_max": 1.0,
}  # fmt: skip
p, p_afferent, delay = float(given["p"]), float(given["p_afferent"]), float(given["delay"]) * second


def population(name, capacitance, detector):
    group = NeuronGroup(
        given[f"v_{name}"].size,
        """
        dv/dt = (g_L*(E_L - v) + 0.5*(g_ampa + g_nmda)*(E_E - v) + g_gaba*(E_I - v))/C : volt
        dtheta/dt = -theta/tau_theta : volt
        dg_ampa/dt = -g_ampa/tau_ampa : siemens
        dg_nmda/dt = (g_ampa - g_nmda)/tau_nmda : siemens
        dg_gaba/dt = -g_gaba/tau_gaba : siemens
        """
        + detector,
        threshold="v >= V_t + theta",
        reset="v = V_r; theta = theta_spike" + ("; nubar += 1/tau_hom" if detector else ""),
        method="exponential_euler",
        namespace={**cell, "C": capacitance, "tau_hom": tau_hom},
        name=name,
    )
    group.v = given[f"v_{name}"] * 1e3 * mV
    return group


excitatory = population("excitatory", 200 * pF, "dnubar/dt = -nubar/tau_hom : Hz")
excitatory.nubar = 3 * Hz * np.exp(0.1 * ms / tau_hom)  # kappa at the first spikes, one decay later
inhibitory = population("inhibitory", 100 * pF, "")
afferents = SpikeGeneratorGroup(int(given["n_afferents"]), given["spikes_i"], given["spikes_t"] * second)
e_to_e = Synapses(
    excitatory,
    excitatory,
    """
    w : 1
    dz_plus/dt = -z_plus/tau_plus : 1 (event-driven)
    dz_minus/dt = -z_minus/tau_minus : 1 (event-driven)
    dz_slow/dt = -z_slow/tau_slow : 1 (event-driven)
    """,
    on_pre="""
    g_ampa_post += w*unit
    w = clip(w - a3*tau_plus*tau_slow/tau_minus*nubar_post**2/kappa*z_minus, 0, w_max)
    z_plus += 1
    """,
    on_post="""
    w = clip(w + a3*z_plus*z_slow, 0, w_max)
    z_minus += 1
    z_slow += 1
    """,
    delay={"pre": delay},
    namespace=triplet,
    name="e_to_e",
)
e_to_e.connect(condition="i != j", p=p)
e_to_e.w = float(given["w_ee"])
static = []
for name, source, target, conductance in (
    ("e_to_i", excitatory, inhibitory, "g_ampa"),
    ("i_to_e", inhibitory, excitatory, "g_gaba"),
    ("i_to_i", inhibitory, inhibitory, "g_gaba"),
    ("afferent_to_e", afferents, excitatory, "g_ampa"),
):
    weight = float(given["w_afferent" if source is afferents else f"w_{name[0]}{name[-1]}"])
    synapses = Synapses(
        source, target, on_pre=f"{conductance}_post += strength", delay=delay,
        namespace={"strength": weight * unit}, name=name,
    )  # fmt: skip
    condition = {"condition": "i != j"} if source is target else {}
    synapses.connect(p=p_afferent if source is afferents else p, **condition)
    static.append(synapses)
spikes = [SpikeMonitor(group) for group in (excitatory, inhibitory)]
network = Network(afferents, excitatory, inhibitory, e_to_e, *static, *spikes)
found = run(network, options)
if options.save:
    np.savez(options.save, t=np.array(spikes[0].t_), i=np.array(spikes[0].i), w=np.array(e_to_e.w[:]))
print(json.dumps({**found, "n_synapses": len(e_to_e), "state": state(e_to_e)}))
