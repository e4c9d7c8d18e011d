"""The gradient of a chunk without a recursion at any synapse: the recursion's transpose, per postsynaptic neuron.

One step of the recursion at a synapse is linear, ``y <- M y + B s``, with M and B of the postsynaptic neuron and s what
arrives from the presynaptic one, and adds ``g.y + h s`` to the gradient. Every linear functional of a chunk's arrivals
and first states is therefore found backwards, ``q <- M'q + g``: an arrival contributes ``B.q + h``, the first states
``q.y``. The gradient is such a functional, and so is every state at the end of the chunk, which the next chunk begins
with. It is exact for any length of a chunk; the work is that of the neurons and of the spikes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import sympy
from brian2 import NetworkOperation, get_device
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
from brian2.groups.group import CodeRunner

from ._derive import parsed, symbol

if TYPE_CHECKING:
    from ._learning import Learning


@dataclass(frozen=True)
class Transpose:
    """One step backwards, as expressions in the step's coefficients.

    Attributes
    ----------
    states : tuple of str
        The states y.
    functionals : tuple of str
        What is found: ``gradient``, then the states at the end of the chunk.
    q : dict of (str, str) to Expr
        For a functional and a state that bears on it: the new q in the old ones, each named ``q_FUNCTIONAL_STATE``.
    reads : dict of str to Expr
        What one arrival contributes, in the q before the step.
    """

    states: tuple[str, ...]
    functionals: tuple[str, ...]
    q: dict[tuple[str, str], Any]
    reads: dict[str, Any]

    @property
    def carries(self) -> bool:
        """Whether states go on from chunk to chunk."""
        return len(self.functionals) > 1


def transpose(step: Sequence[str], states: Sequence[str], *, carries: bool, direct: bool) -> Transpose:
    """The transpose of one step of a recursion.

    Parameters
    ----------
    step : sequence of str
        Its statements, linear in `states`, ``arrived`` and ``gradient``.
    states : sequence of str
        What it carries on.
    carries : bool
        Whether states at the end of a chunk are wanted.
    direct : bool
        Whether ``unfiltered`` adds to the gradient with the factor ``direct``.
    """
    values: dict[Any, Any] = {}
    for line in step:
        name, _, right = (part.strip() for part in line.partition("="))
        adds, name = name.endswith("+"), name.rstrip("+ ")
        new = parsed(right).xreplace(values)
        values[symbol(name)] = values.get(symbol(name), symbol(name)) + new if adds else new
    into = {each: sympy.expand(values.get(symbol(each), symbol(each))) for each in states}
    total = values[symbol("gradient")] - symbol("gradient")
    if direct:
        total += symbol("direct") * (values[symbol("unfiltered")] - symbol("unfiltered"))
    total = sympy.expand(total)

    bears = {each: {each} for each in states}  # which states bear on the end of one
    for _ in states:
        for each in states:
            bears[each] |= {y for x in bears[each] for y in states if into[x].has(symbol(y))}
    functionals = ("gradient", *(states if carries else ()))
    q, reads = {}, {}
    for name in functionals:
        on = set(states) if name == "gradient" else bears[name]
        own = {each: symbol(f"q_{name}_{each}") for each in states if each in on}
        whole = sum((q_ * into[each] for each, q_ in own.items()), total if name == "gradient" else sympy.Integer(0))
        for each in own:
            q[name, each] = sympy.factor_terms(sympy.diff(whole, symbol(each)))
        reads[name] = sympy.factor_terms(sympy.diff(whole, symbol("arrived")))
    return Transpose(tuple(states), functionals, q, reads)


def transposed(learning: Learning, synapses: Any, source: Any, cells: Any, *, n_steps: int, has_release: bool) -> None:
    """Let `synapses` find their gradient at the end of every chunk of `n_steps`."""
    found = transpose(learning.step, learning.states, carries=not learning.rule.forgets, direct=learning.rule.is_direct)
    varying = {name: learning.names[name] for name in learning.varying}
    constant = {name: learning.names[name] for name in learning.constant}
    last = {"direct": learning.names["direct"]} if learning.rule.is_direct else {}
    late = int(learning.arrival == "before_thresholds")
    kind = _Compiled if isinstance(get_device(), CPPStandaloneDevice) else _Interpreted
    synapses.contained_objects.append(
        kind(found, synapses, source, cells, varying, constant, last, n_steps, late, has_release)
    )


class _Interpreted(NetworkOperation):
    """The NumPy twin, for Brian2's runtime mode."""

    def __init__(
        self, found: Transpose, synapses: Any, source: Any, cells: Any, varying: dict[str, str],
        constant: dict[str, str], last: dict[str, str], n_steps: int, late: int, has_release: bool,
    ) -> None:  # fmt: skip
        super().__init__(self.step, when="start", order=-2, name=f"{synapses.name}_transposed")
        self.found, self.synapses, self.source, self.cells = found, synapses, source, cells
        self.varying, self.constant, self.last = varying, constant, last
        self.n_steps, self.late, self.has_release = n_steps, late, has_release
        self.rows = {name: np.zeros((n_steps, len(cells))) for name in varying}
        self.events: list[list[Any]] = []  # step of arrival, neuron, amount
        names = [*(f"q_{name}_{state}" for name, state in found.q), *varying, *constant, *last]
        arguments = [symbol(name) for name in names]
        self.back = sympy.lambdify(arguments, list(found.q.values()), "numpy")
        self.read = sympy.lambdify(arguments, list(found.reads.values()), "numpy")
        self.first: np.ndarray | None = None

    def step(self, t: Any) -> None:
        """Keep what the step before left behind, and look back when a chunk is over."""
        now = int(self.clock.variables["timestep"].get_value().item()) - 1  # the step that is over
        if now < 0:
            return
        if self.first is None:
            self._begin()
        row = now % self.n_steps
        for name, variable in self.varying.items():
            self.rows[name][row] = self.cells.variables[variable].get_value()
        self.events += [[now + self.lag, int(neuron), 1.0] for neuron in self.source.spikes]
        if self.has_release:
            arrived = self.synapses.variables["arrived"].get_value()
            for event in self.events:
                if event[0] == now and (own := self.of(event[1])).size:
                    event[2] = arrived[own[0]]
                    arrived[own] = 0
        if row == self.n_steps - 1:
            self._look_back(now - row)

    def _begin(self) -> None:
        delay = float(np.ravel(self.synapses.pre.variables["delay"].get_value())[:1].sum())
        self.lag = int(delay / float(self.clock.dt) + 0.5) + self.late  # as Brian2's queue rounds
        self.i, self.j = np.asarray(self.synapses.i), np.asarray(self.synapses.j)
        self.first = np.searchsorted(self.i, np.arange(len(self.source) + 1))

    def of(self, neuron: int) -> np.ndarray:
        """The synapses of a presynaptic neuron."""
        assert self.first is not None
        return np.arange(self.first[neuron], self.first[neuron + 1])

    def _look_back(self, begin: int) -> None:
        found, n = self.found, len(self.cells)
        constant = [np.asarray(self.cells.variables[each].get_value()).item() for each in self.constant.values()]
        last = [self.cells.variables[each].get_value() for each in self.last.values()]
        q = [np.full(n, float(name == state)) for name, state in found.q]
        sums = {name: np.zeros(len(self.synapses)) for name in found.functionals}
        waiting = sorted((event for event in self.events if event[0] < begin + self.n_steps), key=lambda each: each[0])
        self.events = [event for event in self.events if event[0] >= begin + self.n_steps]
        for row in reversed(range(self.n_steps)):
            coefficients = [*(rows[row] for rows in self.rows.values()), *constant, *last]
            if waiting and waiting[-1][0] == begin + row:
                read = [np.broadcast_to(each, n) for each in self.read(*q, *coefficients)]
                while waiting and waiting[-1][0] == begin + row:
                    _, neuron, amount = waiting.pop()
                    own = self.of(neuron)
                    for name, each in zip(found.functionals, read, strict=True):
                        sums[name][own] += amount * each[self.j[own]]
            q = [np.broadcast_to(each, n) for each in self.back(*q, *coefficients)]
        variables = self.synapses.variables
        if found.carries:
            before = {state: np.array(variables[state].get_value()) for state in found.states}
            for (name, state), each in zip(found.q, q, strict=True):
                sums[name] += each[self.j] * before[state]
        else:
            self.events = []  # a new trial
        sums["gradient"] += variables["gradient"].get_value()
        for name, value in sums.items():
            variables[name].set_value(value)


