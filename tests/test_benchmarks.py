"""The benchmark itself, at a size that says nothing about speed: what it reports, and what must hold at any size."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "run.py"


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """One run against plain Brian2 on its NumPy target, which compiles nothing, and the count of compiler calls."""
    folder = tmp_path_factory.mktemp("benchmark")
    options = ["--duration=0.9", "--only=run", "--only=recompile", "--targets=numpy", f"--json={folder / 'results'}"]
    environment = {**os.environ, "BRIAN2LEARN_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, BENCHMARK, *options], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "results").read_text())


def test_plain_brian2_gives_the_same_spikes(results):
    """The benchmark itself stops unless spikes and weights are equal."""
    assert results["run"]["n_spikes"] > 20


def test_no_change_of_numbers_calls_the_compiler(results):
    recompile = results["recompile"]
    assert recompile["first_build"] > 10
    assert recompile["later"] == 0
    changed = {"seed", "Detector.w_init", "SRM0.tau_m", "PairSTDP.a_plus", "HiddenPattern.jitter"}
    assert changed <= {*recompile["changed"]}


def test_reports_steps_memory_and_promises(results):
    drawn, shared = (run for name, run in results["run"]["runs"].items() if name.startswith("brian2learn"))
    assert {"draw", "build", "run", "all"} == {*drawn["wall_time"]} == {*shared["wall_time"]}
    assert drawn["wall_time"]["draw"] > shared["wall_time"]["draw"] == 0  # found, not drawn
    assert {"make objects", "build", "run", "all"} == {*results["run"]["runs"]["numpy"]["wall_time"]}
    for run in (drawn, shared):  # how large it is depends on how busy the machine is
        whole, build = run["wall_time"]["all"], run["wall_time"]["build"]
        own = whole - build - shared["wall_time"]["run"]
        assert run["input_share"] == pytest.approx(own / whole)
    assert drawn["peak_memory"] > 0.05
    assert {"what", "promised", "measured", "kept"} == {*results["promises"][0]}
    assert len(results["promises"]) == 4
