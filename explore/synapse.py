"""Synapses in plain NumPy: the text that a rule gives to Brian2, executed from spike to spike, many synapses at once.

Brian2 needs half a second to set up a run, which is too slow for a slider. Here the same strings (`Plasticity.model`,
`Plasticity.code`) are executed at the spikes alone, with traces that decay in closed form in between. What comes out
equals Brian2 and the rule's independent twin, `reference`, to rounding; a test compares all three for every rule.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from brian2.parsing.rendering import NumpyNodeRenderer

from brian2learn.core.declaration import plain
from brian2learn.core.equations import assigned, identifiers, rename, statements
from brian2learn.core.errors import AssemblyError
from brian2learn.plasticity._rule import Plasticity

_DECAY = re.compile(r"^d(\w+)/dt\s*=\s*-\1/(\w+)\s*:\s*1(\s*\(event-driven\))?$")
_STATE = re.compile(r"^(\w+)\s*:\s*[^()]+$")
_PRE, _POST, _CELL = "pre", "post", "cell"
_CELL_STEP = 1000  # after everything else in its time step

FUNCTIONS: dict[str, Any] = {
    "clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "int": lambda x: np.trunc(np.multiply(x, 1.0)),
    "exp": np.exp, "log": np.log, "sqrt": np.sqrt, "sin": np.sin, "cos": np.cos, "tan": np.tan, "tanh": np.tanh,
    "abs": np.abs, "logical_not": np.logical_not,
}  # fmt: skip


@dataclass(frozen=True)
class Pairs:
    """Given spikes on both sides of some synapses.

    Attributes
    ----------
    pre, post : sequence of (k,) float arrays, s
        Spike times for every synapse, sorted, on the grid of `dt`.
    t_stop : float, s
        When the run ends; what is done regularly is done until then.
    dt : float, s
        The time step.
    cell : mapping of str to (n_steps, n) float
        What the rule needs of the target cells at every time step, in SI units.
    """

    pre: Sequence[np.ndarray]
    post: Sequence[np.ndarray]
    t_stop: float
    dt: float = 1e-4
    cell: Mapping[str, np.ndarray] = field(default_factory=dict)
    order: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)
    """What is executed when, once it has been worked out."""

    @property
    def n(self) -> int:
        """Number of synapses."""
        return len(self.pre)

    @property
    def n_steps(self) -> int:
        """Number of time steps."""
        return round(self.t_stop / self.dt)


@dataclass(frozen=True)
class Course:
    """All that happened at one synapse.

    Attributes
    ----------
    t : (n,) float, s
        When something was executed; the first is the start of the run.
    before, after : dict of str to (n,) float
        The weight, the traces and the further states just before and just after.
    tau : dict of str to float, s
        Time constants of what decays in between.
    """

    t: np.ndarray
    before: dict[str, np.ndarray]
    after: dict[str, np.ndarray]
    tau: dict[str, float]

    def at(self, name: str, t: np.ndarray) -> np.ndarray:
        """A state at some times (s); where something was executed, what is there afterwards."""
        last = np.searchsorted(self.t, t, side="right") - 1
        value = self.after[name][last]
        return value * np.exp(-(t - self.t[last]) / self.tau[name]) if name in self.tau else value


class TextSynapses:
    """What a rule's text says of a synapse, ready to be executed.

    Parameters
    ----------
    plasticity : Plasticity
        A rule or a sum of them.

    Raises
    ------
    AssemblyError
        If its text holds what cannot be worked out from spike to spike: a differential equation that is not a plain
        decay, or a function that is not in `FUNCTIONS`.
    """

    def __init__(self, plasticity: Plasticity) -> None:
        self.plasticity = plasticity
        self.tau: dict[str, float] = {}
        self.start: dict[str, float] = {}
        numbers = {**plasticity.constants, **plasticity.cell_constants("post")}
        self._numbers = {name: float(plain(value)) for name, value in numbers.items()}
        for line in (*statements(plasticity.model([])), *statements(plasticity.brought_equations)):
            self._read(line)
        self.start |= plasticity.synapse_starts | plasticity.cell_starts()
        # what the cell holds carries no suffix here: a synapse has one target
        own = {f"{term.on_neuron(name)}_post": term.on_neuron(name) for term in plasticity.terms
               for name in term.cell_states}  # fmt: skip
        own |= {f"{name}_post": name for name in plasticity.needs}
        short = {name: new for term in plasticity.terms for name, new in
                 ((each, term.on_neuron(each)) for each in term.cell_states)}  # fmt: skip
        self.codes = {side: self._compiled(rename(plasticity.code(side, []), own)) for side in (_PRE, _POST)}
        self.ticks = [
            (term, self._compiled(rename(term.regularly, {**own, **short})))
            for term in plasticity.terms
            if term.regularly
        ]
        steps = "\n".join(rename(term.on_cell_step, term.neuron_names) for term in plasticity.terms)
        self.codes[_CELL] = self._compiled(steps)

    @property
    def states(self) -> tuple[str, ...]:
        """Everything that changes, the weight first."""
        return tuple(self.start)

    @property
    def shown(self) -> tuple[str, ...]:
        """The states that the rule declares: the weight, its traces, the further states, those of the cell."""
        terms = self.plasticity.terms
        declared = {name for term in terms for name in (*term.trace_names, *term.synapse_states)}
        declared |= {term.on_neuron(name) for term in terms for name in term.cell_states}
        return tuple(name for name in self.start if name == "w" or name in declared)

    @property
    def acts_in_every_step(self) -> bool:
        """Whether something is done in every time step, so that time cannot be skipped."""
        return bool(self.codes[_CELL]) or any(term.every is None for term, _ in self.ticks)

    def _read(self, line: str) -> None:
        if "(shared, constant)" in line:
            return
        if decays := _DECAY.match(line):
            name, tau = decays.group(1), decays.group(2)
            self.tau[name] = self._numbers[tau]
            self.start[name] = 0.0
        elif state := _STATE.match(line):
            self.start[state.group(1)] = 0.0
        else:
            raise AssemblyError(
                self.plasticity.title, line, expected="states that stay or decay between spikes", got="another equation"
            )

    def _compiled(self, text: str) -> Any:
        if not text.strip():
            return None
        # dt is a number here, t the time of each synapse; the rest are states, numbers and what the cell gives
        known = {*self.start, *self._numbers, *self.plasticity.needs, *FUNCTIONS, "t", "dt"}
        for name in sorted(identifiers(text) - known - assigned(text)):
            raise AssemblyError(
                self.plasticity.title, name, expected="functions and names that are known here", got=f"{name} in {text}"
            )
        rendered = "\n".join(_for_arrays(line) for line in statements(text))
        return compile(rendered, f"<{self.plasticity.title}>", "exec"), sorted(assigned(text) & {*self.start})

    # ------------------------------------------------------------------ execution

    def learn(self, pairs: Pairs, w: Any) -> np.ndarray:
        """The weights (n,) at the end, from the weight `w` (one, or one for each synapse) before the first spike."""
        return self._run(pairs, w)["w"]

    def follow(self, pairs: Pairs, w: float) -> Course:
        """Everything that happens at the first synapse."""
        if pairs.n != 1:
            raise AssemblyError(self.plasticity.title, "follow", expected="one synapse", got=f"{pairs.n}")
        seen: list[tuple[float, dict[str, float], dict[str, float]]] = []
        self._run(pairs, w, seen)
        start = {**self.start, "w": float(w)}
        rows = [(0.0, start, start), *seen]
        before = {name: np.array([row[1][name] for row in rows]) for name in self.start}
        after = {name: np.array([row[2][name] for row in rows]) for name in self.start}
        return Course(np.array([row[0] for row in rows]), before, after, self.tau)

    def _run(self, pairs: Pairs, w: Any, seen: list[Any] | None = None) -> dict[str, np.ndarray]:
        state = {name: np.full(pairs.n, value) for name, value in self.start.items()}
        state["w"][:] = w
        last = np.zeros(pairs.n)
        constants = {**FUNCTIONS, "__builtins__": {}, **self._numbers, "dt": pairs.dt}
        regular = tuple(
            1 if term.every is None else max(round(plain(getattr(term, term.every)) / pairs.dt), 1)
            for term, _ in self.ticks
        )
        key = (self.plasticity.ties, regular, tuple(code is None for code in self.codes.values()))
        if key not in pairs.order:
            pairs.order[key] = self._batches(pairs, regular)
        for kind, which, t in pairs.order[key]:
            everywhere = which.size == pairs.n
            where: Any = slice(None) if everywhere else which
            passed = t - last[where]
            values: dict[str, Any] = {name: each[where] for name, each in state.items()}
            for name, tau in self.tau.items():
                values[name] = values[name] * np.exp(-passed / tau)
            last[where] = t
            before = {name: float(value[0]) for name, value in values.items()} if seen is not None else {}
            steps = np.rint(t / pairs.dt).astype(int)
            for name in self.plasticity.needs:
                values[name] = pairs.cell[name][steps, which]
            values["t"] = t
            code, written = self.codes[kind] if isinstance(kind, str) else self.ticks[kind][1]
            values |= {name: values[name] + 0.0 for name in written}  # statements such as += change in place
            exec(code, constants, values)
            for name in {*self.tau, *written}:
                state[name][where] = values[name]
            if seen is not None:
                seen.append((float(t[0]), before, {name: float(each[0]) for name, each in state.items()}))
        return state

    def _batches(self, pairs: Pairs, intervals: tuple[int, ...]) -> list[tuple[Any, np.ndarray, np.ndarray]]:
        """What is executed, for which synapses, at which time of each: all that can be done at once is."""
        priority = {_PRE: 500, _POST: 501, _CELL: _CELL_STEP}
        if self.plasticity.ties == "post_first":
            priority[_PRE] = 502
        kinds: dict[int, Any] = {value: key for key, value in priority.items()} | dict(
            enumerate(range(len(self.ticks)))
        )
        columns, times, whats = [], [], []

        def add(column: np.ndarray, time: np.ndarray, what: int) -> None:
            columns.append(column)
            times.append(time)
            whats.append(np.full(time.size, what))

        for side, given in ((_PRE, pairs.pre), (_POST, pairs.post)):
            if self.codes[side]:
                sizes = [each.size for each in given]
                add(np.repeat(np.arange(pairs.n), sizes), np.concatenate([*given, []]), priority[side])
        every_step = np.arange(pairs.n_steps)
        regular = list(enumerate(intervals))
        if self.codes[_CELL]:
            regular.append((_CELL_STEP, 1))
        for what, interval in regular:
            grid = every_step[::interval] * pairs.dt
            add(np.tile(np.arange(pairs.n), grid.size), np.repeat(grid, pairs.n), what)
        if not columns:
            return []
        column, time, what = np.concatenate(columns), np.concatenate(times), np.concatenate(whats)
        # synapses are independent: the k-th event of each can be executed together, unless all act in every step
        step = np.rint(time / pairs.dt).astype(np.int64)
        order = np.lexsort((what, step, column))
        if self.acts_in_every_step:
            group = step * (_CELL_STEP + 1) + what
        else:
            sorted_columns = column[order]
            starts = np.searchsorted(sorted_columns, np.arange(pairs.n))
            rank = np.empty(order.size, np.int64)
            rank[order] = np.arange(order.size) - starts[sorted_columns]
            group = rank * (_CELL_STEP + 1) + what
        order = np.lexsort((column, group))
        edges = np.flatnonzero(np.diff(group[order])) + 1
        return [
            (kinds[int(what[members[0]])], column[members], time[members])
            for members in np.split(order, edges)
            if members.size
        ]


def _for_arrays(statement: str) -> str:
    """A statement whose ``and``, ``or`` and ``not`` work on arrays."""
    (node,) = ast.parse(statement).body
    assert isinstance(node, (ast.Assign, ast.AugAssign))
    render = NumpyNodeRenderer().render_node
    if isinstance(node, ast.AugAssign):
        sign = NumpyNodeRenderer.expression_ops[f"Aug{type(node.op).__name__}"]
        return f"{render(node.target)} {sign} {render(node.value)}"
    return f"{render(node.targets[0])} = {render(node.value)}"
