"""SuperSpike from 1000 inputs to 500 outputs (the monalisa files): transposed form, reference form, plain Brian2.

    python benchmarks/superspike.py [--duration 10] [--slow 1] [--reference]
    python benchmarks/superspike.py --slopes [--plot slopes.png]
    python benchmarks/superspike.py --picture 1000

Each is a compiled program on one core; build times are not counted. The plain script is what one writes by hand: traces
of the inputs on a relay population, two filters and the gradient as clock-driven equations at every synapse.

``--slopes`` asks what a chunk costs: CPU seconds of runs without hidden layer, over the number of inputs (each at a
fixed rate, and at a rate that keeps the number of spikes) and over that of outputs, with the slope of each in a double
logarithmic plot. Work that went with synapses times steps would have slope 1 in every one of them.

``--picture`` trains the 200-256-200 net of the oxford files with symmetric feedback for some simulated seconds, and
prints the cost of a loop as it falls, beside what is left by targets that the cells are too refractory to fire.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import Hz

from brian2learn.circuits import SpikingLayers
from brian2learn.figures._zenke2018 import loop_cost, n_loops, refractory_targets
from brian2learn.plasticity import SuperSpike
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.program import Program
from brian2learn.runs.simulate import simulate
from brian2learn.tasks import SSBM, PoissonTarget
from brian2learn.tasks.ssbm import SETS


class Beginning(SSBM):
    """The first part of a data set."""

    @property
    def duration(self) -> float:
        return Beginning.shown

    shown = 1.0


def children() -> float:
    """CPU seconds of finished child processes: what a program takes, however busy the machine is."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def ours(form: str, duration: float) -> tuple[float, float]:
    """Wall and CPU seconds of a run, per simulated second, without building."""
    Beginning.shown = duration
    experiment = Experiment(Beginning(data="monalisa"), SpikingLayers(rule=SuperSpike(form=form)))
    Program.of(experiment)
    begun, used = time.perf_counter(), children()
    record = simulate(experiment, 0)
    taken = (time.perf_counter() - begun) / duration, (children() - used) / duration
    assert np.any(record.final["to_output.w"] != 0)
    return taken


def plain(duration: float) -> tuple[float, float]:
    """The same for a script in Brian2 alone."""
    import brian2
    from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, Synapses, ms, second

    brian2.set_device("cpp_standalone", build_on_run=False)
    task = SSBM(data="monalisa")
    drawn = task.draw(np.random.default_rng(0)).spikes

    def group(name):
        kept = drawn[name].times < duration
        return SpikeGeneratorGroup(drawn[name].n, drawn[name].indices[kept], drawn[name].times[kept] * second)

    inputs, targets = group("inputs"), group("targets")
    relay = NeuronGroup(
        1000,
        """
        dx/dt = -x/(5*ms) : 1
        dz/dt = (x - z)/(10*ms) : 1
        here : 1
        """,
        threshold="here > 0", reset="here = 0", method="exact", namespace={},
    )  # fmt: skip
    arrive = Synapses(inputs, relay, on_pre="x_post += 1; here_post = 1", delay=0.7 * ms, namespace={})
    arrive.connect(j="i")
    cells = NeuronGroup(
        500,
        """
        du/dt = (I - u)/(10*ms) : 1 (unless refractory)
        dI/dt = -I/(5*ms) : 1
        dfirst/dt = -first/(5*ms) : 1
        derr/dt = (first - err)/(10*ms) : 1
        psi = 1/(1 + abs(1000*(u - 0.01)))**2 : 1
        """,
        threshold="u > 0.01", reset="u = 0; first -= 200", refractory=5 * ms, method="exact", namespace={},
    )  # fmt: skip
    teach = Synapses(targets, cells, on_pre="first_post += 200", namespace={})
    teach.connect(j="i")
    synapses = Synapses(
        relay, cells,
        """
        dlam_rise/dt = (psi_post*z_pre - lam_rise)/(5*ms) : 1 (clock-driven)
        dlam/dt = (lam_rise - lam)/(10*ms) : 1 (clock-driven)
        dgradient/dt = err_post*lam/(0.5*second) : 1 (clock-driven)
        largest : 1
        w : 1
        """,
        on_pre="I_post += w", method="euler", namespace={},
    )  # fmt: skip
    synapses.connect()
    synapses.w = "0.05/sqrt(1000)*randn()"
    synapses.run_regularly(
        "largest = clip(0.98347*largest, gradient**2, inf)\n"
        "w = clip(w + 1e-3*gradient/(sqrt(largest) + 1e-12), -0.1, 0.1)\ngradient = 0",
        dt=0.5 * second, when="start",
    )  # fmt: skip
    Network(inputs, targets, relay, arrive, cells, teach, synapses).run(duration * second, namespace={})
    with tempfile.TemporaryDirectory() as folder:
        brian2.device.build(directory=folder, run=False, with_output=False)
        begun, used = time.perf_counter(), children()
        brian2.device.run(with_output=False)
        return (time.perf_counter() - begun) / duration, (children() - used) / duration


