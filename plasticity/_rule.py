"""What a plasticity rule is, how rules add up, and how they become an ordinary ``brian2.Synapses``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from brian2 import Synapses
from brian2.groups.group import CodeRunner
from brian2.units.fundamentalunits import Unit, get_dimensions, get_unit

from brian2learn.core.declaration import Choice, Declaration, Parts, dimension_of, plain, unit_of
from brian2learn.core.discovery import snake_case
from brian2learn.core.equations import assigned, check_names, defined, identifiers, rename
from brian2learn.core.errors import AssemblyError


@dataclass(frozen=True)
class Trace:
    """A number that jumps at the spikes of one side and decays in between.

    Attributes
    ----------
    name : str
        Its name in the rule's text.
    tau : str
        The parameter that holds its time constant.
    at_spike : str
        What a spike does to it, after the weight has changed.
    """

    name: str
    tau: str
    at_spike: str


class Plasticity(Declaration):
    """How weights change: one `Rule`, or a sum of them."""

    @property
    def terms(self) -> tuple[Rule, ...]:
        """The mechanisms that add up to this one."""
        raise NotImplementedError

    @property
    def ties(self) -> str:
        """Which of two spikes in one time step comes first."""
        raise NotImplementedError

    def __add__(self, other: Plasticity) -> Plasticity:
        if not isinstance(other, Plasticity):
            return NotImplemented
        return PlasticitySum(parts=self.terms + other.terms)

    # ------------------------------------------------------------------ what it is made of

    @property
    def constants(self) -> dict[str, Any]:
        """Name and value of every number the synapses hold."""
        return {name: value for term in self.terms for name, value in term.numbers.items()}

    @property
    def needs(self) -> dict[str, Any]:
        """Name and unit of every variable that the target cell must have."""
        return {name: unit for term in self.terms for name, unit in term.needs_on_cell.items()}

    @property
    def states(self) -> tuple[str, ...]:
        """The per-synapse states that the text of the rule sets, the weight first."""
        found = {name for term in self.terms for name in assigned(f"{term.on_pre}\n{term.on_post}")}
        declared = {"w", *(name for term in self.terms for name in (*term.trace_names, *term.synapse_states))}
        return ("w", *sorted((found & declared) - {"w"}))

    def traces(self, side: str) -> list[tuple[Rule, Trace]]:
        """The traces of one side, ``pre`` or ``post``, each with its rule."""
        return [(term, trace) for term in self.terms for trace in getattr(term, f"{side}_traces")]

    def placed(self, side: str, group: Any) -> list[tuple[Rule, Trace]]:
        """The traces of one side that `group` holds for all its synapses."""
        if self.ties == "mean":  # the mean of two orders is a mean per synapse
            return []
        return [
            (term, trace)
            for term, trace in self.traces(side)
            if trace.name not in self.states and term.on_neuron(trace.name) in group.variables
        ]

    # ------------------------------------------------------------------ text for people's own groups

    @property
    def cell_equations(self) -> str:
        """Lines to add to a target `NeuronGroup`, so that it holds its side's traces, once per neuron."""
        return self._equations_for("post")

    @property
    def afferent_equations(self) -> str:
        """Lines to add to a source `NeuronGroup`, so that it holds its side's traces (synapses without delay only)."""
        return self._equations_for("pre")

    def _equations_for(self, side: str) -> str:
        lines = []
        for term, trace in self.traces(side):
            if self.ties == "mean" or trace.name in self.states:
                continue
            name, tau = term.on_neuron(trace.name), term.on_neuron(trace.tau)
            lines.append(f"d{name}/dt = -{name}/{tau} : 1")
            lines.append(f"{tau} : second (shared, constant)")
        return "".join(f"{line}\n" for line in dict.fromkeys(lines))

    def cell_constants(self, side: str = "post") -> dict[str, Any]:
        """Values for the numbers in the lines that one side's group was given."""
        return {
            term.on_neuron(trace.tau): getattr(term, trace.tau)
            for term, trace in self.traces(side)
            if self.ties != "mean" and trace.name not in self.states
        }

    # ------------------------------------------------------------------ synapses

    def synapses(
        self,
        source: Any,
        target: Any,
        transmit: str = "v_post += w",
        *,
        connect: Mapping[str, Any] | None = None,
        delay: Any = None,
        name: str = "synapses*",
    ) -> Synapses:
        """An ordinary `brian2.Synapses` that follows this rule.

        Parameters
        ----------
        source, target : brian2 group
            Where spikes come from and go to. Traces sit on a group that has been given this rule's
            `afferent_equations` or `cell_equations`, else on each synapse, with the same numbers. Rules that share a
            trace of a group must agree on it; its time constant is set here.
        transmit : str
            What a spike does to the target, with the weight before the spike's own change.
        connect : mapping, optional
            Arguments of `brian2.Synapses.connect`, for example ``{"p": 0.1}``; every pair if not given.
        delay : Quantity, optional
            Axonal delay of the presynaptic spikes; the weight sees them when they arrive.
        name : str
            Name of the Brian2 object.

        Raises
        ------
        AssemblyError
            If the target lacks a variable that the rule needs or that `transmit` names, or a group already holds the
            rule's trace for synapses that treat it otherwise.
        """
        self._check_target(target, transmit)
        on_source = [] if delay is not None else self.placed("pre", source)
        on_target = self.placed("post", target)
        pre_first = self.ties != "post_first"
        synapses = Synapses(
            source,
            target,
            model=self.model(on_source + on_target),
            on_pre=self.code("pre", on_source + on_target, transmit),
            on_post=self.code("post", on_source + on_target),
            delay=None if delay is None else {"pre": delay},
            namespace={},
            name=name,
        )
        # text may be empty on one side; then there is no such pathway
        for side, order in (("pre", 0 if pre_first else 2), ("post", 2 if pre_first else 0)):
            if hasattr(synapses, side):
                getattr(synapses, side).order = order
        synapses.connect(**(connect or {}))
        for constant, value in self.constants.items():
            setattr(synapses, constant, value)
        self._set_time_constants(source, "pre")
        self._set_time_constants(target, "post")
        _update_at_spikes(source, on_source, order=1 if pre_first else 3)
        _update_at_spikes(target, on_target, order=3 if pre_first else 1)
        return synapses

    def _set_time_constants(self, group: Any, side: str) -> None:
        """Let traces that `group` has the lines for decay, unless other synapses already use them."""
        for term, trace in self.traces(side):
            tau = term.on_neuron(trace.tau)
            if tau in group.variables and _updater(group, term, trace) is None:
                setattr(group, tau, getattr(term, trace.tau))

    def model(self, on_neurons: list[tuple[Rule, Trace]]) -> str:
        """Equations of the synapses, given the traces that neurons hold."""
        lines = ["w : 1"]
        for term in self.terms:
            lines += [f"{name} : {unit_of(value)} (shared, constant)" for name, value in term.numbers.items()]
            lines += [
                f"d{trace.name}/dt = -{trace.name}/{trace.tau} : 1 (event-driven)"
                for trace in (*term.pre_traces, *term.post_traces)
                if (term, trace) not in on_neurons
            ]
            lines += term.synapse_equations.strip().splitlines()
        if self.ties == "mean":
            lines += [f"before_{state} : 1" for state in self._tied_states] + ["pre_mark : second"]
        return "\n".join(dict.fromkeys(lines))

    def code(self, side: str, on_neurons: list[tuple[Rule, Trace]], transmit: str = "") -> str:
        """Statements that a spike of one side executes: transmission, weight change, then that side's traces."""
        lines = transmit.strip().splitlines()
        if self.ties == "mean":
            lines += self._mean_of_orders(side)
        else:
            lines += self._changes(side, on_neurons)
        elsewhere = {
            trace.name: f"{term.on_neuron(trace.name)}_{which}"
            for which in ("pre", "post")
            for term, trace in self.traces(which)
            if (term, trace) in on_neurons
        }
        return rename("\n".join(lines), elsewhere)

    def _changes(self, side: str, on_neurons: list[tuple[Rule, Trace]] | None = None) -> list[str]:
        lines = [line for term in self.terms for line in getattr(term, f"on_{side}").strip().splitlines()]
        return lines + [trace.at_spike for term, trace in self.traces(side) if (term, trace) not in (on_neurons or [])]

    @property
    def _tied_states(self) -> list[str]:
        traces = {trace.name for side in ("pre", "post") for _, trace in self.traces(side)}
        return sorted({*self.states, *traces})

    def _mean_of_orders(self, side: str) -> list[str]:
        """Pre first; at a tie also post first from the state before, and every state becomes the mean of both."""
        states = self._tied_states
        on_pre, on_post = self._changes("pre"), self._changes("post")
        if side == "pre":
            # a bare `before_x = x` would follow a later `x += 1`: Brian2's NumPy code changes x in place
            copies = [f"before_{state} = 0.5*({state} + {state})" for state in states]
            return [*copies, "pre_mark = t + dt", *on_pre]
        other = {state: f"other_{state}" for state in states}
        return (
            ["tied = int(abs(pre_mark - t - dt) < 0.5*dt)"]
            + [f"{other[state]} = before_{state}" for state in states]
            + [rename(line, other) for line in on_post + on_pre]
            + on_post
            + [f"{state} = {state} + 0.5*tied*({other[state]} - {state})" for state in states]
        )

    def _check_target(self, target: Any, transmit: str) -> None:
        where = " + ".join(type(term).__name__ for term in self.terms)
        has = [name for name in target.variables if not name.startswith("_")]
        for name, unit in self.needs.items():
            if name not in target.variables:
                raise AssemblyError(
                    where,
                    name,
                    expected=f"a target cell with {name} ({unit})",
                    got=f"{target.name} without it",
                    choices=has,
                    typed=name,
                )
            if target.variables[name].dim != get_dimensions(unit):
                raise AssemblyError(
                    where,
                    name,
                    expected=f"{name} of {target.name} in {unit}",
                    got=f"{name} in {get_unit(target.variables[name].dim)!r}",
                )
        for name in sorted(identifiers(transmit)):
            if name.endswith("_post") and name.removesuffix("_post") not in target.variables:
                raise AssemblyError(
                    where,
                    "transmit",
                    meaning=transmit.strip(),
                    expected=f"variables of {target.name}",
                    got=name,
                    choices=has,
                    typed=name.removesuffix("_post"),
                )


