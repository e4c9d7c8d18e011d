"""From an experiment to a record: the compiled program, runtime mode, the store, and what happens when things break."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings
from pathlib import Path

import brian2
import numpy as np
import pytest
from _helpers import rest_slow
from brian2 import Hz, Network, NeuronGroup, PoissonGroup, ms, second
from brian2.devices.device import RuntimeDevice

from brian2learn.circuits import LIF, SRM0, Detector
from brian2learn.core import compiler, discovery
from brian2learn.core.declaration import Param, plain
from brian2learn.core.errors import AssemblyError, DeclarationError, RecordError, RunError
from brian2learn.core.folders import published
from brian2learn.plasticity import PairSTDP
from brian2learn.runs import inputs, packs, spikes
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.inputs import Input
from brian2learn.runs.program import Program, program_key
from brian2learn.runs.record import Record
from brian2learn.runs.simulate import simulate, simulate_all
from brian2learn.runs.spikes import GriddedSpikes
from brian2learn.runs.store import Store
from brian2learn.tasks import HiddenPattern
from brian2learn.tasks._task import SpikeBlocks, SpikeTrains, Stimulus

TASK = HiddenPattern(n_afferents=200, n_pattern=100, period=1 * second, n_repeats=2)
RULE = PairSTDP(pairing="reduced_nearest", ties="mean")
SMALL = Experiment(TASK, Detector(cell=SRM0(theta=50.0), rule=RULE), record={"cells.u": 1 * ms})
RACE = Experiment(
    TASK,
    Detector(cell=SRM0(theta=50.0), n_cells=3, inhibition=0.25, competition="winner", w_spread=0.2, rule=PairSTDP()),
)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """Programs of these tests in a folder of their own; the compiler is called through a script that counts."""
    directory = tmp_path_factory.mktemp("cache")
    counter = directory / "g++"
    counter.write_text(
        f'#!/bin/sh\ncase "$*" in *--version*) ;; *) echo call >> {directory}/calls ;; esac\nexec g++ "$@"\n'
    )
    counter.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BRIAN2LEARN_CACHE", str(directory))
        patch.setenv("CXX", str(counter))
        compiler.cache_directory.cache_clear()
        yield directory
    compiler.cache_directory.cache_clear()


def n_compilations(cache: Path) -> int:
    calls = cache / "calls"
    return len(calls.read_text().splitlines()) if calls.exists() else 0


def same(one: Record, other: Record, tolerance: float = 0.0) -> None:
    assert {*one.spikes} == {*other.spikes}
    for name in one.spikes:
        assert one.spikes[name].t.size > 20
        np.testing.assert_array_equal(np.round(one.spikes[name].t / 1e-5), np.round(other.spikes[name].t / 1e-5))
        np.testing.assert_array_equal(one.spikes[name].i, other.spikes[name].i)
    for name in one.final:
        np.testing.assert_allclose(one.final[name], other.final[name], rtol=0, atol=tolerance)
    for name in one.states:
        np.testing.assert_allclose(one.states[name].values, other.states[name].values, rtol=1e-6, atol=tolerance)
    for name in one.truth:
        np.testing.assert_array_equal(one.truth[name], other.truth[name])


# ---------------------------------------------------------------------- one model, two modes


@pytest.mark.parametrize("ties", rest_slow(["mean", "pre_first", "post_first"]))
def test_runtime_and_program_agree(ties):
    experiment = SMALL.replace(circuit=SMALL.circuit.replace(rule=RULE.replace(ties=ties)))
    same(simulate(experiment, 1, mode="standalone"), simulate(experiment, 1, mode="runtime"), tolerance=1e-12)


@pytest.mark.slow
def test_runtime_and_program_agree_at_paper_size_for_five_seconds():
    experiment = Experiment(HiddenPattern(period=5 * second, n_repeats=1), Detector(rule=RULE))
    same(simulate(experiment, 0, mode="standalone"), simulate(experiment, 0, mode="runtime"), tolerance=1e-12)


@pytest.mark.parametrize(
    "experiment", rest_slow([RACE, RACE.replace(circuit=Detector(cell=LIF(theta=20.0), rule=PairSTDP()))], n_default=0)
)
def test_runtime_and_program_agree_for_other_circuits(experiment):
    same(simulate(experiment, 0, mode="standalone"), simulate(experiment, 0, mode="runtime"), tolerance=1e-12)


def test_same_seed_same_bits_other_seed_other_spikes():
    one, again, other = simulate(SMALL, 3), simulate(SMALL, 3), simulate(SMALL, 4)
    same(one, again)
    assert one.key == again.key != other.key
    assert not np.array_equal(one.spikes["cells"].t, other.spikes["cells"].t)
    assert not np.array_equal(one.final["plastic.w"], other.final["plastic.w"])


def test_a_program_leaves_brian2_as_it_was():
    before = brian2.get_device(), brian2.defaultclock.dt_
    Program.of(SMALL.replace(dt=0.2 * ms, record={}))
    assert (brian2.get_device(), brian2.defaultclock.dt_) == before
    group = NeuronGroup(1, "dv/dt = 1*Hz : 1", method="euler", namespace={})
    Network(group).run(1 * ms, namespace={})
    assert group.v[0] == pytest.approx(1e-3)


def test_users_own_network():
    network = Detector().network({"afferents": PoissonGroup(2000, 64 * Hz, namespace={})})
    network.run(20 * ms, namespace={})
    assert network["cells"].u[0] > 0


# ---------------------------------------------------------------------- compile once, run many


def numeric_changes():
    """The small experiment with one number changed, for every number of every part, and other inputs."""
    parts = {"": SMALL.circuit, "cell": SMALL.circuit.cell, "rule": SMALL.circuit.rule}
    for part, declaration in parts.items():
        for name, field in declaration.fields.items():
            if isinstance(field, Param) and not field.structural and name not in ("inhibition",):
                value = declaration.values[name]
                changed = declaration.replace(**{name: value * 0.55 if plain(value) else value + 0.01})
                circuit = SMALL.circuit.replace(**{part: changed}) if part else changed
                yield f"{part or 'circuit'}.{name}", SMALL.replace(circuit=circuit)
    for change in ({"jitter": 2 * ms}, {"n_repeats": 1}, {"period": 2 * second}, {"noise_rate": 0 * Hz}):
        yield str(change), SMALL.replace(task=TASK.replace(**change))


def test_no_number_seed_or_input_recompiles(cache):
    first = simulate(SMALL, 0)
    before, changes = n_compilations(cache), dict(numeric_changes())
    assert before > 10
    assert len(changes) >= 16
    for name, experiment in changes.items():
        assert program_key(experiment) == program_key(SMALL), name
        record = simulate(experiment, 0)
        assert record.key != first.key, name
        changed = not np.array_equal(record.final["plastic.w"], first.final["plastic.w"])
        assert changed, f"{name} has no effect"
    simulate(SMALL, 99)
    assert n_compilations(cache) == before


@pytest.mark.parametrize(
    "other",
    [
        SMALL.replace(dt=0.2 * ms),
        SMALL.replace(record={}),
        SMALL.replace(task=TASK.replace(n_afferents=201)),
        SMALL.replace(circuit=SMALL.circuit.replace(rule=RULE.replace(ties="pre_first"))),
        SMALL.replace(circuit=SMALL.circuit.replace(n_cells=2)),
        SMALL.replace(circuit=SMALL.circuit.replace(cell=LIF())),
    ],
)
def test_structure_makes_another_program(other):
    assert program_key(other) != program_key(SMALL)


def test_a_cached_program_needs_no_compiler(cache, monkeypatch, tmp_path):
    program = Program.of(SMALL)
    monkeypatch.setenv("PATH", "")
    gridded = given(tmp_path, SpikeTrains(np.array([7]), np.array([0.01]), 200))
    initial = {"plastic.w": np.full(200, 60.0)}  # one spike is enough
    output = program.run(SMALL.circuit.settings, initial, gridded, seed=0)
    assert 0.010 < output.spikes["cells"].t[0] < 0.013


SHORT = Stimulus({}, period=0.1, duration=0.2, truth={})


def given(folder: Path, trains: SpikeTrains) -> dict[str, Path]:
    GriddedSpikes.write(folder / "spikes", trains, SHORT, 1e-4)
    return {"afferents": folder / "spikes"}


# ---------------------------------------------------------------------- input on the grid


@pytest.mark.parametrize(
    ("n", "k", "period", "dt"),
    [(3, 50, 0.01, 1e-4), (100, 20000, 1.0, 1e-3), (70000, 1000, 1.0, 1e-3), (1, 3, 1.0, 1e-4), (5, 0, 1.0, 1e-4)],
)
@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize("n_blocks", [1, 7])
def test_gridded_spikes_are_the_steps_they_fall_in(n, k, period, dt, compiled, n_blocks, monkeypatch, tmp_path):
    if not compiled:
        monkeypatch.setattr(spikes, "_compiled_grid", lambda: None)
    rng = np.random.default_rng(0)
    times, indices = np.sort(rng.integers(0, round(period / 1e-5), k) * 1e-5), rng.integers(0, n, k).astype(np.int32)
    cuts = np.sort(rng.integers(k, size=n_blocks - 1, endpoint=True))
    blocks = [SpikeTrains(*both, n) for both in zip(np.split(indices, cuts), np.split(times, cuts), strict=True)]
    trains = SpikeBlocks(lambda: iter(blocks), n) if n_blocks > 1 else blocks[0]
    n_merged = GriddedSpikes.write(tmp_path / "spikes", trains, Stimulus({"a": trains}, period, period, {}), dt)
    gridded = GriddedSpikes.read(tmp_path / "spikes")
    expected = list(dict.fromkeys((int((t + 1e-3 * dt) / dt), int(i)) for t, i in zip(times, indices, strict=True)))
    steps = np.repeat(np.arange(gridded.n_period), np.diff(gridded.offsets))
    assert list(zip(steps.tolist(), gridded.neurons.tolist(), strict=True)) == expected
    assert n_merged == k - len(expected)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_spike_just_before_the_end_of_a_period_stays_in_it(compiled, monkeypatch, tmp_path):
    if not compiled:
        monkeypatch.setattr(spikes, "_compiled_grid", lambda: None)
    trains = SpikeTrains(np.array([1, 0], np.int32), np.array([0.0, np.nextafter(0.1, 0)]), 2)
    GriddedSpikes.write(tmp_path / "spikes", trains, Stimulus({"a": trains}, 0.1, 0.1, {}), 1e-4)
    assert np.flatnonzero(np.diff(GriddedSpikes.read(tmp_path / "spikes").offsets)).tolist() == [0, 999]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(("period", "times"), [(0.10003, [0.01]), (0.1, [0.11]), (0.1, [-0.01])])
def test_input_that_does_not_fit_the_grid_is_refused(period, times, compiled, monkeypatch, tmp_path):
    if not compiled:
        monkeypatch.setattr(spikes, "_compiled_grid", lambda: None)
    trains = SpikeTrains(np.zeros(1, np.int32), np.array(times), 1)
    with pytest.raises(AssemblyError, match="Stimulus"):
        GriddedSpikes.write(tmp_path / "spikes", trains, Stimulus({"a": trains}, period, period, {}), 1e-4)


def slowly(pause, *, fail=None):
    """`HiddenPattern.draw`, whose period comes in ten blocks with a pause before each, or breaks off in the fifth."""

    def draw(task, rng):
        stimulus = HIDDEN_PATTERN_DRAW(task, rng)
        trains = stimulus.spikes["afferents"]
        parts = [np.array_split(each, 10) for each in (trains.indices, trains.times)]

        def blocks():
            for k, both in enumerate(zip(*parts, strict=True)):
                time.sleep(pause)
                if fail is not None and k == 4:
                    raise fail
                yield SpikeTrains(*both, trains.n)

        return Stimulus(
            {"afferents": SpikeBlocks(blocks, trains.n)}, stimulus.period, stimulus.duration, stimulus.truth
        )

    return draw


HIDDEN_PATTERN_DRAW = HiddenPattern.draw


def test_a_program_runs_while_its_input_is_drawn(monkeypatch):
    reference = simulate(SMALL, 31)
    inputs.remove(Input.of(SMALL, np.random.SeedSequence(31).spawn(3)[0]).spikes["afferents"].parent)
    monkeypatch.setattr(HiddenPattern, "draw", slowly(0.1))
    times = []
    record = simulate(SMALL, 31, progress=lambda _: times.append(time.perf_counter()))
    same(reference, record)
    assert record.info["wall_time"]["draw"] > 1
    assert times[-1] - times[0] > 0.8  # it began with the first block


@pytest.mark.parametrize(
    ("seed", "problem", "kind", "message"),
    [
        (32, AssemblyError("Stimulus", "spikes", expected="this", got="that"), AssemblyError, "got that"),
        (33, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), RunError, "room for the input, got No space left"),
    ],
)
def test_a_drawing_that_breaks_off_says_why_and_leaves_nothing(seed, problem, kind, message, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(HiddenPattern, "draw", slowly(0.0, fail=problem))
        with pytest.raises(kind, match=message):
            simulate(SMALL, seed)
    folder = compiler.cache_directory() / "inputs"
    assert not [path for path in folder.iterdir() if path.name.startswith(".unfinished-")]
    assert simulate(SMALL, seed).info["wall_time"]["draw"] > 0


def test_a_program_whose_input_comes_to_no_end_stops(tmp_path):
    gridded = given(tmp_path, SpikeTrains(np.array([7]), np.array([0.01]), 200))
    with open(gridded["afferents"], "r+b") as file:
        file.seek(32)
        file.write(np.int64(-1).tobytes())
    with pytest.raises(RunError, match="the input of afferents came to no end"):
        Program.of(SMALL).run(SMALL.circuit.settings, {"plastic.w": np.full(200, 0.5)}, gridded, seed=0)


def test_a_program_does_not_outlive_the_process_that_draws(tmp_path):
    gridded = given(tmp_path, SpikeTrains(np.array([7]), np.array([0.01]), 200))
    with open(gridded["afferents"], "r+b") as file:
        file.seek(32)
        file.write(np.int64(500).tobytes())  # half of the period is there
    program = Program.of(SMALL)
    np.full(200, 0.5).tofile(tmp_path / "plastic.w")
    (tmp_path / "results").mkdir()
    settings = [f"{key}={plain(value)!r}" for key, value in SMALL.circuit.settings.items()]
    command = [str(program.directory / "main"), "--results_dir", f"{tmp_path}/results/", *settings]
    command += [f"plastic.w={tmp_path}/plastic.w"]
    script = f"""
