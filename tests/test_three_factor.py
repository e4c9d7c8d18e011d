"""Rules of three factors: the two forms agree, published baselines and invariants, feedback, data files."""

import os
from pathlib import Path

import numpy as np
import pytest
from _helpers import rest_slow
from brian2 import (
    Network,
    NeuronGroup,
    PoissonGroup,
    SpikeGeneratorGroup,
    SpikeMonitor,
    StateMonitor,
    defaultclock,
    ms,
    nA,
    nS,
    prefs,
    second,
    seed,
)
from scipy.signal import lfilter

from brian2learn.analysis.van_rossum import AURYN, filtered_error, van_rossum_cost
from brian2learn.circuits import AdaptiveThresholdLIF, AdEx, ConductanceLIF, CurrentLIF, SpikingLayers
from brian2learn.core.errors import AssemblyError, DeclarationError
from brian2learn.core.identity import code_files
from brian2learn.figures._zenke2018 import first_success
from brian2learn.plasticity import (
    AMPA,
    NMDA,
    Adam,
    AlphaCurrent,
    ExponentialCurrent,
    FastSigmoid,
    GradientDescent,
    PairSTDP,
    RMaxProp,
    RMSProp,
    SuperSpike,
    TsodyksMarkram,
)
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.simulate import simulate
from brian2learn.tasks import SSBM, PoissonTarget
from brian2learn.tasks._ras import read_ras
from brian2learn.tasks.ssbm import SETS, VARIABLE

