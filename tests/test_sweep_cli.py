"""Sweep files and the commands `sweep` and `store`; what stands in docs/sweeps.md is executed."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import re
import shlex
import signal
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from brian2 import Hz, cm, ms, mV, nS, second
from typer.testing import CliRunner

from brian2learn.cli.main import app
from brian2learn.cli.sweep import parse_share, slurm_options, sweep_named
from brian2learn.core.discovery import files, load
from brian2learn.core.errors import Brian2LearnError, DeclarationError, UnknownNameError
from brian2learn.core.seeds import parse_seeds
from brian2learn.plasticity.heterosynaptic import Heterosynaptic
from brian2learn.plasticity.triplet_stdp import TripletSTDP
from brian2learn.runs.store import Store, close
from brian2learn.runs.sweep_file import parse_sweep, quantity, read_sweep

PAGE = (Path(__file__).resolve().parent.parent / "docs" / "sweeps.md").read_text()
TOML, *_ = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [line.partition("#")[0].strip() for line in re.search(r"```sh\n(.*?)```", PAGE, re.DOTALL)[1].splitlines()]


def brian2learn(*arguments, cwd):
    """A command, in this process: it imports in no time."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        with contextlib.chdir(cwd):
            done = CliRunner().invoke(app, arguments)
    finally:
        signal.signal(signal.SIGTERM, handler)
        close()
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return subprocess.CompletedProcess(arguments, done.exit_code, done.stdout, done.stderr)


# ---------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 ms", 2 * ms),
        ("0.1ms", 0.1 * ms),
        (" -65 mV ", -65 * mV),
        ("1e-3 second", 1e-3 * second),
        ("1800 Hz/second", 1800 * Hz / second),
        ("3 nS/cm**2", 3 * nS / cm**2),
        ("3 nS / cm^2", 3 * nS / cm**2),
        ("5 nS*mV/ms", 5 * nS * mV / ms),
        ("10 1/second", 10 / second),
        ("10 minute", 600 * second),
        (3, 3),
        (0.5, 0.5),
    ],
)
def test_units(text, value):
    found = quantity(text, "file", "x")
    assert getattr(found, "dim", None) == getattr(value, "dim", None)
    assert float(found) == pytest.approx(float(value), rel=1e-15)


@pytest.mark.parametrize(
    "text", ["ms", "", "two ms", "2 ms ms)", "2 ms**x", "2 **ms", "__import__('os')", "2; ms", [], {}]
)
def test_what_is_no_quantity(text):
    with pytest.raises(Brian2LearnError, match=r"file\.x"):
        quantity(text, "file", "x")


def test_an_unknown_unit_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="expected a unit, got 'mss'. Did you mean ms?"):
        quantity("2 mss", "file", "x")


def test_the_file_of_the_page():
    read = parse_sweep(TOML)
    assert read.sweep.n_points == 12
    assert (read.limits.timeout, read.limits.retries) == (600.0, 1)
    task, circuit = read.sweep.base.task, read.sweep.base.circuit
    assert (task.n_afferents, task.period, circuit.cell.theta) == (200, 1 * second, 50.0)
    assert (circuit.rule.pairing, circuit.rule.ties) == ("reduced_nearest", "mean")
    assert {float(read.sweep.values(k)["task.jitter"]) for k in range(12)} == {0.001, 0.003}


def test_rules_in_a_list_add_up():
    rules = '[[circuit.rule]]\nclass = "triplet_stdp"\nw_max = 5.0\n[[circuit.rule]]\nclass = "Heterosynaptic"\n'
    text = (
        f'task = "hidden_pattern"\n[circuit]\nclass = "Detector"\n{rules}[over]\n"circuit.rule.1.beta" = [0.01, 0.02]'
    )
    read = parse_sweep(text)
    assert read.sweep.base.circuit.rule == TripletSTDP(w_max=5.0) + Heterosynaptic()
    assert read.sweep.point(1).experiment.circuit.rule.parts[1].beta == 0.02


