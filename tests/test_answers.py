"""Exclusive or and pictures: what the tasks show, what counts as an error, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from brian2 import Hz, Network, NeuronGroup, SpikeGeneratorGroup, StateMonitor, ms, prefs, second

from brian2learn.analysis.van_rossum import refractory_floor, van_rossum_cost
from brian2learn.core.errors import AssemblyError, DeclarationError
from brian2learn.figures._zenke2018 import refractory_targets
from brian2learn.figures.zenke2018_fig5 import wrong
from brian2learn.plasticity import SuperSpike
from brian2learn.tasks.picture_target import PictureTarget, darkness, read_picture, written
from brian2learn.tasks.spiking_xor import SpikingXOR


@pytest.fixture(autouse=True)
def _numpy():
    before = prefs.codegen.target
    prefs.codegen.target = "numpy"
    yield
    prefs.codegen.target = before


def learning(n, more=""):
    cells = "du/dt = (I - u)/(10*ms) : 1\ndI/dt = -I/(5*ms) : 1\nat : second (constant)"
    found = SuperSpike().on(cells, threshold="u > 1", on_pre="I_post += w", refractory=False)
    group = NeuronGroup(n, found.equations + more, threshold="abs(t - at) < 0.05*ms", method="exponential_euler",
                        namespace={})  # fmt: skip
    found.attach(group)
    return found, group


def test_errors_by_answers():
    """Answers in time cost nothing; silence costs when its time ends, any other spike when it comes."""
    found, cells = learning(6, "may_answer : 1\nanswered : 1\n")
    # in time; never; too early; too late; when the time ends, where two errors cancel; when it begins
    cells.at = [12, 99, 5, 25, 20, 10] * ms
    target = SpikeGeneratorGroup(6, [0, 1, 2, 3, 4, 5] * 2, np.repeat([10, 20], 6) * ms)
    monitor = StateMonitor(cells, "super_spike_raw", record=True, when="after_synapses")
    Network(target, cells, *found.teach_answers(target, cells), monitor).run(40 * ms, namespace={})
    events = [[(round(t * 1e4), e) for t, e in zip(monitor.t_, each, strict=True) if e]
              for each in monitor.super_spike_raw]  # fmt: skip
    assert events == [[], [(200, 1)], [(50, -1), (200, 1)], [(200, 1), (250, -1)], [], []]


def test_feedback_of_the_wrong_shape_is_refused():
    found, cells = learning(3)
    _, outputs = learning(2)
    target = SpikeGeneratorGroup(2, [0], [1] * ms)
    wires = found.feedback(target, outputs, cells, weights=[[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(wires[0].b, [1, 2, 3, 4, 5, 6])
    with pytest.raises(AssemblyError, match=r"weights \(feedback\): expected an array of 2 outputs by 3 cells, got"):
        found.feedback(target, outputs, cells, weights=np.ones((3, 2)))


def test_exclusive_or():
    task = SpikingXOR(n_patterns=400, rate=4 * Hz)
    stimulus = task.draw(np.random.default_rng(0))
    truth, inputs = stimulus.truth, stimulus.spikes["inputs"]
    np.testing.assert_array_equal(truth["label"], truth["first"] != truth["second"])
    group = inputs.indices * 3 // 100
    for k, (onset, until) in enumerate(zip(truth["onset"], truth["answer_until"], strict=True)):
        here = (inputs.times >= onset) & (inputs.times < until)
        shown = {0} | ({1} if truth["first"][k] else set()) | ({2} if truth["second"][k] else set())
        assert set(group[here]) == shown
        assert inputs.times[here].max() < onset + 10e-3
        assert np.unique(inputs.indices[here]).size == here.sum() == sum((34, 33, 33)[g] for g in shown)
    pauses = truth["onset"][1:] - truth["answer_until"][:-1]
    assert 0.09 < pauses.min() < pauses.max() < 0.33
    between = inputs.times.size - sum(
        np.sum((inputs.times >= a) & (inputs.times < b))
        for a, b in zip(truth["onset"], truth["answer_until"], strict=True)
    )
    expected = 4 * 100 * (task.duration - 400 * 25e-3)
    assert abs(between - expected) < 4 * np.sqrt(expected)
    np.testing.assert_array_equal(stimulus.spikes["targets"].indices[::2], truth["label"])
    assert np.all(np.bincount(2 * truth["first"] + truth["second"]) > 60)


def test_wrong_answers():
    class Spikes:
        t, i = np.array([0.105, 0.205, 0.206, 0.35]), np.array([1, 1, 0, 0])

    class Record:
        spikes = {"output": Spikes}
        truth = {"onset": np.array([0.1, 0.2, 0.3]), "answer_until": np.array([0.125, 0.225, 0.325]),
                 "label": np.array([1, 1, 0])}  # fmt: skip

    np.testing.assert_array_equal(wrong(Record), [False, True, True])  # right; both; too late


def test_a_picture_becomes_spikes(tmp_path):
    """A gradient from white to black, upper half black: rates follow, top rows are the last outputs."""
    from PIL import Image

    levels = np.tile(np.linspace(255, 0, 40).astype(np.uint8), (8, 1))
    levels[:4] = 0
    Image.fromarray(np.repeat(np.repeat(levels, 3, 0), 2, 1)).save(tmp_path / "gradient.png")
    text = read_picture(tmp_path / "gradient.png", 8, 40)
    np.testing.assert_allclose(darkness(text), 1 - levels / 255, atol=0.01)
    task = PictureTarget(picture=text, period=1 * second, rate=100 * Hz, n_loops=2)
    targets = task.draw(np.random.default_rng(0)).spikes["targets"]
    counts = np.bincount(targets.indices, minlength=8)
    np.testing.assert_array_equal(counts, [50] * 4 + [100] * 4)
    lower = targets.times[targets.indices < 4]
    assert np.mean(lower > 0.5) == pytest.approx(0.75, abs=0.02)  # of a ramp
    for k in range(8):
        assert np.diff(targets.times[targets.indices == k]).min() > 10e-3 - 1e-9
    np.testing.assert_allclose(darkness(written(np.eye(3))), np.eye(3))


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "notes.png").write_text("no picture")
    with pytest.raises(DeclarationError, match=r"read_picture\.notes\.png: expected a picture"):
        read_picture(tmp_path / "notes.png", 3, 4)
    with pytest.raises(DeclarationError, match=r"no\.png: expected a picture, got .*No such file"):
        read_picture(tmp_path / "no.png", 3, 4)
    for bad in ("3x4:!!", "3x4:AAAA", 7, "3by4"):
        with pytest.raises(DeclarationError, match=r"PictureTarget\.picture .*read_picture"):
            PictureTarget(picture=bad)


def test_targets_a_cell_cannot_fire():
    """Exact counts; a target put off by 1 ms costs less than one left out, put off by 50 ms it costs more."""
    assert refractory_floor([0.1, 0.2, 0.3], 0.5, 5e-3) == (0, 0.0)
    assert refractory_floor([0.1, 0.105], 0.5, 5e-3) == (0, 0.0)
    n, cost = refractory_floor([0.1, 0.104, 0.2], 0.5, 5e-3)
    assert n == 1
    np.testing.assert_allclose(cost, van_rossum_cost([0.1, 0.105, 0.2], [0.1, 0.104, 0.2], 0.5))
    assert 0 < cost < van_rossum_cost([0.1, 0.2], [0.1, 0.104, 0.2], 0.5)
    n, cost = refractory_floor([0.1, 0.1, 0.1], 0.5, 50e-3)  # 50 and 100 ms late: better not at all
    assert n == 2
    np.testing.assert_allclose(cost, van_rossum_cost([0.1], [0.1, 0.1, 0.1], 0.5))


def test_targets_that_a_refractory_cell_cannot_fire_are_counted_with_their_cost():
    """Two outputs: one asked to fire twice within its refractory period of 5 ms, one that can fire all."""
    record = SimpleNamespace(
        truth={
            "target_neurons": np.array([0, 0, 1]), "target_times": np.array([0.1, 0.102, 0.3]),
            "period": np.array([0.5]),
        },
        info={
            "dt": 1e-4,
            "experiment": {
                "circuit": {"cell": {"tau_ref": {"si": 5e-3}}}, "task": {"picture": written(np.zeros((2, 4)))},
            },
        },
    )  # fmt: skip
    n_targets, n_refractory, cost = refractory_targets(record)
    assert (n_targets, n_refractory) == (3, 1)
    late = van_rossum_cost([0.1, 0.105], [0.1, 0.102], 0.5)
    assert cost == pytest.approx(0.12 * late / 2, rel=1e-9)
    assert cost < 0.12 * van_rossum_cost([0.1], [0.1, 0.102], 0.5) / 2
