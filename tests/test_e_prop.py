"""e-prop: the published losses of five iterations, by networks that Brian2 simulates."""

import numpy as np
import pytest
from _helpers import rest_slow
from brian2 import (
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    StateMonitor,
    Synapses,
    TimedArray,
    defaultclock,
    ms,
    prefs,
)

from brian2learn.plasticity import Adam, EProp, GradientDescent, Triangle

REGRESSION = (101.964356999041, 103.466731126205, 103.340607074771, 103.680244037686, 104.412775748752)
CLASSIFICATION = (0.741152550006, 0.740388187700, 0.665785233177, 0.663644193322, 0.729428962844)


@pytest.fixture(autouse=True)
def _one_millisecond():
    before = prefs.codegen.target
    prefs.codegen.target = "numpy"
    defaultclock.dt = 1 * ms
    yield
    prefs.codegen.target = before
    defaultclock.dt = 0.1 * ms


def single(x):
    return np.asarray(x, np.float32).astype(float)


def losses_of(rule, cell, x, weights, wanted, learns, n_trials, *, softmax, beta=None, zeta="1", refractory=False,
              keep=()):  # fmt: skip
    """The net of both tasks: inputs and recurrent synapses follow `rule`, the readout the plain gradient.

    A spike of a step reaches other cells in the next one and the readout in its own.
    """
    w_in, w_rec, w_out, b = weights
    n_rec, n_in = w_in.shape
    n_out, n_steps = w_out.shape[0], x.shape[1]
    text = cell["equations"]
    learning = rule.on(
        text, threshold=cell["threshold"], reset=cell["reset"], on_pre=f"v_post += w*{zeta}", method="exact",
        refractory=refractory, keep=keep, arrival="before_thresholds",
    )  # fmt: skip
    cells = NeuronGroup(
        n_rec, learning.equations + "\nz_bar : 1", threshold=cell["threshold"], reset=cell["reset"], method="exact",
        refractory=5 * ms if refractory else False, namespace={}, name="cells",
    )  # fmt: skip
    learning.attach(cells)
    if beta is not None:
        cells.beta = beta
    trial, step, neuron = np.nonzero(x)
    inputs = SpikeGeneratorGroup(n_in, neuron, (trial * n_steps + step - 1) * ms)
    total = n_trials * n_steps
    target = TimedArray(wanted.reshape(total, n_out), dt=1 * ms)
    window = TimedArray(np.tile(learns, n_trials).astype(float), dt=1 * ms)
    tau_out = float(rule.tau_out) * 1e3
    out = NeuronGroup(
        n_out, f"dy/dt = -y/({tau_out}*ms) : 1\nmass : 1\nerror : 1\nloss : 1", method="exact",
        namespace={"target": target, "window": window}, name="out",
    )  # fmt: skip
    kappa = f"exp(-dt/({tau_out}*ms))"
    transmit = f"v_post += w*{zeta}"
    forward = learning.synapses(inputs, cells, transmit, name="forward")
    recurrent = learning.synapses(cells, cells, transmit, connect={"condition": "i != j"}, name="recurrent")
    optimiser = rule.optimiser
    numbers = "".join(f"{name} : 1\n" for name in optimiser.numbers if optimiser.fields[name].unit == "1")
    readout = Synapses(
        cells, out, f"w : 1\ngradient : 1\n{optimiser.equations}\n{numbers}",
        on_pre=f"y_post += (1 - {kappa})*w", namespace={}, name="readout",
    )  # fmt: skip
    readout.connect()
    for name in numbers.replace(" : 1", "").split():
        setattr(readout, name, optimiser.values[name])
    share = Synapses(out, out, "mass_post = exp(y_pre) : 1 (summed)", namespace={}, name="share")
    share.connect()
    share.summed_updaters["mass_post"].when, share.summed_updaters["mass_post"].order = "end", -5
    if softmax:
        code = "error = (exp(y)/mass - target(t, i))*window(t)\nloss -= target(t, i)*log(exp(y)/mass)*window(t)"
    else:
        code = "error = (y - target(t, i))*window(t)\nloss += 0.5*error**2"
    out.run_regularly(code, when="end", order=-4, name="out_error")
    back = learning.broadcast(out, "error", cells)
    cells.run_regularly(f"z_bar = z_bar*{kappa} + (1 - {kappa})*e_prop_spiked", when="end", order=-4, name="cells_bar")
    readout.run_regularly("gradient -= error_post*z_bar_pre", when="end", order=0, name="readout_gradient")
    length, batch = n_steps * ms, rule.batch
    change = f"m = gradient/({rule.window}*{batch})\nrate = r0\nk = clip(t/({batch * n_steps}*ms), 1, inf)\n"
    readout.run_regularly(
        change + optimiser.update + "\ngradient = 0", dt=batch * length, when="start", order=-1, name="readout_update"
    )
    states = "v = 0\nz_bar = 0" + ("\na = 0" if keep else "") + ("\nlastspike = -1*second" if refractory else "")
    cells.run_regularly(states, dt=length, when="start", order=2, name="cells_new_trial")
    cells.run_regularly("v = 0", dt=length, when="before_thresholds", order=2, name="cells_late")
    out.run_regularly("y = 0\nloss = 0", dt=length, when="start", order=2, name="out_new_trial")
    forward.w = w_in.T.ravel()
    recurrent.w = w_rec.T[~np.eye(n_rec, dtype=bool)]
    readout.w = w_out.T.ravel()
    back.b = b.T.ravel()
    loss = StateMonitor(out, "loss", record=True, when="end", dt=1 * ms)
    network = Network(inputs, cells, out, forward, recurrent, readout, share, back, loss)
    network.run(total * ms, namespace={})
    return loss.loss[:, n_steps - 1 :: n_steps].sum(axis=0)


