"""Sweeps on a real SLURM with four virtual nodes: through Dask, as job arrays, with jobs that are cancelled or lost."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from slurm.cluster import Cluster, Trouble

from brian2learn.runs import store as store_module
from brian2learn.runs.store import Store, close
from brian2learn.runs.sweep_file import read_sweep

pytestmark = pytest.mark.slurm

DOCS = Path(__file__).resolve().parent.parent / "docs"
SWEEP = """\
dt = "0.1 ms"
seeds = "0:{seeds}"
task = {{ class = "HiddenPattern", n_afferents = 40, n_pattern = 20, period = "0.4 second", n_repeats = 1 }}
circuit = {{ class = "Detector", cell = {{ class = "SRM0", theta = 10 }} }}
[over]
"circuit.w_init" = [0.3, 0.4, 0.5]
"task.jitter" = ["0 ms", "1 ms"]
[slurm]
interface = "lo"
memory = "900M"
walltime = {walltime}
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A running SLURM, for one test session at a time."""
    found = Cluster()
    try:
        found.check_programs()
    except Trouble as problem:
        pytest.fail(str(problem))
    with open(f"{found.folder}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        started_here = not found.running
        found.start()
        yield found
        if started_here:
            found.stop()


@pytest.fixture(autouse=True)
def _ready(cluster, monkeypatch, tmp_path):
    """All nodes idle, SLURM and this brian2learn found by name, and nothing left behind."""
    monkeypatch.setenv("SLURM_CONF", cluster.environment["SLURM_CONF"])
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{cluster.environment['PATH']}")
    monkeypatch.chdir(tmp_path)
    cluster.reset()
    yield
    cluster.reset()


def write_sweep(seeds=8, walltime=10):
    """A sweep file of six points for each seed."""
    Path("sweep.toml").write_text(SWEEP.format(seeds=seeds, walltime=walltime))
    return read_sweep("sweep.toml").sweep


def brian2learn(*arguments):
    return subprocess.run(["brian2learn", *arguments], capture_output=True, text=True, check=False)


def submit(where="store", n=4):
    """Submit the sweep as a job array."""
    done = brian2learn("slurm-script", "sweep.toml", "--array", str(n), "--where", where, "--to", "job.sh")
    assert done.returncode == 0, done.stderr
    subprocess.run(["sbatch", "job.sh"], check=True, capture_output=True)


def logs():
    return "".join(path.read_text() for path in sorted(Path("slurm-logs").glob("*.out")))


def wait_for(what, cluster, seconds=240):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"{cluster.run('squeue')}\n{logs()}"
        time.sleep(0.2)


def n_written(where="store"):
    """Records that are there, in whichever process wrote them."""
    return len(Store(where))


def contents(where):
    store = Store(where)
    return {key: store.content(key) for key in list(store.keys())}


def n_entries(where):
    """Records with all their duplicates."""
    store = Store(where)
    store.refresh()
    return sum(len(rows) for rows in store._rows.values())


@pytest.fixture
def tidied(monkeypatch):
    """Brings each record to one entry, also in packs that have just been written."""

    def tidy(where):
        monkeypatch.setattr(store_module, "QUIET", -1.0)
        close()
        Store(where).tidy()
        close()

    return tidy


def local(sweep):
    """What an uninterrupted local sweep gives."""
    assert sweep.execute(Store("local"), n_workers=1).n_failed == 0
    found = contents("local")
    assert len(found) == sweep.n_points
    return found


# ---------------------------------------------------------------------- the same everywhere


BLOCKS = re.findall(r"```sh\n(.*?)```", (DOCS / "slurm.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS, ids=["dask", "array"])
def test_the_page_gives_the_records_of_a_local_sweep(cluster, block):
    language = "```toml\n(.*?)```"
    first, *_ = re.findall(language, (DOCS / "sweeps.md").read_text(), re.DOTALL)
    asked, *_ = re.findall(language, (DOCS / "slurm.md").read_text(), re.DOTALL)
    Path("robustness.toml").write_text(first + asked.replace("short", "debug").replace("ib0", "lo"))
    for command in block.splitlines():
        done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    wait_for(lambda: not cluster.jobs(), cluster)
    sweep = read_sweep("robustness.toml").sweep
    assert contents("results/store") == local(sweep)
    assert logs()  # by jobs, not here
    assert list(Store("results/store").verify()) == []


def test_a_job_array_shares_the_points_out(cluster):
    sweep = write_sweep(seeds=5)
    submit(n=3)
    wait_for(lambda: not cluster.jobs(), cluster)
    found = [re.search(r"(\d+) points: 0 were there, (\d+) computed, 0 failed", path.read_text())
             for path in Path("slurm-logs").glob("*.out")]  # fmt: skip
    assert len(found) == 3
    assert sum(int(each[2]) for each in found) == sweep.n_points == n_entries("store")


# ---------------------------------------------------------------------- jobs that end too early

ROUNDS = [pytest.param(2, id="some"), pytest.param(8, id="eight", marks=pytest.mark.full)]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("n_rounds", ROUNDS)
def test_jobs_of_an_array_are_cancelled_at_random_moments(cluster, tidied, n_rounds):
    sweep, rng = write_sweep(seeds=60), np.random.default_rng(n_rounds)
    n_cut = 0
    for _ in range(n_rounds):
        before = n_written()
        submit()
        wait_for(lambda before=before: n_written() > before or not cluster.jobs(), cluster)
        time.sleep(rng.uniform(0, 1.5))
        n_cut += len(cluster.jobs())
        cluster.run("scancel", *cluster.jobs("R"), check=False)
        cluster.reset()
    assert n_cut  # else nothing was cancelled and nothing is shown
    submit()
    wait_for(lambda: not cluster.jobs(), cluster)
    assert contents("store") == local(sweep)
    tidied("store")
    assert n_entries("store") == sweep.n_points
    assert contents("store") == contents("local")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("n_rounds", ROUNDS)
def test_workers_are_cancelled_at_random_moments_and_replaced(cluster, tidied, n_rounds):
    sweep, rng = write_sweep(seeds=30 + 30 * n_rounds), np.random.default_rng(n_rounds)
    command = ["brian2learn", "sweep", "sweep.toml", "--on", "slurm", "--workers", "4", "--where", "store"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    n_cut = 0
    for _ in range(n_rounds):
        before = n_written()
        wait_for(lambda before=before: n_written() > before or process.poll() is not None, cluster)
        time.sleep(rng.uniform(0, 1.5))
        running = cluster.jobs("R")
        if process.poll() is None and running:
            victims = rng.permutation(running)[: rng.integers(1, len(running) + 1)]
            cluster.run("scancel", *victims, check=False)
            n_cut += len(victims)
    out, err = process.communicate(timeout=400)
    assert process.returncode == 0, out + err
    assert n_cut
    assert contents("store") == local(sweep)
    tidied("store")
    assert n_entries("store") == sweep.n_points


def test_a_coordinator_that_is_killed_leaves_no_worker_and_the_next_one_goes_on(cluster):
    sweep = write_sweep(seeds=60)
    command = ["brian2learn", "sweep", "sweep.toml", "--on", "slurm", "--workers", "4", "--where", "store"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    wait_for(lambda: n_written() > 20, cluster)
    process.send_signal(signal.SIGKILL)
    process.wait()
    wait_for(lambda: not cluster.jobs(), cluster, seconds=90)  # workers end without their scheduler
    n = n_written()
    assert 20 < n < sweep.n_points
    done = brian2learn("sweep", "sweep.toml", "--on", "slurm", "--workers", "2", "--where", "store")
    assert done.returncode == 0, done.stderr
    assert f"{n} were there, {sweep.n_points - n} computed, 0 failed" in done.stdout
    assert contents("store") == local(sweep)


def test_a_job_runs_again_while_its_orphan_also_finishes(cluster, tidied):
    sweep = write_sweep(seeds=40)
    submit(n=1)
    wait_for(lambda: n_written() > 3, cluster)
    (job,), node = cluster.jobs(), cluster.run("squeue", "-h", "-o", "%N")
    cluster.lose_node(node)  # and what runs there goes on
    cluster.run("scontrol", "update", f"jobid={job}", "starttime=now")
    wait_for(lambda: cluster.jobs("R"), cluster)
    assert cluster.run("squeue", "-h", "-o", "%N") != node
    wait_for(lambda: not cluster.jobs(), cluster)
    wait_for(lambda: logs().count("0 failed") == 2, cluster)  # both have come to their end
    assert n_entries("store") > sweep.n_points  # else the two did not overlap and nothing is shown
    assert len(Store("store")) == sweep.n_points
    assert contents("store") == local(sweep)
    assert list(Store("store").verify()) == []
    tidied("store")
    assert n_entries("store") == sweep.n_points
    assert contents("store") == contents("local")


@pytest.mark.full
def test_workers_hand_over_before_their_wall_time(cluster):
    sweep = write_sweep(seeds=200, walltime=1)
    done = brian2learn("sweep", "sweep.toml", "--on", "slurm", "--workers", "1", "--where", "store")
    assert done.returncode == 0, done.stderr
    assert len([*Path("slurm-logs").glob("*.out")]) >= 2
    assert "TIME LIMIT" not in logs()
    assert len(Store("store")) == sweep.n_points


# ---------------------------------------------------------------------- a SLURM that does not work


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("partition=nowhere", "got sbatch: error: invalid partition specified: nowhere"),
        ("memory=900G", "Requested node configuration is not available"),
        ("interface=ib7", "'ib7' is not a valid network interface"),
        ("prologue=echo no such module; exit 3", "slurm-logs: no such module"),
    ],
    ids=["partition", "memory", "interface", "prologue"],
)
def test_what_cannot_work_is_said(cluster, option, words):
    write_sweep()
    done = brian2learn("sweep", "sweep.toml", "--on", "slurm", "--workers", "1", "--slurm-option", option)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    wait_for(lambda: not cluster.jobs(), cluster)


def test_a_slurm_that_does_not_answer_is_said(cluster):
    write_sweep()
    configuration = Path(os.environ["SLURM_CONF"]).read_text()
    Path("slurm.conf").write_text(re.sub(r"SlurmctldPort=\d+", "SlurmctldPort=9", configuration))
    done = subprocess.run(
        ["brian2learn", "sweep", "sweep.toml", "--on", "slurm"], env={**os.environ, "SLURM_CONF": "slurm.conf"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert re.search("Unable to contact slurm controller|expected an answer of SLURM", done.stderr), done.stderr
    assert "Traceback" not in done.stderr


def test_a_host_without_slurm_is_said(monkeypatch):
    write_sweep()
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert shutil.which("sbatch") is None
    done = brian2learn("sweep", "sweep.toml", "--on", "slurm")
    assert done.returncode == 1
    assert "expected SLURM's sbatch on this host, got none. Log in to a node" in done.stderr