DATA = Path(os.environ.get(VARIABLE, Path(__file__).resolve().parents[2] / "shared" / "data" / "ssbm"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"the ssbm data are neither at {DATA} nor at ${VARIABLE}")

TEXT = "du/dt = (I - u)/(10*ms) : 1\ndI/dt = -I/(5*ms) : 1"
CELL = {"threshold": "u > 0.01", "reset": "u = 0"}


@pytest.fixture(autouse=True)
def _numpy_target(monkeypatch):
    before = prefs.codegen.target
    prefs.codegen.target = "numpy"
    defaultclock.dt = 0.1 * ms
    monkeypatch.setenv(VARIABLE, str(DATA))
    yield
    prefs.codegen.target = before


# ------------------------------------------------------------------ the two forms

N_STEPS, CHUNK = 1200, 20 * ms  # six chunks

NETS = {
    "lif": {"cell": CurrentLIF(), "transmission": ExponentialCurrent(), "scale": 300.0},
    "adex": {"cell": AdEx(), "transmission": ExponentialCurrent(), "scale": 2000.0, "keep": ("w_ad",)},
    "lif, alpha current": {"cell": CurrentLIF(), "transmission": AlphaCurrent(), "scale": 300.0},
    "lif, reset kept, early arrival": {
        "cell": CurrentLIF(), "transmission": ExponentialCurrent(), "scale": 300.0, "keep": ("v",),
        "arrival": "before_thresholds",
    },
    "adaptive threshold": {"cell": AdaptiveThresholdLIF(), "transmission": AMPA(), "scale": 20.0, "keep": ("theta",)},
    "conductances": {"cell": ConductanceLIF(), "transmission": NMDA(), "scale": 40.0},
    "short-term plasticity": {
        "cell": CurrentLIF(), "transmission": ExponentialCurrent(), "scale": 2000.0, "release": TsodyksMarkram(U=0.4),
    },
}  # fmt: skip


def net(form, cell, transmission, scale, *, keep=(), arrival="after_thresholds", release=None, n_inputs=8, n_cells=5):
    """A random net with plastic recurrent synapses, delays on both pathways; weights and running maxima at its end."""
    rng = np.random.default_rng(1)
    rule = SuperSpike(form=form, chunk=CHUNK, rho=1e-3, w_max=1e6, optimiser=RMaxProp(r0=0.02 * scale))
    method = "exponential_euler" if cell.method == "exact" else cell.method
    learning = rule.on(
        cell.model + cell.input_equations([transmission]), threshold=cell.threshold, reset=cell.reset,
        on_pre=transmission.transmit, method=method, refractory=bool(cell.refractory), keep=keep, arrival=arrival,
    )  # fmt: skip
    cells = cell.group(
        n_cells, transmissions=[transmission], extra=learning.cell_equations, method=method, name="cells"
    )
    learning.attach(cells)
    spikes = np.unique(np.stack([rng.integers(0, n_inputs, 200), rng.integers(0, N_STEPS, 200)]), axis=1)
    inputs = SpikeGeneratorGroup(n_inputs, spikes[0], spikes[1] * 0.1 * ms)
    targets = SpikeGeneratorGroup(n_cells, rng.integers(0, n_cells, 20), (1 + 6 * np.arange(20)) * ms)
    forward = learning.synapses(inputs, cells, transmission.transmit, release=release, delay=0.8 * ms, name="forward")
    sparse = {"i": [0, 0, 1, 2, 2, 4, 4], "j": [1, 3, 0, 3, 4, 0, 2]}
    recurrent = learning.synapses(cells, cells, transmission.transmit, connect=sparse, delay=1.5 * ms, name="recurrent")
    forward.w = scale * rng.uniform(0.3, 1.7, n_inputs * n_cells)
    recurrent.w = scale * rng.uniform(-0.5, 0.7, 7)
    fired = SpikeMonitor(cells)
    network = Network(inputs, targets, cells, forward, recurrent, *learning.teach(targets, cells, name="teach"), fired)
    first = np.array(forward.w)
    network.run((N_STEPS + 1) * 0.1 * ms, namespace={})  # the last chunk is closed at the step after it
    found = {(each.name, state): np.array(getattr(each, state)) for each in (forward, recurrent)
             for state in ("w", "largest")}  # fmt: skip
    assert fired.num_spikes > 20
    assert abs(found["forward", "w"] - first).max() > 0.01 * scale
    return found


@pytest.mark.parametrize("name", rest_slow(list(NETS), n_default=2))
def test_both_forms_give_the_same_gradients(name):
    reference, transposed = net("reference", **NETS[name]), net("transposed", **NETS[name])
    for key, value in reference.items():
        np.testing.assert_allclose(transposed[key], value, rtol=0, atol=1e-12 * abs(value).max(), err_msg=str(key))


# ------------------------------------------------------------------ baselines


def taught(rule, inputs, targets, *, n=1, duration=0.5, w=None, delay=0.8 * ms, learns=True, feedback=False):
    """Cells of TEXT that are taught; the synapses, the cells and a network that has run."""
    learning = rule.on(TEXT, **CELL, on_pre="I_post += w", refractory=True)
    cells = NeuronGroup(n, learning.equations, **CELL, refractory=5 * ms, method="exponential_euler", namespace={})
    learning.attach(cells)
    synapses = learning.synapses(inputs, cells, "I_post += w", delay=delay, learns=learns)
    if w is not None:
        synapses.w = w
    return learning, cells, synapses, Network(inputs, targets, cells, synapses, *learning.teach(targets, cells))


def nothing(n=1):
    return SpikeGeneratorGroup(n, [], [] * second)


@needs_data
@pytest.mark.slow
def test_a_silent_cell_costs_what_is_published():
    target = read_ras(DATA / "poisson" / "target.ras", 1, 0.5)
    steady = SpikeGeneratorGroup(1, target.indices, target.times * second, period=0.5 * second)
    _, cells, _, network = taught(SuperSpike(), nothing(), steady)
    network.run(5 * second, namespace={})
    raw = float(cells.super_spike_cost[0]) / 5
    assert raw == pytest.approx(335.8, rel=1e-3)
    assert AURYN * raw == pytest.approx(40.30, rel=1e-3)
    wanted = np.concatenate([target.times + 0.5 * k for k in range(10)])
    assert van_rossum_cost([], wanted, 5.0) == pytest.approx(raw, rel=1e-9)


def test_one_unmatched_spike():
    assert van_rossum_cost([0.1], [], 1.0) == pytest.approx(33.56, abs=0.005)
    assert AURYN * van_rossum_cost([0.1], [], 1.0) == pytest.approx(4.027, abs=0.0005)
    assert van_rossum_cost([0.1], [], 1.0, dt=1e-6) == pytest.approx(100 / 3, rel=1e-3)
    assert van_rossum_cost([0.1, 0.2], [0.2, 0.1], 1.0) == 0
    assert filtered_error([1, *[0] * 5000], 1e-4).sum() * 1e-4 == pytest.approx(1, abs=1e-12)


def test_postsynaptic_potential_and_surrogate_at_rest():
    inputs = SpikeGeneratorGroup(1, [0], [0.01] * second)
    rule = SuperSpike(form="reference")
    _, cells, synapses, network = taught(rule, inputs, nothing(), w=1e-3, learns=False)
    u, psi, eps = (StateMonitor(cells, "u", record=True), StateMonitor(cells, "super_spike_psi", record=True),
                   StateMonitor(synapses, "eps_u", record=True))  # fmt: skip
    network.add(u, psi, eps)
    network.run(50 * ms, namespace={})
    assert u.u.max() == pytest.approx(0.25e-3, rel=0.015)
    assert (np.argmax(u.u) * 0.1 - 10.8) == pytest.approx(6.9, abs=0.2)
    assert psi.super_spike_psi[0, 10] * 1e-3 == pytest.approx(1 / 121, rel=1e-12)
    # a weight moves a silent cell in proportion
    np.testing.assert_allclose(eps.eps_u[0] * 1e-3, u.u[0], rtol=0, atol=1e-15)


@pytest.mark.parametrize("form", ["reference", "transposed"])
def test_gradient_by_convolution(form):
    """The mean of error times alpha * (psi eps*S), by kernels and from spike times alone."""
    rng = np.random.default_rng(3)
    n_steps, delay, steps = 4000, 8, np.sort(rng.choice(3500, 40, replace=False))
    weights = rng.uniform(-0.02, 0.05, 4)
    inputs = SpikeGeneratorGroup(4, np.arange(40) % 4, steps * 0.1 * ms)
    wanted = SpikeGeneratorGroup(1, [0, 0], [100, 250] * ms)
    _, cells, synapses, network = taught(SuperSpike(form=form, chunk=400 * ms), inputs, wanted, w=weights, learns=False)
    fired = SpikeMonitor(cells)
    network.add(fired)
    network.run(400 * ms, namespace={})
    if form == "transposed":  # its gradient is there when the chunk is closed, before it is cleared
        closed = StateMonitor(synapses, "gradient", record=True, when="start", order=0)
        network.add(closed)
        network.run(0.1 * ms, namespace={})
        found = closed.gradient[:, 0]
    else:
        found = np.array(synapses.gradient)
    assert fired.num_spikes > 3

    arrivals = np.zeros((4, n_steps))
    arrivals[np.arange(40) % 4, steps + delay] = 1
    fast, slow, rise, decay = (np.exp(-0.1 / tau) for tau in (5, 10, 5, 10))
    current = lfilter([0, 1], [1, -fast], arrivals)  # after the step's own decay, that is seen a step later
    eps = lfilter([1 - slow], [1, -slow], current)
    i, u, since, psi = weights @ lfilter([0, 1], [1, -fast], arrivals), 0.0, np.inf, np.zeros(n_steps)
    spikes = np.zeros(n_steps)
    for n in range(n_steps):
        u = u * slow + i[n] * (1 - slow)
        psi[n] = 1000 / (1 + 1000 * abs(u - 0.01)) ** 2
        since += 1
        if u > 0.01 and since >= 50:
            spikes[n], u, since = 1, 0.0, 0
    np.testing.assert_array_equal(np.flatnonzero(spikes), np.rint(np.array(fired.t / ms) * 10))
    filtered = lfilter([0, (1 - decay)], [1, -decay], lfilter([1 - rise], [1, -rise], psi * eps))
    events = -spikes
    events[[1000, 2500]] += 1
    np.testing.assert_allclose(found, filtered @ filtered_error(events, 1e-4), rtol=1e-10)


@pytest.mark.parametrize("form", rest_slow(["reference", "transposed"], n_default=0))
def test_steps_of_r_max_prop(form):
    """The first one is the learning rate in the direction of the gradient, none is larger, bounds hold."""
    rng = np.random.default_rng(0)
    dates = rng.choice(4500, 60, replace=False)
    inputs = SpikeGeneratorGroup(10, np.arange(60) % 10, dates * 0.1 * ms, period=0.5 * second)
    target = SpikeGeneratorGroup(1, [0, 0], [100, 300] * ms, period=0.5 * second)
    rule = SuperSpike(form=form, w_max=2.5e-3)
    _, _, synapses, network = taught(rule, inputs, target)
    courses = []
    for _ in range(5):
        network.run(0.5 * second, namespace={})
        courses.append(np.array(synapses.w))
    network.run(0.1 * ms, namespace={})
    courses.append(np.array(synapses.w))
    steps = np.diff(courses, axis=0)
    np.testing.assert_allclose(abs(steps[0]), 1e-3, rtol=1e-6)
    assert (abs(steps) <= 1e-3 * (1 + 1e-12)).all()
    assert abs(courses[-1]).max() == 2.5e-3


@pytest.mark.slow
def test_burn_in_decay_and_end_of_learning():
    inputs = SpikeGeneratorGroup(1, [0], [50] * ms, period=100 * ms)
    target = SpikeGeneratorGroup(1, [0], [70] * ms, period=100 * ms)
    optimiser = RMaxProp(burn_in=0.1 * second, decay_at=0.3 * second, t_stop=0.45 * second)
    rule = SuperSpike(chunk=100 * ms, optimiser=optimiser)
    _, _, synapses, network = taught(rule, inputs, target)
    weights = []
    for _ in range(6):
        network.run(100 * ms, namespace={})
        weights.append(float(synapses.w[0]))
    network.run(0.1 * ms, namespace={})
    steps = np.diff([*weights, float(synapses.w[0])])
    np.testing.assert_array_equal(steps > 0, [False, True, True, True, False, False])
    assert steps[2] < 0.2 * steps[1]
    assert float(synapses.largest[0]) > 0


@pytest.mark.parametrize("optimiser", [GradientDescent(r0=1e-6), RMSProp(r0=1e-4), Adam(r0=1e-4)])
def test_other_optimisers_go_the_same_way(optimiser):
    inputs = SpikeGeneratorGroup(1, [0], [50] * ms, period=100 * ms)
    target = SpikeGeneratorGroup(1, [0], [70] * ms, period=100 * ms)
    _, _, synapses, network = taught(SuperSpike(chunk=100 * ms, optimiser=optimiser), inputs, target)
    network.run(301 * ms, namespace={})
    assert 0 < float(synapses.w[0]) < 0.01


@pytest.mark.slow
def test_moment_of_the_regulariser():
    """For Poisson spikes <z^4> = x (3 + 25 x + 36 x^2 + 12 x^3)/12 with x = rate tau."""
    seed(0)
    n, rate, tau = 600, 15.0, 0.1
    rule = SuperSpike(rho=1.0)
    learning = rule.on("du/dt = -u/(10*ms) : 1", threshold="u > 1", reset="u = 0", on_pre="u_post += w", method="exact")
    cells = NeuronGroup(n, learning.equations, threshold="u > 1", reset="u = 0", method="exact", namespace={})
    learning.attach(cells)
    source = PoissonGroup(n, rate * 1 / second, namespace={})
    kicks = learning.synapses(source, cells, "u_post += w", connect={"j": "i"}, learns=False)
    kicks.w = 100.0
    network = Network(source, cells, kicks)
    network.run(1 * second, namespace={})
    n_steps = 0
    total = np.zeros(n)
    for _ in range(2):  # within a chunk the sum grows, at its end it is read and cleared
        network.run(0.4999 * second, namespace={})
        total += cells.super_spike_zeta_sum[:]
        n_steps += 4999
        network.run(0.1 * ms, namespace={})
    moments = total / n_steps
    x = rate * tau
    wanted = x * (3 + 25 * x + 36 * x**2 + 12 * x**3) / 12
    error = moments.std(ddof=1) / np.sqrt(n)
    assert abs(moments.mean() - wanted) < 3 * error
    assert error < 0.1 * wanted


def test_regulariser_takes_weights_down():
    weights = []
    for rho in (0.0, 1e-3):
        inputs = SpikeGeneratorGroup(1, [0], [10] * ms, period=20 * ms)
        rule = SuperSpike(chunk=100 * ms, rho=rho, w_max=1.0, optimiser=GradientDescent(r0=1e-3))
        learning, cells, synapses, network = taught(rule, inputs, nothing(), w=0.08)
        network.run(100.1 * ms, namespace={})
        weights.append(float(synapses.w[0]))
        decay = float(cells.super_spike_decay[0])
        assert (decay > 0) == (rho > 0)
    assert weights[0] - weights[1] == pytest.approx(1e-3 * decay * 0.08, rel=1e-9)


# ------------------------------------------------------------------ feedback and layers


@pytest.mark.parametrize("feedback", ["symmetric", "random", "uniform"])
@pytest.mark.parametrize("n_layers", rest_slow([2, 1]))
def test_feedback_is_the_error_of_the_outputs_times_weights(feedback, n_layers):
    circuit = SpikingLayers(n_layers=n_layers, n_hidden=3, feedback=feedback, w_init=0.5)
    rng = np.random.default_rng(0)
    inputs = SpikeGeneratorGroup(20, np.arange(20), rng.uniform(1, 40, 20) * ms, name="inputs")
    targets = SpikeGeneratorGroup(2, [0, 1, 1], [10, 20, 30] * ms, name="targets")
    network = circuit.network({"inputs": inputs, "targets": targets}, seed=0)
    groups = {each.name: each for each in network.objects}
    errors = {name: StateMonitor(groups[name], "super_spike_err", record=True) for name in circuit.layers}
    network.add(*errors.values())
    network.run(60 * ms, namespace={})
    wanted = errors["output"].super_spike_err
    assert abs(wanted).max() > 10
    for k in reversed(range(n_layers)):
        name, above = circuit.layers[k], circuit.layers[k + 1]
        if feedback == "symmetric":
            wanted = np.array(groups[f"to_{above}"].w).reshape(3, -1) @ wanted
            b = wanted
        else:
            weights = np.array(groups[f"back_to_{name}_wanted"].b)
            np.testing.assert_array_equal(weights, groups[f"back_to_{name}_fired"].b)
            b = weights.reshape(2, 3).T @ errors["output"].super_spike_err
        np.testing.assert_allclose(errors[name].super_spike_err, b, rtol=0, atol=1e-12 * abs(b).max())


def test_without_feedback_hidden_weights_are_fixed():
    circuit = SpikingLayers(n_layers=1, n_hidden=3, feedback="none", rule=SuperSpike(chunk=20 * ms), w_init=0.3)
    inputs = SpikeGeneratorGroup(5, np.arange(5), np.arange(5) * 5 * ms, name="inputs")
    targets = SpikeGeneratorGroup(1, [0], [10] * ms, name="targets")
    network = circuit.network({"inputs": inputs, "targets": targets}, seed=0)
    groups = {each.name: each for each in network.objects}
    first = {name: np.array(groups[name].w) for name in ("to_hidden1", "to_output")}
    network.run(61 * ms, namespace={})
    np.testing.assert_array_equal(groups["to_hidden1"].w, first["to_hidden1"])
    assert np.any(groups["to_output"].w != first["to_output"])


@pytest.mark.slow
@needs_data
def test_compiled_program_agrees_with_the_reference_at_every_synapse():
    """Symmetric feedback, a hidden layer, the published data: C++ transposed against NumPy at every synapse."""
    found = {}
    for mode, form in (("standalone", "transposed"), ("runtime", "reference")):
        rule = SuperSpike(form=form, chunk=100 * ms)
        circuit = SpikingLayers(n_layers=1, n_hidden=4, rule=rule, w_init=0.3)
        found[mode] = simulate(Experiment(SSBM(n_loops=2), circuit), seed=0, mode=mode)
    for name in ("hidden1", "output"):
        np.testing.assert_array_equal(found["standalone"].spikes[name].t, found["runtime"].spikes[name].t)
    assert found["runtime"].spikes["hidden1"].t.size > 5
    for name, value in found["runtime"].final.items():
        np.testing.assert_allclose(found["standalone"].final[name], value, rtol=0, atol=1e-12 * abs(value).max())


# ------------------------------------------------------------------ data files


@needs_data
@pytest.mark.parametrize(
    ("data", "file", "n", "ids"),
    [
        ("poisson", "input", 232, 87),
        ("poisson", "target", 5, 1),
        ("seqgen", "input", 4, None),
        ("seqgen", "target", 100, 100),
        ("oxford", "input", 1889, None),
        ("oxford", "target", 10367, None),
        ("monalisa", "input", 164537, None),
        ("monalisa", "target", 123703, None),
    ],
)
def test_published_files(data, file, n, ids):
    drawn = SSBM(data=data, n_loops=1).draw(np.random.default_rng(0)).spikes[f"{file}s"]
    assert drawn.times.size == n
    assert (np.diff(drawn.times) >= 0).all()
    assert drawn.indices.min() >= 0
    assert drawn.indices.max() < SETS[data].n_targets if file == "target" else SETS[data].n_inputs
    if ids is not None:
        assert np.unique(drawn.indices).size == ids


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.1 0\n0.2 7\n", [":2", "a neuron from 0 to 1", "7"]),
        ("0.1 0\n\n# comment\n0.2\n", [":4", "two numbers", "0.2"]),
        ("0.1 zero\n", [":1", "zero"]),
        ("nan 0\n", [":1", "nan"]),
        ("0.6 0\n", [":1", "a time from 0 to 0.5 s"]),
    ],
)
def test_damaged_files_are_refused(tmp_path, text, words):
    (tmp_path / "spikes.ras").write_text(text)
    with pytest.raises(DeclarationError) as refused:
        read_ras(tmp_path / "spikes.ras", 2, 0.5)
    for word in words:
        assert word in str(refused.value)


