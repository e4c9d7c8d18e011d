"""Sweeps on Dask: the same records, workers that die, workers with a cache of their own and without a compiler."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import _sweeps
import numpy as np
import pytest
from _sweeps import TALLY, small
from brian2 import ms

from brian2learn.core import compiler
from brian2learn.core.errors import RunError
from brian2learn.runs.children import Limits
from brian2learn.runs.store import Store
from brian2learn.runs.sweep import Span, Sweep

pytestmark = pytest.mark.slow  # every test starts workers that import Brian2

distributed = pytest.importorskip("distributed")


@pytest.fixture(autouse=True)
def _tally(tmp_path, monkeypatch):
    (tmp_path / "tally").mkdir()
    monkeypatch.setenv(TALLY, str(tmp_path / "tally"))


def contents(directory):
    store = Store(directory)
    return {key: store.content(key) for key in list(store.keys())}


def simulated():
    over = {"circuit.w_init": [0.4, 0.5], "task.jitter": [1 * ms, 2 * ms]}
    return Sweep(small(), over, seeds=range(2), measures={"n": _sweeps.n_spikes})


class Cluster:
    """A scheduler and workers, each in a process of its own with an environment of its own."""

    def __init__(self, folder):
        self.folder, self.processes = folder, []
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
                                     "--scheduler-file", str(folder / "scheduler.json"))  # fmt: skip
        while not (folder / "scheduler.json").exists():
            time.sleep(0.05)
        time.sleep(0.2)
        self.client = distributed.Client(scheduler_file=str(folder / "scheduler.json"), set_as_default=False)
        self.address = "dask://" + self.client.scheduler.address.removeprefix("tcp://")

    def worker(self, **environment):
        n = len(self.client.scheduler_info()["workers"])
        process = self._start("worker", "--scheduler-file", str(self.folder / "scheduler.json"), "--nthreads", "1",
                              "--no-nanny", "--no-dashboard", **environment)  # fmt: skip
        self.client.wait_for_workers(n + 1, timeout=60)
        return process

    def _start(self, what, *arguments, **environment):
        process = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_" + what, *arguments], cwd=self.folder,
            env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def close(self):
        self.client.close()
        for process in self.processes[::-1]:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    (tmp_path / "dask").mkdir()
    found = Cluster(tmp_path / "dask")
    yield found
    found.close()


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What local processes give."""
    folder = tmp_path_factory.mktemp("alone")
    assert simulated().execute(Store(folder), n_workers=2).n_failed == 0
    return contents(folder)


def test_the_same_records(cluster, tmp_path, alone):
    cluster.worker()
    cluster.worker()
    done = simulated().execute(Store(tmp_path / "store"), on=cluster.address)
    assert (done.n_computed, done.n_failed) == (8, 0)
    assert contents(tmp_path / "store") == alone


def tools(folder, *names):
    """A folder with some programs of this machine and no others."""
    folder.mkdir()
    for name in names:
        (folder / name).symlink_to(shutil.which(name))
    return str(folder)


def test_a_worker_with_its_own_cache_and_no_compiler_is_sent_the_program(cluster, tmp_path, alone):
    bare = {"PATH": tools(tmp_path / "bin", "uname", "git"), "BRIAN2LEARN_CACHE": str(tmp_path / "cache")}
    cluster.worker(**bare)
    assert simulated().execute(Store(tmp_path / "store"), on=cluster.client).n_failed == 0
    assert contents(tmp_path / "store") == alone
    (program,) = (tmp_path / "cache" / "programs").iterdir()
    assert (compiler.cache_directory() / "programs" / program.name / "main").exists()  # the coordinator's
    assert {Store(tmp_path / "store").read(key).info["mode"] for key in alone} == {"standalone"}


OTHER_CPU = """
import brian2learn.core.compiler as compiler
compiler.cpu_features = lambda: "another"
"""


