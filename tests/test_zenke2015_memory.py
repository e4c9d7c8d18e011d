"""The figure of the memory network: what is measured, by hand; what the untrained control is."""

from __future__ import annotations

import numpy as np
import pytest

from brian2learn.figures import zenke2015_memory as figure
from brian2learn.runs.record import Record, Spikes

N = 8  # cells; 0 and 1 answer shape 0, 2 and 3 shape 1
SHOWN = [(0, 0, 0.0, 1.0), (1, 0, 2.0, 3.0), (0, 0, 4.0, 5.0), (1, 0, 6.0, 7.0), (0, 2, 10.0, 10.2), (1, 2, 14.0, 14.2)]


def train(cells, start, stop, rate=20.0):
    t = np.arange(start, stop, 1 / rate)
    return [(each, k) for each in t for k in cells]


def run_of(spikes, shown=SHOWN, duration=18.0):
    """A run with these spikes (time, cell) and these presentations (shape, phase, from, to)."""
    spikes = sorted(spikes)
    shape, phase, start, stop = (np.array(each) for each in zip(*shown, strict=True))
    info = {
        "duration": duration,
        "experiment": {
            "circuit": {"n_excitatory": N},
            "task": {"first": {"si": 0.0}, "learning": {"si": 4.0}, "rest": {"si": 4.0}},
        },
    }
    truth = {"shape": shape.astype(int), "phase": phase.astype(int), "t_start": start, "t_stop": stop}
    cells = Spikes(np.array([t for t, _ in spikes]), np.array([k for _, k in spikes], np.int32))
    return Record("0" * 64, info, {"excitatory": cells}, {}, {}, truth)


WHOLE_SHAPES = train((0, 1), 4, 5) + train((2, 3), 6, 7)
CUES = train((0, 1), 10, 10.2) + train((2, 3), 14, 14.2)
AFTER = train((0, 1), 10.7, 12.7)  # the assembly of shape 0 only
TRAINED = run_of(WHOLE_SHAPES + CUES + AFTER)
ONLY_CUES = SHOWN[4:]


def measured(name, whole, **others):
    (claim,) = (each for each in figure.Zenke2015Memory.claims if each.name == name)
    return claim.measure({figure.WHOLE: [whole], **others}).value


def test_assemblies_are_those_of_the_later_presentations():
    found = figure.members(TRAINED)
    assert [np.flatnonzero(each).tolist() for each in found] == [[0, 1], [2, 3], [], []]


def test_cues_recall_and_outlast():
    shown = TRAINED, figure.cues(TRAINED), figure.members(TRAINED)
    assert figure.during(*shown).recalled.tolist() == [True, True]
    assert figure.after(*shown).recalled.tolist() == [True, False]
    assert measured("recall", TRAINED) == 1
    assert measured("delay_activity", TRAINED) == 0.5


def test_rare_shapes_outlast():
    """Of those in the second half of phase 1, the one that nothing follows too early."""
    shown = [*SHOWN[:2], (1, 1, 4.0, 4.1), (1, 1, 6.0, 7.0), (0, 1, 7.1, 7.4), *SHOWN[4:]]
    record = run_of(train((0, 1), 0, 1) + train((2, 3), 2, 3) + train((2, 3), 6, 7) + train((0, 1), 7.1, 9.8), shown)
    assert figure.after(record, figure.rare_shapes(record), figure.members(record)).recalled.tolist() == [True]
    assert measured("delay_activity_after_shapes", record) == 1
    silent = run_of(train((2, 3), 6, 7) + train((0, 1), 7.1, 7.4), shown)
    assert measured("delay_activity_after_shapes", silent) == 0
    ablated = {name: [record if name == "no consolidation" else silent] for name in figure.WITHOUT}
    assert measured("ablations", record, **ablated) == pytest.approx(5 / 6)


@pytest.mark.parametrize(("after", "owed"), [(AFTER, 0.0), ([], 0.5), (AFTER + train((2, 3), 14.7, 16.7), -0.5)])
def test_what_delay_activity_owes_to_training(after, owed):
    """An untrained network whose same cells stay on too owes nothing to training."""
    untrained = run_of(CUES + after, ONLY_CUES)
    assert not figure.members(untrained).any()  # of its own it has no assemblies
    assert measured("delay_activity_is_learned", TRAINED, **{figure.UNTRAINED: [untrained]}) == pytest.approx(owed)


@pytest.mark.parametrize("size", ["shortened", "full"])
def test_the_untrained_network_is_the_same_but_sees_cues_only(size):
    experiments = figure.Zenke2015Memory(size=size).experiments()
    trained, untrained = experiments[figure.WHOLE], experiments[figure.UNTRAINED]
    assert untrained.circuit == trained.circuit
    assert untrained.task == trained.task.replace(first=trained.task.learning + trained.task.rest)
    first = [task._shown(np.random.default_rng(0))[0] for task in (trained.task, untrained.task)]
    assert [phase for _, phase, *_ in first] == [0, 2]
    assert (trained.circuit.n_excitatory, trained.task.duration) == (
        (1024, 720) if size == "shortened" else (4096, 2 * 3600 + 172_800)
    )


def test_the_untrained_network_is_looked_at_in_the_cells_that_training_recruits():
    untrained = run_of(CUES + AFTER, ONLY_CUES)
    records = {figure.WHOLE: [TRAINED], figure.UNTRAINED: [untrained], **{name: [TRAINED] for name in figure.WITHOUT}}
    data = figure.Zenke2015Memory().data(records)
    table = data["summary"].set_index(figure.WHAT)
    columns = ["shapes with an assembly (1)", "recalled (1)", "outlasted (1)"]
    assert table.loc[figure.WHOLE, columns].tolist() == [2, 1, 0.5]
    assert table.loc[figure.UNTRAINED, columns].tolist() == [0, 1, 0.5]
    rates = data["rates"].groupby([figure.WHAT, figure.SHAPE])[figure.RATE].max()
    assert rates[figure.UNTRAINED, "square"] > 10
    assert rates[figure.UNTRAINED, "triangle"] == 0