def test_parts_may_be_swept():
    read = parse_sweep(
        'task = "HiddenPattern"\ncircuit = "Detector"\nseeds = [3, 5]\n[over]\n'
        '"circuit.rule" = [{class = "PairSTDP", a_plus = 0.01}, "TripletSTDP"]'
    )
    assert [type(read.sweep.point(k).experiment.circuit.rule).__name__ for k in range(4)].count("TripletSTDP") == 2
    assert read.sweep.seeds == (3, 5)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[over]", "[ovr]", "got 'ovr'. Did you mean over?"),
        ("task.jitter", "task.jiter", "Did you mean task.jitter?"),
        ("n_afferents", "n_aferents", "Did you mean n_afferents?"),
        ('"HiddenPattern"', '"HidenPattern"', "Did you mean hidden_pattern?"),
        ('"PairSTDP"', '"PairSDTP"', "Did you mean pair_stdp?"),
        ('"masquelier2008"', '"masquelier2018"', "Did you mean masquelier2008?"),
        ('"mean"', '"men"', "Did you mean mean?"),
        ('"1 second"', '"1 secnd"', "Did you mean second?"),
        ('"1 second"', '"1 mV"', "HiddenPattern.period"),
        ('"1 second"', "1", "HiddenPattern.period"),
        ('["1 ms", "3 ms"]', "[]", "expected from 1 to"),
        ('["1 ms", "3 ms"]', '"1 ms"', "a list or {low"),
        ("low = 0.3", "lo = 0.3", "Did you mean low?"),
        ("low = 0.3, ", "", "a span with low and high"),
        ("n = 2 }", "n = 1000000000 }", "got n=1000000000"),
        ("measures:n_spikes", "measures:n_spike", "Did you mean n_spikes?"),
        ('"0:3"', '"3:0"', "which has none"),
        ('"0:3"', '"0:1000000000"', "more than 100000000"),
        ('"10 minute"', '"10 mV"', "a time such as"),
        ("retries = 1", "retries = -1", "Sweep.retries"),
        ("retries = 1", "retires = 1", "Did you mean retries?"),
        ("[circuit]", "[circuit", "a TOML file"),
        ('class = "Detector"\n', "", 'a table with class = "…"'),
        ("n_pattern = 100", "n_pattern = 300", "at most n_afferents = 200"),
    ],
)
def test_mistakes_in_a_file_are_refused(old, new, words):
    assert old in TOML
    with pytest.raises(Brian2LearnError) as refused:
        parse_sweep(TOML.replace(old, new), "robustness.toml")
    assert words in str(refused.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DeclarationError, match="expected a sweep file, got No such file"):
        read_sweep(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "seeds"), [("0:4", [0, 1, 2, 3]), ("7", [7]), ("0,2,5:7", [0, 2, 5, 6]), ("0:100000000", None)]
)
def test_seeds(text, seeds):
    found = parse_seeds(text, "file", "seeds", 10**8)
    assert len(found) == 10**8 if seeds is None else list(found) == seeds


@pytest.mark.parametrize("text", ["", "a", "-1", "1:", "3:3", "1,1", "0:200000000", "0.5"])
def test_what_are_no_seeds(text):
    with pytest.raises(DeclarationError, match=r"file\.seeds"):
        parse_seeds(text, "file", "seeds", 10**8)


def test_options():
    assert parse_share("3/20") == (3, 20)
    for wrong in ("0/5", "6/5", "3", "a/b", "1/0", "-1/5"):
        with pytest.raises(DeclarationError, match="K/N with K from 1 to N"):
            parse_share(wrong)
    assert slurm_options(["cores=2", "queue=long"]) == {"cores": 2, "queue": "long"}
    with pytest.raises(DeclarationError, match="NAME=VALUE"):
        slurm_options(["cores"])


# ---------------------------------------------------------------------- commands