def picture(duration: float) -> dict[str, Any]:
    """Wall and CPU seconds of learning the picture, and its cost before and after, in published units."""
    task = SSBM(data="oxford")
    task = task.replace(n_loops=max(3, round(duration / SETS["oxford"].period)))
    experiment = Experiment(task, SpikingLayers(n_layers=1, n_hidden=256))
    Program.of(experiment)
    begun, used = time.perf_counter(), children()
    record = simulate(experiment, 0)
    wall, cpu = time.perf_counter() - begun, children() - used
    n_targets, n_refractory, left = refractory_targets(record)
    print(
        f"oxford, 200-256-200, {record.duration:.0f} s: {wall:.0f} s wall, {cpu:.0f} s CPU\n"
        f"{n_refractory} of {n_targets} targets are too close for the cells and leave a cost of {left:.2f}"
    )
    loops = np.unique(np.geomspace(1, n_loops(record) - 1, 8).astype(int))
    costs = {int(k): loop_cost(record, k) for k in loops}
    print("cost of loop " + ", ".join(f"{k}: {each:.1f}" for k, each in costs.items()))
    return {"simulated": record.duration, "wall": wall, "cpu": cpu, "costs": costs, "left": left}


RATE, CHUNKS = 5.0, 20  # Hz; chunks of half a second
SERIES = {
    "outputs, 200 inputs": [(200, n, RATE) for n in (50, 100, 200, 400, 800)],
    "inputs, 5 Hz each, 100 outputs": [(n, 100, RATE) for n in (100, 200, 400, 800, 1600)],
    "inputs, 1000 Hz in all, 100 outputs": [(n, 100, 1000 / n) for n in (100, 200, 400, 800, 1600)],
}


def chunk_cost(form: str, n_inputs: int, n_outputs: int, rate: float) -> float:
    """CPU seconds of a chunk of half a second: a run less one of a single chunk, over the chunks between."""

    def used(n_trials: int) -> float:
        task = PoissonTarget(n_inputs=n_inputs, n_targets=n_outputs, n_trials=n_trials, rate=rate * Hz)
        experiment = Experiment(task, SpikingLayers(rule=SuperSpike(form=form)))
        Program.of(experiment)
        simulate(experiment, 0)  # the input is drawn, the binary is in memory
        begun = children()
        simulate(experiment, 0)
        return children() - begun

    return (used(1 + CHUNKS) - used(1)) / CHUNKS


def slopes(form: str, plot: Path | None) -> dict[str, Any]:
    """The cost of a chunk over sizes, and its slope: of a straight line through the logarithms."""
    found: dict[str, Any] = {}
    for name, points in SERIES.items():
        sizes = [n_outputs if name.startswith("outputs") else n_inputs for n_inputs, n_outputs, _ in points]
        costs = [chunk_cost(form, *each) for each in points]
        slope = float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])
        found[name] = {"sizes": sizes, "seconds": costs, "slope": slope}
        print(
            f"{name:37} slope {slope:5.2f}: "
            + ", ".join(f"{n}: {1e3 * c:.1f} ms" for n, c in zip(sizes, costs, strict=True))
        )
    if plot is not None:
        from matplotlib.figure import Figure

        canvas = Figure(figsize=(4.5, 3.2), layout="constrained")
        axes = canvas.subplots()
        for (name, each), marker in zip(found.items(), "os^", strict=True):
            axes.loglog(each["sizes"], each["seconds"], marker + "-", ms=4, label=f"{name}: slope {each['slope']:.2f}")
        axes.set(xlabel="Neurons", ylabel="CPU time of a chunk of 0.5 s (s)")
        canvas.legend(loc="outside upper left", fontsize=7, frameon=False)
        canvas.savefig(plot, dpi=200)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--duration", type=float, default=10.0, help="simulated seconds of the transposed form")
    parser.add_argument("--slow", type=float, default=1.0, help="simulated seconds of the two others")
    parser.add_argument("--reference", action="store_true", help="also run the reference form, which is slower still")
    parser.add_argument("--slopes", action="store_true", help="instead: the cost of a chunk over sizes")
    parser.add_argument("--picture", type=float, metavar="SECONDS", help="instead: learn the picture for that long")
    parser.add_argument("--plot", type=Path, help="draw the slopes there")
    parser.add_argument("--out", type=Path, help="write the numbers there as JSON")
    given = parser.parse_args()
    found: dict[str, Any]
    if given.slopes:
        found = slopes("transposed", given.plot)
    elif given.picture:
        found = picture(given.picture)
    else:
        found = {"transposed": ours("transposed", given.duration), "plain Brian2": plain(given.slow)}
        if given.reference:
            found["reference"] = ours("reference", given.slow)
        for name, (wall, cpu) in found.items():
            ratio = cpu / found["transposed"][1]
            print(
                f"{name:13} per simulated second {wall:8.3f} s wall, {cpu:8.3f} s CPU: "
                f"{ratio:6.1f} x the transposed form"
            )
    if given.out:
        given.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