class _TransposedCode(CPPStandaloneCodeObject):
    templater = CPPStandaloneCodeObject.templater.derive("brian2learn.plasticity")


class _Compiled(CodeRunner):
    """The same as a block of a compiled program."""

    def __init__(
        self, found: Transpose, synapses: Any, source: Any, cells: Any, varying: dict[str, str],
        constant: dict[str, str], last: dict[str, str], n_steps: int, late: int, has_release: bool,
    ) -> None:  # fmt: skip
        whole = getattr(source, "source", source)  # of a subgroup
        used = {"spikes_of_source": (whole, "_spikespace"), "delay_of_pathway": (synapses.pre, "delay")}
        used |= {f"of_cell_{name}": (cells, variable) for name, variable in {**varying, **constant, **last}.items()}
        for name, (group, variable) in used.items():
            index = "0" if group.variables[variable].scalar else "_postsynaptic_idx"
            if name not in synapses.variables:
                synapses.variables.add_reference(name, group, variable, index=index)
        own = {"_arrival_step": np.int64, "_arrival_neuron": np.int64, "_arrival_amount": np.float64}
        for name, dtype in own.items():
            synapses.variables.add_dynamic_array(name, size=0, dtype=dtype)
        synapses.variables.add_array("_n_seen", size=1, dtype=np.int64, scalar=True)
        synapses.variables.add_array("_rows", size=len(varying) * n_steps * len(cells))
        held = [*own, "_n_seen", "_rows", "_synaptic_pre", "_synaptic_post", "N", *found.functionals, *found.states]
        held += ["arrived"] if has_release else []
        CodeRunner.__init__(
            self, synapses, "transposed", code="", when="start", order=-2, name=f"{synapses.name}_transposed",
            codeobj_class=_TransposedCode, needed_variables=[*used, *dict.fromkeys(held), "t_in_timesteps"],
            template_kwds={
                "rows": list(varying), "constants": list(constant), "last": list(last),
                "functionals": list(found.functionals), "states": list(found.states),
                "qs": [{"name": f"q_{name}_{state}", "functional": name, "state": state, "first": int(name == state),
                        "back": _cpp(value)} for (name, state), value in found.q.items()],
                "reads": {name: _cpp(value) for name, value in found.reads.items()},
                "n_chunk": n_steps, "dt": repr(float(synapses.clock.dt)), "late": late, "has_release": has_release,
                "carries": found.carries,
                "n_cells": len(cells), "n_source": len(source), "start": getattr(source, "start", 0),
                "n_whole": len(whole),
            },
        )  # fmt: skip


def _cpp(expression: Any) -> str:
    return str(sympy.cxxcode(expression))
