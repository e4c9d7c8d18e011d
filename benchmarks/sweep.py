"""What a sweep costs beyond its runs, and how many points an hour gives against joblib over a plain Brian2 script.

    python benchmarks/sweep.py --points 200 --json sweep.json

Every point is a run of pattern detection (about 1 s). Its bare time is what the record says of the run itself, during
which the input is drawn; whatever else a point takes counts as overhead. The plain script (Cython, its cache warm, the
input drawn for it) gets as many processes as the sweep has workers; both run in the same call, one after the other.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from run import PLAIN, comparable, machine, promise, show_promises, write_input

from brian2learn.core import compiler
from brian2learn.runs.program import Program
from brian2learn.runs.store import Store
from brian2learn.runs.sweep import Span, Sweep


def sweep_of(n_points: int, duration: float) -> Sweep:
    """Points in groups of up to five that share an input."""
    settings = 5 if n_points % 5 == 0 else 1
    over = {"circuit.w_init": Span(0.45, 0.5, n=settings)}
    return Sweep(comparable(duration), over, seeds=range(n_points // settings))


def measure_sweep(sweep: Sweep, n_workers: int, folder: Path) -> dict[str, Any]:
    """Wall time of the sweep and bare times of its runs; the program is compiled before, the inputs are not drawn."""
    Program.of(sweep.base)
    shutil.rmtree(compiler.cache_directory() / "inputs", ignore_errors=True)
    store = Store(folder / "store")
    started = time.perf_counter()
    done = sweep.execute(store, n_workers=n_workers)
    wall = time.perf_counter() - started
    assert done.n_computed == sweep.n_points
    bare = [store.read(key).info["wall_time"]["run"] for key in list(store.keys())]
    return {
        "n_points": sweep.n_points,
        "wall_time": wall,
        "bare": {"sum": sum(bare), "mean": float(np.mean(bare)), "max": max(bare)},
        "ratio": wall / (sum(bare) / n_workers),
        "overhead_per_point": (wall * n_workers - sum(bare)) / sweep.n_points,
        "points_per_hour": 3600 * sweep.n_points / wall,
    }


JOBLIB = """
import subprocess, sys
from joblib import Parallel, delayed
n, *commands = (line.split("|") for line in sys.stdin.read().splitlines())
Parallel(int(n[0]))(delayed(subprocess.run)(each, check=True, capture_output=True) for each in commands)
"""
"""What a user of joblib writes; in a process of its own, since nothing of this package uses joblib."""


def plain_command(source: Path, duration: float) -> list[str]:
    """One run of the plain script."""
    return [sys.executable, str(PLAIN), str(source), "--target=cython", f"--duration={duration}"]


def measure_plain(sweep: Sweep, n_points: int, duration: float, n_workers: int, folder: Path) -> dict[str, Any]:
    """Wall time of some points of the plain script through joblib."""
    sources = []
    for seed in range(n_workers):
        sources.append(folder / f"{seed}.npz")
        write_input(sweep.base, sources[-1])
    subprocess.run(plain_command(sources[0], 0.1), check=True, capture_output=True)  # fills Cython's cache
    commands = [plain_command(sources[k % n_workers], duration) for k in range(n_points)]
    lines = [str(n_workers), *("|".join(command) for command in commands)]
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", JOBLIB], input="\n".join(lines), text=True, check=True)
    wall = time.perf_counter() - started
    return {"n_points": n_points, "wall_time": wall, "points_per_hour": 3600 * n_points / wall}


def promises(results: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What was promised beside what was measured."""
    ours = results["sweep"]
    yield promise("wall time over the sum of bare run times by workers", ours["ratio"], at_most=1.15)
    yield promise("overhead per point, s", ours["overhead_per_point"], at_most=0.05)
    if "plain" in results:
        ratio = ours["points_per_hour"] / results["plain"]["points_per_hour"]
        yield promise("points per hour over joblib and the plain script", ratio, at_least=20)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--plain-points", type=int, default=4, help="points of the plain script; 0 for none")
    parser.add_argument("--duration", type=float, default=150.0, help="simulated time of a point, a multiple of 0.15 s")
    parser.add_argument("--workers", type=int, default=compiler.n_cpus())
    parser.add_argument("--json", type=Path, help="a file for the results")
    options = parser.parse_args()
    sweep = sweep_of(options.points, options.duration)
    results: dict[str, Any] = {"duration": options.duration, "n_workers": options.workers, "machine": machine()}
    with tempfile.TemporaryDirectory(prefix="brian2learn-benchmark-") as name:
        results["sweep"] = measure_sweep(sweep, options.workers, Path(name))
        if options.plain_points:
            results["plain"] = measure_plain(sweep, options.plain_points, options.duration, options.workers, Path(name))
    results["load_after"] = os.getloadavg()
    results["promises"] = list(promises(results))
    console = Console()
    console.print_json(json.dumps({name: results[name] for name in ("sweep", "plain") if name in results}))
    show_promises(results["promises"], console)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
