"""A network of the size of `homeostasis_network.py` in NEST; prints its cost as JSON.

    pip install nest-simulator      # in a virtual environment of its own
    python benchmarks/nest_homeostasis_network.py --duration 1 --threads 1

Not the same model: NEST has no rate detector, so depression does not slide, no NMDA receptor (all excitation decays
with 5 ms, with the same integral) and no moving threshold (here a refractory period). Sizes, connectivity, delay,
input, weights (excitatory ones but for a factor that sets the rate) and the triplet rule's numbers are those of the
other network. What it tells is the price of a spike at a synapse and of a synapse in memory, so the
rate is printed too.
"""

import argparse
import json
import resource
import time

import nest

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--duration", type=float, default=1.0, help="simulated time in s")
parser.add_argument("--threads", type=int, default=1)
parser.add_argument("--excitation", type=float, default=0.88, help="factor of excitatory weights; sets the rate")
parser.add_argument("--cells", type=int, default=20_000, help="excitatory cells, four times the inhibitory ones")
options = parser.parse_args()

nest.set_verbosity("M_ERROR")
nest.set(resolution=0.1, local_num_threads=options.threads, rng_seed=1)  # ms
cell = {
    "g_L": 10.0, "E_L": -70.0, "E_ex": 0.0, "E_in": -80.0, "V_th": -50.0, "V_reset": -70.0, "t_ref": 5.0,
    "tau_syn_ex": 5.0, "tau_syn_in": 10.0,
}  # fmt: skip
excitation = 0.16 * options.excitation
a3, tau_plus, tau_minus, tau_slow, kappa, unit = 6.5e-3, 16.8, 33.7, 114.0, 3e-3, 10.0  # ms, kHz, nS
depression = a3 * tau_plus * tau_slow * kappa / tau_minus
triplet = {
    "Aplus": 0.0, "Aplus_triplet": a3 * unit, "Aminus": depression * unit, "Aminus_triplet": 0.0,
    "tau_plus": tau_plus, "tau_plus_triplet": 100.0, "Wmax": 1.0 * unit,
}  # fmt: skip

began = time.perf_counter()
traces = {"tau_minus": tau_minus, "tau_minus_triplet": tau_slow}
excitatory = nest.Create("iaf_cond_exp", options.cells, {**cell, **traces, "C_m": 200.0})
inhibitory = nest.Create("iaf_cond_exp", options.cells // 4, {**cell, "C_m": 100.0})
for population in (excitatory, inhibitory):
    population.V_m = nest.random.normal(-60.0, 10.0)
poisson, afferents = nest.Create("poisson_generator", params={"rate": 2.0}), nest.Create("parrot_neuron", 2500)
nest.Connect(poisson, afferents)
pairs = {"rule": "pairwise_bernoulli", "p": 0.05, "allow_autapses": False}
nest.CopyModel("stdp_triplet_synapse", "plastic", {**triplet, "weight": excitation * unit, "delay": 0.8})
nest.Connect(excitatory, excitatory, pairs, {"synapse_model": "plastic"})
for source, target, weight in (
    (excitatory, inhibitory, excitation), (inhibitory, excitatory, -1.0), (inhibitory, inhibitory, -1.0),
    (afferents, excitatory, excitation),
):  # fmt: skip
    nest.Connect(source, target, pairs, {"weight": weight * unit, "delay": 0.8})
recorder = nest.Create("spike_recorder")
nest.Connect(excitatory, recorder)
made = time.perf_counter()
nest.Simulate(options.duration * 1e3)
done = time.perf_counter()
print(
    json.dumps(
        {
            "version": nest.__version__,
            "threads": options.threads,
            "n_plastic": nest.GetDefaults("plastic")["num_connections"],
            "wall_time": {"draw": made - began, "simulate": done - made},
            "excitatory_rate": recorder.n_events / options.cells / options.duration,
            "peak_memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
        }
    )
)