def _updater_name(group: Any, term: Rule, trace: Trace) -> str:
    return f"{group.name}_{term.on_neuron(trace.name)}_at_spike"


def _updater(group: Any, term: Rule, trace: Trace) -> Any:
    """What updates a trace that `group` holds, if some synapses already use it there."""
    name = _updater_name(group, term, trace)
    return next((each for each in group.contained_objects if each.name == name), None)


def _update_at_spikes(group: Any, placed: list[tuple[Rule, Trace]], order: int) -> None:
    """Let `group` update the traces it holds, once, however many synapses read them."""
    for term, trace in placed:
        state, tau = term.on_neuron(trace.name), term.on_neuron(trace.tau)
        value, code = getattr(term, trace.tau), rename(trace.at_spike, {trace.name: state})
        present = _updater(group, term, trace)
        if present is not None:
            if plain(present.tau) != plain(value):
                got = f"{value}, and {present.tau} from other synapses"
                raise AssemblyError(group.name, tau, expected="one time constant for a shared trace", got=got)
            if (present.abstract_code, present.ties) != (code, term.ties):
                got = f"{code!r}, {term.ties}, and {present.abstract_code!r}, {present.ties} from other synapses"
                raise AssemblyError(group.name, state, expected="one use of a shared trace at a spike", got=got)
            continue
        runner = CodeRunner(
            group,
            "reset",  # Brian2's template for "the neurons that spiked in this step"
            code=code,
            when="synapses",
            order=order,
            name=_updater_name(group, term, trace),
            needed_variables=["_spikespace"],
            template_kwds={"eventspace_variable": group.variables["_spikespace"]},
        )
        runner.tau, runner.ties = value, term.ties
        group.contained_objects.append(runner)


