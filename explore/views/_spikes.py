"""What views of spike rules share: a first weight, a time step, and what is given of the target cell."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from brian2 import Hz, hertz, ms, mV, volt
from brian2.units.fundamentalunits import get_dimensions

from brian2learn.core.declaration import Declaration, Param
from brian2learn.core.equations import identifiers
from brian2learn.core.errors import AssemblyError
from brian2learn.plasticity._rule import Plasticity
from brian2learn.tasks._task import Stimulus, Task

from .. import scripts
from ..synapse import Pairs, TextSynapses
from ._view import Key, View

FORMS = {get_dimensions(volt): "potential", get_dimensions(hertz): "rate"}
"""What can be given of a target cell, by dimension."""


class SpikeView(View):
    """Pre and post spikes are given; a rule that reads its target cell is given a course of that, too.

    A potential rests, is clamped in a spike, and comes back from an afterpotential; a rate is constant.
    """

    w_init = Param(0.5, "weight before the first spike", low=0, high=1e6)
    dt = Param(0.1 * ms, "time step", low=0.01 * ms, high=1 * ms)
    v_rest = Param(-70.6 * mV, "potential at rest", low=-150 * mV, high=50 * mV)
    v_spike = Param(30 * mV, "potential in a post spike", low=-150 * mV, high=100 * mV)
    t_spike = Param(2 * ms, "duration of a post spike", low=0 * ms, high=10 * ms)
    v_after = Param(-50 * mV, "potential just after a post spike", low=-150 * mV, high=50 * mV)
    tau_after = Param(40 * ms, "decay of the afterpotential", low=1 * ms, high=500 * ms)
    rate = Param(8 * Hz, "rate that the target is told", low=0 * Hz, high=200 * Hz)

    OF_FORM: ClassVar[Mapping[str, Sequence[str]]] = {
        "potential": ("v_rest", "v_spike", "t_spike", "v_after", "tau_after"),
        "rate": ("rate",),
    }
    SLOW: ClassVar[Mapping[str, Any]] = {"dt": 1 * ms}
    """Settings for a rule that acts in every time step."""

    @classmethod
    def fits(cls, shown: Declaration) -> bool:
        return isinstance(shown, Plasticity) and bool(shown.terms) and works(shown)

    @classmethod
    def suited(cls, shown: Any) -> Any:
        ceiling = shown.constants.get("w_max")
        values: dict[str, Any] = {} if ceiling is None else {"w_init": min(float(ceiling) / 2, 1.0)}
        if synapses_of(shown).acts_in_every_step or "potential" in forms_of(shown):
            values |= cls.SLOW
        return cls(**{name: value for name, value in values.items() if name in cls.fields})

    def controls(self, shown: Any) -> Sequence[str]:
        used = forms_of(shown)
        unused = {name for form, names in self.OF_FORM.items() if form not in used for name in names}
        return tuple(name for name in self.fields if name not in unused)

    def pairs(self, shown: Any) -> Pairs:
        """The spikes, and what is given of the targets."""
        return _pairs_of(self, tuple(shown.needs.items()))

    def trains(self) -> tuple[list[np.ndarray], list[np.ndarray], float]:
        """Pre and post spike times (s) of every synapse, and the end of the run (s)."""
        raise NotImplementedError

    def given(self, form: str, post: list[np.ndarray], t_stop: float) -> np.ndarray:
        """A course of the target cells at every time step: (n_steps, n), in SI units."""
        n_steps = round(t_stop / float(self.dt))
        if form == "potential":
            return potential(post, n_steps, float(self.dt), *self._potential)
        return np.broadcast_to(float(self.rate), (n_steps, len(post)))

    def given_code(self, form: str, n_steps: int, n: int) -> tuple[str, str]:
        """The same for a script: what must be defined, and an expression."""
        if form == "potential":
            call = f"potential([post_t[post_i == k] for k in range({n})], {n_steps}, {float(self.dt)!r}, "
            return inspect.getsource(potential), call + ", ".join(map(repr, self._potential)) + ")"
        return "", f"np.full(({n_steps}, {n}), {float(self.rate)!r})"

    @property
    def _potential(self) -> tuple[float, ...]:
        return tuple(float(self.values[name]) for name in self.OF_FORM["potential"])

    def final(self, shown: Any) -> np.ndarray:
        """The weights after the run."""
        return synapses_of(shown).learn(self.pairs(shown), self.w_init)

    def brian2_script(self, shown: Any) -> str:
        return self._script(shown, self.script_end(shown))

    def _script(self, shown: Any, end: str, *, watch: bool = False) -> str:
        pairs = self.pairs(shown)
        given = {
            name: self.given_code(FORMS[get_dimensions(unit)], pairs.n_steps, pairs.n)
            for name, unit in shown.needs.items()
        }
        return scripts.of_pairs(shown, pairs, float(self.w_init), end, given, watch=watch)

    def script_end(self, shown: Any) -> str:
        """The last lines of the script: what to print of the final weights ``plastic.w``."""
        return "print(*plastic.w[:])\n"


def forms_of(shown: Plasticity) -> set[str]:
    """What is given of the target cells."""
    return {FORMS[get_dimensions(unit)] for unit in shown.needs.values()}


@lru_cache(maxsize=16)
def _pairs_of(view: SpikeView, needs: tuple[tuple[str, Any], ...]) -> Pairs:
    """The spikes and the targets of a view; they stay while the values of a rule are moved."""
    pre, post, t_stop = view.trains()
    cell = {name: view.given(FORMS[get_dimensions(unit)], post, t_stop) for name, unit in needs}
    return Pairs(pre, post, t_stop, float(view.dt), cell)


def potential(
    post: list[np.ndarray], n_steps: int, dt: float, rest: float, spike: float, t_spike: float, after: float, tau: float
) -> np.ndarray:
    """Potential of cells that fire when told: at rest, clamped in a spike, then an afterpotential that decays."""
    width, steps = round(t_spike / dt), np.arange(n_steps)
    v = np.full((n_steps, len(post)), rest)
    for k, times in enumerate(post):
        fired = np.rint(times / dt).astype(int)
        if fired.size:
            last = np.searchsorted(fired, steps, side="right") - 1
            since = np.where(last >= 0, steps - fired[np.maximum(last, 0)], -1)
            decayed = rest + (after - rest) * np.exp(-(since - width) * dt / tau)
            v[:, k] = np.where(since < 0, rest, np.where(since < width, spike, decayed))
    return v


def synapses_of(shown: Plasticity) -> TextSynapses:
    """The text of a rule, ready to be executed."""
    return _synapses_of(Key(shown))


@lru_cache(maxsize=64)
def _synapses_of(key: Key) -> TextSynapses:
    return TextSynapses(key.of)


def works(shown: Plasticity) -> bool:
    """Whether its text can be executed here, with what can be given of a target cell."""
    if any(get_dimensions(unit) not in FORMS for unit in shown.needs.values()):
        return False
    try:
        synapses_of(shown)
    except AssemblyError:
        return False
    return True


def has_window(shown: Plasticity) -> bool:
    """Whether what a spike of one side does depends on spikes of the other side, or on the potential that they move."""
    for term in shown.terms:
        before, after = ({trace.name for trace in traces} for traces in (term.pre_traces, term.post_traces))
        if identifiers(term.on_pre) & after or identifiers(term.on_post) & before:
            return True
        if any(FORMS.get(get_dimensions(unit)) == "potential" for unit in term.needs_on_cell.values()):
            return True
    return False


def drawn(task: Task, seed: int = 0) -> Stimulus:
    """The stimulus of a task; views of one setting share it."""
    return _drawn(Key(task), seed)


@lru_cache(maxsize=64)
def _drawn(key: Key, seed: int) -> Stimulus:
    return key.of.draw(np.random.default_rng(seed))


def by_neuron(stimulus: Stimulus, side: str) -> list[np.ndarray]:
    """The spike times of each neuron of a population."""
    trains = stimulus.spikes[side]
    order = np.argsort(trains.indices, kind="stable")
    edges = np.searchsorted(trains.indices[order], np.arange(1, trains.n))
    return np.split(trains.times[order], edges)