def test_unordered_files_are_sorted_and_rounded(tmp_path):
    (tmp_path / "spikes.ras").write_text("# time neuron\n0.20004 1\n0.10006 2\n")
    found = read_ras(tmp_path / "spikes.ras", 2, 0.5, first_id=1)
    np.testing.assert_allclose(found.times, [0.1001, 0.2])
    np.testing.assert_array_equal(found.indices, [1, 0])


def test_missing_data_say_what_to_do(monkeypatch):
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(DeclarationError, match=VARIABLE):
        SSBM().draw(np.random.default_rng(0))


# ------------------------------------------------------------------ what is refused


def test_parts_that_do_not_fit_are_refused():
    rule = SuperSpike()
    with pytest.raises(AssemblyError, match="arrival"):
        rule.on(TEXT, **CELL, on_pre="I_post += w", arrival="sometime")
    learning = rule.on(TEXT, **CELL, on_pre="I_post += w")
    bare = NeuronGroup(1, TEXT, **CELL, method="exponential_euler", namespace={})
    with pytest.raises(AssemblyError, match="equations of this learning"):
        learning.attach(bare)
    cells = NeuronGroup(1, learning.equations, **CELL, method="exponential_euler", namespace={})
    learning.attach(cells)
    with pytest.raises(AssemblyError, match="target"):
        learning.teach(nothing(2), cells)
    odd = SuperSpike(chunk=0.00015 * second).on(TEXT, **CELL, on_pre="I_post += w")
    with pytest.raises(AssemblyError, match="chunk"):
        odd.attach(NeuronGroup(1, odd.equations, **CELL, method="exponential_euler", namespace={}))


