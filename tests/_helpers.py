"""What the generic tests share: discovered declarations, given spike trains in Brian2, many pairs in one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import pytest
from _pytest.mark.structures import ParameterSet
from brian2 import (
    Network,
    NeuronGroup,
    Quantity,
    SpikeGeneratorGroup,
    StateMonitor,
    TimedArray,
    defaultclock,
    mV,
    second,
)
from brian2.units.fundamentalunits import get_dimensions
from brian2.utils.logger import catch_logs

from brian2learn.core import discovery
from brian2learn.core.declaration import unit_of
from brian2learn.core.errors import Brian2LearnError
from brian2learn.plasticity._rule import Plasticity
from brian2learn.plasticity._twin import follow

DT = 1e-4  # s


def loadable(*folders: str, kind: type = object) -> dict[str, type]:
    """Every declaration of a kind, by file name; a file that does not load has a test of its own in test_core."""
    found = {}
    for folder in folders:
        for name in discovery.files(folder):
            try:
                cls = discovery.load(name, folder)
            except Brian2LearnError:
                continue
            if issubclass(cls, kind):
                found[name] = cls
    return found


def rest_slow(cases: Sequence[Any], *, n_default: int = 1) -> list[Any]:
    """Parameters of which the default suite takes the first few; the others say the same of further settings."""
    sets = [case if isinstance(case, ParameterSet) else pytest.param(case) for case in cases]
    return [*sets[:n_default], *map(_slow, sets[n_default:])]


def first_of_each(cases: Sequence[ParameterSet]) -> list[ParameterSet]:
    """The same for parameters (stem, k): the default suite takes the first example of every declaration."""
    return [_slow(case) if case.values[1] else case for case in cases]


def _slow(case: ParameterSet) -> ParameterSet:
    return pytest.param(*case.values, marks=[*case.marks, pytest.mark.slow], id=case.id)


class Pair(NamedTuple):
    """Spikes of one pre and one post neuron, as numbers of time steps."""

    pre: np.ndarray
    post: np.ndarray


def generator(trains: Sequence[np.ndarray]) -> SpikeGeneratorGroup:
    """Neurons that fire in exactly these steps."""
    indices = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
    return SpikeGeneratorGroup(len(trains), indices, np.concatenate([*trains, []]) * defaultclock.dt)


def driven(trains: Sequence[np.ndarray], equations: str = "", **more: Any) -> NeuronGroup:
    """Neurons with equations that fire in exactly these steps."""
    table = np.zeros((int(max((train.max(initial=0) for train in trains), default=0)) + 2, len(trains)))
    for neuron, train in enumerate(trains):
        table[train, neuron] = 1
    given = TimedArray(table, dt=defaultclock.dt)
    names = {"given": given, **more.pop("namespace", {})}
    settings = {"threshold": "given(t, i) > 0.5", "reset": "", "method": "exact", "namespace": names}
    return NeuronGroup(len(trains), equations, **{**settings, **more})


def courses(rule: Any, n: int, n_steps: int, dt: float) -> dict[str, np.ndarray]:
    """What a rule needs of `n` target cells at every time step: (n_steps, n), in SI units."""
    found = {}
    t = np.arange(n_steps)[:, None] * dt
    for k, (name, unit) in enumerate(rule.needs.items()):
        low, high = (-80e-3, 20e-3) if get_dimensions(unit) == mV.dim else (0.0, 1.0)
        wave = np.sin(2 * np.pi * (40 + 7 * (np.arange(n) % 8)) * t + k + np.arange(n))
        found[name] = (low + high) / 2 + (high - low) / 2 * wave
    return found


def learner(rule: Any, trains: Sequence[np.ndarray], n_steps: int, *, on_neurons: bool = False, more: str = "") -> Any:
    """Target cells of a rule that fire in exactly these steps and have all that it needs."""
    lines = rule.cell_equations if on_neurons else rule.brought_equations
    names = {}
    for name, values in courses(rule, len(trains), n_steps, float(defaultclock.dt)).items():
        unit = rule.needs[name]
        names[f"given_{name}"] = TimedArray(Quantity(values, dim=get_dimensions(unit)), dt=defaultclock.dt)
        lines += f"{name} : {unit_of(unit)}\n"
    if not lines + more:
        return generator(trains)
    target = driven(trains, lines + more, namespace=names, method="exponential_euler" if names else "exact")
    for name in rule.needs:
        target.run_regularly(f"{name} = given_{name}(t, i)", when="start")
    return target


def run(*objects: Any, duration: float) -> None:
    """Run these objects, in which Brian2 must find nothing to warn of."""
    with catch_logs() as warned:
        Network(*objects).run(duration * second, namespace={})
    assert [each for each in warned if "unused_brian_object" not in each[1]] == []  # of objects of other tests


@contextmanager
def time_step(dt: float) -> Iterator[None]:
    """Another default time step, in s, for a while."""
    before = defaultclock.dt
    defaultclock.dt = dt * second
    try:
        yield
    finally:
        defaultclock.dt = before


class Outcome(NamedTuple):
    """Weights of every rule (rows) for every pair (columns): at the end, and the extremes seen on the way."""

    final: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray
    states: list[dict[str, np.ndarray]]
    """The further states of each rule's synapses at the end."""


