"""Circuits on the page, without a browser: scenes, what makes another program, runs in processes, pictures."""

from __future__ import annotations

import random
import threading
import time

import numpy as np
import pytest
from brian2 import Hz, ms, second
from test_explore import printed

from brian2learn.circuits import Detector, EINetwork
from brian2learn.core.declaration import Choice, Param, Size, plain
from brian2learn.core.errors import Brian2LearnError
from brian2learn.explore import live
from brian2learn.explore.activity import Activity
from brian2learn.explore.circuit_page import CircuitExplorer
from brian2learn.explore.fitting import CELLS, LONGEST, MOST_CELLS, fits, fitting, n_cells
from brian2learn.explore.scene import Scene, kinds, needs_program, opened, read_scene, watchable
from brian2learn.explore.settings import fields_of, values_of
from brian2learn.plasticity import PairSTDP
from brian2learn.runs import simulate as simulating
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.program import structure_key
from brian2learn.runs.simulate import simulate
from brian2learn.tasks import RateSteps

NAMES = list(watchable().values())
SMALL = (
    "show=detector&task=rate_steps&n_cells=2&task.n_afferents=50&task.hold=0.2&cell.theta=3&w_spread=0.1"
    "&view.weights=10+ms&view.rate_bin=0.01"
)


@pytest.fixture
def fresh_lists():
    def forget():
        for each in (watchable, kinds, opened):
            each.cache_clear()
        fitting.__globals__["_fitting"].cache_clear()

    forget()
    yield
    forget()


# ---------------------------------------------------------------------- scenes