def test_surrogates():
    assert FastSigmoid().text(0, {"width": "width"}) == "1/width"


# ------------------------------------------------------------------ learning


@pytest.mark.full
@pytest.mark.parametrize(
    "circuit",
    [
        SpikingLayers(),
        SpikingLayers(cell=ConductanceLIF(), transmission=AMPA(g_unit=167 * nS)),
        SpikingLayers(
            cell=AdEx(b=0 * nA), transmission=ExponentialCurrent(tau=5 * ms, i_unit=30 * nA), resets="kept"
        ),
    ],
    ids=["lif", "conductances", "adex"],
)  # fmt: skip
def test_any_cell_learns_five_spikes(circuit):
    """Derived rules, weights in the unit of the LIF cell (what a weight adds to the drive, in V), seeds 0 to 2."""
    firsts = [first_success(simulate(Experiment(PoissonTarget(), circuit), seed)) for seed in range(3)]
    assert sum(each is not None for each in firsts) >= 2


def test_a_changed_engine_makes_other_records():
    """The key of a run covers what turns a rule into Brian2 objects, also of an optimiser within it."""
    engine = {
        "_three_factor.py",
        "_learning.py",
        "_transposed.py",
        "_derive.py",
        "_optimiser.py",
        "_surrogate.py",
        "transposed.cpp",
    }
    for cls in (SuperSpike, RMaxProp, ExponentialCurrent, PairSTDP):
        assert engine < {path.name for path in code_files(cls)}
    assert not engine & {path.name for path in code_files(SSBM)}