def steps_of(pairs: Sequence[Pair], delay: int | None = None) -> int:
    """Number of time steps that hold all spikes."""
    return max((train.max(initial=0) for pair in pairs for train in pair), default=0) + 2 + (delay or 0)


def learn(
    rules: Sequence[Any],
    pairs: Sequence[Pair],
    shares: np.ndarray,
    *,
    on_neurons: bool = False,
    delay: int | None = None,
    watch: bool = False,
    n_steps: int | None = None,
) -> Outcome:
    """Let every rule learn every pair, from these shares of its ceiling, all in one network.

    Parameters
    ----------
    on_neurons : bool
        Hold the traces on the neurons instead of on the synapses.
    delay : int, optional
        Axonal delay in time steps.
    watch : bool
        Keep an eye on the weights in every step.
    n_steps : int, optional
        Length of the run.
    """
    pre, post = [pair.pre for pair in pairs], [pair.post for pair in pairs]
    n_steps = n_steps or steps_of(pairs, delay)
    source, target = generator(pre), generator(post)
    objects: set[Any] = set()
    all_synapses, monitors = [], []
    for rule, first in zip(rules, first_weights(rules, shares), strict=True):
        its_source, its_target = source, target
        if on_neurons:
            its_source = driven(pre, rule.afferent_equations)
        if on_neurons or rule.needs or rule.brought_equations:
            its_target = learner(rule, post, n_steps, on_neurons=on_neurons)
        axonal = None if delay is None else delay * defaultclock.dt
        synapses = rule.synapses(its_source, its_target, transmit="", connect={"j": "i"}, delay=axonal)
        synapses.w = first
        all_synapses.append(synapses)
        objects |= {its_source, its_target, synapses}
        if watch:
            monitors.append(StateMonitor(synapses, "w", record=True, when="end"))
    run(*objects, *monitors, duration=n_steps * float(defaultclock.dt))
    final = np.array([synapses.w[:] for synapses in all_synapses])
    lowest = np.array([monitor.w.min(axis=1) for monitor in monitors])
    highest = np.array([monitor.w.max(axis=1) for monitor in monitors])
    states = [
        {name: np.array(getattr(synapses, name)[:]) for name in further_states(rule)}
        for rule, synapses in zip(rules, all_synapses, strict=True)
    ]
    return Outcome(final, lowest, highest, states)


def further_states(rule: Any) -> list[str]:
    """States of a synapse beside the weight that are always up to date."""
    return [
        name
        for term in rule.terms
        for name in term.synapse_states
        if f"d{name}/dt" not in term.synapse_equations  # event-driven: up to date at spikes only
    ]


def ceiling(rule: Any) -> float:
    """The weight that a rule does not exceed."""
    return float(rule.constants.get("w_max", 1.0))


def first_weights(rules: Sequence[Any], shares: np.ndarray) -> np.ndarray:
    """Where the weights of every rule (rows) and pair (columns) start."""
    return np.array([ceiling(rule) * np.asarray(shares) for rule in rules])


def twin_of(
    rule: Any, pre: np.ndarray, post: np.ndarray, w: float, *, t_stop: float, cell: Mapping[str, Any], dt: float
) -> tuple[float, dict[str, float]]:
    """Final weight and further states from a rule's slow reference."""
    if type(rule).reference is not Plasticity.reference:  # a reference of its own, from spike times alone
        return rule.reference(pre, post, w), {}
    memory = follow(rule, pre, post, w, t_stop=t_stop, cell=cell, dt=dt)
    return memory.w, memory.states


class Twin(NamedTuple):
    """What `learn` must give in the end."""

    final: np.ndarray
    states: list[dict[str, np.ndarray]]


def twins_of(
    rules: Sequence[Any], pairs: Sequence[Pair], shares: np.ndarray, *, delay: int = 0, n_steps: int | None = None
) -> Twin:
    """Weights and further states that `learn` must give, from each rule's slow reference."""
    n_steps = n_steps or steps_of(pairs, delay)
    finals, states = [], []
    for rule, first in zip(rules, first_weights(rules, shares), strict=True):
        courses_of_all = courses(rule, len(pairs), n_steps, DT)
        ends = [
            twin_of(
                rule, (pre + delay) * DT, post * DT, w, t_stop=n_steps * DT, dt=DT,
                cell={name: values[:, k] for name, values in courses_of_all.items()},
            )
            for k, ((pre, post), w) in enumerate(zip(pairs, first, strict=True))
        ]  # fmt: skip
        finals.append([w for w, _ in ends])
        states.append({name: np.array([each[name] for _, each in ends]) for name in ends[0][1]})
    return Twin(np.array(finals), states)


def twin(rules: Sequence[Any], pairs: Sequence[Pair], shares: np.ndarray, *, delay: int = 0) -> np.ndarray:
    """The weights of `twins_of`."""
    return twins_of(rules, pairs, shares, delay=delay).final
