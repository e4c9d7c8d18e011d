"""A killed run goes on from its checkpoint and ends with the same bits; a checkpoint of something else is not used."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from _helpers import rest_slow
from brian2 import Hz, ms, prefs, second
from brian2.utils.logger import catch_logs

from brian2learn.circuits import LIF, Detector, SpikingLayers
from brian2learn.circuits.latching_network import LatchingNetwork
from brian2learn.circuits.plastic_balanced_network import PlasticBalancedNetwork
from brian2learn.circuits.postsynaptic_response import PostsynapticResponse
from brian2learn.core import compiler
from brian2learn.core.errors import RunError
from brian2learn.plasticity import MetaplasticTriplet, PairSTDP, SuperSpike, TsodyksMarkram
from brian2learn.runs import checkpoint, program
from brian2learn.runs.checkpoint import Checkpoint
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.program import Program, structure_key
from brian2learn.runs.record import encode
from brian2learn.runs.simulate import simulate
from brian2learn.runs.store import Store
from brian2learn.tasks import HiddenPattern, PoissonTarget
from brian2learn.tasks.pulse_trains import PulseTrains
from brian2learn.tasks.rate_steps import RateSteps
from brian2learn.tasks.shape_memory import ShapeMemory


def balanced(length, **values):
    task = RateSteps(n_afferents=50, first_rate=50 * Hz, last_rate=50 * Hz, n_levels=2, hold=length / 2 * second)
    rule = MetaplasticTriplet(tau_hom=1 * second, a3_plus=0.05)
    values = {"background": "poisson", "background_rate": 500 * Hz, "w_background": 0.2, **values}
    circuit = PlasticBalancedNetwork(keep="weights", ee_rule=rule, **values)
    return Experiment(task, circuit, record={"watch.rate": 7 * ms, "excitatory.v": 50 * ms})


EXPERIMENTS = {
    # delays, random input in the program, several clocks, a linked state, plastic weights
    "network": balanced(6, n_excitatory=120, n_inhibitory=30, p=0.2),
    # streamed input shown twice, traces of pairs, cells that race, states recorded
    "detector": Experiment(
        HiddenPattern(n_afferents=200, n_pattern=100, period=20 * second, n_repeats=2),
        Detector(cell=LIF(theta=8.0), n_cells=3, inhibition=0.25, competition="winner", w_spread=0.2,
                 rule=PairSTDP(pairing="reduced_nearest", ties="mean")),
        record={"cells.u": 1 * ms},
    ),
    # short-term plasticity
    "release": Experiment(
        PulseTrains(low_rate=20 * Hz, high_rate=40 * Hz, n_rates=20, n_pulses=6000, timing="poisson"),
        PostsynapticResponse(release=TsodyksMarkram.preset("tsodyks1998_depressing")),
        record={"cells.v": 5 * ms},
    ),
    # spikes on their way to the end of a chunk, refractory cells
    "layers": Experiment(PoissonTarget(n_trials=200), SpikingLayers(n_layers=1, n_hidden=8, rule=SuperSpike())),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Programs and checkpoints of these tests in a folder of their own."""
    directory = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRIAN2LEARN_CACHE", str(directory))
        compiler.cache_directory.cache_clear()
        yield directory
    compiler.cache_directory.cache_clear()


@pytest.fixture
def processes(monkeypatch):
    """The programs that were started, the last one last."""
    started = []

    class Noted(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(program.subprocess, "Popen", Noted)
    return started


def bits(record):
    """All of a record but when, where and how fast it was made."""
    what, _, arrays = encode(record)
    return what, arrays


def killed_again_and_again(experiment, seed, processes, monkeypatch, *, every=0.05, within=None):
    """The record of a run whose program is killed within some time, s, of a checkpoint; how often it was."""
    rng, hear, n_killed = np.random.default_rng(seed), Checkpoint.hear, 0
    resumed = []

    def and_kill(self, line):
        known = hear(self, line)
        if line.startswith("checkpoint written"):
            threading.Timer(rng.uniform(0, within or every), processes[-1].kill).start()
        if line.startswith("checkpoint resumed"):
            resumed.append(self.resumed_at)
        return known

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "EVERY", every)
        patch.setattr(Checkpoint, "hear", and_kill)
        while True:
            try:
                record = simulate(experiment, seed, mode="standalone")
                break
            except RunError as problem:
                if "exit code -9" not in str(problem):
                    raise
                n_killed += 1
    assert len(resumed) == n_killed
    assert resumed == sorted(set(resumed))  # never back
    if n_killed:
        assert record.info["checkpoint"]["resumed_at"] == resumed[-1]
    return record, n_killed


