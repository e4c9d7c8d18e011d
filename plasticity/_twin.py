"""The slow independent twin of a rule: one synapse, spike by spike, looking back at the spikes themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np

SAME_TIME = 1e-9  # s


class Memory:
    """What the twin knows of a synapse.

    Attributes
    ----------
    w : float
        The weight.
    states : dict of str to float
        The further states of the synapse.
    cell : mapping of str to ndarray, (n_steps,)
        What the rule needs of the target cell, in SI units, at every time step.
    dt : float, s
        The time step of `cell`, and of changes that are made in every step.
    """

    def __init__(self, w: float, states: Mapping[str, float], cell: Mapping[str, np.ndarray], dt: float) -> None:
        self.w, self.states, self.cell, self.dt = float(w), dict(states), cell, dt
        # share of each spike by its time: 1/2 where one of two orders of a tie has forgotten it
        self._seen: defaultdict[str, dict[float, float]] = defaultdict(dict)

    def add(self, name: str, now: float) -> None:
        """Remember a spike under a name."""
        self._seen[name][now] = 1.0

    def clear(self, name: str) -> None:
        """Forget the spikes under a name."""
        self._seen[name].clear()

    def only(self, name: str, now: float) -> None:
        """Remember this spike and none before."""
        self._seen[name] = {now: 1.0}

    def sum(self, name: str, now: float, tau: Any) -> float:
        """Sum of ``exp(-(now - t)/tau)`` over the spikes remembered under a name."""
        return float(sum(share * np.exp(-(now - then) / float(tau)) for then, share in self._seen[name].items()))

    def mean_with(self, other: Memory) -> Memory:
        """What is known if this and the other memory are equally right."""
        found = Memory((self.w + other.w) / 2, self.states, self.cell, self.dt)
        found.states = {name: (value + other.states[name]) / 2 for name, value in self.states.items()}
        for name in {*self._seen, *other._seen}:
            for then in {**self._seen[name], **other._seen[name]}:
                found._seen[name][then] = (self._seen[name].get(then, 0) + other._seen[name].get(then, 0)) / 2
        return found


def follow(
    plasticity: Any,
    pre: Sequence[float] | np.ndarray,
    post: Sequence[float] | np.ndarray,
    w: float,
    *,
    t_stop: float = 0.0,
    cell: Mapping[str, np.ndarray] | None = None,
    dt: float = 1e-4,
) -> Memory:
    """Walk through the spikes of one synapse.

    Parameters
    ----------
    plasticity : Plasticity
        The mechanisms; each has its ``pre_spike``, ``post_spike`` and ``tick``.
    pre, post : (k,) float, s
        Sorted spike times of the two sides; equal numbers are a tie.
    w : float
        Weight before the first spike.
    t_stop : float, s
        When the run ends; regular changes are made until then.
    cell : mapping of str to ndarray, optional
        What the rule needs of the target cell, at every time step.
    dt : float, s
        The time step.
    """
    terms = plasticity.terms
    memory = Memory(w, plasticity.synapse_starts, cell or {}, dt)
    n_ticks = 0

    def pre_spike(memory: Memory, now: float) -> Memory:
        for term in terms:
            term.pre_spike(memory, now)
        return memory

    def post_spike(memory: Memory, now: float) -> Memory:
        for term in terms:
            term.post_spike(memory, now)
        return memory

    ticks: dict[int, list[Any]] = defaultdict(
        list
    )  # by number of time steps; what comes regularly is first in its step
    for term in terms:
        if term.regularly:
            interval = 1 if term.every is None else round(float(getattr(term, term.every)) / dt)
            for step in range(0, round(t_stop / dt), interval):
                ticks[step].append(term)
    coming = sorted(ticks)
    fired = ({*map(float, pre)}, {*map(float, post)})
    for now in sorted(fired[0] | fired[1]):
        # what comes regularly is first in its step
        while n_ticks < len(coming) and coming[n_ticks] * dt <= now + SAME_TIME:
            for term in ticks[coming[n_ticks]]:
                term.tick(memory, coming[n_ticks] * dt)
            n_ticks += 1
        spikes = [spike for spike, times in zip((pre_spike, post_spike), fired, strict=True) if now in times]
        if len(spikes) == 2 and plasticity.ties == "mean":
            other = post_spike(deepcopy(memory), now)
            memory = post_spike(pre_spike(memory, now), now).mean_with(pre_spike(other, now))
            continue
        for spike in reversed(spikes) if plasticity.ties == "post_first" else spikes:
            memory = spike(memory, now)
    for step in coming[n_ticks:]:
        for term in ticks[step]:
            term.tick(memory, step * dt)
    return memory
