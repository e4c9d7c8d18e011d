"""Sweeps: designs and their errors, keys, workers that fail in every way, resume, results, damage."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import _sweeps
import numpy as np
import pytest
from _helpers import rest_slow
from _sweeps import TALLY, attempts, small
from brian2 import ms, mV

from brian2learn.core.errors import DeclarationError, RunError, UnknownNameError
from brian2learn.plasticity.heterosynaptic import Heterosynaptic
from brian2learn.plasticity.pair_stdp import PairSTDP
from brian2learn.plasticity.triplet_stdp import TripletSTDP
from brian2learn.runs import store as store_module
from brian2learn.runs.children import Limits
from brian2learn.runs.paths import paths_of
from brian2learn.runs.simulate import simulate
from brian2learn.runs.store import Store, close
from brian2learn.runs.sweep import Point, Span, Sweep


@pytest.fixture(autouse=True)
def _tally(tmp_path, monkeypatch):
    (tmp_path / "tally").mkdir()
    monkeypatch.setenv(TALLY, str(tmp_path / "tally"))


def trivial(over=None, **more):
    over = {"circuit.w_init": [0.1, 0.2, 0.3]} if over is None else over
    return Sweep(small(), over, **{"run": _sweeps.trivial, "measures": {"product": _sweeps.product}, **more})


def keys_of(sweep):
    return {key.tobytes() for key in sweep.record_keys()}


def settings(sweep):
    """The swept values of all points, with the seed."""
    return [(*(float(value) for value in sweep.values(k).values()), sweep.seed(k)) for k in range(sweep.n_points)]


# ---------------------------------------------------------------------- designs


def test_a_grid_has_every_value_with_every_other():
    sweep = trivial({"circuit.w_init": [0.1, 0.2], "task.jitter": [1 * ms, 2 * ms, 3 * ms]}, seeds=range(4))
    assert sweep.n_points == 24
    wanted = itertools.product([0.1, 0.2], [0.001, 0.002, 0.003], range(4))
    assert sorted(settings(sweep)) == sorted(wanted)


def test_points_that_share_an_input_follow_each_other():
    over = {"circuit.w_init": [0.1, 0.2], "task.jitter": [1 * ms, 2 * ms], "circuit.rule.a_plus": [0.01, 0.02, 0.03]}
    sweep = trivial(over, seeds=range(3))
    inputs = [(jitter, seed) for _, jitter, _, seed in settings(sweep)]
    assert len(list(itertools.groupby(inputs))) == len({*inputs}) == 6


def test_a_list_goes_through_its_rows():
    over = {"task.jitter": [1 * ms, 2 * ms, 1 * ms], "circuit.w_init": [0.1, 0.2, 0.3]}
    sweep = trivial(over, design="list", seeds=(3, 5))
    rows = [(0.001, 0.1), (0.002, 0.2), (0.001, 0.3)]
    assert sorted(settings(sweep)) == sorted((*row, seed) for row in rows for seed in (3, 5))
    inputs = [(jitter, seed) for jitter, _, seed in settings(sweep)]
    assert len(list(itertools.groupby(inputs))) == len({*inputs}) == 4  # rows 0 and 2 stand together


def test_spans_are_even_in_differences_or_ratios():
    over = {"circuit.w_init": Span(0.1, 0.4, n=4), "circuit.rule.a_plus": Span(0.001, 0.1, n=3, log=True)}
    values = settings(trivial(over))
    np.testing.assert_allclose(sorted({value[0] for value in values}), [0.1, 0.2, 0.3, 0.4])
    np.testing.assert_allclose(sorted({value[1] for value in values}), [0.001, 0.01, 0.1])


@pytest.mark.parametrize("design", ["random", "sobol", "latin_hypercube"])
def test_sampled_designs_fill_their_spans(design):
    over = {"task.jitter": Span(1 * ms, 3 * ms), "circuit.rule.a_plus": Span(1e-4, 0.1, log=True),
            "circuit.rule.pairing": ["all_to_all", "nearest"], "circuit.n_cells": Span(1, 4)}  # fmt: skip
    sweep = Sweep(small(), over, design=design, n=256)
    points = [sweep.values(k) for k in range(sweep.n_points)]
    jitter = np.array([float(point["task.jitter"]) for point in points])
    share = np.log10([point["circuit.rule.a_plus"] for point in points]) / 3 + 4 / 3
    for values in ((jitter - 0.001) / 0.002, share):
        assert values.min() >= 0
        assert values.max() <= 1
        assert np.abs(np.histogram(values, 4, (0, 1))[0] - 64).max() <= (0 if design == "sobol" else 30)
    assert {point["circuit.n_cells"] for point in points} == {1, 2, 3, 4}
    assert all(type(point["circuit.n_cells"]) is int for point in points)
    assert {point["circuit.rule.pairing"] for point in points} == {"all_to_all", "nearest"}
    assert (sweep.record_keys() == Sweep(small(), over, design=design, n=256).record_keys()).all()
    assert (sweep.record_keys() != Sweep(small(), over, design=design, n=256, design_seed=1).record_keys()).any()


def test_points_are_not_kept():
    tracemalloc.start()
    sweep = trivial({"circuit.w_init": Span(0, 1, n=1000), "circuit.rule.a_plus": Span(0, 0.1, n=1000)})
    assert sweep.n_points == 10**6
    assert isinstance(sweep.point(999_999), Point)
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


# ---------------------------------------------------------------------- keys


def of_a_sum():
    base = small()
    return base.replace(circuit=base.circuit.replace(rule=TripletSTDP(w_max=5.0) + Heterosynaptic()))


SWEPT = {
    "numbers": (small, {"task.jitter": [1 * ms, 2 * ms], "circuit.w_init": [0.1, 0.2], "circuit.cell.theta": [5, 6.0]}),
    "time step": (small, {"dt": [0.1 * ms, 0.2 * ms], "circuit.w_init": [0, 1]}),
    "whole parts": (small, {"circuit.rule": [PairSTDP(), PairSTDP(a_plus=0.01), TripletSTDP()], "dt": [0.1 * ms]}),
    "a whole task": (small, {"task": [small().task, small().task.replace(n_repeats=2)], "circuit.w_init": [0.1, 0.2]}),
    "sizes and choices": (small, {"task.n_repeats": [1, 2], "circuit.rule.ties": ["mean", "pre_first"]}),
    "a term of a sum": (of_a_sum, {"circuit.rule.1.beta": [0.01, 0.02], "circuit.rule.0.tau_plus": [10 * ms, 20 * ms]}),
    "nothing": (small, {}),
}


@pytest.mark.parametrize("name", SWEPT)
@pytest.mark.parametrize("design", ["grid", "list"])
def test_a_key_is_that_of_the_experiment(name, design):
    base, over = SWEPT[name]
    if design == "list":
        over = {path: values[:2] if len(values) > 1 else values * 2 for path, values in over.items()}
        if not over:
            return
    sweep = Sweep(base(), over, design=design, seeds=(0, 7))
    keys = sweep.record_keys()
    for k in range(sweep.n_points):
        assert keys[k].tobytes().hex() == sweep.point(k).key
    assert len(keys_of(sweep)) == sweep.n_points


def test_a_key_does_not_depend_on_how_the_point_is_reached():
    one = Sweep(small(), {"circuit.w_init": [0.1, 0.2], "task.jitter": [1 * ms, 2 * ms]}, seeds=range(3))
    other = Sweep(small(), {"task.jitter": [2 * ms, 1 * ms]}, seeds=(2, 0))
    base = small().replace(circuit=small().circuit.replace(w_init=0.2))
    assert bytes.fromhex(base.key(0)) in keys_of(Sweep(base, {"task.jitter": [1 * ms]}))
    keys = keys_of(one)
    assert not keys & keys_of(other)  # w_init is another
    again = Sweep(base, {"task.jitter": [2 * ms, 1 * ms]}, seeds=(2, 0))
    assert keys_of(again) <= keys


def test_other_measures_make_other_small_records():
    kept = trivial(keep="measures")
    assert not keys_of(kept) & keys_of(trivial())
    other = trivial(keep="measures", measures={"n": _sweeps.n_spikes})
    assert not keys_of(kept) & keys_of(other)


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("over", "more", "error", "words"),
    [
        ({"task.jiter": [1 * ms]}, {}, UnknownNameError, "Did you mean task.jitter? It has: dt, task."),
        ({"circuit.rule.0.a_plus": [0.1]}, {}, UnknownNameError, "circuit.rule.a_plus"),
        ({"w_init": [0.1]}, {}, UnknownNameError, "Did you mean circuit.w_init?"),
        ({"circuit.cell.theta.x": [0.1]}, {}, UnknownNameError, "the path of a parameter"),
        ({"task.jitter": [1.0]}, {}, DeclarationError, "HiddenPattern.jitter"),
        ({"task.jitter": [1 * mV]}, {}, DeclarationError, "a quantity in second"),
        ({"task.jitter": [1 * ms, 50 * ms]}, {}, DeclarationError, "from 0. s to 20. ms, got 50. ms"),
        ({"task.jitter": Span(1 * ms, 50 * ms, n=3)}, {}, DeclarationError, "from 0. s to 20. ms"),
        ({"dt": [1 * mV]}, {}, DeclarationError, "Experiment.dt"),
        ({"circuit.rule.ties": ["men"]}, {}, DeclarationError, "Did you mean mean?"),
        ({"circuit.rule": [5]}, {}, DeclarationError, "expected a Plasticity"),
        ({"task": [small().circuit]}, {}, DeclarationError, "expected a Task"),
        ({"circuit.w_init": []}, {}, DeclarationError, "expected from 1 to"),
        ({"circuit.w_init": [0.1, 0.1]}, {}, DeclarationError, "each value once"),
        ({"circuit.w_init": 0.1}, {}, DeclarationError, "a sequence of values or a Span"),
        ({"circuit.w_init": "0.1"}, {}, DeclarationError, "a sequence of values or a Span"),
        ({"circuit.w_init": Span(0.1, 0.2)}, {}, DeclarationError, "a span with n"),
        ({"circuit.w_init": Span(0.2, 0.1, n=2)}, {}, DeclarationError, "a low end below its high end"),
        ({"circuit.w_init": Span(0, 0.1, n=2, log=True)}, {}, DeclarationError, "a low end above 0"),
        ({"circuit.rule.ties": Span(0, 1, n=2)}, {}, DeclarationError, "it is no number"),
        ({"circuit.rule": [PairSTDP()], "circuit.rule.a_plus": [0.1]}, {}, DeclarationError, "apart from each other"),
        ({"task.n_pattern": [20, 41]}, {}, DeclarationError, "task.n_pattern = 41: HiddenPattern.n_pattern"),
        ({"circuit.w_init": [0.1], "dt": [0.1 * ms] * 2}, {"design": "list"}, DeclarationError, "1 for circuit.w_init"),
        ({"circuit.w_init": [0.1]}, {"design": "gird"}, DeclarationError, "Did you mean grid?"),
        ({"circuit.w_init": [0.1]}, {"design": "random"}, DeclarationError, "a number of settings for a random design"),
        ({"circuit.w_init": [0.1]}, {"n": 5}, DeclarationError, "no number of settings for a grid design"),
        ({"circuit.w_init": Span(0, 1, n=4)}, {"design": "random", "n": 5}, DeclarationError, "without n"),
        ({}, {"design": "random", "n": 5}, DeclarationError, "values for a random design"),
        ({}, {"seeds": []}, DeclarationError, "at least one"),
        ({}, {"seeds": [1, 1]}, DeclarationError, "each seed once"),
        ({}, {"seeds": [-1]}, DeclarationError, "whole numbers from 0"),
        ({}, {"seeds": [0.5]}, DeclarationError, "whole numbers from 0"),
        ({}, {"keep": "measures", "measures": {}}, DeclarationError, "at least one"),
        ({}, {"keep": "all"}, DeclarationError, "It has: records, measures"),
        ({}, {"measures": {"x": "_sweeps:produkt"}}, DeclarationError, "Did you mean product?"),
        ({}, {"measures": {"x": "nowhere:product"}}, DeclarationError, "module:function"),
        ({}, {"measures": {"x": "_sweeps.product"}}, DeclarationError, "module:function"),
    ],
)  # fmt: skip
def test_bad_sweeps_are_refused(over, more, error, words):
    with pytest.raises(error) as refused:
        Sweep(small(), over, **more)
    assert words in str(refused.value)


def test_too_many_points_are_refused_with_their_number():
    with pytest.raises(DeclarationError, match="at most 100000000 points, got 1000000000"):
        trivial(
            {"circuit.w_init": Span(0, 1, n=10_000), "circuit.rule.a_plus": Span(0, 0.1, n=10_000)}, seeds=range(10)
        )


def test_every_path_that_is_offered_can_be_swept():
    base = of_a_sum()
    for path in paths_of(base):
        value = base
        for name in path.split("."):
            value = value.parts[int(name)] if name.isdigit() else getattr(value, name)
        assert Sweep(base, {path: [value]}).point(0).experiment.key(0) == base.key(0)


def test_limits():
    for wrong in ({"timeout": 0}, {"retries": -1}, {"retries": 1.5}):
        with pytest.raises(DeclarationError, match="Sweep"):
            Limits(**wrong)
    with pytest.raises(DeclarationError, match="K from 1 to N, got 3/2"):
        trivial().in_share(np.arange(3), (3, 2))


def test_unknown_places_to_run(tmp_path):
    with pytest.raises(DeclarationError, match=r"local, slurm or dask://HOST:PORT, got 'locla'\. Did you mean local"):
        trivial().execute(Store(tmp_path), on="locla")
    pytest.importorskip("distributed")
    from brian2learn.runs import executors

    executors.CONNECT, before = 1.0, executors.CONNECT
    try:
        with pytest.raises(RunError, match=r"a Dask scheduler that answers, got none at tcp://127\.0\.0\.1:9"):
            trivial().execute(Store(tmp_path), on="dask://127.0.0.1:9")
    finally:
        executors.CONNECT = before


def test_functions_that_no_other_process_finds(tmp_path):
    with pytest.raises(DeclarationError, match="functions and classes at the top of a file"):
        trivial(run=lambda experiment, seed: None).execute(Store(tmp_path), n_workers=1)


# ---------------------------------------------------------------------- running


def contents(directory):
    store = Store(directory)
    return {key: store.content(key) for key in list(store.keys())}


def test_results(tmp_path):
    sweep = trivial({"circuit.w_init": [0.1, 0.2], "task.jitter": [1 * ms, 2 * ms]}, seeds=(1, 4))
    store, told = Store(tmp_path), []
    done = sweep.execute(store, n_workers=2, progress=lambda *now: told.append(now))
    assert vars(done) == {"n_points": 8, "n_before": 0, "n_computed": 8, "n_failed": 0}
    assert told == [(k, 0, 8) for k in range(1, 9)]
    table = sweep.table(store)
    assert list(table.columns) == ["circuit.w_init", "task.jitter (ms)", "seed", "product", "failed"]
    assert sorted({*table["task.jitter (ms)"]}) == [1.0, 2.0]
    np.testing.assert_allclose(table["product"], table["circuit.w_init"] * table["seed"])
    assert {*table["failed"]} == {""}
    data = sweep.dataset(store)
    assert data["product"].dims == ("circuit.w_init", "task.jitter", "seed")
    assert data["task.jitter"].attrs == {"units": "ms"}
    assert float(data["product"].sel({"circuit.w_init": 0.2, "task.jitter": 2.0, "seed": 4})) == pytest.approx(0.8)
    assert sweep.table(store, {"n": _sweeps.n_spikes, "none": _sweeps.nothing})["n"].tolist() == [1] * 8
    with pytest.raises(DeclarationError, match=r"measures\.w.*one number"):
        sweep.table(store, {"w": _sweeps.too_much})
    assert sweep.execute(store, n_workers=2).n_computed == 0


def test_labelled_arrays_of_rows(tmp_path):
    over = {"task.jitter": [1 * ms, 2 * ms, 1 * ms], "circuit.w_init": [0.1, 0.2, 0.3]}
    sweep = trivial(over, design="list", seeds=(3, 5))
    sweep.execute(Store(tmp_path), n_workers=1)
    data = sweep.dataset(Store(tmp_path))
    assert data["product"].dims == ("setting", "seed")
    assert data["circuit.w_init"].values.tolist() == [0.1, 0.2, 0.3]
    assert data["task.jitter"].values.tolist() == [1.0, 2.0, 1.0]
    np.testing.assert_allclose(data["product"], np.outer([0.1, 0.2, 0.3], [3, 5]))


def test_only_measures_are_kept(tmp_path):
    sweep, store = trivial(keep="measures", seeds=range(4)), Store(tmp_path)
    sweep.execute(store, n_workers=1)
    table = sweep.table(store)
    np.testing.assert_allclose(table["product"], table["circuit.w_init"] * table["seed"])
    record = store.read(next(store.keys()))
    assert not record.spikes
    assert not record.final
    assert sweep.point(0).key not in store  # no small record is taken for a whole one
    with pytest.raises(UnknownNameError, match="a measure that was kept"):
        sweep.table(store, {"n": _sweeps.n_spikes})


@pytest.mark.slow
def test_what_goes_wrong_is_told_and_the_rest_goes_on(tmp_path):
    sweep, store = trivial({}, run=_sweeps.moody, seeds=range(8)), Store(tmp_path / "store")
    done = sweep.execute(store, n_workers=2, limits=Limits(timeout=1.5, retries=1))
    assert (done.n_computed, done.n_failed) == (4, 4)
    reasons = sweep.table(store)["failed"].tolist()
    assert [reasons[k] for k in (0, 5, 6, 7)] == [""] * 4
    assert "ValueError: a bad seed (_sweeps.py, line" in reasons[1]
    assert reasons[2] == "no end after 1.5 s"
    assert reasons[3] == "its process died (SIGKILL)"
    assert "the same code as the coordinator" in reasons[4]
    assert [len(attempts(str(seed))) for seed in range(8)] == [1, 2, 2, 2, 2, 2, 2, 1]
    assert list(store.verify()) == []


def test_shares_are_the_whole(tmp_path):
    over = {"circuit.w_init": Span(0, 1, n=30), "task.jitter": [1 * ms, 2 * ms]}
    sweep, store = trivial(over, seeds=range(2)), Store(tmp_path)
    parts = [sweep.in_share(np.arange(sweep.n_points), (k, 5)) for k in range(1, 6)]
    assert sorted(np.concatenate(parts).tolist()) == list(range(120))
    assert max(map(len, parts)) <= 2 * min(map(len, parts))
    done = sweep.execute(store, n_workers=1, share=(2, 5))
    assert done.n_points == done.n_computed == len(parts[1]) == len(store)


def test_points_that_share_an_input_go_to_one_worker(tmp_path):
    over = {"task.jitter": [1 * ms, 2 * ms], "circuit.w_init": [0.1, 0.2, 0.3, 0.4]}
    sweep = trivial(over, run=_sweeps.counted, seeds=range(8))
    sweep.execute(Store(tmp_path / "store"), n_workers=2)
    processes = [attempts(f"{jitter}-{seed}") for jitter in (1, 2) for seed in range(8)]
    assert [len(each) for each in processes] == [4] * 16
    assert [len({*each}) for each in processes] == [1] * 16
    assert len({each[0] for each in processes}) == 2


@pytest.mark.parametrize("pace", [1, 5, 6, 7, 8, 50])
def test_however_fast_points_are_those_of_one_input_stay_together(tmp_path, pace):
    """Chunks hold whole inputs (of four points), as many as are worth the way, at most two for each of two workers."""
    over = {"task.jitter": [1 * ms, 2 * ms], "circuit.w_init": [0.1, 0.2, 0.3, 0.4]}
    sweep = trivial(over, seeds=range(8))
    pieces = sweep._pieces(sweep.to_do(Store(tmp_path / "store")), 2)
    chunks = [next(pieces)]
    with contextlib.suppress(StopIteration):
        while True:
            chunks.append(pieces.send(pace))
    jitter = sweep._parts.steps["task.jitter"]
    inputs = [{(str(changes[jitter]), seed) for _, changes, seed in each} for each in chunks]
    assert sum(map(len, inputs)) == len(set.union(*inputs)) == 16
    assert [len(each) for each in chunks] == ([4] * 16 if pace < 8 else [4, *[8] * 7, 4])


@pytest.mark.slow
def test_a_full_disk_stops_the_sweep_and_costs_nothing(tmp_path):
    sweep, store = trivial(run=_sweeps.full_disk, seeds=range(10)), Store(tmp_path / "store")
    with pytest.raises(RunError, match="No space left on device"):
        sweep.execute(store, n_workers=1)
    assert list(store.verify()) == []
    assert trivial(seeds=range(10)).execute(store, n_workers=1).n_before == 4
    assert len(store) == 30


@pytest.mark.parametrize(
    ("ties", "workers"),
    [
        pytest.param(["mean"], (1, 2), id="one-program"),
        pytest.param(["mean", "pre_first"], (1, 2, 4), id="two-programs", marks=pytest.mark.slow),
    ],
)
def test_records_are_identical_whoever_made_them(tmp_path, ties, workers):
    over = {"circuit.w_init": [0.4, 0.5], "task.jitter": [1 * ms, 2 * ms], "circuit.rule.ties": ties}
    sweep = Sweep(small(), over, seeds=range(2), measures={"n": _sweeps.n_spikes})
    for n in workers:
        assert sweep.execute(Store(tmp_path / str(n)), n_workers=n).n_computed == 8 * len(ties)
    alone = Store(tmp_path / "alone")
    for k in (7, 3, 4):
        point = sweep.point(k)
        simulate(point.experiment, point.seed, store=alone)
    one, *others = (contents(tmp_path / str(n)) for n in workers)
    assert all(other == one for other in others)
    assert contents(tmp_path / "alone").items() <= one.items()
    assert len(sweep.programs()) == len(ties)
    table = sweep.table(Store(tmp_path / "1"))
    assert table["n"].sum() > 0
    assert list(Store(tmp_path / "2").verify()) == []


def test_damage_is_computed_again_and_never_used(tmp_path):
    sweep = trivial(seeds=range(4))
    sweep.execute(Store(tmp_path / "store"), n_workers=1)
    close()
    whole = contents(tmp_path / "store")
    (pack,) = Store(tmp_path / "store").packs
    data = bytearray(pack.read_bytes())
    for row in (3, 7):
        store = Store(tmp_path / "store")
        store.refresh()
        (place,) = store.index.places(sweep.point(row).key)
        data[place.offset + place.size - 1] ^= 1
    pack.write_bytes(data)
    store = Store(tmp_path / "store")
    table = sweep.table(store)
    assert [k for k, reason in enumerate(table["failed"]) if reason] == [3, 7]
    assert table["failed"][3] == "damaged: changed bytes"
    assert table["product"].isna().tolist() == [k in (3, 7) for k in range(12)]
    assert sweep.execute(Store(tmp_path / "store"), n_workers=1).n_computed == 2
    assert contents(tmp_path / "store") == whole
    assert sweep.table(Store(tmp_path / "store"))["product"].notna().all()
    store_module.QUIET, before = -1.0, store_module.QUIET
    try:
        close()
        Store(tmp_path / "store").tidy()
    finally:
        store_module.QUIET = before
    assert list(Store(tmp_path / "store").verify()) == []
    assert contents(tmp_path / "store") == whole


# ---------------------------------------------------------------------- killed

COORDINATOR = """
import sys
sys.path.insert(0, {tests!r})
import _sweeps
from brian2learn.runs.store import Store
from brian2learn.runs.sweep import Span, Sweep
sweep = Sweep(_sweeps.small(), {{"circuit.w_init": Span(0, 1, n=20)}}, seeds=range({n_seeds}), run=_sweeps.slow)
print("ready", flush=True)
sweep.execute(Store({directory!r}), n_workers=2, progress=lambda *now: print(*now, flush=True))
"""


def coordinator(directory, n_seeds=5):
    script = COORDINATOR.format(tests=os.path.dirname(__file__), directory=str(directory), n_seeds=n_seeds)
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def slow_sweep(n_seeds=5):
    return Sweep(small(), {"circuit.w_init": Span(0, 1, n=20)}, seeds=range(n_seeds), run=_sweeps.slow)


def children_of(pid):
    """Processes that another one started."""
    path = Path(f"/proc/{pid}/task")
    return [int(child) for task in path.iterdir() for child in (task / "children").read_text().split()]


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


def wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


N_KILLS = [
    pytest.param(1, id="one", marks=pytest.mark.slow),
    pytest.param(3, id="three", marks=pytest.mark.slow),
    pytest.param(20, id="twenty", marks=pytest.mark.full),
]


@pytest.mark.parametrize("n_kills", N_KILLS)
@pytest.mark.parametrize("victim", rest_slow(["coordinator", "worker"]))
def test_killed_at_random_moments(tmp_path, victim, n_kills):
    """Every kill must hit work in progress: there are points enough for that."""
    n_seeds = 5 * n_kills // 2 + 5
    slow_sweep(n_seeds).execute(Store(tmp_path / "whole"), n_workers=2)
    rng = np.random.default_rng(n_kills)
    for _ in range(n_kills):
        process = coordinator(tmp_path / "store", n_seeds)
        assert process.stdout.readline()  # a point is finished
        wait_until(lambda p=process: len(children_of(p.pid)) == 2)
        time.sleep(rng.uniform(0, 0.2))
        workers = children_of(process.pid)
        assert process.poll() is None
        assert len(workers) == 2
        if victim == "coordinator":
            process.kill()
        else:
            os.kill(workers[int(rng.integers(2))], signal.SIGKILL)
            time.sleep(rng.uniform(0, 0.2))
            workers = children_of(process.pid)  # the dead one may have a successor
            process.send_signal(signal.SIGINT)  # stop it cleanly; the next one goes on
        process.wait()
        process.stdout.close()
        wait_until(lambda w=workers: not any(is_running(pid) for pid in w))
    store = Store(tmp_path / "store")
    done = slow_sweep(n_seeds).execute(store, n_workers=2)
    assert done.n_failed == 0
    assert done.n_computed > 0
    assert contents(tmp_path / "store") == contents(tmp_path / "whole")
    n = 20 * n_seeds
    assert len(store) == n
    assert sum(len(rows) for rows in store._rows.values()) == n  # each point once
    assert all("too early" in damage.what or "no record" in damage.what for damage in store.verify())


@pytest.mark.slow
def test_an_interrupt_stops_cleanly_and_the_next_run_goes_on(tmp_path):
    process = coordinator(tmp_path / "store")
    process.stdout.readline()
    workers = children_of(process.pid)
    process.send_signal(signal.SIGINT)
    process.wait(30)
    process.stdout.close()
    assert workers
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    store = Store(tmp_path / "store")
    n = len(store)
    assert 0 < n < 100
    assert list(store.verify()) == []
    assert slow_sweep().execute(store, n_workers=1).n_before == n
    assert len(store) == 100


# ---------------------------------------------------------------------- large


@pytest.mark.parametrize(
    "n", [pytest.param(1_000, id="1000"), pytest.param(100_000, id="100000", marks=pytest.mark.full)]
)
def test_many_trivial_points(tmp_path, n):
    over = {"circuit.w_init": Span(0, 1, n=n // 50), "task.jitter": Span(1 * ms, 3 * ms, n=5)}
    sweep, store = trivial(over, seeds=range(10)), Store(tmp_path)
    memory = []

    def watch(n_done, n_failed, n_all):
        if n_done in (n // 10, n - 1):
            status = Path("/proc/self/status").read_text()
            memory.append(int(status.partition("VmRSS:")[2].split()[0]) / 1024)

    assert sweep.execute(store, n_workers=2, progress=watch).n_computed == n
    close()
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    arrays = 8 + 4 + 16
    assert size / n - arrays < 1000
    assert memory[1] - memory[0] < 20  # MB
    started = time.process_time()
    assert len(list(Store(tmp_path).keys())) == n
    listing = time.process_time() - started
    started = time.process_time()
    assert sweep.to_do(Store(tmp_path)).n == 0
    resume = time.process_time() - started
    print(f"{n} points: {size / n:.0f} bytes each, listing {listing:.2f} s, resume check {resume:.2f} s, MB {memory}")
    assert listing < 2
    assert resume < 5


def test_keys_of_a_hundred_thousand_points():
    over = {"circuit.w_init": Span(0, 1), "task.jitter": Span(1 * ms, 3 * ms)}
    sweep = Sweep(small(), over, design="sobol", n=10_000, seeds=range(10))
    started = time.process_time()
    keys = sweep.record_keys()
    assert time.process_time() - started < 5
    assert keys.shape == (100_000, 32)
    for k in (0, 1, 54_321, 99_999):
        assert keys[k].tobytes().hex() == sweep.point(k).key
    assert len({key.tobytes() for key in keys}) == 100_000


def test_what_dask_workers_import_does_not_import_brian2():
    script = "import sys, brian2learn.runs.executors, brian2learn.runs.children; assert 'brian2' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
