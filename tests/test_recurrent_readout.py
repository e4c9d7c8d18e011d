"""The circuit of e-prop: published losses through tasks and runs, feedback, compiled program, signals as spikes."""

from __future__ import annotations

import numpy as np
import pytest
from brian2 import Hz, ms, prefs, second
from test_e_prop import CLASSIFICATION, REGRESSION, single

from brian2learn.circuits.perturbed_readout import PerturbedReadout
from brian2learn.circuits.recurrent_readout import RecurrentReadout
from brian2learn.core.errors import AssemblyError, DeclarationError
from brian2learn.core.fixed_point import N_NEURONS, VALUES, spikes_of
from brian2learn.plasticity import Adam, ConstantRelease, EProp, GradientDescent, TsodyksMarkram
from brian2learn.runs.early_stopping import train
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.simulate import simulate
from brian2learn.runs.store import Store
from brian2learn.tasks._task import SpikeTrains, Stimulus
from brian2learn.tasks.cue_accumulation import CueAccumulation
from brian2learn.tasks.sine_patterns import SinePatterns


@pytest.fixture(autouse=True)
def _numpy():
    before = prefs.codegen.target
    prefs.codegen.target = "numpy"
    yield
    prefs.codegen.target = before


def losses(experiment, mode="runtime", seed=0):
    """Summed over readouts, of every trial."""
    length = float(experiment.circuit.rule.chunk) * 1e3 * ms
    record = simulate(experiment.replace(record={"out.loss": length, "out.score": length}), seed, mode=mode)
    return np.append(record.states["out.loss"].values.sum(axis=1)[1:], record.final["out.loss"].sum()), record


def wired(w_in, w_rec, w_out, b, found):
    """First weights of a circuit in place of its own; matrices are of targets x sources."""
    own = ~np.eye(len(w_rec), dtype=bool)
    return found | {"to_cells.w": w_in.T.ravel(), "recurrent.w": w_rec.T[own], "readout.w": w_out.T.ravel(),
                    "back.b": b.T.ravel()}  # fmt: skip


class PublishedSines(SinePatterns):
    """The published draw."""

    def draw(self, rng):
        weights, x, wanted = published_regression()
        step, neuron = np.nonzero(x)
        told, dates = spikes_of(wanted[:, None], 1e-3)
        return Stimulus(
            spikes={
                "inputs": SpikeTrains(neuron.astype(np.int32), (step - 1) * 1e-3, 100),
                "targets": SpikeTrains(told, dates, N_NEURONS),
            },
            period=1.0, duration=self.duration, truth={},
        )  # fmt: skip


class PublishedNet(RecurrentReadout):
    """The published first weights."""

    def initial(self, sizes, rng):
        return wired(*published_regression()[0], super().initial(sizes, rng))


