"""What the generic tests share: discovered declarations, given spike trains in Brian2, many pairs in one run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, StateMonitor, TimedArray, defaultclock, second
from brian2.utils.logger import catch_logs

from brian2learn.core import discovery
from brian2learn.core.declaration import unit_of
from brian2learn.core.errors import Brian2LearnError

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
    settings = {"threshold": "given(t, i) > 0.5", "reset": "", "method": "exact", "namespace": {"given": given}}
    return NeuronGroup(len(trains), equations, **{**settings, **more})


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


def learn(
    rules: Sequence[Any],
    pairs: Sequence[Pair],
    shares: np.ndarray,
    *,
    on_neurons: bool = False,
    delay: int | None = None,
    watch: bool = False,
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
    """
    pre, post = [pair.pre for pair in pairs], [pair.post for pair in pairs]
    source, target = generator(pre), generator(post)
    objects: set[Any] = set()
    all_synapses, monitors = [], []
    for rule, first in zip(rules, first_weights(rules, shares), strict=True):
        its_source, its_target = source, target
        wanted = "".join(f"{name} : {unit_of(unit)}\n" for name, unit in rule.needs.items())
        if on_neurons:
            its_source = driven(pre, rule.afferent_equations)
        if on_neurons or wanted:
            its_target = driven(post, rule.cell_equations + wanted)
        axonal = None if delay is None else delay * defaultclock.dt
        synapses = rule.synapses(its_source, its_target, transmit="", connect={"j": "i"}, delay=axonal)
        synapses.w = first
        all_synapses.append(synapses)
        objects |= {its_source, its_target, synapses}
        if watch:
            monitors.append(StateMonitor(synapses, "w", record=True, when="end"))
    last = max((train.max(initial=0) for train in pre + post), default=0) + 2 + (delay or 0)
    run(*objects, *monitors, duration=last * float(defaultclock.dt))
    final = np.array([synapses.w[:] for synapses in all_synapses])
    lowest = np.array([monitor.w.min(axis=1) for monitor in monitors])
    highest = np.array([monitor.w.max(axis=1) for monitor in monitors])
    return Outcome(final, lowest, highest)


def ceiling(rule: Any) -> float:
    """The weight that a rule does not exceed."""
    return float(rule.constants.get("w_max", 1.0))


def first_weights(rules: Sequence[Any], shares: np.ndarray) -> np.ndarray:
    """Where the weights of every rule (rows) and pair (columns) start."""
    return np.array([ceiling(rule) * np.asarray(shares) for rule in rules])


def twin(rules: Sequence[Any], pairs: Sequence[Pair], shares: np.ndarray, *, delay: int = 0) -> np.ndarray:
    """What `learn` must give in the end, from each rule's slow reference."""
    firsts = first_weights(rules, shares)
    return np.array(
        [
            [rule.reference((pre + delay) * DT, post * DT, w) for (pre, post), w in zip(pairs, first, strict=True)]
            for rule, first in zip(rules, firsts, strict=True)
        ]
    )
