"""Eligibilities derived from text: the verdicts of the table, the gradient of a smooth cell, what is refused."""

import numpy as np
import pytest
import sympy
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, StateMonitor, Synapses, defaultclock, ms, mV, prefs

from brian2learn.circuits import AdaptiveThresholdLIF, AdEx, ConductanceLIF, CurrentLIF, InstantLIF
from brian2learn.core.errors import DeclarationError
from brian2learn.plasticity import AMPA, NMDA, AlphaCurrent, Delta, ExponentialCurrent, derive
from brian2learn.plasticity._derive import symbol

LIF = """
du/dt = (current - u)/tau_m : 1
dcurrent/dt = -current/tau_s : 1
tau_m : second (shared, constant)
tau_s : second (shared, constant)
"""


@pytest.fixture(autouse=True)
def _numpy_target():
    before = prefs.codegen.target
    prefs.codegen.target = "numpy"
    yield
    prefs.codegen.target = before
    defaultclock.dt = 0.1 * ms


def of(cell, transmission, **more):
    text = cell.model + cell.input_equations([transmission])
    given = {"threshold": cell.threshold, "reset": cell.reset, "on_pre": transmission.transmit, **more}
    return derive(text, **given)


# ------------------------------------------------------------------ the table of verdicts


def test_current_lif_is_pre_only():
    found = derive(LIF, threshold="u > 1", on_pre="current_post += w", method="exact")
    assert found.states == ("current", "u")
    assert found.is_pre_only
    tau_m, tau_s = symbol("tau_m"), symbol("tau_s")
    assert found.jacobian == {("current", "current"): -1 / tau_s, ("u", "current"): 1 / tau_m, ("u", "u"): -1 / tau_m}
    assert found.injection == {"current": 1}
    assert found.observation == {"u": 1}


def test_adaptation_that_follows_the_potential_is_a_third_pre_only_trace():
    text = "du/dt = (current - u - a)/tau_m : 1\ndcurrent/dt = -current/tau_s : 1\nda/dt = (b*u - a)/tau_a : 1"
    found = derive(text, threshold="u > 1", on_pre="current += w")
    assert {*found.states} == {"u", "current", "a"}
    assert found.is_pre_only


def test_adaptation_that_spikes_drive_is_left_out_or_kept_at_every_synapse():
    text = LIF + "da/dt = -a/tau_m : 1"
    given = {"threshold": "u > 1 + a", "reset": "a += 1; u = 0", "on_pre": "current_post += w"}
    assert derive(text, **given).states == ("current", "u")
    kept = derive(text, **given, keep=["a"])
    assert {*kept.states} == {"a", "current", "u"}
    assert kept.pre_only == {"current", "u"}
    assert kept.kept == {"a": ({"a": 1}, 1)}
    assert kept.observation == {"a": -1, "u": 1}


def test_a_time_constant_of_every_neuron_needs_a_state_at_every_synapse():
    text = LIF.replace("tau_m : second (shared, constant)", "tau_m : second (constant)")
    assert derive(text, threshold="u > 1", on_pre="current_post += w").pre_only == {"current"}


@pytest.mark.parametrize("transmission", [AMPA(), NMDA()])
def test_conductances_are_pre_only_and_the_potential_is_not(transmission):
    found = of(ConductanceLIF(), transmission)
    assert {*found.states} - found.pre_only == {"v"}


def test_an_exponential_upswing_needs_a_state_at_every_synapse():
    found = of(AdEx(), ExponentialCurrent(), method="rk2")
    assert {*found.states} - found.pre_only == {"v", "w_ad"}


def test_the_upstream_of_a_jump_is_dropped():
    found = of(CurrentLIF(), Delta())
    assert found.states == ("v",)  # the current is fed by nothing


# ------------------------------------------------------------------ the gradient of a smooth cell