@pytest.mark.slow
def test_the_commands_of_the_page(tmp_path):
    (tmp_path / "robustness.toml").write_text(TOML)
    dry, run, share, *store = COMMANDS
    planned = brian2learn(*shlex.split(dry)[1:], cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert "12 points (4 settings × 3 seeds)" in planned.stdout
    assert "1 done already, 11 to compute" in planned.stdout  # the point that was timed
    assert "core-hours" in planned.stdout
    done = brian2learn(*shlex.split(run)[1:], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "12 points: 1 were there, 11 computed, 0 failed." in done.stdout
    table = pd.read_csv(tmp_path / "robustness.csv")
    assert list(table.columns) == ["task.jitter (ms)", "circuit.w_init", "seed", "n_spikes", "failed"]
    assert len(table) == 12
    assert table["n_spikes"].sum() > 0
    again = brian2learn(*shlex.split(share)[1:], "--json", cwd=tmp_path)
    assert json.loads(again.stdout)["n_computed"] == 0
    replanned = json.loads(brian2learn(*shlex.split(dry)[1:], "--json", cwd=tmp_path).stdout)
    assert (replanned["n_to_do"], replanned["to_compile"], replanned["programs"]) == (0, 0, 1)
    for command in store:
        answer = brian2learn(*shlex.split(command)[1:], cwd=tmp_path)
        assert answer.returncode == 0, (command, answer.stderr)
    records = pd.read_csv(tmp_path / "records.csv")
    assert len(records) == 12
    assert {"key", "seed", "task.jitter (SI)", "circuit.w_init"} <= {*records.columns}
    assert "circuit.rule.a_plus" not in records.columns  # the same everywhere
    key = records["key"][0]
    spikes = brian2learn("store", "export", "results/store", "--record", key[:12], "--to", "one.nwb", cwd=tmp_path)
    assert spikes.returncode == 0, spikes.stderr
    assert (tmp_path / "one.nwb").stat().st_size > 1000


@pytest.mark.slow
def test_damage_is_reported_and_computed_again(tmp_path):
    (tmp_path / "sweep.toml").write_text(TOML.replace('"0:3"', "0"))
    assert brian2learn("sweep", "sweep.toml", "--workers", "1", cwd=tmp_path).returncode == 0
    store = tmp_path / "results" / "store"
    (pack,) = store.glob("*.pack")
    data = bytearray(pack.read_bytes())
    data[-1] ^= 1
    pack.write_bytes(data)
    verified = brian2learn("store", "verify", str(store), cwd=tmp_path)
    assert verified.returncode == 1
    assert "changed bytes" in verified.stdout
    assert "3 whole records, 1 places damaged" in verified.stdout
    done = brian2learn("sweep", "sweep.toml", "--workers", "1", "--json", cwd=tmp_path)
    assert json.loads(done.stdout) | {"store": ""} == {
        "n_points": 4, "n_before": 3, "n_computed": 1, "n_failed": 0, "store": "", "failed": {},
    }  # fmt: skip


def test_failures_are_counted_and_listed_and_computed_again(tmp_path):
    one = TOML.replace('"0:3"', "0").replace("retries = 1", "retries = 0").replace("n = 2", "n = 1")
    (tmp_path / "sweep.toml").write_text(one.replace('"10 minute"', "0.001"))
    done = brian2learn("sweep", "sweep.toml", "--workers", "1", cwd=tmp_path)
    assert done.returncode == 1
    assert "2 failed" in done.stdout
    assert "2 × no end after 0.001 s" in done.stdout
    listed = brian2learn("store", "ls", "results/store", "--failed", cwd=tmp_path)
    assert listed.stdout.count("no end after 0.001 s") == 2
    (tmp_path / "sweep.toml").write_text(one)
    again = brian2learn("sweep", "sweep.toml", "--workers", "1", cwd=tmp_path)
    assert "0 were there, 2 computed, 0 failed" in again.stdout
    assert "0 points failed" in brian2learn("store", "ls", "results/store", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sweep", "none.toml"], "expected a sweep file"),
        (["sweep", "sweep.toml", "--share", "5/2"], "K/N with K from 1 to N"),
        (["sweep", "sweep.toml", "--export", "x.xls"], "a name that ends in .csv or .parquet or .nc or .zarr"),
        (["sweep", "sweep.toml", "--on", "dask"], "local, slurm or dask://HOST:PORT"),
        (["store", "ls", "nowhere"], "a directory of records"),
        (["store", "export", ".", "--to", "x.nc"], "a name that ends in .csv or .parquet"),
    ],
)
def test_bad_commands(tmp_path, arguments, words):
    (tmp_path / "sweep.toml").write_text(TOML)
    done = brian2learn(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


# ---------------------------------------------------------------------- exports


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store"))
    sweep = parse_sweep(TOML).sweep
    assert sweep.execute(store, n_workers=1).n_failed == 0
    return sweep, store


def test_exports_hold_what_the_table_holds(finished, tmp_path):
    xarray = pytest.importorskip("xarray")
    from brian2learn.runs.export import write

    sweep, store = finished
    table = sweep.table(store)
    for name in ("t.csv", "t.parquet", "t.nc", "t.zarr"):
        write(sweep, store, tmp_path / name)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "t.parquet"), table)
    assert pd.read_csv(tmp_path / "t.csv")["n_spikes"].tolist() == table["n_spikes"].tolist()
    for data in (xarray.open_dataset(tmp_path / "t.nc"), xarray.open_zarr(tmp_path / "t.zarr", consolidated=False)):
        assert data["task.jitter"].attrs["units"] == "ms"
        np.testing.assert_array_equal(data["n_spikes"], sweep.dataset(store)["n_spikes"])
        data.close()