@pytest.mark.parametrize("form", rest_slow(["transposed", "reference"]))
def test_regression(form):
    """Four sines from frozen noise, 100 recurrent cells, learning rate 1e-4: the loss before each of five updates."""
    rng = np.random.RandomState(1)
    n_in, n_rec, n_out, n_steps = 100, 100, 1, 1000
    w_in = single(rng.randn(n_in, n_rec).T / np.sqrt(n_in))
    w_rec = rng.randn(n_rec, n_rec).T / np.sqrt(n_rec)
    np.fill_diagonal(w_rec, 0)
    w_out = single(rng.randn(n_rec, n_out).T / np.sqrt(n_rec))
    b = single(rng.randn(n_rec, n_out) / np.sqrt(n_rec))
    x = rng.rand(n_steps, n_in) < 0.05
    x[0] = False
    amplitudes, phases = rng.uniform(0.5, 2, 4), rng.uniform(0, 2 * np.pi, 4)
    wanted = sum(
        amplitude * np.sin(np.linspace(phase, phase + 2 * np.pi * (n_steps // period), n_steps))
        for amplitude, phase, period in zip(amplitudes, phases, (1000, 500, 333, 200), strict=True)
    )
    wanted -= wanted[0]
    wanted /= abs(wanted).max()
    cell = {
        "equations": "dv/dt = -v/(30*ms) : 1",
        "threshold": "v >= 0.03",
        "reset": "v -= 0.03*exp(dt/(30*ms))",  # before the decay of the next step, in which the paper resets
    }
    rule = EProp(form=form, surrogate=Triangle(width=0.03), optimiser=GradientDescent(r0=1e-4))
    found = losses_of(
        rule, cell, np.tile(x, (5, 1, 1)), (w_in, single(w_rec), w_out, b), np.tile(wanted, 5), np.ones(n_steps), 5,
        softmax=False, zeta="(1 - exp(-dt/(30*ms)))",
    )  # fmt: skip
    np.testing.assert_allclose(found, REGRESSION, rtol=1e-8)


def classification(form, batch, n_iterations):
    rng = np.random.RandomState(1)
    n_in, n_rec, n_out, n_steps, n_window = 40, 100, 2, 2250, 150
    w_in = single(rng.randn(n_in, n_rec).T / np.sqrt(n_in))
    w_rec = rng.randn(n_rec, n_rec).T / np.sqrt(n_rec)
    np.fill_diagonal(w_rec, 0)
    limit = np.sqrt(3 / ((n_rec + n_out) / 2))
    w_out = single(rng.uniform(-limit, limit, (n_rec, n_out)).T)
    b = single(rng.randn(n_rec, n_out))
    shares = np.array([0.3, 0.7], np.float32)
    trials, labels = [], []
    for _ in range(n_iterations):
        sides = rng.choice([0, 1], batch)
        cues = np.array([rng.choice([0, 1], 7, p=(shares[side], shares[1 - side])) for side in sides])
        chance = np.zeros((batch, n_steps, n_in), np.float32)
        for trial in range(batch):
            for k, cue in enumerate(cues[trial]):
                begin = 50 + k * 150
                chance[trial, begin : begin + 100, 10 * cue : 10 * cue + 10] = 0.04
        chance[:, -n_window:, 20:30] = 0.04
        chance[:, :, 30:] = 0.01
        spikes = chance > rng.rand(batch * n_steps * n_in).reshape(chance.shape)
        spikes[:, 0] = False
        trials.append(spikes)
        labels += [int(row.sum() > 3) for row in cues]
    n_trials = batch * n_iterations
    wanted = np.zeros((n_trials, n_steps, n_out))
    for trial, label in enumerate(labels):
        wanted[trial, :, label] = 1
    alpha, rho = np.exp(-1 / 20), np.exp(-1 / 2000)
    cell = {
        "equations": "dv/dt = -v/(20*ms) : 1\nda/dt = -a/(2000*ms) : 1\nbeta : 1 (constant)",
        "threshold": "v >= 0.6 + beta*a",
        "reset": "v -= 0.6*exp(dt/(20*ms)); a += exp(dt/(2000*ms))",
    }
    beta = np.where(np.arange(n_rec) < 50, 0, 1.7 * (1 - rho) / (1 - alpha))
    rule = EProp(form=form, chunk=n_steps * ms, batch=batch, tau_out=20 * ms, window=n_window, optimiser=Adam(r0=5e-3))
    found = losses_of(
        rule, cell, np.concatenate(trials), (w_in, single(w_rec), w_out, b), wanted,
        np.arange(n_steps) >= n_steps - n_window, n_trials, softmax=True, beta=beta, refractory=True, keep=("a",),
    )  # fmt: skip
    return found.reshape(n_iterations, batch).mean(axis=1) / n_window


@pytest.mark.slow
def test_classification():
    """Accumulation of cues by 50 LIF and 50 adaptive cells, Adam: the loss before each of five updates."""
    np.testing.assert_allclose(classification("transposed", 1, 5), CLASSIFICATION, rtol=1e-8)


@pytest.mark.full
def test_classification_at_every_synapse():
    np.testing.assert_allclose(classification("reference", 1, 5), CLASSIFICATION, rtol=1e-8)


@pytest.mark.full
def test_batches_of_two():
    one, two = classification("transposed", 2, 3), classification("reference", 2, 3)
    np.testing.assert_allclose(one, two, rtol=1e-10)
    assert np.all((one > 0.5) & (one < 1))
