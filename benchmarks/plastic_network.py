"""What a large plastic network costs on this machine, against the same network as an ordinary Brian2 script.

    python benchmarks/plastic_network.py --duration 10 --json plastic_network.json

8000 excitatory and 2000 inhibitory cells, 10 % connectivity, the minimal triplet rule between excitatory cells with a
learning rate so small that rates stay as they are; one core, C++ standalone on both sides, the same connectivity. The
times compared are those of the compiled programs; every measurement has a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _frame import state
from brian2 import SpikeGeneratorGroup, ms, prefs, second
from rich.console import Console
from rich.table import Table
from run import N_JOBS, alone, machine, promise, show_promises

from brian2learn.circuits.ei_network import EINetwork
from brian2learn.plasticity.fixed import Fixed
from brian2learn.plasticity.triplet_stdp import TripletSTDP
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.simulate import simulate
from brian2learn.tasks.silence import Silence

PLAIN = Path(__file__).with_name("plain_plastic_network.py")
SLOW, FAST = 1e-9, 1.0  # learning rates, in those of the published rule
CHECK = 0.2  # s; after this chaos shows rounding errors of the potential as other spikes


def plastic_network(n: int, p: float, delay: float, duration: float, rate: float) -> Experiment:
    """`n` excitatory cells and a quarter as many inhibitory ones that fire at a few Hz, irregularly."""
    rule = TripletSTDP(a3_plus=6.5e-3 * rate, a2_minus=7.1e-3 * rate)
    circuit = EINetwork(
        ee_rule=rule, ie_rule=Fixed(), n_excitatory=n, n_inhibitory=n // 4, p=p, delay=delay * ms, keep="weights",
        w_ee=0.06, w_ei=0.06, w_ie=1.0, w_ii=1.0, integration="cell",
    )  # fmt: skip
    return Experiment(Silence(length=duration * second), circuit)


def of_programs() -> dict[str, float]:
    """Largest memory (GB) and CPU time (s) of what this process started: a program, if all is compiled.

    The memory is at least what this process itself held when it started the program.
    """
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"peak_memory": used.ru_maxrss * 1024 / 1e9, "cpu_time": used.ru_utime + used.ru_stime}


def state_of_brian2learn(experiment: Experiment) -> int:
    """Bytes of a plastic synapse, in a network of four cells."""
    prefs.codegen.target = "numpy"  # so that nothing is compiled
    circuit = experiment.circuit.replace(n_excitatory=2, n_inhibitory=2)
    network = circuit.network({name: SpikeGeneratorGroup(1, [], [] * second, name=name) for name in circuit.inputs})
    network.run(0 * second, namespace={})  # Brian2 warns of objects that never belonged to a run
    return state(network["e_to_e"])


def run_brian2learn(experiment: Experiment, path: Path, n_threads: int = 0) -> dict[str, Any]:
    """Time one `simulate`; keep spikes and weights in `path`."""
    prefs.devices.cpp_standalone.openmp_threads = n_threads
    started = time.perf_counter()
    record = simulate(experiment, seed=0, mode="standalone")
    whole = time.perf_counter() - started
    spikes, w = record.spikes["excitatory"], record.final["e_to_e.w"]
    np.savez(path, t=spikes.t, i=spikes.i, w=w)
    return {"wall_time": {**record.info["wall_time"], "all": whole}, "n_synapses": int(w.size), **of_programs()}


def write_input(experiment: Experiment, path: Path) -> None:
    """Write for `PLAIN` what `simulate` with seed 0 begins with."""
    circuit = experiment.circuit
    assert isinstance(circuit, EINetwork)
    assert isinstance(circuit.ee_rule, TripletSTDP)
    _, for_initial, for_brian = np.random.SeedSequence(0).spawn(3)
    initial = circuit.initial({}, np.random.default_rng(for_initial))
    rule, weights = circuit.ee_rule, {name: circuit.values[name] for name in ("w_ee", "w_ei", "w_ie", "w_ii")}
    np.savez(
        path, v_excitatory=initial["excitatory.v"], v_inhibitory=initial["inhibitory.v"], p=circuit.p,
        delay=circuit.delay / ms, bias=circuit.bias * 1e12, seed=for_brian.generate_state(1)[0], a2_minus=rule.a2_minus,
        a3_plus=rule.a3_plus, w_max=rule.w_max, **weights,
    )  # fmt: skip


def run_plain(experiment: Experiment, folder: Path, script: Path = PLAIN, write: Any = write_input) -> dict[str, Any]:
    """Build and run a script; keep spikes and weights in ``folder/plain.npz``."""
    alone(write, experiment, folder / "input.npz")
    options = {
        "duration": experiment.task.duration,
        "jobs": N_JOBS,
        "directory": folder / "plain",
        "save": folder / "plain.npz",
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    done = subprocess.run(
        [sys.executable, script, folder / "input.npz", *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def compare(folder: Path, w: float) -> dict[str, Any]:
    """How far both runs agree, with `w` as the first weight."""
    ours, plain = (dict(np.load(folder / f"{name}.npz")) for name in ("brian2learn", "plain"))
    n = min(ours["t"].size, plain["t"].size)
    other = np.flatnonzero((ours["i"][:n] != plain["i"][:n]) | (np.abs(ours["t"][:n] - plain["t"][:n]) > 1e-9))
    same = ours["t"].size == plain["t"].size and not other.size
    return {
        "n_spikes": {"brian2learn": int(ours["t"].size), "plain": int(plain["t"].size)},
        "same_spikes_until": None if same else float(ours["t"][other[0] if other.size else n - 1]),
        "largest_difference_of_weights": float(np.abs(ours["w"] - plain["w"]).max()),
        "largest_change_of_a_weight": float(np.abs(ours["w"] - w).max()),
    }


def measure(
    experiment: Experiment, less: Experiment, folder: Path, script: Path = PLAIN, write: Any = write_input
) -> dict[str, Any]:
    """Both programs once, after ours has been compiled for a shorter run."""
    alone(run_brian2learn, less, folder / "less.npz")
    ours = alone(run_brian2learn, experiment, folder / "brian2learn.npz")
    ours["state"] = alone(state_of_brian2learn, experiment)
    plain = run_plain(experiment, folder, script, write)
    return {"brian2learn": ours, "plain": plain, **compare(folder, experiment.circuit.values["w_ee"])}


# ---------------------------------------------------------------------- report


def promises(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What was promised beside what was measured."""
    check, run = results["check"], results["run"]
    apart = check["largest_difference_of_weights"] / check["largest_change_of_a_weight"]
    yield promise("same spikes in the check, s", check["same_spikes_until"] or CHECK, at_least=CHECK)
    yield promise("weights apart after the check, in the largest change", apart, at_most=1e-9)
    n_ours, n_plain = run["n_spikes"]["brian2learn"], run["n_spikes"]["plain"]
    yield promise("spikes, in those of plain Brian2", n_ours / n_plain, at_least=0.98, at_most=1.02)
    ratio = run["plain"]["wall_time"]["run"] / run["brian2learn"]["wall_time"]["run"]
    yield promise("program, times faster than plain Brian2", ratio, at_least=2)