class Rule(Plasticity):
    """How one mechanism changes a weight. A subclass writes its text and its twin.

    Class attributes or properties: `pre_traces` and `post_traces` (one number per neuron of that side), `on_pre` and
    `on_post` (what a spike of that side does to the weight ``w``), `synapse_equations` (further per-synapse states),
    `needs_on_cell` (variables the target must have, with their unit).

    A spike first acts on the target with the weight it finds, then changes the weight, then its own traces.
    """

    ties: ClassVar[Any] = Choice(
        "pre_first",
        "order of a pre and a post spike in the same time step",
        {
            "pre_first": "the pre spike comes first, as Brian2 does: the pair counts as pre before post at zero lag",
            "post_first": "the post spike comes first: the pair counts as post before pre at zero lag",
            "mean": "weight and traces become the mean of what the two orders give",
        },
    )

    pre_traces: Any = ()
    post_traces: Any = ()
    on_pre: Any = ""
    on_post: Any = ""
    synapse_equations: Any = ""
    needs_on_cell: Mapping[str, Unit] = {}

    def check(self) -> None:
        texts = {"on_pre": self.on_pre, "on_post": self.on_post, "synapse_equations": self.synapse_equations}
        texts |= {f"trace {trace.name}": f"{trace.at_spike}\n{trace.tau}" for trace in self._all_traces}
        check_names(
            type(self).__name__,
            texts,
            {*self.numbers, *self.trace_names, *self.synapse_states},
            from_others={"w", *(f"{name}_post" for name in self.needs_on_cell)},
        )

    @property
    def terms(self) -> tuple[Rule, ...]:
        return (self,)

    @property
    def _all_traces(self) -> tuple[Trace, ...]:
        return (*self.pre_traces, *self.post_traces)

    @property
    def trace_names(self) -> tuple[str, ...]:
        """Names of the traces of both sides."""
        return tuple(trace.name for trace in self._all_traces)

    @property
    def synapse_states(self) -> tuple[str, ...]:
        """Names of the further states of each synapse."""
        return defined(self.synapse_equations)

    def on_neuron(self, name: str) -> str:
        """What a trace or its time constant is called on a neuron: ``pair_stdp_x``."""
        return f"{snake_case(type(self).__name__)}_{name}"

    def reference(self, pre: np.ndarray, post: np.ndarray, w: float) -> float:
        """The slow independent twin: the final weight, from spike times alone.

        Parameters
        ----------
        pre, post : (k,) float, s
            Sorted spike times of the two sides; equal numbers are a tie.
        w : float
            Weight before the first spike.
        """
        raise NotImplementedError

    @classmethod
    def examples(cls) -> Iterator[Any]:
        """The default setting under every policy for ties."""
        for ties in Rule.ties.options:
            yield cls(ties=ties)


