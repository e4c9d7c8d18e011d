"""Plain scripts for Brian2 that do what a view does, with the rule's equations written out; nothing else is needed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from brian2learn.core.declaration import unit_of
from brian2learn.core.equations import rename
from brian2learn.core.quantities import written

from .synapse import Pairs


def of_pairs(
    plasticity: Any, pairs: Pairs, w: float, end: str, given: Mapping[str, tuple[str, str]], *, watch: bool = False
) -> str:
    """A script in which given spikes change weights: the same as `Plasticity.synapses` makes of the rule.

    Parameters
    ----------
    plasticity : Plasticity
    pairs : Pairs
    w : float
        Weight before the first spike.
    end : str
        What is done with ``plastic.w`` after the run.
    given : mapping of str to (str, str)
        For what the rule needs of its target: what must be defined, and an expression for a table (n_steps, n) in SI
        units.
    watch : bool
        Whether ``watched.w`` holds the weights after every time step.
    """
    brought = plasticity.brought_equations
    needs = dict(plasticity.needs)
    lines = ["import numpy as np", _imports(bool(brought or needs), watch), ""]
    lines += ["prefs.codegen.target = 'numpy'  # nothing to compile; remove this line for long runs"]
    lines += [f"defaultclock.dt = {pairs.dt!r}*second", ""]
    for side, trains in (("pre", pairs.pre), ("post", pairs.post)):
        lines += _spikes(side, trains)
    n = pairs.n
    lines.append(f"source = SpikeGeneratorGroup({n}, pre_i, pre_t*second)")
    if not brought and not needs:
        lines.append(f"target = SpikeGeneratorGroup({n}, post_i, post_t*second)")
    else:
        lines += _target(plasticity, pairs, given)
    lines += _synapses(plasticity, n, w)
    lines += _regularly(plasticity)
    objects = "source, target, plastic"
    if watch:
        lines.append("watched = StateMonitor(plastic, 'w', record=True, when='end')")
        objects += ", watched"
    lines += ["", f"Network({objects}).run({pairs.n_steps}*defaultclock.dt, namespace={{}})"]
    return "\n".join(lines) + "\n" + end


def _imports(has_cell: bool, watch: bool) -> str:
    names = ["Network", "SpikeGeneratorGroup", "Synapses", "defaultclock", "prefs", "second"]
    names += ["StateMonitor"] if watch else []
    if has_cell:
        names += ["NeuronGroup", "TimedArray"]
    return f"from brian2 import {', '.join(sorted(names))}"


def _spikes(side: str, trains: Any) -> list[str]:
    """Index and time of every spike, as short as they can be written."""
    sizes = np.array([each.size for each in trains])
    lines = [f"{side}_i = np.repeat(np.arange({sizes.size}), {_array(sizes)})"]
    times = np.round(np.concatenate([*trains, []]), 10)
    if sizes.size > 1 and sizes[0] and (sizes == sizes[0]).all():
        table = times.reshape(sizes.size, -1)
        rest = np.round(table - table[:, :1], 10)
        if (rest == rest[0]).all():  # the same train, begun at different times
            first = table[:, 0].tolist()
            return [*lines, f"{side}_t = np.add.outer({first!r}, {rest[0].tolist()!r}).ravel()"]
    return [*lines, f"{side}_t = np.array({times.tolist()!r})"]


def _array(values: np.ndarray) -> str:
    if values.size and (values == values[0]).all():
        return repr(values[0].item())
    return repr(values.tolist())


def _text(name: str, text: str) -> list[str]:
    body = "\n".join(f"    {line}" for line in text.strip().splitlines())
    return [f'{name} = """', body, '"""'] if body.strip() else [f'{name} = ""']


def _target(plasticity: Any, pairs: Pairs, given: Mapping[str, tuple[str, str]]) -> list[str]:
    """Cells that fire when they are told, with what the rule brings and needs."""
    lines = _text("cell_equations", plasticity.brought_equations)
    names = ["fires"]
    lines += [
        f"fires_at = np.zeros(({pairs.n_steps + 1}, {pairs.n}))",
        "fires_at[np.rint(post_t/float(defaultclock.dt)).astype(int), post_i] = 1",
        "fires = TimedArray(fires_at, dt=defaultclock.dt)",
    ]
    for name, unit in plasticity.needs.items():
        kind = unit_of(unit)
        lines += [f"# {name} of the cells at every time step; in a real network their model has it"]
        definition, course = given[name]
        lines += ["", "", *definition.splitlines(), "", ""] if definition else []
        lines.append(f"given_{name} = TimedArray({course}, dt=defaultclock.dt)  # in SI units")
        lines.append(f"cell_equations += '{name} : {kind}\\n'")
        names.append(f"given_{name}")
    space = ", ".join(f"'{name}': {name}" for name in names)
    lines += [
        f"target = NeuronGroup({pairs.n}, cell_equations, threshold='fires(t, i) > 0.5', reset='', "
        f"method='euler', namespace={{{space}}})"
    ]
    lines += [f"target.run_regularly('{name} = given_{name}(t, i)*{unit_of(unit)}', when='start')"
              for name, unit in plasticity.needs.items()]  # fmt: skip
    for term in plasticity.terms:
        for name, value in term.numbers_on_cell.items():
            lines.append(_set("target", term.on_neuron(name), value))
    lines += [f"target.{name} = {value!r}" for name, value in plasticity.cell_starts().items()]
    for term in plasticity.terms:
        if term.on_cell_step:
            lines += _text("each_step", rename(term.on_cell_step, term.neuron_names))
            lines.append("target.run_regularly(each_step, when='end')")
    return lines


def _synapses(plasticity: Any, n: int, w: float) -> list[str]:
    """The synapses, with the order of spikes in one time step."""
    lines = _text("model", plasticity.model([]))
    lines += _text("on_pre", plasticity.code("pre", [])) + _text("on_post", plasticity.code("post", []))
    lines += ["plastic = Synapses(source, target, model, on_pre=on_pre, on_post=on_post, namespace={})"]
    first = 0 if plasticity.ties != "post_first" else 2
    for side, order in (("pre", first), ("post", 2 - first)):
        if plasticity.code(side, []).strip():
            lines.append(f"plastic.{side}.order = {order}")
    lines.append("plastic.connect(j='i')")
    lines += [_set("plastic", name, value) for name, value in plasticity.constants.items()]
    lines.append(f"plastic.w = {w!r}")
    lines += [f"plastic.{name} = {value!r}" for name, value in plasticity.synapse_starts.items()]
    return lines


def _set(group: str, name: str, value: Any) -> str:
    """An assignment in SI units, which need no unit of their own: ``tau_plus_`` is ``tau_plus`` without one."""
    return f"{group}.{name}_ = {float(value)!r}" + (f"  # {written(value)}" if unit_of(value) != "1" else "")


def _regularly(plasticity: Any) -> list[str]:
    """What is done between spikes; traces that decay are brought up to date where they are read."""
    stale = {
        trace.name: f"({trace.name}*exp(-(t - lastupdate)/{trace.tau}))"
        for side in ("pre", "post")
        for _, trace in plasticity.traces(side)
    }
    held = {name: f"{term.on_neuron(name)}_post" for term in plasticity.terms for name in term.cell_states}
    lines: list[str] = []
    for k, term in enumerate(plasticity.terms):
        if term.regularly:
            lines += _text("regularly", rename(term.regularly, {**stale, **held}))
            every = "" if term.every is None else f", dt={float(getattr(term, term.every))!r}*second"
            lines.append(f"plastic.run_regularly(regularly{every}, when='before_synapses', order={k})")
    return lines