def show(results: dict[str, Any], console: Console) -> None:
    """Print tables of what was measured."""
    table = Table(
        "program", "wall time, s", "CPU time, s", "memory, GB", "per plastic synapse, bytes", "of which state"
    )
    table.title = (
        f"{results['duration']:g} s of simulated time, {results['run']['plain']['n_synapses']} plastic synapses"
    )
    for name in ("plain", "brian2learn"):
        run = results["run"][name]
        memory = run["peak_memory"] or float("nan")
        table.add_row(
            name, f"{run['wall_time']['run']:.2f}", f"{run['cpu_time']:.2f}", f"{memory:.2f}",
            f"{1e9 * memory / run['n_synapses']:.0f}", f"{run['state']}",
        )  # fmt: skip
    console.print(table)
    show_promises(results["promises"], console)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duration", type=float, default=10.0, help="simulated time in s")
    parser.add_argument("--cells", type=int, default=8000, help="excitatory cells, four times the inhibitory ones")
    parser.add_argument("--p", type=float, default=0.1, help="connectivity")
    parser.add_argument("--delay", type=float, default=0.8, help="axonal delay in ms")
    parser.add_argument("--json", type=Path, help="a file for the results")
    options = parser.parse_args()
    network = options.cells, options.p, options.delay
    results: dict[str, Any] = {"duration": options.duration, "machine": machine()}
    with tempfile.TemporaryDirectory(prefix="brian2learn-benchmark-") as name:
        folder = Path(name)
        for name, duration, rate in (("check", CHECK, FAST), ("run", options.duration, SLOW)):
            experiment, less = (plastic_network(*network, each, rate) for each in (duration, 1e-3))
            results[name] = measure(experiment, less, folder)
    results["promises"] = list(promises(results))
    show(results, Console())
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