CASES = {
    "lif exact": (CurrentLIF(), ExponentialCurrent(), "exact", ()),
    "lif rk4": (CurrentLIF(), ExponentialCurrent(), "rk4", ()),
    "lif alpha": (CurrentLIF(), AlphaCurrent(), "exponential_euler", ()),
    "lif reset kept": (CurrentLIF(), ExponentialCurrent(), "exponential_euler", ("v",)),
    "threshold kept": (AdaptiveThresholdLIF(theta_spike=3 * mV), AMPA(), "exponential_euler", ("theta",)),
    "conductance": (ConductanceLIF(), AMPA(), "exponential_euler", ()),
    "conductance euler": (ConductanceLIF(), NMDA(), "euler", ("v",)),
    "adex": (AdEx(), ExponentialCurrent(), "rk2", ("v",)),
    "adex kept": (AdEx(), AMPA(), "rk2", ("v", "w_ad")),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_gradient_of_a_smooth_cell_by_finite_differences(name):
    """The loss of a cell whose spike is a smooth step, simulated by Brian2 at w - h and w + h, against the eligibility.

    The step enters the loss and every kept reset, so the derivative is exact; what is left is the error of the finite
    difference, below 1e-7 of the gradient.
    """
    cell, transmission, method, keep = CASES[name]
    width, n_steps, n_inputs = 1.5e-3, 600, 3
    rng = np.random.default_rng(0)
    trains = [np.sort(rng.choice(n_steps - 20, 12, replace=False)) for _ in range(n_inputs)]
    readout = rng.standard_normal(n_steps)
    found = of(cell, transmission, method=method, keep=keep)

    amount = {"ExponentialCurrent": 60.0, "AlphaCurrent": 120.0, "AMPA": 3.0, "NMDA": 6.0}[type(transmission).__name__]
    if isinstance(cell, AdEx):
        amount *= 10 if isinstance(transmission, ExponentialCurrent) else 5
    weights = amount * np.array([1.0, 0.7, 1.3])
    h = 1e-4 * amount
    tries = np.vstack([weights, *(weights + s * h * np.eye(n_inputs)[k] for k in range(n_inputs) for s in (-1, 1))])

    # one neuron for every set of weights
    text = cell.model + cell.input_equations([transmission]) + "z : 1\n"
    cells = NeuronGroup(len(tries), text, method=method, namespace={})
    numbers = {**cell.constants, **transmission.cell_constants}
    for key, value in {**numbers, **cell.start}.items():
        setattr(cells, key, value)
    left, _, right = cell.threshold.partition(">=")
    unit = "*volt" if "v" in cell.states else ""
    cells.run_regularly(f"z = 1/(1 + exp(-(({left}) - ({right}))/({width}{unit})))", when="after_thresholds")
    for line in cell.reset.split(";"):
        state, _, value = (part.strip() for part in line.partition("="))
        if state.strip(" +") in keep:
            state, value = (state.strip(" +"), f"{state.strip(' +')} + {value}") if "+" in state else (state, value)
            cells.run_regularly(f"{state} = {state} + z*(({value}) - {state})", when="resets")
    source = SpikeGeneratorGroup(
        n_inputs, np.repeat(np.arange(n_inputs), [len(each) for each in trains]), np.concatenate(trains) * 0.1 * ms
    )
    synapses = Synapses(source, cells, "w : 1", on_pre=transmission.transmit, namespace={})
    synapses.connect()
    synapses.w = tries.T.ravel()
    names = sorted(cells.equations.diff_eq_names)
    before = StateMonitor(cells, names, record=[0], when="before_groups")
    tested = StateMonitor(cells, names, record=[0], when="after_thresholds", order=-1)
    z = StateMonitor(cells, "z", record=True, when="end")
    Network(source, cells, synapses, before, tested, z).run(n_steps * defaultclock.dt, namespace={})
    assert 1e-3 < z.z.max() <= 1
    losses = readout @ z.z.T
    wanted = (losses[2::2] - losses[1::2]) / (2 * h)

    # forward eligibility along the recorded course
    states, index = found.states, {x: k for k, x in enumerate(found.states)}
    constants = {symbol(key): float(value) for key, value in numbers.items()} | {symbol("I_ext"): 0.0}
    for each in found.condition.free_symbols | set().union(*(value.free_symbols for value in found.step.values())):
        if str(each) == "dt":
            constants[each] = float(defaultclock.dt)

    def along(expression, monitor):
        fixed = sympy.sympify(expression).subs(constants)
        free = sorted(fixed.free_symbols, key=str)
        values = [np.array(getattr(monitor, f"{each}_"))[0] for each in free]
        return np.broadcast_to(sympy.lambdify(free, fixed, "numpy")(*values), n_steps)

    step = {pair: along(value, before) for pair, value in found.step.items()}
    c = {x: along(value, tested) for x, value in found.observation.items()}
    jump = {x: along(value, tested) for x, (_, value) in found.kept.items()}
    own = {x: {y: along(d, tested) for y, d in ds.items()} for x, (ds, _) in found.kept.items()}
    psi = z.z[0] * (1 - z.z[0]) / width
    gradient = np.zeros(n_inputs)
    for k, train in enumerate(trains):
        eps = np.zeros(len(states))
        for n in range(n_steps):
            new = np.zeros(len(states))
            for (x, y), value in step.items():
                new[index[x]] += value[n] * eps[index[y]]
            eligibility = psi[n] * sum(c[x][n] * new[index[x]] for x in c)
            gradient[k] += readout[n] * eligibility
            if n in train:  # a pathway acts before the reset
                for x, b in found.injection.items():
                    new[index[x]] += float(sympy.sympify(b).subs(constants))
            kept = {}
            for x in jump:
                # the reset acts on what the pathway has left, its smooth size on what was tested
                reset = sum(own[x][y][n] * new[index[y]] for y in own[x])
                kept[x] = z.z[0, n] * reset + (1 - z.z[0, n]) * new[index[x]] + jump[x][n] * eligibility
            for x, value in kept.items():
                new[index[x]] = value
            eps = new
    np.testing.assert_allclose(gradient, wanted, rtol=1e-7, atol=1e-7 * abs(wanted).max())


# ------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("text", "more", "words"),
    [
        ("du/dt = floor(u)/ms : 1", {"on_pre": "u += w"}, ["derive.u", "floor", "du/dt"]),
        ("du/dt = -u/ms : 1", {"on_pre": "u += w*(2 - u)"}, ["derive.u", "reads no state", "w*(2 - u)"]),
        ("du/dt = -u/ms : 1", {"on_pre": "u += w**2"}, ["linear in w"]),
        ("du/dt = -u/ms : 1", {"on_pre": "g += 1"}, ["moves the target"]),
        ("du/dt = -u/ms : 1\ndg/dt = -g/ms : 1", {"on_pre": "g += w"}, ["pathway to the spike condition", "g"]),
        ("du/dt = -u/ms : 1", {"on_pre": "u += w", "threshold": "u > 1 and u < 2"}, ["threshold", "one comparison"]),
        ("du/dt = -u**2/ms : 1", {"on_pre": "u += w", "method": "exact"}, ["method", "exact", "exponential_euler"]),
        ("du/dt = -u/ms : 1", {"on_pre": "u += w", "keep": ["u"]}, ["keep", "u, which the reset leaves alone"]),
        ("du/dt = -u/ms + u*xi/ms**.5 : 1", {"on_pre": "u += w", "method": "heun"}, ["noise", "xi", "du/dt"]),
        ("du/dt = -u/ms : 1", {"on_pre": "u + w"}, ["on_pre", "assignments"]),
    ],
)
def test_what_cannot_be_derived_is_refused_with_state_and_line(text, more, words):
    with pytest.raises(DeclarationError) as refused:
        derive(text, **{"threshold": "u > 1", **more})
    for word in words:
        assert word in str(refused.value)


def test_instant_cells_are_derived_from_their_own_text():
    cell = InstantLIF()
    assert derive(cell.model, threshold=cell.threshold, on_pre=cell.receive, method="exact").states == ("u",)
