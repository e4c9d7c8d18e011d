"""What the balanced network of Zenke, Hennequin & Gerstner 2013 costs, against the same as an ordinary Brian2 script.

    python benchmarks/homeostasis_network.py --duration 10 --json homeostasis_network.json

25,000 cells and 2e7 plastic synapses, C++ standalone on both sides, the same connectivity, first potentials and input
spikes, plastic from the beginning. The times compared are those of the compiled programs, which draw their synapses
first; every measurement has a process of its own.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import Hz, second
from plastic_network import CHECK, measure, promises, run_brian2learn, show
from rich.console import Console
from run import alone, machine, promise

from brian2learn.circuits.plastic_balanced_network import PlasticBalancedNetwork
from brian2learn.plasticity.metaplastic_triplet import MetaplasticTriplet
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.inputs import Input
from brian2learn.runs.spikes import GriddedSpikes
from brian2learn.tasks.rate_steps import RateSteps

PLAIN = Path(__file__).with_name("plain_homeostasis_network.py")


def network(n: int, p: float, duration: float) -> Experiment:
    """The published network, or one with `n` excitatory cells and connectivity `p`; its detector is fast: it lives on.

    With the default one it explodes after 2.6 s; ours then falls silent, the plain one fires on.
    """
    rule = MetaplasticTriplet(tau_hom=2 * second)
    circuit = PlasticBalancedNetwork(n_excitatory=n, n_inhibitory=n // 4, p=p, ee_rule=rule, keep="weights")
    task = RateSteps(
        n_afferents=2500, first_rate=2 * Hz, last_rate=2 * Hz, n_levels=2, hold=duration / 2 * second
    )  # fmt: skip
    return Experiment(task, circuit)


def write_input(experiment: Experiment, path: Path) -> None:
    """Write for `PLAIN` what `simulate` with seed 0 begins with."""
    circuit = experiment.circuit
    assert isinstance(circuit, PlasticBalancedNetwork)
    assert isinstance(circuit.ee_rule, MetaplasticTriplet)
    for_stimulus, for_initial, for_brian = np.random.SeedSequence(0).spawn(3)
    sizes = experiment.task.sizes
    initial = circuit.initial(sizes, np.random.default_rng(for_initial))
    given = GriddedSpikes.read(Input.of(experiment, for_stimulus).spikes["afferents"])
    steps = np.repeat(np.arange(given.n_period), np.diff(given.offsets))
    names = ("p", "p_afferent", "w_ee", "w_ei", "w_ie", "w_ii", "w_afferent")
    np.savez(
        path, v_excitatory=initial["excitatory.v"], v_inhibitory=initial["inhibitory.v"],
        delay=float(circuit.delay), seed=for_brian.generate_state(1)[0], a3_plus=circuit.ee_rule.a3_plus,
        tau_hom=float(circuit.ee_rule.tau_hom), n_afferents=sizes["afferents"], spikes_i=given.neurons.astype(np.int32),
        spikes_t=steps * float(experiment.dt), **{name: circuit.values[name] for name in names},
    )  # fmt: skip


def measure_threads(experiment: Experiment, less: Experiment, folder: Path, n: int) -> dict[str, Any]:
    """Our program with `n` threads, and whether it gives the spikes and weights of one thread."""
    alone(run_brian2learn, less, folder / "less.npz", n)
    found = alone(run_brian2learn, experiment, folder / "threads.npz", n)
    one, several = (dict(np.load(folder / f"{each}.npz")) for each in ("brian2learn", "threads"))
    return {**found, "same": all(np.array_equal(one[name], several[name]) for name in one)}


def all_promises(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of `plastic_network`, that of CPU time, which a busy machine changes less, and that of memory."""
    yield from promises(results)
    run = results["run"]
    ratio = run["plain"]["cpu_time"] / run["brian2learn"]["cpu_time"]
    yield promise("CPU time of plain Brian2, in ours", ratio, at_least=2)
    share = (run["brian2learn"]["peak_memory"] or np.nan) / (run["plain"]["peak_memory"] or np.nan)
    yield promise("memory, in that of plain Brian2", share, at_most=0.6)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duration", type=float, default=10.0, help="simulated time in s")
    parser.add_argument("--cells", type=int, default=20_000, help="excitatory cells, four times the inhibitory ones")
    parser.add_argument("--p", type=float, default=0.05, help="connectivity")
    parser.add_argument("--threads", type=int, help="run ours once more with so many OpenMP threads")
    parser.add_argument("--json", type=Path, help="a file for the results")
    options = parser.parse_args()
    results: dict[str, Any] = {"duration": options.duration, "machine": machine()}
    with tempfile.TemporaryDirectory(prefix="brian2learn-benchmark-") as name:
        for part, duration in (("check", CHECK), ("run", options.duration)):
            experiment, less = (network(options.cells, options.p, each) for each in (duration, 2e-3))
            results[part] = measure(experiment, less, Path(name), PLAIN, write_input)
        if options.threads:
            results["threads"] = measure_threads(experiment, less, Path(name), options.threads)
    results["promises"] = list(all_promises(results))
    show(results, Console())
    for program in ("plain", "brian2learn"):
        wall_time = results["run"][program]["wall_time"]["run"]
        print(f"{program}: {options.duration / wall_time:.3g} simulated seconds per second, with drawing the synapses")
    if "threads" in results:
        one, several = (each["wall_time"]["run"] for each in (results["run"]["brian2learn"], results["threads"]))
        bits = "the same bits" if results["threads"]["same"] else "other bits"
        print(f"brian2learn with {options.threads} threads: {several:.2f} s, {one / several:.2f} times faster, {bits}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