import os, subprocess, time
child = subprocess.Popen({command!r}, stdout=subprocess.DEVNULL, cwd={str(program.directory)!r})
print(child.pid, flush=True)
time.sleep(0.5)
print(child.poll(), flush=True)
"""
    environment = {**os.environ, "BRIAN2LEARN_SPIKES_afferents": str(gridded["afferents"])}
    parent = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    pid, state = parent.stdout.split()
    assert state == "None"  # it waited
    for _ in range(100):
        status = Path(f"/proc/{pid}/status")
        if not status.exists() or "zombie" in status.read_text():
            break
        time.sleep(0.05)
    else:
        pytest.fail("it is still there")


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"dt": 0.1}, r"Experiment.dt: expected a time"),
        ({"dt": -1 * ms}, r"Experiment.dt: expected a time"),
        ({"task": "hidden_pattern"}, r"Experiment.task: expected a Task"),
        ({"circuit": PairSTDP()}, r"Experiment.circuit: expected a Circuit"),
        ({"record": {"cells.u": 3}}, r"Experiment.cells.u: expected a time"),
    ],
)
def test_experiment_refuses_nonsense(change, match):
    with pytest.raises(DeclarationError, match=match):
        SMALL.replace(**change)


@pytest.mark.parametrize("mode", ["standalone", "runtime"])
@pytest.mark.parametrize(
    ("record", "match"),
    [("cells.uu", r"Did you mean cells\.u\?"), ("plastic.x", "up to date at spikes only")],
)
def test_states_that_cannot_be_recorded_are_refused(mode, record, match):
    with pytest.raises(AssemblyError, match=match):
        simulate(SMALL.replace(record={record: 1 * ms}), mode=mode)


def test_unknown_mode_is_refused():
    with pytest.raises(AssemblyError, match="Did you mean runtime"):
        simulate(SMALL, mode="runtim")


def test_program_refuses_missing_and_unknown_numbers(tmp_path):
    program, settings = Program.of(SMALL), dict(SMALL.circuit.settings)
    gridded = given(tmp_path, SpikeTrains(np.zeros(0, int), np.zeros(0), 200))
    with pytest.raises(RunError, match=r"plastic\.a_pluss"):
        program.run({**settings, "plastic.a_pluss": 1}, {}, gridded, 0)
    del settings["plastic.a_plus"]
    with pytest.raises(RunError, match=r"plastic\.a_plus"):
        program.run(settings, {}, gridded, 0)


def test_program_refuses_input_of_another_size(tmp_path):
    gridded = given(tmp_path, SpikeTrains(np.zeros(0, int), np.zeros(0), 199))
    with pytest.raises(RunError, match="does not fit"):
        Program.of(SMALL).run(SMALL.circuit.settings, {}, gridded, 0)


def test_weights_of_a_wrong_size_are_refused(tmp_path):
    gridded = given(tmp_path, SpikeTrains(np.zeros(0, int), np.zeros(0), 200))
    with pytest.raises(RunError, match="does not match expected size"):
        Program.of(SMALL).run(SMALL.circuit.settings, {"plastic.w": np.zeros(3)}, gridded, 0)


def test_no_compiler_falls_back_and_says_so(monkeypatch):
    expected = simulate(SMALL, 5)
    monkeypatch.setenv("CXX", "/nonexistent/g++")
    with pytest.warns(UserWarning, match="no C\\+\\+ compiler"):
        record = simulate(SMALL, 5)
    assert record.info["mode"] == "runtime"
    same(expected, record, tolerance=1e-12)


def test_a_compiler_that_fails_is_reported(monkeypatch, tmp_path):
    broken = tmp_path / "g++"
    broken.write_text("#!/bin/sh\necho no room for you >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    with pytest.raises(RunError, match="no room for you"):
        simulate(SMALL.replace(dt=0.5 * ms))
    assert isinstance(brian2.get_device(), RuntimeDevice)


def test_read_only_cache_is_replaced_for_this_session(monkeypatch):
    monkeypatch.setenv("BRIAN2LEARN_CACHE", "/dev/null/cache")
    compiler.cache_directory.cache_clear()
    with pytest.warns(UserWarning, match="cannot be written"):
        directory = compiler.cache_directory()
    assert directory.is_dir()
    assert compiler.cache_directory() == directory
    monkeypatch.undo()
    compiler.cache_directory.cache_clear()


# ---------------------------------------------------------------------- the store


def test_record_comes_back_from_the_store(tmp_path):
    store = Store(tmp_path / "store")
    record = simulate(SMALL, 0, store=store)
    again = store.read(record.key)
    same(record, again)
    assert again.info == record.info
    assert list(store.keys()) == [record.key]
    assert record.info["seed"] == 0
    assert record.info["merged_spikes"]["afferents"] > 0
    assert {"brian2", "numpy", "python", "brian2learn"} <= {*record.info["versions"]}
    assert {"commit", "dirty", "host", "wall_time", "dt", "experiment", "equations"} <= {*record.info}
    assert "clip(w" in record.info["equations"]["plastic"]
    assert record.info["experiment"]["circuit"]["rule"]["tau_plus"]["si"] == pytest.approx(0.0168)
    np.testing.assert_allclose(np.diff(record.states["cells.u"].t), 1e-3)


def test_runs_that_share_an_input_draw_it_once(monkeypatch):
    first = simulate(SMALL, 11)
    assert first.info["wall_time"]["draw"] > 0
    with monkeypatch.context() as patch:
        patch.setattr(HiddenPattern, "draw", lambda *_: pytest.fail("drawn again"))
        for mode in ("standalone", "runtime"):
            again = simulate(SMALL.replace(circuit=SMALL.circuit.replace(w_init=0.4)), 11, mode=mode)
            assert again.info["wall_time"]["draw"] == 0
            assert again.info["merged_spikes"] == first.info["merged_spikes"]
            np.testing.assert_array_equal(again.truth["onset"], first.truth["onset"])
    sequence = np.random.SeedSequence(11)
    for other in (SMALL.replace(dt=0.2 * ms), SMALL.replace(task=TASK.replace(jitter=2 * ms))):
        assert Input.of(other, sequence).spikes != Input.of(SMALL, sequence).spikes


def test_inputs_that_were_not_used_for_longest_go_first(monkeypatch):
    monkeypatch.setattr(inputs, "ROOM", 0)
    first, second = np.random.SeedSequence(20), np.random.SeedSequence(21)
    folder = Input.of(SMALL, first).spikes["afferents"].parent
    os.utime(folder, (time.time() - 100, time.time() - 100))
    new = Input.of(SMALL, second)
    assert not folder.exists()
    assert new.spikes["afferents"].exists()
    assert Input.of(SMALL, first).wall_time["draw"] > 0  # drawn again, the same
    assert not [path for path in folder.parent.iterdir() if path.name.startswith(".unfinished-")]


def test_second_call_reads_the_store(tmp_path, monkeypatch):
    store = Store(tmp_path)
    first = simulate(SMALL, 0, store=store)
    monkeypatch.setattr(HiddenPattern, "draw", lambda *_: pytest.fail("drawn again"))
    same(first, simulate(SMALL, 0, store=store))


def test_keys_tell_values_apart_and_notations_together():
    key = SMALL.key(0)
    assert key == SMALL.replace(dt=0.0001 * second).key(0)
    assert key != SMALL.key(1)
    assert key != SMALL.replace(dt=np.nextafter(1e-4, 1) * second).key(0)
    assert key != SMALL.replace(task=TASK.replace(jitter=1.0000001 * ms)).key(0)
    assert key != SMALL.replace(circuit=SMALL.circuit.replace(w_init=np.nextafter(0.475, 1))).key(0)


def test_full_disk_leaves_no_half_record(tmp_path, monkeypatch):
    store = Store(tmp_path)

    def no_room(file, data):
        file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(packs, "_write_all", no_room)
        with pytest.raises(RecordError, match="No space left on device"):
            simulate(SMALL, 0, store=store)
    assert len(store) == 0
    same(simulate(SMALL, 0, store=store), simulate(SMALL, 0))


SCRIPT = """
import sys, resource, signal
from brian2 import second
sys.path.insert(0, {tests!r})
import test_runs as this
from brian2learn.runs.store import Store
from brian2learn.runs.simulate import simulate
experiment = this.SMALL.replace(task=this.TASK.replace(n_repeats={n_repeats}))
{first}
simulate(experiment, {seed}, store=Store({store!r}), progress=lambda t: print("simulated", t, flush=True))
"""


def script(store: Path, n_repeats: int = 2, first: str = "", seed: int = 0) -> list[str]:
    text = SCRIPT.format(
        tests=str(Path(__file__).parent), store=str(store), n_repeats=n_repeats, first=first, seed=seed
    )
    return [sys.executable, "-c", textwrap.dedent(text)]


@pytest.mark.parametrize(("seed", "n_repeats"), [(0, 20), (31, 2)], ids=["results", "input"])
def test_files_that_cannot_grow_are_an_error_and_nothing_is_stored(tmp_path, seed, n_repeats):
    for repeats in (2, n_repeats):  # so that neither compiler nor generator of seed 0 runs under the limit
        simulate(SMALL.replace(task=TASK.replace(n_repeats=repeats)), 0)
    limit = "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))"
    command = script(tmp_path / "store", first=limit, seed=seed, n_repeats=n_repeats)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "RunError" in done.stderr
    assert list(Store(tmp_path / "store").keys()) == []


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_run_leaves_no_half_record_and_the_next_completes(tmp_path, how):
    simulate(SMALL, 0)
    process = subprocess.Popen(
        script(tmp_path, n_repeats=2000), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert any(float(line.split()[1]) > 0 for line in process.stdout)  # it is in the middle of the run
    process.send_signal(how)
    process.communicate(timeout=30)
    assert process.returncode != 0
    assert list(Store(tmp_path).keys()) == []
    finished = subprocess.run(script(tmp_path), capture_output=True, text=True, check=True)
    assert "simulated" in finished.stdout
    (key,) = Store(tmp_path).keys()
    same(Store(tmp_path).read(key), simulate(SMALL, 0))


def test_interrupting_the_program_alone_is_not_taken_for_its_end(tmp_path):
    experiment = SMALL.replace(task=TASK.replace(n_repeats=5000), record={})

    def interrupt(_: float) -> None:
        children = subprocess.run(["pgrep", "-P", str(os.getpid()), "main"], capture_output=True, text=True, check=True)
        for child in children.stdout.split():
            os.kill(int(child), signal.SIGINT)

    with pytest.raises(RunError, match="time steps|comes to its end"):
        simulate(experiment, 0, store=Store(tmp_path), progress=interrupt)
    assert list(Store(tmp_path).keys()) == []


def test_old_leftovers_are_swept_and_young_ones_are_not(tmp_path):
    old, young = tmp_path / ".unfinished-old", tmp_path / ".unfinished-young"
    for path in (old, young):
        path.mkdir()
    os.utime(old, (0, time.time() - 2 * 24 * 3600))
    with published(tmp_path / "whole") as unfinished:
        assert unfinished.is_dir()
    assert not old.exists()
    assert young.exists()


def test_results_do_not_depend_on_the_number_of_workers(tmp_path):
    told = []
    experiment, seeds = SMALL.replace(record={}), [2, 0, 1]
    simulate(experiment, 0, store=Store(tmp_path / "two"))  # one is there already
    two = dict(
        simulate_all(experiment, seeds, store=Store(tmp_path / "two"), n_workers=2, progress=lambda *x: told.append(x))
    )
    one = dict(simulate_all(experiment, seeds, store=Store(tmp_path / "one")))
    assert list(two) == list(one) == seeds
    assert {seed for seed, _ in told} == {1, 2}
    for seed in seeds:
        same(one[seed], two[seed])


@pytest.mark.slow
def test_users_own_rule_in_several_workers(tmp_path, monkeypatch):
    (tmp_path / "plasticity").mkdir()
    (tmp_path / "plasticity" / "upward.py").write_text(
        "from brian2learn.plasticity._rule import Rule\n\n\n"
        "class Upward(Rule):\n    on_post = 'w = w + 0.001'\n\n"
        "    def reference(self, pre, post, w):\n        return w + 0.001 * len(post)\n"
    )
    (tmp_path / "plasticity" / "gone.py").write_text(
        "from brian2learn.plasticity._rule import Rule\nclass Gone(Rule): ..."
    )
    monkeypatch.setenv("BRIAN2LEARN_PATH", str(tmp_path))
    experiment = SMALL.replace(circuit=SMALL.circuit.replace(rule=discovery.load("upward")()), record={})
    discovery.load("gone")
    (tmp_path / "plasticity" / "gone.py").unlink()  # another file that was loaded once must not stand in the way
    monkeypatch.delenv("BRIAN2LEARN_PATH")
    for _, record in simulate_all(experiment, [0, 1], store=Store(tmp_path / "store"), n_workers=2):
        n_spikes = record.spikes["cells"].t.size
        np.testing.assert_allclose(record.final["plastic.w"], 0.475 + 0.001 * n_spikes, rtol=1e-9)


def test_interrupted_runtime_mode_is_not_taken_for_its_end(tmp_path):
    def interrupt(_: float) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        simulate(SMALL, 0, store=Store(tmp_path), mode="runtime", progress=interrupt)
    assert list(Store(tmp_path).keys()) == []


def test_progress_tells_simulated_time():
    for mode in ("standalone", "runtime"):
        told: list[float] = []
        simulate(SMALL, 0, mode=mode, progress=told.append)
        assert told == sorted(told)
        assert 0 <= told[0] < told[-1] <= 2.0, mode


def test_nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", DeprecationWarning)  # Brian2 2.9 with a newer pyparsing
        simulate(SMALL.replace(record={"plastic.w": 500 * ms}), 0)