def test_there_are_circuits():
    assert {"detector", "ei_network", "plastic_balanced_network", "spiking_layers", "recurrent_readout"} <= {*NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_circuit_is_opened_at_a_size_that_can_be_watched(name):
    scene = opened(name)
    assert fits(scene.shown, scene.task)
    assert scene.task.duration <= LONGEST
    assert n_cells(scene.shown) <= CELLS or scene.shown.input_sizes  # those sizes are given by the task
    assert read_scene(scene.address) == scene
    for task in fitting(scene.shown).values():
        other = scene.change({"task": task})
        assert read_scene(other.address) == other


def test_a_smaller_network_keeps_its_inputs_per_cell():
    few, many = opened("ei_network").shown, EINetwork()
    assert few.n_excitatory * few.p == many.n_excitatory * many.p
    assert few.learned  # a network without learned states is opened with the choice that has some


def test_an_address_holds_parts_parts_of_parts_and_values():
    scene = opened("detector").change(
        {"cell": "instant_lif", "rule": "triplet_stdp,heterosynaptic", "rule.beta": 0.5, "n_cells": 3, "view.seed": 7}
    )  # fmt: skip
    assert read_scene(scene.address) == scene
    assert [type(term).__name__ for term in scene.shown.rule.terms] == ["TripletSTDP", "Heterosynaptic"]
    scene = opened("spiking_layers").change({"task": "spiking_xor", "rule.surrogate": "triangle"})
    scene = scene.change({"rule.surrogate.width": 0.25})
    assert read_scene(scene.address) == scene
    assert type(scene.task).__name__ == "SpikingXOR"


@pytest.mark.parametrize(
    "query",
    [
        "show=detector&n_cells=1000000000", "show=detector&n_cells=10000&task.n_afferents=10000",
        "show=ei_network&task.length=1e6", "show=ei_network&task.length=600", "show=ei_network&n_excitatory=19000&p=1",
        "show=detector&rule=__import__", "show=detector&rule=hidden_pattern", "show=detector&task=silence",
        "show=detector&rule.a_plus=nan", "show=detector&rule.a_plus=1e9", "show=detector&view.dt=2+ms",
        "show=detector&cell.nothing=1", "show=detector&rule.a_plus.x=1", "show=detector&rule=pair_stdp,pair_stdp",
        "show=pair_stdp", "show=srm0", "show=detector&view.weights=10+ms&task.period=200",
        "show=rate_unit&n_units=20000&n_inputs=20000&n_patterns=20000", "show=detector&" + "x" * 9000,
    ],
)  # fmt: skip
def test_what_is_too_much_or_not_declared_is_refused(query):
    with pytest.raises(Brian2LearnError):
        read_scene(query)


def test_nonsense_is_refused_and_nothing_else_happens():
    rng = random.Random(0)
    words = ["show", "task", "rule", "rule.a_plus", "cell", "view.seed", "n_cells", "..", "task.", "view", ""]
    values = ["detector", "ei_network", "1", "-1", "1e400", "nan", "pair_stdp", "hidden_pattern", "%00", "__class__"]
    for _ in range(300):
        parts = [f"{rng.choice(words)}={rng.choice(values)}" for _ in range(rng.randrange(1, 5))]
        try:
            scene = read_scene("&".join(parts))
        except Brian2LearnError:
            continue
        assert n_cells(scene.shown) <= MOST_CELLS


@pytest.mark.parametrize("name", NAMES)
def test_what_makes_another_program_is_marked(name):
    """A value is marked if and only if the program has another name with another value."""
    scene = opened(name)
    key, n_tried = structure_key(scene.experiment), 0
    for group in scene.groups:
        for field in fields_of(group.declaration).values():
            value, path = values_of(group.declaration)[field.name], f"{group.path}{field.name}"
            if isinstance(field, Choice):
                others = [option for option in field.options if option != value]
            elif isinstance(field, Size):
                others = [value + 1, value - 1]
            else:
                others = [plain(value) * 0.9, plain(value) * 1.1, plain(value) + 0.1]
            for other in others:
                try:
                    changed = scene.change({path: other})
                    same = structure_key(changed.experiment) == key
                except Brian2LearnError:
                    continue
                if changed == scene:
                    continue
                assert needs_program(group, field) or same, path
                if same and isinstance(field, Param):
                    assert not needs_program(group, field), path
                n_tried += 1
                break
    assert n_tried > 3


OWN = {
    "circuits/echo.py": '''
from brian2 import NeuronGroup, Synapses, ms

from brian2learn.circuits._circuit import Circuit
from brian2learn.core.declaration import Param, Size


class Echo(Circuit):
    """Every cell fires when its input has fired."""

    inputs = ("echoed",)
    outputs = ("cells",)
    n_cells = Size(3, "cells", low=1, high=100)
    strength = Param(2.0, "step at a spike", low=0, high=10)

    def build(self, sources):
        cells = NeuronGroup(self.n_cells, "v : 1", threshold="v > 1", reset="v = 0", namespace={}, name="cells")
        model = "strength : 1 (shared, constant)"
        to = Synapses(sources["echoed"], cells, model, on_pre="v_post += strength", namespace={}, name="to")
        to.connect("i == j")
        to.strength = self.strength
        return {"cells": cells, "to": to}

    @property
    def settings(self):
        return {"to.strength": self.strength}
''',
    "circuits/leak.py": '''
from brian2 import NeuronGroup, Synapses, ms

from brian2learn.circuits._circuit import Circuit
from brian2learn.core.declaration import Size


class Leak(Circuit):
    """Every cell is lifted by 1 when its input has fired, and forgets. It names neither spikes nor learned states."""

    inputs = ("echoed",)
    n_cells = Size(3, "cells", low=1, high=100)

    def build(self, sources):
        cells = NeuronGroup(self.n_cells, "du/dt = -u/(20*ms) : 1\\nv = 2*u : 1", method="exact", namespace={"ms": ms},
                            name="cells")
        to = Synapses(sources["echoed"], cells, on_pre="u_post += 1", namespace={}, name="to")
        to.connect("i == j")
        return {"cells": cells, "to": to}

    settings = property(lambda self: {})
''',
    "circuits/dull.py": '''
from brian2 import NeuronGroup

from brian2learn.circuits._circuit import Circuit


class Dull(Circuit):
    """Nothing happens in it."""

    inputs = ("echoed",)

    def build(self, sources):
        return {"cells": NeuronGroup(3, "u : 1", namespace={}, name="cells")}

    settings = property(lambda self: {})
''',
    "circuits/broken.py": '''
from brian2learn.circuits._circuit import Circuit


class Broken(Circuit):
    """It cannot be built."""

    inputs = ("echoed",)

    def build(self, sources):
        raise KeyError("nowhere")
''',
    "tasks/shout.py": '''
import numpy as np
from brian2 import second

from brian2learn.core.declaration import Param
from brian2learn.tasks._task import SpikeTrains, Stimulus, Task


class Shout(Task):
    """Three neurons fire one after the other."""

    drives = ("echoed",)
    length = Param(0.1 * second, "how long the run is", low=0.01 * second, high=10 * second)
    sizes = property(lambda self: {"echoed": 3})
    duration = property(lambda self: float(self.length))

    def draw(self, rng):
        trains = SpikeTrains(np.arange(3, dtype=np.int32), np.array([0.01, 0.02, 0.03]), 3)
        return Stimulus({"echoed": trains}, self.duration, self.duration, {})
''',
}


@pytest.fixture
def own(tmp_path, monkeypatch, fresh_lists):
    for name, text in OWN.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.setenv("BRIAN2LEARN_PATH", str(tmp_path))


def test_a_new_circuit_and_its_task_appear(own):
    assert watchable()["Echo"] == "echo"
    scene = opened("echo").change({"strength": 1.5})
    assert type(scene.task).__name__ == "Shout"
    assert read_scene(scene.address) == scene
    assert scene.view.python(scene).count("load(") == 2
    record = simulate(scene.experiment, mode="runtime")
    np.testing.assert_array_equal(record.spikes["cells"].i, [0, 1, 2])


def test_a_circuit_whose_only_product_is_a_state_appears(own, monkeypatch):
    """What its differential equations move is recorded and drawn; of one that moves nothing it is said."""
    assert watchable()["Leak"] == "leak"
    with pytest.raises(Brian2LearnError, match="expected spikes, learned states or differential equations"):
        opened("dull")
    with pytest.raises(Brian2LearnError, match="expected a circuit that can be built, got KeyError: 'nowhere'"):
        opened("broken")
    scene = opened("leak")
    assert {*scene.experiment.record} == {"cells.u"}
    assert read_scene(scene.address) == scene
    record = simulate(scene.experiment, mode="runtime")
    (picture,) = scene.view.pictures(record, scene.units)
    assert (picture.name, picture.y) == ("course_cells.u", "cells.u (1)")
    (mean,) = (each for each in picture.curves if each.name == "mean")
    fired = np.array([0.01, 0.02, 0.03])
    since = mean.x[:, None] - fired
    np.testing.assert_allclose(mean.y, np.where(since > 1e-6, np.exp(-since / 0.02), 0).mean(1), atol=0.01)
    monkeypatch.setattr(live, "pool", Idle)
    page = CircuitExplorer(scene)
    page._hear(page.job, live.DONE, live.Seen(0.1, 0.1, 0.0, record.spikes, record.states, record.final))
    assert [drawn.figure.name for drawn in page.gallery.drawn] == ["picture:course_cells.u"]


def test_states_of_circuits_without_spikes_are_on_record():
    wanted = {
        "integrators": {"cells.u"}, "rate_populations": {"populations.nubar", "populations.w"},
        "accumulator": {"cells.a"}, "rate_unit": {"plastic.w"},
    }  # fmt: skip
    assert {name: {*opened(name).experiment.record} for name in wanted} == wanted
    assert opened("rate_populations").units == {"populations.nubar": "Hz", "populations.w": "1"}


# ---------------------------------------------------------------------- pictures


@pytest.fixture(scope="module")
def seen():
    """A small run with weights on record."""
    scene = read_scene(SMALL)
    return scene, simulate(scene.experiment, seed=3)


def test_pictures_show_what_was_recorded(seen):
    scene, record = seen
    pictures = {each.name: each for each in scene.view.pictures(record)}
    assert {*pictures} == {"raster_cells", "rates", "course_plastic.w", "end_plastic.w"}
    spikes = record.spikes["cells"]
    assert spikes.t.size > 10
    (raster,) = pictures["raster_cells"].curves
    np.testing.assert_array_equal(raster.x, spikes.t)
    np.testing.assert_array_equal(raster.y, spikes.i)
    (rate,) = pictures["rates"].curves
    width = float(scene.view.rate_bin)
    assert rate.y.sum() * width * 2 == pytest.approx(spikes.t.size)
    k = 7
    inside = (spikes.t >= k * width - 1e-9) & (spikes.t < (k + 1) * width - 1e-9)
    assert rate.y[k] * width * 2 == pytest.approx(inside.sum())
    weights = record.states["plastic.w"].values
    _, mean, _ = pictures["course_plastic.w"].curves
    np.testing.assert_allclose(mean.y, weights.mean(1))
    first, now = pictures["end_plastic.w"].curves
    assert first.y[1::2].sum() == now.y[1::2].sum() == 100
    assert np.ptp(record.final["plastic.w"]) > 0


def test_of_very_many_spikes_some_cells_are_drawn():
    n = 500_000
    rng = np.random.default_rng(0)
    spikes = {"cells": simulating.Spikes(np.sort(rng.random(n)), rng.integers(0, 1000, n).astype(np.int32))}
    picture = next(iter(Activity().pictures(live.Seen(1.0, 1.0, 0.0, spikes, {}, {}))))
    (raster,) = picture.curves
    assert raster.x.size < 200_000
    assert {*np.unique(raster.y) % 3} == {0}
    assert "one cell in 3" in picture.note


def test_the_script_prints_what_is_shown(seen):
    scene, _ = seen
    record = simulate(scene.experiment, seed=int(scene.view.seed))
    wanted = "".join(f"{picture.table()}\n" for picture in scene.view.pictures(record))
    assert printed(scene.view.python(scene)) == wanted


# ---------------------------------------------------------------------- runs


def test_what_is_seen_on_the_way_is_how_the_record_begins(seen, monkeypatch):
    scene, _ = seen
    experiment = scene.change({"task.hold": 20.0}).experiment
    monkeypatch.setattr(simulating, "SEE", 0.02)
    looks = []
    record = simulate(experiment, see=lambda t, output: looks.append((t, output)))
    plain_record = simulate(experiment)
    assert looks
    assert record.spikes["cells"].t.size > 100
    for t, output in looks:
        spikes, whole = output.spikes["cells"], record.spikes["cells"]
        n = spikes.t.size
        assert n == (whole.t < t - 1e-9).sum()
        np.testing.assert_array_equal(spikes.t, whole.t[:n])
        np.testing.assert_array_equal(spikes.i, whole.i[:n])
        values = output.states["plastic.w"].values
        np.testing.assert_array_equal(values, record.states["plastic.w"].values[: len(values)])
    for name in ("t", "i"):
        np.testing.assert_array_equal(
            getattr(record.spikes["cells"], name), getattr(plain_record.spikes["cells"], name)
        )
    np.testing.assert_array_equal(record.final["plastic.w"], plain_record.final["plastic.w"])


class Idle:
    """A pool that runs nothing."""

    def warm(self, experiment):
        pass

    def submit(self, job):
        return job


@pytest.mark.parametrize("name", ["detector", "latching_network", "recurrent_readout"])
def test_a_page_follows_its_scene(name, monkeypatch):
    monkeypatch.setattr(live, "pool", Idle)
    page = CircuitExplorer(opened(name))
    for card in page.controls[1:]:
        card.collapsed = False
    n_values = sum(len(values_of(group.declaration)) for group in page.setting.groups)
    assert len([path for _, path in page.follow if not path.startswith("=")]) == n_values
    lists = {(False, f"={group.path[:-1]}") for group in page.setting.groups if len(group.options) > 1}
    assert page.follow.keys() >= lists
    first = page.setting
    page.change(False, {"view.seed": 5})
    assert page.job.seed == 5
    before = page.job
    page.change(False, {"view.rate_bin": 0.02})
    assert page.job is before  # nothing to be run anew
    page.change(False, {"view.dt": "1 s"})
    assert "expected one of its options" in page.problem.object
    page.undo()
    page.undo()
    assert page.setting == first
    assert before.ended.is_set()


def test_data_and_picture_are_taken_of_a_whole_run_only(seen, monkeypatch):
    """Not before there is one, not while another setting is being run, and not after that has failed."""
    monkeypatch.setattr(live, "pool", Idle)
    scene, record = seen
    page = CircuitExplorer(scene)
    whole = live.Seen(record.duration, record.duration, 0.0, record.spikes, record.states, record.final)

    def closed():
        return [each.disabled for each in page.files]

    assert closed() == [True, True]
    page._hear(page.job, live.SEEN, whole)
    assert closed() == [True, True]
    page._hear(page.job, live.DONE, whole)
    assert closed() == [False, False]
    assert page._data().getvalue().startswith("# show=detector")
    assert page._paper().getvalue().startswith(b"%PDF")
    page.change(False, {"view.rate_bin": 0.02})
    assert closed() == [False, False]
    page.change(False, {"view.seed": 5})
    assert closed() == [True, True]
    page._hear(page.job, live.FAILED, "no room")
    assert closed() == [True, True]


class Listener:
    def __init__(self):
        self.said, self.ended = [], threading.Event()

    def __call__(self, what, *more):
        self.said.append((what, *more))
        if what in (live.DONE, live.FAILED):
            self.ended.set()

    def last(self):
        assert self.ended.wait(200)
        return self.said[-1]


@pytest.mark.slow
def test_runs_in_processes_of_their_own(seen):
    """Equal to `simulate`; superseded without a word; what fails is told; then the next one runs."""
    scene, record = seen
    pool = live.Pool(1)
    try:
        pool.warm(scene.experiment)
        first = Listener()
        pool.submit(live.Job(scene.experiment, 3, first))
        what, found = first.last()
        assert what == live.DONE
        np.testing.assert_array_equal(found.spikes["cells"].t, record.spikes["cells"].t)
        np.testing.assert_array_equal(found.spikes["cells"].i, record.spikes["cells"].i)
        np.testing.assert_array_equal(found.final["plastic.w"], record.final["plastic.w"])

        never, after = Listener(), Listener()
        job = pool.submit(live.Job(scene.change({"task.hold": 60.0}).experiment, 0, never))
        while not never.said:
            time.sleep(0.01)
        job.end()
        n_said = len(never.said)
        pool.submit(live.Job(scene.experiment, 4, after))
        assert after.last()[0] == live.DONE
        assert len(never.said) <= n_said + 1  # what was being said when it ended

        refused = Listener()
        rule = PairSTDP(pairing="reduced_nearest")
        bad = Experiment(RateSteps(hold=0.20003 * second, n_afferents=50), Detector(rule=rule), dt=0.1 * ms)
        pool.submit(live.Job(bad, 0, refused))
        what, why = refused.last()
        assert what == live.FAILED
        assert "whole number of time steps" in why
        greedy = Listener()
        task = RateSteps(n_afferents=20_000, first_rate=1000 * Hz, last_rate=1000 * Hz, hold=300 * second)
        pool.submit(live.Job(Experiment(task, scene.shown), 0, greedy))
        assert greedy.last()[0] == live.FAILED
        again = Listener()
        pool.submit(live.Job(scene.experiment, 3, again))
        assert again.last()[0] == live.DONE

        late = Listener()
        pool.submit(live.Job(scene.change({"task.hold": 60.0}).experiment, 1, late))
        while not late.said:
            time.sleep(0.01)
    finally:
        began = time.monotonic()
        pool.close()  # a server that is ended does not wait for a run
    assert time.monotonic() - began < 20
    assert late.last()[0] == live.FAILED


def test_a_scene_is_frozen_and_comparable():
    scene = opened("detector")
    assert scene == Scene(scene.shown, scene.task, scene.view)
    assert scene.change({"w_init": 0.5}) != scene
    assert scene.change({"w_init": float(scene.shown.w_init)}) == scene