def published_regression():
    rng = np.random.RandomState(1)
    w_in = single(rng.randn(100, 100).T / np.sqrt(100))
    w_rec = rng.randn(100, 100).T / np.sqrt(100)
    np.fill_diagonal(w_rec, 0)
    w_out = single(rng.randn(100, 1).T / np.sqrt(100))
    b = single(rng.randn(100, 1) / np.sqrt(100))
    x = rng.rand(1000, 100) < 0.05
    x[0] = False
    amplitudes, phases = rng.uniform(0.5, 2, 4), rng.uniform(0, 2 * np.pi, 4)
    wanted = sum(
        amplitude * np.sin(np.linspace(phase, phase + 2 * np.pi * (1000 // period), 1000))
        for amplitude, phase, period in zip(amplitudes, phases, (1000, 500, 333, 200), strict=True)
    )
    wanted -= wanted[0]
    return (w_in, single(w_rec), w_out, b), x, wanted / abs(wanted).max()


def test_published_losses_of_regression():
    found, _ = losses(Experiment(PublishedSines(n_trials=5), PublishedNet(), dt=1 * ms))
    np.testing.assert_allclose(found, REGRESSION, rtol=1e-8)


class PublishedCues(CueAccumulation):
    """The published draw, one trial for every update."""

    def draw(self, rng):
        _, trials, labels = published_classification(self.n_trials)
        trial, step, neuron = np.nonzero(trials)
        begin = 2.25 * np.arange(self.n_trials)
        return Stimulus(
            spikes={
                "inputs": SpikeTrains(neuron.astype(np.int32), (trial * 2250 + step - 1) * 1e-3, 40),
                "targets": SpikeTrains(np.array(labels, np.int32), begin + 2.1, 2),
            },
            period=self.duration, duration=self.duration, truth={},
        )  # fmt: skip


class PublishedEvidenceNet(RecurrentReadout):
    """The published first weights."""

    def initial(self, sizes, rng):
        found = wired(*published_classification(5)[0], super().initial(sizes, rng))
        beta = 1.7 * (1 - np.exp(-1 / 2000)) / (1 - np.exp(-1 / 20))
        return found | {"cells.beta": np.where(np.arange(100) < 50, 0, beta)}


def published_classification(n_trials):
    rng = np.random.RandomState(1)
    w_in = single(rng.randn(40, 100).T / np.sqrt(40))
    w_rec = rng.randn(100, 100).T / np.sqrt(100)
    np.fill_diagonal(w_rec, 0)
    limit = np.sqrt(3 / (102 / 2))
    w_out = single(rng.uniform(-limit, limit, (100, 2)).T)
    b = single(rng.randn(100, 2))
    shares, trials, labels = np.array([0.3, 0.7], np.float32), [], []
    for _ in range(n_trials):
        side = rng.choice([0, 1], 1)[0]
        cues = rng.choice([0, 1], 7, p=(shares[side], shares[1 - side]))
        chance = np.zeros((2250, 40), np.float32)
        for k, cue in enumerate(cues):
            chance[50 + k * 150 : 150 + k * 150, 10 * cue : 10 * cue + 10] = 0.04
        chance[-150:, 20:30] = 0.04
        chance[:, 30:] = 0.01
        spikes = chance > rng.rand(chance.size).reshape(chance.shape)
        spikes[0] = False
        trials.append(spikes)
        labels.append(int(cues.sum() > 3))
    return (w_in, single(w_rec), w_out, b), np.array(trials), labels


@pytest.mark.slow
def test_published_losses_of_classification():
    circuit = PublishedEvidenceNet.preset("evidence").replace(
        rule=EProp(chunk=2250 * ms, tau_out=20 * ms, window=150, optimiser=Adam(r0=5e-3))
    )
    found, _ = losses(Experiment(PublishedCues(n_trials=5), circuit, dt=1 * ms), mode="standalone")
    np.testing.assert_allclose(found / 150, CLASSIFICATION, rtol=1e-8)


# ---------------------------------------------------------------------- parts


def small(**changes):
    rule = EProp(
        form=changes.pop("form", "transposed"), chunk=50 * ms, tau_out=20 * ms, optimiser=Adam(r0=5e-3), batch=2
    )
    circuit = RecurrentReadout(
        rule=rule, n_cells=10, n_adaptive=4, wanted="class", gain="one", tau_m=20 * ms, v_t=0.6, tau_ref=2 * ms,
        tau_a=200 * ms, beta=0.2, **changes,
    )  # fmt: skip
    task = CueAccumulation(
        n_trials=5, n_cues=1, before_cue=0 * ms, cue=20 * ms, silence=10 * ms, recall=20 * ms, cue_rate=200 * Hz,
        noise_rate=50 * Hz,
    )  # fmt: skip
    return Experiment(task, circuit, dt=1 * ms)


@pytest.mark.parametrize("feedback", ["symmetric", "adaptive"])
def test_both_forms_agree(feedback):
    release = [TsodyksMarkram(U=0.2)]
    (one, first), (two, other) = (
        losses(small(form=form, feedback=feedback, release=release)) for form in ("transposed", "reference")
    )
    np.testing.assert_allclose(one, two, rtol=1e-11)
    for name in ("to_cells.w", "recurrent.w", "readout.w"):
        np.testing.assert_allclose(first.final[name], other.final[name], rtol=1e-11, atol=1e-13)
    assert first.spikes["cells"].t.size > 50


@pytest.mark.slow
def test_compiled_program_agrees():
    release = [TsodyksMarkram(U=0.2)]
    (one, first), (two, other) = (
        losses(small(feedback="adaptive", release=release, w_decay=0.01), mode) for mode in ("runtime", "standalone")
    )
    np.testing.assert_allclose(one, two, rtol=1e-10)
    for name in ("to_cells.w", "recurrent.w", "readout.w"):
        np.testing.assert_allclose(first.final[name], other.final[name], rtol=1e-10, atol=1e-12)


def test_trials_do_not_know_of_each_other():
    """With weights that do not change, a trial shown second has the loss it has when shown first."""
    frozen = Adam(r0=0)
    experiment = small(feedback="random", release=[TsodyksMarkram(U=0.2)])
    circuit = experiment.circuit.replace(rule=experiment.circuit.rule.replace(optimiser=frozen))

    class Twice(type(experiment.task)):
        def draw(self, rng):
            stimulus = super().draw(rng)
            keep = {}
            for name, trains in stimulus.spikes.items():
                one = trains.times < self.trial
                keep[name] = SpikeTrains(trains.indices[one], trains.times[one], trains.n)
            return Stimulus(spikes=keep, period=self.trial, duration=self.duration, truth={})

    found, _ = losses(Experiment(Twice(**experiment.task.values), circuit, dt=1 * ms))
    np.testing.assert_allclose(found, found[0], rtol=1e-12)
    assert found[0] > 0


class Again(CueAccumulation):
    """The same trial again and again."""

    def draw(self, rng):
        stimulus, keep = super().draw(rng), {}
        for name, trains in stimulus.spikes.items():
            one = trains.times < self.trial
            keep[name] = SpikeTrains(trains.indices[one], trains.times[one], trains.n)
        return Stimulus(spikes=keep, period=self.trial, duration=self.duration, truth={})


@pytest.mark.slow
def test_a_compiled_program_begins_every_trial_at_rest_however_late():
    """After 64 s a multiple of 1.65 s and one of 2 ms differ by more than what Brian2 takes for the same time."""
    task = Again(n_trials=70, n_cues=1, before_cue=300 * ms, cue=100 * ms, silence=800 * ms, recall=450 * ms)
    first = small(feedback="random", g_in=3, g_rec=3, release=[TsodyksMarkram(U=0.2)])
    rule = first.circuit.rule.replace(chunk=1.65 * second, optimiser=Adam(r0=0))
    found, record = losses(Experiment(task, first.circuit.replace(rule=rule), dt=2 * ms), mode="standalone")
    trial, step = np.divmod(np.rint(record.spikes["cells"].t / 2e-3).astype(int), 825)
    trains = [sorted(zip(step[trial == k], record.spikes["cells"].i[trial == k], strict=True)) for k in range(70)]
    assert len(trains[0]) > 50
    assert all(each == trains[0] for each in trains)
    np.testing.assert_allclose(found, found[0], rtol=1e-5)


def test_uniform_feedback_of_two_classes_is_none():
    """The two errors of a softmax add up to zero: only readouts learn."""
    experiment = small(feedback="uniform", g_in=3)
    rule = experiment.circuit.rule.replace(c_reg=0)
    before = experiment.circuit.initial(experiment.task.sizes, np.random.default_rng(
        np.random.SeedSequence(0).spawn(3)[1]))  # fmt: skip
    _, record = losses(experiment.replace(circuit=experiment.circuit.replace(rule=rule.replace(optimiser=
        rule.optimiser.replace(offset=1e-3)))))  # fmt: skip
    np.testing.assert_allclose(record.final["to_cells.w"], before["to_cells.w"], atol=1e-10)
    assert abs(record.final["readout.w"] - before["readout.w"]).max() > 1e-6


@pytest.mark.slow
def test_rates_of_the_batch_before_and_a_learning_rate_that_falls():
    """Without feedback only the regulariser acts: on the second batch of two trials, by the rates of the first."""
    experiment = small(feedback="random", g_feedback=0, g_in=3)
    rule = experiment.circuit.rule.replace(
        optimiser=GradientDescent(r0=1e-3, fall="exponential", decay=0.5, decay_at=100 * ms),
        rates="batch", c_reg=1e3, f_target=50 * Hz,
    )  # fmt: skip
    names = ("to_cells.w", "to_cells.gradient", "cells.e_prop_fired", "cells.e_prop_direct")
    watched = Experiment(
        experiment.task, experiment.circuit.replace(rule=rule), dt=1 * ms, record=dict.fromkeys(names, rule.chunk)
    )
    w, gradient, fired, direct = (simulate(watched, 0, mode="runtime").states[name].values for name in names)
    assert fired[2].sum() > 10
    np.testing.assert_array_equal(direct[:3], 0)
    np.testing.assert_allclose(direct[3:], [-1e3 * (fired[2] / 100 - 0.05) / 50] * 2, rtol=1e-12)
    np.testing.assert_array_equal(w[:4], [w[0]] * 4)
    np.testing.assert_allclose(w[4] - w[3], 1e-3 * 0.25 * gradient[4] / 2, rtol=1e-9)
    assert abs(gradient[4]).max() > 0


def test_what_was_learned_is_tested_by_a_run_after(tmp_path):
    """A run begins with the weights that the one before, of the same seed, ended with, on trials of its own."""
    first = small(feedback="symmetric")
    frozen = first.circuit.replace(rule=first.circuit.rule.replace(optimiser=Adam(r0=0)), watched="nothing")
    then = first.replace(circuit=frozen, after=first)
    store = Store(tmp_path)
    record = simulate(then, 1, store=store, mode="runtime")
    assert first.key(1) in store
    before = store.read(first.key(1))
    for name in ("to_cells.w", "recurrent.w", "readout.w"):
        np.testing.assert_array_equal(record.final[name], before.final[name])
    assert record.spikes == {}
    assert not np.array_equal(record.truth["cues"], before.truth["cues"])
    assert then.key(1) != then.replace(after=None).key(1) != then.key(2)
    alone = first.replace(circuit=frozen.replace(recurrence="none"), after=first)
    simulate(alone, 1, store=store, mode="runtime")
    wrong = then.replace(circuit=frozen.replace(n_cells=9, n_adaptive=4))
    with pytest.raises(AssemblyError, match=r"Experiment\.after: expected to_cells\.w of shape \(360,\), got \(400,\)"):
        simulate(wrong, 1, store=store, mode="runtime")
    with pytest.raises(DeclarationError, match=r"Experiment\.after: expected an Experiment or None"):
        first.replace(after="before")


# ---------------------------------------------------------------------- stopping


def test_a_training_ends_when_its_validation_gets_no_better(tmp_path):
    """Values told by the test: the best part is the second of five, and the sixth is not run."""
    told, store, seen = [0.5, 0.7, 0.6, 0.7, 0.65, 0.9], Store(tmp_path), []
    part = small(feedback="symmetric").replace(task=small().task.replace(n_trials=2))
    slower = part.replace(circuit=part.circuit.replace(rule=part.circuit.rule.replace(optimiser=Adam(r0=1e-3))))

    def validation(record):
        seen.append(record)
        return told[len(seen) - 1]

    found = train([part, *[slower] * 5], validation, 1, store=store, patience=3, mode="runtime")
    assert found.values == (0.5, 0.7, 0.6, 0.7, 0.65)
    assert found.best == found.parts[1] == slower.replace(after=part)
    assert found.parts[4].n_earlier == 4
    assert len(store) == len(seen) == 5
    assert len({record.truth["cues"].tobytes() for record in seen}) > 1  # trials of their own
    moved = [abs(b.final["readout.w"] - a.final["readout.w"]).max() for a, b in zip(seen, seen[1:], strict=False)]
    assert max(moved) < 1e-2  # they go on from what was learned
    seen.clear()
    again = train([part, *[slower] * 5], validation, 1, store=store, patience=4, mode="runtime")
    assert again.values == tuple(told)
    assert len(store) == 6  # one was missing
    for wrong, message in (
        ({"parts": []}, r"train\.parts: expected at least one"),
        ({"patience": 0}, "at least 1 part"),
    ):
        with pytest.raises(DeclarationError, match=message):
            train(**{"parts": [part], "validation": validation, "store": store, **wrong})


# ---------------------------------------------------------------------- what is held at rest in every trial


class Late(CueAccumulation):
    """Without what comes in the first 20 ms of every trial."""

    def draw(self, rng):
        stimulus = super().draw(rng)
        inputs = stimulus.spikes["inputs"]
        late = inputs.times % self.trial > 20e-3
        kept = SpikeTrains(inputs.indices[late], inputs.times[late], inputs.n)
        return Stimulus({**stimulus.spikes, "inputs": kept}, stimulus.period, stimulus.duration, stimulus.truth)


def perturbed(held, task=None, release=None, mode="runtime", **when):
    """Spikes of a net whose cells drive each other, in steps, and the scores of every trial."""
    release = [TsodyksMarkram(U=0.2)] if release is None else release
    first = small(feedback="random", g_in=6, g_rec=6, release=release)
    net = PerturbedReadout.of(first.circuit.replace(n_adaptive=0), held=held, **{"held_from": 0 * ms, **when})
    shown = first.task if task is None else task(**first.task.values)
    _, record = losses(first.replace(circuit=net, task=shown), mode)
    t, i = record.spikes["cells"]
    assert t.size > 100
    return np.rint(t * 1e3).astype(int), i, np.vstack([record.states["out.score"].values, record.final["out.score"]])


def test_cells_at_rest_do_not_fire_and_what_came_before_goes_on():
    free, hold = perturbed("cells", held_for=0 * ms), perturbed("cells", held_from=20 * ms, held_for=7 * ms)
    inside = (hold[0] % 50 >= 20) & (hold[0] % 50 < 27)
    assert inside.sum() == 0
    assert np.sum((free[0] % 50 >= 20) & (free[0] % 50 < 27)) > 5
    first = [sorted(zip(t[t % 50 < 20], i[t % 50 < 20], strict=True)) for t, i, _ in (free, hold)]
    assert first[0] == first[1]
    assert np.any(hold[0] % 50 == 27)


def test_short_term_plasticity_at_rest_releases_what_the_first_spike_releases():
    always = perturbed("release", held_from=0 * ms, held_for=50 * ms)
    constant = perturbed("cells", release=[ConstantRelease(level=0.2)], held_for=0 * ms)
    never = perturbed("release", held_for=0 * ms)
    for one, other in zip(always, constant, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(always[2], never[2])


@pytest.mark.slow
def test_nothing_outlives_a_hold_of_both():
    """Cells carry the first input of a trial beyond a hold of the release, and the release beyond one of cells."""
    when = {"held_from": 20 * ms, "held_for": 5 * ms}
    for held, same in (("both", True), ("cells", False), ("release", False)):
        (t, i, _), (t_late, i_late, _) = (perturbed(held, task, **when) for task in (None, Late))
        whole, late = (
            sorted(zip(t[t % 50 >= 25], i[t % 50 >= 25], strict=True)) for t, i in ((t, i), (t_late, i_late))
        )
        assert (whole == late) == same, held
        assert len(late) > 20


@pytest.mark.slow
def test_a_compiled_program_holds_the_same():
    when = {"held_from": 20 * ms, "held_for": 5 * ms}
    for one, other in zip(perturbed("both", **when), perturbed("both", mode="standalone", **when), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_a_hold_that_does_not_fit_is_refused():
    net = small().circuit
    with pytest.raises(DeclarationError, match=r"PerturbedReadout\.rule .*of r0 = 0, got r0 = 0\.005"):
        PerturbedReadout(**net.values)
    with pytest.raises(DeclarationError, match=r"PerturbedReadout\.held .*there is no short-term plasticity"):
        PerturbedReadout.of(net, held="both", held_from=0 * ms, held_for=1 * ms)
    with pytest.raises(DeclarationError, match=r"PerturbedReadout\.held_for .*a trial of 50\. ms from 30\. ms on, got"):
        PerturbedReadout.of(net, held_from=30 * ms, held_for=21 * ms)


def test_signals_as_spikes():
    values = np.random.default_rng(0).uniform(-2, 1.99, (50, 3))
    values[0] = [-2, 0, 1.5]
    neurons, times = spikes_of(values, 1e-3)
    found = np.zeros_like(values)
    np.add.at(found, (np.rint(times * 1e3).astype(int), neurons // N_NEURONS), VALUES[neurons % N_NEURONS])
    np.testing.assert_allclose(found, values, atol=2e-12)
    assert np.sum(neurons == 0) == 50
    with pytest.raises(DeclarationError, match=r"spikes_of\.signals: expected values from -2 to below 2"):
        spikes_of([[2.0]], 1e-3)


def test_parts_that_do_not_fit_are_refused():
    with pytest.raises(DeclarationError, match=r"n_adaptive .*at most 100"):
        RecurrentReadout(n_adaptive=101)
    with pytest.raises(DeclarationError, match="release .*synapses among the cells"):
        RecurrentReadout(recurrence="none", release=[TsodyksMarkram()])
    with pytest.raises(DeclarationError, match="n_cues .*odd"):
        CueAccumulation(n_cues=4)
    with pytest.raises(DeclarationError, match="trial .*multiple of step"):
        SinePatterns(step=3 * ms)