@pytest.mark.slow
def test_spike_trains_as_neo_and_nwb(tmp_path):
    pytest.importorskip("neo")
    pynwb = pytest.importorskip("pynwb")
    from brian2learn.runs.export import to_neo, to_nwb

    store = Store(tmp_path / "store")
    sweep = parse_sweep(TOML.replace("[measures]", '[record]\n"cells.u" = "5 ms"\n[measures]')).sweep
    assert sweep.execute(store, n_workers=1).n_failed == 0
    record = max((store.read(key) for key in list(store.keys())), key=lambda each: each.spikes["cells"].t.size)
    spikes = record.spikes["cells"].t
    assert spikes.size
    (segment,) = to_neo(record).segments
    (train,) = segment.spiketrains
    np.testing.assert_allclose(train.rescale("s").magnitude, spikes)
    (signal,) = segment.analogsignals
    np.testing.assert_allclose(signal.magnitude, record.states["cells.u"].values)
    assert float(signal.sampling_period.rescale("ms")) == pytest.approx(5)
    to_nwb(record, tmp_path / "one.nwb")
    with pynwb.NWBHDF5IO(tmp_path / "one.nwb", "r") as file:
        read = file.read()
        np.testing.assert_allclose(read.units["spike_times"][0], spikes)
        np.testing.assert_allclose(read.trials["start_time"][:], record.truth["onset"])


def test_a_missing_library_is_named(monkeypatch):
    from brian2learn.core import extras
    from brian2learn.core.errors import RunError

    def none(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(extras.importlib, "import_module", none)
    with pytest.raises(RunError, match=r"pip install 'brian2learn\[store\]'"):
        extras.need("xarray", "store", "labelled arrays")


# ---------------------------------------------------------------------- figures


def test_the_sweep_of_a_figure_has_the_records_of_its_experiments():
    figure = load("masquelier2008_fig7", "figures")()
    sweep = sweep_named("masquelier2008_fig7", "0:3").sweep
    assert sweep.n_points == 22 * 3
    found = {sweep.point(k).key for k in range(sweep.n_points)}
    assert found == {each.key(seed) for each in figure.experiments().values() for seed in range(3)}


@pytest.mark.parametrize("name", [name for name in files("figures") if load(name, "figures")().experiments()])
def test_every_figure_is_a_sweep(name):
    experiments = load(name, "figures")().experiments()
    if len({str(each.record) for each in experiments.values()}) > 1:
        with pytest.raises(DeclarationError, match="experiments that record the same"):
            sweep_named(name)
        return
    sweep = sweep_named(name).sweep
    assert {sweep.point(k).key for k in range(sweep.n_points)} == {each.key(0) for each in experiments.values()}


def test_what_is_neither_a_file_nor_a_figure_is_said():
    with pytest.raises(UnknownNameError, match=r"Did you mean masquelier2008_fig7\?"):
        sweep_named("masquelier2008_fig77")
    with pytest.raises(UnknownNameError, match="expected one figure, got 4 of them"):
        sweep_named("masquelier2008")
    with pytest.raises(DeclarationError, match="expected a sweep file"):
        sweep_named("fig77.toml")


def test_errors_are_whole_across_processes():
    error = UnknownNameError("A", "b", expected="c", got="d", choices=["bb"], hint="e")
    here, there = multiprocessing.Pipe()
    here.send(error)
    found = there.recv()
    assert (type(found), str(found), vars(found)) == (type(error), str(error), vars(error))