@pytest.mark.parametrize("with_compiler", [True, False])
def test_another_cpu_gets_its_own_build_or_a_portable_one(cluster, tmp_path, alone, with_compiler):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(OTHER_CPU)
    other = {"BRIAN2LEARN_CACHE": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path / "site")}
    if not with_compiler:
        other["PATH"] = tools(tmp_path / "bin", "uname", "git")
    cluster.worker(**other)
    sweep = Sweep(small(), {"circuit.w_init": [0.4, 0.5]}, measures={"n": _sweeps.n_spikes})
    assert sweep.execute(Store(tmp_path / "store"), on=cluster.client).n_failed == 0
    (program,) = (tmp_path / "cache" / "programs").iterdir()
    assert program.name.endswith("-portable") is not with_compiler
    assert not (compiler.cache_directory() / "programs" / program.name).exists()
    assert {Store(tmp_path / "store").read(key).info["mode"] for key in contents(tmp_path / "store")} == {"standalone"}


def test_a_worker_that_dies_costs_nothing(cluster, tmp_path):
    victim = cluster.worker()
    cluster.worker()
    sweep = Sweep(small(), {"circuit.w_init": Span(0, 1, n=20)}, seeds=range(5), run=_sweeps.slow)

    def kill(n_done, n_failed, n):
        if n_done >= 20 and victim.poll() is None:
            victim.kill()
            victim.wait()

    done = sweep.execute(Store(tmp_path / "store"), on=cluster.client, progress=kill)
    assert (done.n_computed, done.n_failed) == (100, 0)
    assert len(Store(tmp_path / "store")) == 100


def test_failures_on_workers_are_told(cluster, tmp_path):
    cluster.worker()
    sweep = Sweep(small(), {}, seeds=range(8), run=_sweeps.moody)
    done = sweep.execute(Store(tmp_path / "store"), on=cluster.client, limits=Limits(timeout=1.5, retries=1))
    assert (done.n_computed, done.n_failed) == (4, 4)
    reasons = sweep.table(Store(tmp_path / "store"))["failed"].tolist()
    assert reasons[2] == "no end after 1.5 s"
    assert reasons[3] == "its process died (SIGKILL)"


N_KILLS = [pytest.param(1, id="one"), pytest.param(20, id="twenty", marks=pytest.mark.full)]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("n_kills", N_KILLS)
def test_a_scheduler_killed_at_random_moments_stops_the_sweep_and_the_next_one_goes_on(tmp_path, n_kills):
    """Every kill must hit work in progress: there are points enough for that."""
    over = {"circuit.w_init": Span(0, 1, n=20)}
    sweep = Sweep(small(), over, seeds=range(5 * n_kills), run=_sweeps.slow)
    assert sweep.execute(Store(tmp_path / "whole"), n_workers=2).n_failed == 0
    store, rng = Store(tmp_path / "store"), np.random.default_rng(n_kills)
    for k in range(n_kills):
        (tmp_path / f"dask{k}").mkdir()
        cluster = Cluster(tmp_path / f"dask{k}")
        cluster.worker()
        timer = threading.Timer(rng.uniform(0, 0.5), cluster.scheduler.kill)

        def first(n_done, n_failed, n, timer=timer):
            if timer.ident is None:  # not started
                timer.start()

        with pytest.raises(RunError, match="the same command goes on from there"):
            sweep.execute(store, on=cluster.address, progress=first)
        cluster.close()
        assert cluster.scheduler.returncode == -signal.SIGKILL
        assert 0 < len(Store(tmp_path / "store")) < sweep.n_points
    done = sweep.execute(store, n_workers=2)
    assert done.n_failed == 0
    assert done.n_computed > 0
    assert contents(tmp_path / "store") == contents(tmp_path / "whole")
    written = Store(tmp_path / "store")
    written.refresh()
    assert sum(len(rows) for rows in written._rows.values()) == len(written) == sweep.n_points  # each point once
