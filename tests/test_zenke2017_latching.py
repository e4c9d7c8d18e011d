"""The latching network and its figure: how assemblies begin, what is measured, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Hz, ms, prefs, second

from brian2learn.circuits.latching_network import LatchingNetwork
from brian2learn.figures import zenke2017_latching as figure
from brian2learn.figures._zenke2015 import HEBB, UP
from brian2learn.plasticity.consolidation import Consolidation
from brian2learn.plasticity.heterosynaptic import Heterosynaptic
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record, Spikes
from brian2learn.runs.simulate import simulate
from brian2learn.tasks.shape_memory import ShapeMemory

SMALL = LatchingNetwork(
    n_excitatory=16, n_inhibitory=4, side=8, radius=2.0, p=1.0, n_assemblies=4, keep="weights", w_field=3.0,
    ceiling=1e4 * Hz,
)  # fmt: skip
TASK = ShapeMemory(side=8, first=1 * second, learning=0.2 * second, rest=0 * second, recall=0 * second)


@pytest.fixture(scope="module")
def record():
    before = prefs.codegen.target
    prefs.codegen.target = "numpy"
    yield simulate(Experiment(TASK, SMALL, dt=0.1 * ms), 0, mode="runtime")
    prefs.codegen.target = before


def test_every_pair_of_cells_is_joined_once_and_assemblies_by_their_own_projection(record):
    own = SMALL.assemblies.argmax(0)
    assert np.bincount(own).tolist() == [4, 4, 4, 4]
    pairs = {}
    for name in ("within", "e_to_e"):
        i, j = record.final[f"{name}.i"], record.final[f"{name}.j"]
        assert np.all((own[i] == own[j]) == (name == "within"))
        pairs |= dict.fromkeys(zip(i.tolist(), j.tolist(), strict=True))
    assert len(pairs) == 16 * 15
    assert all(i != j for i, j in pairs)


def test_weights_follow_the_twin_from_consolidated_references(record):
    """Both projections share the traces of the cells; each synapse begins with a reference equal to its weight."""
    spikes, checked = record.spikes["excitatory"], 0
    trains = [spikes.t[spikes.i == k] for k in range(16)]
    for name, start in (("within", 0.5), ("e_to_e", 0.1)):
        first = {"w_ref_start": start}
        rule = Heterosynaptic(**first) + HEBB + UP + Consolidation(**first)
        for i, j, w in list(zip(*(record.final[f"{name}.{each}"] for each in "ijw"), strict=True))[::5]:
            arrivals = np.round(trains[i] / 1e-4).astype(int) + 8
            pre, post = arrivals[arrivals < 2000] * 1e-4, np.round(trains[j] / 1e-4).astype(int) * 1e-4
            wanted = rule.reference(pre, post, start, t_stop=0.2)
            assert w == pytest.approx(wanted, rel=1e-9)
            checked += abs(w - start) > 1e-6
    assert checked > 20


def test_sizes():
    shortened, full = (figure.Zenke2017Latching(size=size).experiments() for size in ("shortened", "full"))
    for name in shortened:
        small, large = shortened[name].circuit, full[name].circuit
        assert (small.n_excitatory, large.n_excitatory) == (1024, 4096)
        assert small.n_excitatory * small.p == large.n_excitatory * large.p
        assert shortened[name].task.duration == (100 if name == figure.SETTLED else 700)
    assert isinstance(LatchingNetwork.shrunk(4), LatchingNetwork)


def test_the_settling_run_is_the_beginning_of_the_whole_one():
    """Else its weights would not be those from which drift is counted: same input, same draws."""
    experiments = figure.Zenke2017Latching().experiments()
    settling, whole = experiments[figure.SETTLED], experiments[figure.WHOLE]
    assert settling.circuit == whole.circuit
    begin = next(iter(settling.task.draw(np.random.default_rng(0)).spikes["afferents"].make()))
    same = next(iter(whole.task.draw(np.random.default_rng(0)).spikes["afferents"].make()))
    np.testing.assert_array_equal(begin.times, same.times)
    np.testing.assert_array_equal(begin.indices, same.indices)


# ---------------------------------------------------------------------- the measures, by hand


def run_of(rates, *, w=0.5, n=8):
    """A run in which assembly k fires at rates[t, k] Hz in second t."""
    t, cells = [], []
    for second_, row in enumerate(np.asarray(rates, int)):
        for k, rate in enumerate(row):
            n_spikes = rate * n // 4
            t += list(second_ + np.arange(n_spikes) / max(n_spikes, 1))
            cells += [k * n // 4] * n_spikes
    order = np.argsort(t, kind="stable")
    info = {"duration": float(len(rates)), "experiment": {"circuit": {"n_excitatory": n, "n_assemblies": 4}}}
    spikes = Spikes(np.array(t)[order], np.array(cells, np.int32)[order])
    return Record("0" * 64, info, {"excitatory": spikes}, {}, {"within.w": np.full(3, w)}, {})


ONE, TWO = [20, 1, 1, 1], [1, 20, 1, 1]
TURNS = run_of([ONE, ONE, TWO, TWO, TWO, ONE, [20, 20, 1, 1], [1, 1, 1, 1], ONE, [1, 1, 1, 20]], w=0.54)
SETTLED = run_of([ONE, ONE], w=0.5)


def measured(name, **runs):
    (claim,) = (each for each in figure.Zenke2017Latching.claims if each.name == name)
    return claim.measure(
        {figure.SETTLED: [SETTLED], **{getattr(figure, key): [run] for key, run in runs.items()}}
    ).value


def test_turns_after_the_network_has_settled():
    np.testing.assert_allclose(figure.assembly_rates(TURNS)[2], TWO)
    assert measured("one_at_a_time", WHOLE=TURNS) == pytest.approx(6 / 8)
    assert measured("all_visited", WHOLE=TURNS) == 3
    assert measured("dwell_time", WHOLE=TURNS) == pytest.approx(4)  # the first stay and the last are cut


def test_drift_of_the_mean_weight():
    assert measured("fixed_point", WHOLE=TURNS) == pytest.approx(0.08)


@pytest.mark.parametrize(("rates", "share"), [([ONE] * 5, 0), ([ONE, ONE, [0] * 4, [0] * 4], 1), ([[0] * 4] * 3, 1)])
def test_what_is_destroyed_is_silent_in_the_end(rates, share):
    (claim,) = (each for each in figure.Zenke2017Latching.claims if each.name == "heterosynaptic_needed")
    assert claim.measure({figure.DESTROYED[0]: [run_of(rates)]}).value == share