@pytest.mark.parametrize("name", rest_slow(list(EXPERIMENTS), n_default=0))
def test_a_killed_run_ends_with_the_bits_of_one_that_was_not(name, processes, monkeypatch, cache):
    experiment = EXPERIMENTS[name]
    whole = simulate(experiment, 1, mode="standalone")
    assert "checkpoint" not in whole.info  # too short for one
    assert all(spikes.t.size > 100 for spikes in whole.spikes.values()) or name == "release"
    total = 0
    for _ in range(5):  # on a busy machine a program may be over before it is killed
        record, n_killed = killed_again_and_again(experiment, 1, processes, monkeypatch)
        assert bits(record) == bits(whole)
        total += n_killed
        if total >= 3:
            break
    assert total >= 1
    assert list((cache / "checkpoints").iterdir()) == []


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_a_killed_run_of_the_published_network_ends_with_the_bits_of_one_that_was_not(processes, monkeypatch):
    task = RateSteps(n_afferents=2500, first_rate=2 * Hz, last_rate=2 * Hz, n_levels=2, hold=1 * second)
    rule = MetaplasticTriplet(onset=0.5 * second)
    experiment = Experiment(task, PlasticBalancedNetwork(keep="weights", ee_rule=rule))
    whole = simulate(experiment, 0, mode="standalone")
    assert np.ptp(whole.final["e_to_e.w"]) > 0.01
    record, n_killed = killed_again_and_again(experiment, 0, processes, monkeypatch, every=5.0)
    assert n_killed >= 1
    assert bits(record) == bits(whole)


@pytest.mark.full
@pytest.mark.timeout(4 * 3600)
def test_a_run_of_half_an_hour_that_is_killed_goes_on(processes, monkeypatch):
    """Half an hour in the network; with the checkpoints of every run, one a minute."""
    network = LatchingNetwork.shrunk(4).replace(keep="weights")
    task = ShapeMemory(
        side=network.side, first=1e4 * second, learning=1800 * second, rest=0 * second, recall=0 * second
    )
    experiment = Experiment(task, network, dt=0.1 * ms, record={"secretion.rate": 1 * second})
    record, n_killed = killed_again_and_again(experiment, 0, processes, monkeypatch, every=checkpoint.EVERY, within=300)
    whole = simulate(experiment, 0, mode="standalone")
    print(f"killed {n_killed} times; {whole.info['wall_time']['run']:.0f} s when it was not")
    assert n_killed >= 3
    assert bits(record) == bits(whole)


@pytest.mark.slow
def test_threads_give_the_bits_of_one(monkeypatch):
    """As long as every thread gets whole vectors of neurons."""
    experiment = balanced(0.5, n_excitatory=2000, n_inhibitory=400, p=0.1, background="none")
    threads = prefs.devices.cpp_standalone.openmp_threads
    one = simulate(experiment, 0, mode="standalone")
    try:
        prefs.devices.cpp_standalone.openmp_threads = 2
        with catch_logs():
            two = simulate(experiment, 0, mode="standalone")
    finally:
        prefs.devices.cpp_standalone.openmp_threads = threads
    assert np.ptp(one.final["e_to_e.w"]) > 0.1
    assert bits(one) == bits(two)


