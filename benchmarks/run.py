"""What runs and builds cost on this machine, against the same model in plain Brian2, and which promises hold.

    python benchmarks/run.py --duration 450 --json benchmark.json

Every measurement has a process of its own; all ratios are of numbers from the same call, with warm caches.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from brian2 import Network, defaultclock, get_device, prefs, second, set_device
from rich.console import Console
from rich.table import Table

from brian2learn.circuits.detector import Detector
from brian2learn.circuits.srm0 import SRM0
from brian2learn.core import compiler
from brian2learn.core.declaration import Declaration, Param
from brian2learn.figures._masquelier2008 import standard
from brian2learn.plasticity.pair_stdp import PairSTDP
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.program import FOREVER, Program, assemble
from brian2learn.runs.simulate import provenance, simulate
from brian2learn.runs.spikes import GriddedSpikes, SpikeStream
from brian2learn.tasks.hidden_pattern import HiddenPattern

PLAIN = Path(__file__).with_name("plain_brian2.py")
N_JOBS = compiler.n_cpus()
PARTS = ("run", "published", "build", "recompile")
N_BUILDS = 3  # of either kind, in turn
DRAWN, SHARED = "brian2learn, input drawn", "brian2learn, input shared with an earlier run"


def published(duration: float) -> Experiment:
    """The experiment of the figures: a period shown three times, ties averaged, the potential recorded."""
    return standard().replace(task=HiddenPattern(period=duration / 3 * second, n_repeats=3))


def comparable(duration: float) -> Experiment:
    """The same in Brian2's own order of spikes and with nothing recorded but spikes, as in `PLAIN`."""
    experiment = published(duration)
    circuit = experiment.circuit
    assert isinstance(circuit, Detector)
    return experiment.replace(circuit=circuit.replace(rule=circuit.rule.replace(ties="pre_first")), record={})


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function` returns in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def peak_memory() -> float:
    """Largest memory that this process or one that it started ever held, GB; at least what importing Brian2 takes."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 2**20


# ---------------------------------------------------------------------- runs


def write_input(experiment: Experiment, path: Path) -> None:
    """Write the spikes that `simulate` draws with seed 0 for `PLAIN`."""
    stimulus = experiment.task.draw(np.random.default_rng(np.random.SeedSequence(0).spawn(3)[0]))
    gridded = path.with_suffix(".spikes")
    GriddedSpikes.write(gridded, stimulus.spikes["afferents"], stimulus, float(experiment.dt))
    spikes = GriddedSpikes.read(gridded)
    steps = np.repeat(np.arange(spikes.n_period), np.diff(spikes.offsets))
    np.savez(path, indices=spikes.neurons.astype(np.int32), times=steps * float(experiment.dt), period=stimulus.period)


def run_brian2learn(experiment: Experiment, path: Path) -> dict[str, Any]:
    """Time one `simulate`; keep spikes and weights in `path`."""
    started = time.perf_counter()
    record = simulate(experiment, seed=0, mode="standalone")
    whole = time.perf_counter() - started
    np.savez(path, spikes=record.spikes["cells"].t, weights=record.final["plastic.w"])
    steps = record.info["wall_time"]
    return {
        "wall_time": {**steps, "all": whole},
        "peak_memory": peak_memory(),
    }


def run_plain(target: str, source: Path, duration: float, folder: Path) -> dict[str, Any]:
    """Run `PLAIN` once; keep spikes and weights in ``folder/target.npz``."""
    options = {
        "target": target, "duration": duration, "jobs": N_JOBS, "directory": folder / "plain",
        "save": folder / f"{target}.npz",
    }  # fmt: skip
    arguments = [f"--{name}={value}" for name, value in options.items()]
    process = subprocess.Popen([sys.executable, PLAIN, source, *arguments], stdout=subprocess.PIPE, text=True)
    with process.stdout as printed:  # type: ignore[union-attr]
        text = printed.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return {"wall_time": json.loads(text)["wall_time"], "peak_memory": usage.ru_maxrss / 2**20}


def measure_runs(duration: float, targets: list[str], folder: Path) -> dict[str, Any]:
    """Runs of brian2learn and of plain Brian2, which must give the same spikes and weights."""
    source = folder / "input.npz"
    alone(write_input, comparable(duration), source)
    runs = measure_ours(comparable(duration), folder)
    for target in targets:
        cold = {}
        if target != "numpy":
            # a standalone project has its input and duration compiled in, and is warm only after the very same run
            first = run_plain(target, source, duration if target == "standalone" else 0.1, folder)
            cold = {"cold_build": first["wall_time"]["build"]}
        runs[target] = {**run_plain(target, source, duration, folder), **cold}
    n_spikes = check_same([folder / f"{name}.npz" for name in runs])

    def speedup(step: str) -> dict[str, float]:
        ours = runs[DRAWN]["wall_time"][step]
        return {target: runs[target]["wall_time"][step] / ours for target in targets}

    return {"runs": runs, "n_spikes": n_spikes, "speedup": speedup("all"), "speedup_of_run": speedup("run")}


def measure_ours(experiment: Experiment, folder: Path) -> dict[str, Any]:
    """A run of brian2learn that draws its input, and another one that finds it; all is compiled before.

    The input's share of a wall time is all that the run takes beyond building and beyond what the program takes when
    its whole input lies there: drawing goes on while the program runs, so its own time says little.
    """
    less = experiment.replace(task=experiment.task.replace(period=0.2 * second))
    alone(run_brian2learn, less, folder / "less.npz")
    shutil.rmtree(compiler.cache_directory() / "inputs")
    runs = {name: alone(run_brian2learn, experiment, folder / f"{name}.npz") for name in (DRAWN, SHARED)}
    for run in runs.values():
        whole, build = run["wall_time"]["all"], run["wall_time"]["build"]
        run["input_share"] = (whole - build - runs[SHARED]["wall_time"]["run"]) / whole
    return runs


def check_same(paths: list[Path]) -> int:
    """Raise AssertionError unless all files hold the same spikes and weights; return the number of spikes."""
    first, *others = (dict(np.load(path)) for path in paths)
    for other in others:
        np.testing.assert_allclose(other["spikes"], first["spikes"], rtol=0, atol=1e-9)
        np.testing.assert_allclose(other["weights"], first["weights"], rtol=0, atol=1e-9)
    return int(first["spikes"].size)


# ---------------------------------------------------------------------- builds


def build(own_make: bool, headers: Path, folder: Path) -> dict[str, float]:
    """Wall and CPU time to build the program of the experiment, by Brian2's own make or by ours."""
    experiment = comparable(3)
    cache = Path(tempfile.mkdtemp(dir=folder))
    (cache / "headers").symlink_to(headers)
    os.environ[compiler.CACHE_VARIABLE] = str(cache)
    before = os.times()
    if own_make:
        build_by_brian2(experiment, cache / "project")
    else:
        Program.of(experiment)
    after = os.times()
    shutil.rmtree(cache)
    return {"wall_time": after.elapsed - before.elapsed, "cpu_time": sum(after[:4]) - sum(before[:4])}


def build_by_brian2(experiment: Experiment, directory: Path) -> None:
    """What `Program.of` does, with Brian2's own build."""
    set_device("cpp_standalone", build_on_run=False)
    prefs.devices.cpp_standalone.extra_make_args_unix = [f"-j{N_JOBS}"]
    defaultclock.dt = experiment.dt
    sources = {name: SpikeStream(n, name) for name, n in experiment.task.sizes.items()}
    built, recorders = assemble(experiment, sources)
    Network(*sources.values(), *built.values(), *recorders.values()).run(FOREVER, namespace={})
    get_device().build(directory=str(directory), run=False, with_output=False)


def measure_builds(folder: Path) -> dict[str, Any]:
    """Builds in turn, A B A B, with the header precompiled before."""
    headers = compiler.precompiled_header().parent.parent
    pairs = [[alone(build, own_make, headers, folder) for own_make in (True, False)] for _ in range(N_BUILDS)]
    names = ("brian2", "brian2learn")
    times = {name: list(each) for name, each in zip(names, zip(*pairs, strict=True), strict=True)}
    median = {
        name: {kind: statistics.median(one[kind] for one in each) for kind in each[0]} for name, each in times.items()
    }
    ratios = {kind: median["brian2"][kind] / median["brian2learn"][kind] for kind in median["brian2"]}
    return {"builds": times, "median": median, "speedup": ratios}


# ---------------------------------------------------------------------- recompilation


def changes(experiment: Experiment) -> Iterator[tuple[str, Experiment]]:
    """The experiment with each of its numbers doubled in turn."""
    task, circuit = experiment.task, experiment.circuit
    assert isinstance(circuit, Detector)
    for name, part in doubled(circuit):
        yield name, experiment.replace(circuit=part)
    for name, part in doubled(circuit.cell):
        yield name, experiment.replace(circuit=circuit.replace(cell=part))
    for name, part in doubled(circuit.rule):
        yield name, experiment.replace(circuit=circuit.replace(rule=part))
    for name, part in doubled(task):
        yield name, experiment.replace(task=part)


def doubled(declaration: Declaration) -> Iterator[tuple[str, Any]]:
    """The declaration with each `Param` doubled in turn."""
    for name, field in declaration.fields.items():
        if isinstance(field, Param) and not field.structural:
            yield f"{type(declaration).__name__}.{name}", declaration.replace(**{name: 2 * declaration.values[name]})


def count_compiler_calls(folder: Path) -> dict[str, Any]:
    """Calls of the compiler in the first run, and in runs with other numbers, another seed and other input."""
    wrapper, log = folder / "compiler", folder / "calls"
    wrapper.write_text(
        f'#!/bin/sh\ncase "$*" in *--version*) ;; *) echo "$*" >> {log} ;; esac\nexec {compiler.compiler()} "$@"\n'
    )
    wrapper.chmod(0o755)
    log.touch()
    os.environ.update({"CXX": str(wrapper), compiler.CACHE_VARIABLE: str(folder / "cache")})

    def n_calls() -> int:
        return len(log.read_text().splitlines())

    # no number is 0, so that twice of it is another one
    task = HiddenPattern(n_afferents=200, n_pattern=100, period=1 * second, n_repeats=1, deletion=0.1)
    circuit = Detector(
        cell=SRM0(theta=50.0), rule=PairSTDP(pairing="reduced_nearest", ties="mean"), n_cells=3, inhibition=0.25,
        w_spread=0.2,
    )  # fmt: skip
    experiment = Experiment(task, circuit)
    simulate(experiment, seed=0, mode="standalone")
    first = n_calls()
    simulate(experiment, seed=1, mode="standalone")
    changed = ["seed"]
    for name, other in changes(experiment):
        simulate(other, seed=0, mode="standalone")
        changed.append(name)
    return {"first_build": first, "later": n_calls() - first, "changed": changed}


# ---------------------------------------------------------------------- report


def promise(
    what: str, measured: float, *, at_least: float | None = None, at_most: float | None = None
) -> dict[str, Any]:
    """What was promised beside what was measured."""
    if at_least is None or at_most is None:
        promised = f"<= {at_most:g}" if at_least is None else f">= {at_least:g}"
    else:
        promised = f"{at_least:g} to {at_most:g}"
    kept = (at_least is None or measured >= at_least) and (at_most is None or measured <= at_most)
    return {"what": what, "promised": promised, "measured": measured, "kept": bool(kept)}


def show_promises(promised: list[dict[str, Any]], console: Console) -> None:
    """Print them as a table."""
    table = Table("promise", "promised", "measured", "kept")
    for each in promised:
        table.add_row(each["what"], each["promised"], f"{each['measured']:.3g}", "yes" if each["kept"] else "no")
    console.print(table)


def promises(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What was promised beside what was measured, as far as it was."""
    if "run" in results:
        runs = results["run"]["runs"]
        if "cython" in results["run"]["speedup"]:
            ratio = results["run"]["speedup"]["cython"]
            yield promise("whole run, times faster than plain Brian2 (Cython)", ratio, at_least=20)
        yield promise("share of input in the wall time, drawn for this run", runs[DRAWN]["input_share"], at_most=0.25)
        yield promise("share of input, shared with an earlier run", runs[SHARED]["input_share"], at_most=0.25)
        yield promise("peak memory, GB", runs[DRAWN]["peak_memory"], at_most=1.5)
    if "published" in results:
        drawn = next(run for name, run in results["published"].items() if name.startswith(DRAWN))
        share = "share of input in the wall time, drawn for this run, as in the figures"
        yield promise(share, drawn["input_share"], at_most=0.25)
    if "build" in results:
        yield promise("build, times faster than Brian2's own", results["build"]["speedup"]["wall_time"], at_least=2)
    if "recompile" in results:
        yield promise("compiler calls after a change of numbers", results["recompile"]["later"], at_most=0)


def machine() -> dict[str, Any]:
    """Where this was measured and how busy it was."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "")
    return {"cpu": model.partition(":")[2].strip(), "n_cores": N_JOBS, "load": os.getloadavg(), **provenance()}


def show(results: dict[str, Any], console: Console) -> None:
    """Print tables of what was measured."""
    runs = {**results.get("run", {}).get("runs", {}), **results.get("published", {})}
    if runs:
        table = Table("run", "wall time, s", "s per simulated s", "memory, GB", "steps, s")
        table.title = f"{results['duration']:g} s of simulated time"
        for name, run in runs.items():
            steps = ", ".join(f"{step} {value:.2f}" for step, value in run["wall_time"].items() if step != "all")
            whole = run["wall_time"]["all"]
            table.add_row(
                name, f"{whole:.2f}", f"{whole / results['duration']:.4f}", f"{run['peak_memory']:.2f}", steps
            )
        console.print(table)
    if "build" in results:
        table = Table("build", "wall time, s", "CPU time, s")
        for name, each in results["build"]["median"].items():
            table.add_row(name, *(f"{value:.1f}" for value in each.values()))
        console.print(table)
    if results["promises"]:
        show_promises(results["promises"], console)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--duration", type=float, default=450.0, help="simulated time in s, a multiple of 0.15 s")
    parser.add_argument("--only", choices=PARTS, action="append", help="may be repeated")
    parser.add_argument("--targets", nargs="+", default=["cython", "standalone"], help="of the plain script")
    parser.add_argument("--json", type=Path, help="a file for the results")
    options = parser.parse_args()
    wanted = options.only or PARTS
    results: dict[str, Any] = {"duration": options.duration, "machine": machine()}
    with tempfile.TemporaryDirectory(prefix="brian2learn-benchmark-") as name:
        folder = Path(name)
        if "run" in wanted:
            results["run"] = measure_runs(options.duration, options.targets, folder)
        if "published" in wanted:
            runs = measure_ours(published(options.duration), folder)
            results["published"] = {f"{name}, as in the figures": run for name, run in runs.items()}
        if "build" in wanted:
            results["build"] = measure_builds(folder)
        if "recompile" in wanted:
            results["recompile"] = alone(count_compiler_calls, folder)
    results["promises"] = list(promises(results))
    show(results, Console())
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