class PlasticitySum(Plasticity):
    """Several mechanisms at one synapse."""

    parts = Parts("the mechanisms that add up", kind=Rule)

    def check(self) -> None:
        where = repr(self)
        if not self.parts:
            raise self.fields["parts"].refuse(type(self).__name__, "at least one mechanism", "none")
        if len({term.ties for term in self.terms}) > 1:
            got = ", ".join(f"{type(term).__name__} {term.ties}" for term in self.terms)
            raise AssemblyError(where, "ties", expected="one order of spikes in the same step", got=got)
        owners: dict[str, Rule] = {}
        for term in self.terms:
            for name in (*term.trace_names, *term.synapse_states):
                if name in owners:
                    got = f"{type(owners[name]).__name__} and {type(term).__name__}"
                    raise AssemblyError(where, name, expected="a state of one mechanism only", got=got)
                owners[name] = term
        values: dict[str, tuple[Rule, Any]] = {}
        for term in self.terms:
            for name, value in term.numbers.items():
                other, known = values.setdefault(name, (term, value))
                if name in owners:
                    got = f"a state of {type(owners[name]).__name__} and a parameter of {type(term).__name__}"
                    raise AssemblyError(where, name, expected="a name of one meaning", got=got)
                if plain(known) != plain(value) or dimension_of(known) != dimension_of(value):
                    got = f"{known} in {type(other).__name__} and {value} in {type(term).__name__}"
                    raise AssemblyError(where, name, expected="one value for a name that is shared", got=got)

    @property
    def terms(self) -> tuple[Rule, ...]:
        return self.parts

    @property
    def ties(self) -> str:
        return self.parts[0].ties

    def __repr__(self) -> str:
        return " + ".join(repr(term) for term in self.parts)
