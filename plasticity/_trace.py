"""Numbers that jump at the spikes of one side: how neurons or synapses hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from brian2 import Synapses, get_device
from brian2.devices.cpp_standalone.device import CPPStandaloneDevice
from brian2.groups.group import CodeRunner

from brian2learn.core.declaration import number_lines, plain
from brian2learn.core.equations import identifiers, rename
from brian2learn.core.errors import AssemblyError

from ._mechanism import Mechanism


@dataclass(frozen=True)
class Trace:
    """A number that jumps at the spikes of one side and decays in between.

    Attributes
    ----------
    name : str
        Its name in the text of its owner.
    tau : str
        The parameter that holds its time constant.
    at_spike : str
        What a spike does to it, after the weight has changed; it may read parameters and the traces of its side that
        are listed after it.
    """

    name: str
    tau: str
    at_spike: str


class Holder(Mechanism):
    """A mechanism with traces, which sit on neurons or on synapses."""

    pre_traces: Any = ()
    post_traces: Any = ()

    @property
    def all_traces(self) -> tuple[Trace, ...]:
        """The traces of both sides."""
        return (*self.pre_traces, *self.post_traces)

    @property
    def trace_names(self) -> tuple[str, ...]:
        """Names of the traces of both sides."""
        return tuple(trace.name for trace in self.all_traces)

    @property
    def neuron_names(self) -> dict[str, str]:
        """Every name that a neuron can hold, with what it is called there; of ``dx/dt`` the name is ``dx``."""
        names = {name: self.on_neuron(name) for name in self.trace_names}
        parameters = {name: self.on_neuron(name) for name in self.numbers}
        return {**parameters, **names, **{f"d{old}": f"d{new}" for old, new in names.items()}}

    def numbers_of(self, trace: Trace) -> dict[str, Any]:
        """The parameters that a neuron needs to hold a trace."""
        used = {trace.tau, *identifiers(trace.at_spike)}
        return {name: value for name, value in self.numbers.items() if name in used}

    def lines_for_neuron(self, trace: Trace) -> list[str]:
        """Equations of a trace and of its parameters on a neuron."""
        names = self.neuron_names
        return [
            f"d{names[trace.name]}/dt = -{names[trace.name]}/{names[trace.tau]} : 1",
            *number_lines({names[name]: value for name, value in self.numbers_of(trace).items()}),
        ]


def _updater_name(group: Any, holder: Holder, trace: Trace) -> str:
    return f"{group.name}_{holder.on_neuron(trace.name)}_at_spike"


def _updater(group: Any, holder: Holder, trace: Trace) -> Any:
    """What updates a trace that `group` holds, if some synapses already use it there."""
    name = _updater_name(group, holder, trace)
    return next((each for each in group.contained_objects if each.name == name), None)


def set_numbers(group: Any, placed: Iterable[tuple[Holder, Trace]]) -> None:
    """Give `group` the parameters of the traces it holds, unless other synapses already use them."""
    for holder, trace in placed:
        if _updater(group, holder, trace) is None:
            for name, value in holder.numbers_of(trace).items():
                if holder.on_neuron(name) in group.variables:
                    setattr(group, holder.on_neuron(name), value)


def update_at_spikes(
    group: Any, placed: Iterable[tuple[Holder, Trace]], order: int, ties: str, delay: Any = None
) -> None:
    """Let `group` update the traces it holds, once, however many synapses read them.

    With a `delay` the traces are updated when the spikes arrive, which is the same moment for all synapses.

    Raises
    ------
    AssemblyError
        If other synapses use a trace of `group` otherwise.
    """
    for k, (holder, trace) in enumerate(placed):
        names = holder.neuron_names
        use = _Use(holder.numbers_of(trace), trace.at_spike, ties, 0.0 if delay is None else plain(delay))
        present = _updater(group, holder, trace)
        if present is not None:
            _check_same(group, holder, names[trace.name], present.use, use)
            continue
        # in the order in which they are listed
        settings: dict[str, Any] = {
            "order": order + k / 1000,
            "when": "synapses",
            "name": _updater_name(group, holder, trace),
        }
        if delay is None:
            runner = CodeRunner(
                group,
                "reset",  # Brian2's template for "the neurons that spiked in this step"
                code=rename(trace.at_spike, names),
                needed_variables=["_spikespace"],
                template_kwds={"eventspace_variable": group.variables["_spikespace"]},
                **settings,
            )
        else:
            runner = _to_itself(group, rename(trace.at_spike, names), delay, **settings)
        runner.use = use
        group.contained_objects.append(runner)


class _Use(NamedTuple):
    """How synapses use a trace that a group holds for them."""

    numbers: Mapping[str, Any]
    at_spike: str
    ties: str
    delay: float


def _to_itself(group: Any, code: str, delay: Any, *, order: float, when: str, name: str) -> Synapses:
    """What acts on every neuron of `group` when its own spikes arrive elsewhere."""
    own = {variable: f"own_{variable}" for variable in sorted(identifiers(code) & {*group.variables})}
    runner = Synapses(group, group, on_pre=rename(code, own), delay=delay, namespace={}, name=name)
    # synapse k belongs to neuron k: no two of them change one number, so every statement is well defined
    for variable, name_here in own.items():
        runner.variables.add_reference(name_here, group, variable)
    runner.pre.when, runner.pre.order = when, order
    runner.connect(j="i")
    runner.add_attribute("use")
    # a standalone project lists the synapses that a network holds itself, and would miss those that a group holds
    if isinstance(get_device(), CPPStandaloneDevice):
        get_device().synapses.add(runner)
    return runner


def _check_same(group: Any, holder: Holder, state: str, present: _Use, wanted: _Use) -> None:
    for name, value in wanted.numbers.items():
        if plain(present.numbers[name]) != plain(value):
            got = f"{value}, and {present.numbers[name]} from other synapses"
            raise AssemblyError(
                group.name, holder.on_neuron(name), expected="one value for a trace that is shared", got=got
            )
    if present[1:] != wanted[1:]:
        got = f"{wanted.at_spike!r}, {wanted.ties}, delay {wanted.delay} s, and {present.at_spike!r}, {present.ties}, "
        got += f"delay {present.delay} s from other synapses"
        raise AssemblyError(group.name, state, expected="one use of a shared trace at a spike", got=got)