def interrupted(experiment, seed, monkeypatch):
    """Leave the first checkpoint of a run where it lies when the run is killed then; its path."""
    hear, found = Checkpoint.hear, []

    def and_keep(self, line):
        if line.startswith("checkpoint written") and not found:
            found.append(self.path.read_bytes())
        return hear(self, line)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "EVERY", 0.02)
        patch.setattr(Checkpoint, "hear", and_keep)
        simulate(experiment, seed, mode="standalone")
    path = Checkpoint(experiment.key(seed)).path
    path.write_bytes(found[0])
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda data: data[: len(data) // 2], "its length is wrong"),
        (lambda data: data[:40], "it is too short"),
        (lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:], "it is damaged"),
        (lambda data: data[:-1] + bytes([data[-1] ^ 128]), "it is damaged"),
        (lambda data: b"\0" * len(data), "it is none"),
        (lambda data: data[:80] + bytes([data[80] ^ 1]) + data[81:], "its synapses or constants are others"),
    ],
)
def test_a_damaged_checkpoint_is_not_used(spoil, reason, monkeypatch):
    experiment = EXPERIMENTS["network"]
    path = interrupted(experiment, 2, monkeypatch)
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.warns(UserWarning, match=reason):
        record = simulate(experiment, 2, mode="standalone")
    assert bits(record) == bits(simulate(experiment, 2, mode="standalone"))
    assert not path.exists()


@pytest.mark.slow
def test_a_checkpoint_of_another_run_is_not_used(monkeypatch):
    """Another seed; one number changed; the same run in a program of another name."""
    experiment = EXPERIMENTS["network"]
    data = interrupted(experiment, 3, monkeypatch).read_bytes()
    changed = experiment.replace(circuit=experiment.circuit.replace(w_ee=0.17))
    for other, seed in ((experiment, 4), (changed, 3)):
        whole = simulate(other, seed, mode="standalone")
        Checkpoint(other.key(seed)).path.write_bytes(data)
        with pytest.warns(UserWarning, match="belongs to another program or other values"):
            record = simulate(other, seed, mode="standalone")
        assert bits(record) == bits(whole)
    folder = Program.of(experiment).directory
    shutil.copytree(folder, renamed := folder.with_name("renamed"))
    monkeypatch.setitem(program.adopted, structure_key(experiment), renamed)
    with pytest.warns(UserWarning, match="belongs to another program or other values"):
        simulate(experiment, 3, mode="standalone")


@pytest.mark.slow
def test_a_checkpoint_that_cannot_be_written_costs_the_run_nothing(monkeypatch, cache):
    experiment = EXPERIMENTS["network"]
    whole = simulate(experiment, 5, mode="standalone")
    monkeypatch.setattr(checkpoint, "EVERY", 0.02)
    monkeypatch.setattr(Checkpoint, "environment", lambda self, identity: {
        checkpoint.VARIABLE: f"{checkpoint.EVERY} {identity} {cache}/nowhere/at/all"})  # fmt: skip
    with pytest.warns(UserWarning, match="no checkpoint could be written") as warned:
        record = simulate(experiment, 5, mode="standalone")
    assert len(warned) == 1
    assert bits(record) == bits(whole)


SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
import logging
from test_checkpoint import EXPERIMENTS
from brian2learn.runs.simulate import simulate
from brian2learn.runs.store import Store
if __name__ == "__main__":
    begun = lambda t: print("at", t, flush=True)
    record = simulate(EXPERIMENTS["network"], 6, store=Store(sys.argv[1]), mode="standalone", progress=begun)
    print(record.info.get("checkpoint"), flush=True)
"""


@pytest.mark.parametrize("number", rest_slow([signal.SIGKILL, signal.SIGINT, signal.SIGTERM]))
def test_a_process_that_is_ended_leaves_a_checkpoint(number, tmp_path):
    """The program notices that nobody waits for it any more; the next process says where it goes on."""
    experiment = EXPERIMENTS["network"]
    whole = simulate(experiment, 6, mode="standalone")  # and the program is there
    path = Checkpoint(experiment.key(6)).path
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT.format(tests=os.path.dirname(__file__))))
    command = [sys.executable, script, tmp_path / "store"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    for line in process.stdout:
        if line.startswith("at") and float(line.split()[1]) > 0.1:
            process.send_signal(number)
            break
    process.communicate()
    assert process.returncode != 0
    end = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Resumes at t = " in done.stderr
    assert "resumed_at" in done.stdout
    assert bits(Store(tmp_path / "store").read(experiment.key(6))) == bits(whole)
    assert not path.exists()
