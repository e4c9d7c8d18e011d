"""What a plasticity rule is, how rules add up, and how they become an ordinary ``brian2.Synapses``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from brian2 import Synapses
from brian2.units.fundamentalunits import Unit, get_dimensions, get_unit

from brian2learn.core.declaration import Choice, Declaration, Parts, dimension_of, number_lines, plain
from brian2learn.core.equations import assigned, check_names, defined, identifiers, rename, statements
from brian2learn.core.errors import AssemblyError

from ._release import Release
from ._trace import Holder, Trace, set_numbers, update_at_spikes
from ._twin import Memory, follow

__all__ = ["Memory", "Plasticity", "PlasticitySum", "Rule", "Trace"]


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
    def title(self) -> str:
        """Names of its mechanisms."""
        return " + ".join(type(term).__name__ for term in self.terms) or type(self).__name__

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
        """The per-synapse states that the spikes of a pair set, the weight first."""
        found = {name for term in self.terms for name in assigned(f"{term.on_pre}\n{term.on_post}")}
        declared = {"w", *(name for term in self.terms for name in (*term.trace_names, *term.synapse_states))}
        return ("w", *sorted((found & declared) - {"w"}))

    @property
    def synapse_starts(self) -> dict[str, float]:
        """First values, other than zero, of the further states of the synapses."""
        return {
            name: value
            for term in self.terms
            for name, value in term.first_values.items()
            if name in term.synapse_states
        }

    def traces(self, side: str) -> list[tuple[Rule, Trace]]:
        """The traces of one side, ``pre`` or ``post``, each with its rule."""
        return [(term, trace) for term in self.terms for trace in getattr(term, f"{side}_traces")]

    def may_sit_on_neurons(self, side: str) -> list[tuple[Rule, Trace]]:
        """The traces of one side that belong to a neuron rather than to a pair."""
        if self.ties == "mean":  # the mean of two orders is a mean per synapse
            return []
        return [(term, trace) for term, trace in self.traces(side) if trace.name not in self.states]

    def placed(self, side: str, group: Any) -> list[tuple[Rule, Trace]]:
        """The traces of one side that `group` holds for all its synapses."""
        return [
            (term, trace)
            for term, trace in self.may_sit_on_neurons(side)
            if term.on_neuron(trace.name) in group.variables
        ]

    # ------------------------------------------------------------------ text for people's own groups

    @property
    def cell_equations(self) -> str:
        """Lines to add to a target `NeuronGroup`, so that it holds its side's traces and what the rule brings."""
        return "".join(f"{line}\n" for line in dict.fromkeys(self._lines_for("post"))) + self.brought_equations

    @property
    def brought_equations(self) -> str:
        """The part of `cell_equations` that the target cannot do without."""
        lines = []
        for term in self.terms:
            names = term.neuron_names
            lines += [rename(line, names) for line in statements(term.on_cell)]
            lines += number_lines({names[name]: value for name, value in term.numbers_on_cell.items()})
        return "".join(f"{line}\n" for line in dict.fromkeys(lines))

    @property
    def afferent_equations(self) -> str:
        """Lines to add to a source `NeuronGroup`, so that it holds its side's traces."""
        return "".join(f"{line}\n" for line in dict.fromkeys(self._lines_for("pre")))

    def _lines_for(self, side: str) -> list[str]:
        return [line for term, trace in self.may_sit_on_neurons(side) for line in term.lines_for_neuron(trace)]

    def cell_constants(self, side: str = "post") -> dict[str, Any]:
        """Values for the numbers in the lines that one side's group was given."""
        found = {
            term.on_neuron(name): value
            for term, trace in self.may_sit_on_neurons(side)
            for name, value in term.numbers_of(trace).items()
        }
        if side == "post":
            for term in self.terms:
                found |= {term.on_neuron(name): value for name, value in term.numbers_on_cell.items()}
        return found

    def cell_starts(self) -> dict[str, float]:
        """First values, other than zero, of what the rule brings to the target."""
        return {
            term.on_neuron(name): value
            for term in self.terms
            for name, value in term.first_values.items()
            if name in term.cell_states
        }

    # ------------------------------------------------------------------ synapses

    def synapses(
        self,
        source: Any,
        target: Any,
        transmit: Any = "v_post += w",
        *,
        release: Release | None = None,
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
        transmit : str or Transmission
            What a spike does to the target, with the weight before the spike's own change.
        release : Release, optional
            Short-term plasticity: what share of the weight a spike transmits.
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
        text = str(getattr(transmit, "transmit", transmit))
        self._check_target(target, text)
        on_source = self.placed("pre", source)
        on_target = self.placed("post", target)
        released = [] if release is None else [(release, trace) for trace in release.pre_traces]
        released_on_source = [
            (each, trace) for each, trace in released if each.on_neuron(trace.name) in source.variables
        ]
        on_neurons: list[tuple[Holder, Trace]] = [*on_source, *on_target, *released_on_source]
        model = self.model(on_neurons, release)
        self._check_clashes(model, source, target)
        pre_first = self.ties != "post_first"
        on_pre = self.code("pre", on_neurons, text, release)
        synapses = Synapses(
            source,
            target,
            model=model,
            on_pre=on_pre,
            on_post=self.code("post", on_neurons),
            delay={"pre": delay} if delay is not None and on_pre else None,  # without text there is no such pathway
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
        for constant, value in ({} if release is None else release.constants).items():
            setattr(synapses, constant, value)
        self._act_regularly(synapses, target, on_neurons)
        set_numbers(source, [*self.may_sit_on_neurons("pre"), *released])
        set_numbers(target, self.may_sit_on_neurons("post"))
        self._start(synapses, target)
        update_at_spikes(source, [*on_source, *released_on_source], 1 if pre_first else 3, self.ties, delay)
        update_at_spikes(target, on_target, 3 if pre_first else 1, self.ties)
        return synapses

    def _start(self, synapses: Synapses, target: Any) -> None:
        """Set the first values that are not zero, and the numbers of what the rule brings to the target."""
        for term in self.terms:
            for name, value in term.numbers_on_cell.items():
                setattr(target, term.on_neuron(name), value)
        for group, values in ((synapses, self.synapse_starts), (target, self.cell_starts())):
            for name, value in values.items():
                setattr(group, name, value)

    def _act_regularly(self, synapses: Synapses, target: Any, on_neurons: list[tuple[Holder, Trace]]) -> None:
        """Attach what is done in every step or at intervals, before the spikes of its step."""
        elsewhere = self._elsewhere(on_neurons)
        stale = {
            trace.name: f"({trace.name}*exp(-(t - lastupdate)/{trace.tau}))"
            for side in ("pre", "post")
            for term, trace in self.traces(side)
            if trace.name not in elsewhere
        }
        for k, term in enumerate(self.terms):
            prefix = term.on_neuron("").rstrip("_")
            if term.regularly:
                self._check_interval(term, synapses)
                synapses.run_regularly(
                    rename(term.regularly, {**stale, **elsewhere}),
                    dt=None if term.every is None else getattr(term, term.every),
                    when="before_synapses",
                    order=k,
                    name=f"{synapses.name}_{prefix}_regularly",
                )
            step = f"{target.name}_{prefix}_each_step"
            if term.on_cell_step and step not in {each.name for each in target.contained_objects}:
                target.run_regularly(rename(term.on_cell_step, term.neuron_names), when="end", name=step)

    def _check_interval(self, term: Rule, synapses: Synapses) -> None:
        if term.every is None:
            return
        interval, dt = getattr(term, term.every), synapses.clock.dt
        if abs(float(interval / dt) - round(float(interval / dt))) > 1e-6:
            expected = f"a whole number of time steps of {dt}"
            raise AssemblyError(type(term).__name__, term.every, expected=expected, got=str(interval))

    def model(self, on_neurons: list[tuple[Holder, Trace]], release: Release | None = None) -> str:
        """Equations of the synapses, given the traces that neurons hold."""
        lines = ["w : 1"]
        for term in self.terms:
            lines += number_lines(term.numbers)
            lines += [_on_synapse(trace) for trace in term.all_traces if (term, trace) not in on_neurons]
            lines += term.synapse_equations.strip().splitlines()
        if self.ties == "mean":
            lines += [f"before_{state} : 1" for state in self._tied_states] + ["pre_mark : second"]
        if release is not None:
            own = number_lines(release.numbers)
            own += [_on_synapse(trace) for trace in release.pre_traces if (release, trace) not in on_neurons]
            lines += [rename(line, release.synapse_names) for line in own]
        return "\n".join(dict.fromkeys(line.strip() for line in lines))

    def code(
        self,
        side: str,
        on_neurons: list[tuple[Holder, Trace]],
        transmit: str = "",
        release: Release | None = None,
    ) -> str:
        """Statements that a spike of one side executes: transmission, weight change, then that side's traces."""
        lines = transmit.strip().splitlines()
        if release is not None and side == "pre":
            lines = self._released(lines, release, on_neurons)
        if self.ties == "mean":
            lines += self._mean_of_orders(side)
        else:
            lines += self._changes(side, on_neurons)
        return rename("\n".join(lines), self._elsewhere(on_neurons))

    def _released(self, transmit: list[str], release: Release, on_neurons: list[tuple[Holder, Trace]]) -> list[str]:
        """Transmission of the released share of the weight, then the traces of the release."""
        names = release.synapse_names
        held = [name for name in release.trace_names if _is_held(release, name, on_neurons)]
        pre = {name: f"{release.on_neuron(name)}_pre" for name in held}
        amount = rename(release.amount, {**names, **pre})
        updates = [rename(trace.at_spike, names) for trace in release.pre_traces if trace.name not in pre]
        return [f"released = {amount}", *(rename(line, {"w": "(w*released)"}) for line in transmit), *updates]

    def _elsewhere(self, on_neurons: list[tuple[Holder, Trace]]) -> dict[str, str]:
        """What the names that neurons hold are called from a synapse."""
        found = {
            trace.name: f"{term.on_neuron(trace.name)}_{which}"
            for which in ("pre", "post")
            for term, trace in self.traces(which)
            if (term, trace) in on_neurons
        }
        return found | {name: f"{term.on_neuron(name)}_post" for term in self.terms for name in term.cell_states}

    def _changes(self, side: str, on_neurons: list[tuple[Holder, Trace]] | None = None) -> list[str]:
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

    def _check_clashes(self, model: str, *groups: Any) -> None:
        """Refuse names that a synapse and a cell at its ends both have; Brian2 cannot tell them apart."""
        for group in groups:
            for name in defined(model):
                if name in group.variables:
                    raise AssemblyError(
                        self.title,
                        name,
                        expected="a name that the cells do not have",
                        got=f"{name} in {group.name} too",
                        hint="Rename it in the cell, or derive a rule with another name.",
                    )

    def _check_target(self, target: Any, transmit: str) -> None:
        has = [name for name in target.variables if not name.startswith("_")]
        for term in self.terms:
            for name in term.cell_states:
                if term.on_neuron(name) not in target.variables:
                    raise AssemblyError(
                        self.title,
                        name,
                        expected="a target with the lines of the rule's cell_equations",
                        got=f"{target.name} without {term.on_neuron(name)}",
                        choices=has,
                        typed=term.on_neuron(name),
                    )
        for name, unit in self.needs.items():
            if name not in target.variables:
                raise AssemblyError(
                    self.title,
                    name,
                    expected=f"a target cell with {name} ({unit})",
                    got=f"{target.name} without it",
                    choices=has,
                    typed=name,
                )
            if target.variables[name].dim != get_dimensions(unit):
                raise AssemblyError(
                    self.title,
                    name,
                    expected=f"{name} of {target.name} in {unit}",
                    got=f"{name} in {get_unit(target.variables[name].dim)!r}",
                )
        for name in sorted(identifiers(transmit)):
            if name.endswith("_post") and name.removesuffix("_post") not in target.variables:
                raise AssemblyError(
                    self.title,
                    "transmit",
                    meaning=transmit.strip(),
                    expected=f"variables of {target.name}",
                    got=name,
                    choices=has,
                    typed=name.removesuffix("_post"),
                )

    # ------------------------------------------------------------------ the slow twin

    def reference(self, pre: np.ndarray, post: np.ndarray, w: float, **more: Any) -> float:
        """The slow independent twin: the final weight, from spike times alone.

        Parameters
        ----------
        pre, post : (k,) float, s
            Sorted spike times of the two sides; equal numbers are a tie.
        w : float
            Weight before the first spike.
        **more
            For rules that act between spikes or need something of the cell: see `plasticity._twin.follow`.
        """
        return follow(self, pre, post, w, **more).w


def _on_synapse(trace: Trace) -> str:
    return f"d{trace.name}/dt = -{trace.name}/{trace.tau} : 1 (event-driven)"


def _is_held(holder: Holder, name: str, on_neurons: list[tuple[Holder, Trace]]) -> bool:
    return any(each is holder and trace.name == name for each, trace in on_neurons)


class Rule(Plasticity, Holder):
    """How one mechanism changes a weight. A subclass writes its text and its twin.

    Class attributes or properties:

    * `pre_traces` and `post_traces`: one number per neuron of that side, each a `Trace`;
    * `on_pre` and `on_post`: what a spike of that side does to the weight ``w``;
    * `synapse_equations`: further states of each synapse;
    * `regularly`, and in `every` the parameter that holds its interval (every time step if None): what is done
      between spikes, before the spikes of its step; traces read there are up to date;
    * `on_cell` and `on_cell_step`: equations and statements of every step that the rule brings to the target cell;
      what they define is read under its own name;
    * `needs_on_cell`: variables that the target must have, with their unit, read as ``name_post``;
    * `start`: expressions for the first values that are not zero, by name of a trace or state.

    A spike first acts on the target with the weight it finds, then changes the weight, then its own traces.

    The twin is `pre_spike`, `post_spike` and `tick`, or `reference` as a whole.
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

    on_pre: Any = ""
    on_post: Any = ""
    synapse_equations: Any = ""
    regularly: Any = ""
    every: ClassVar[str | None] = None
    on_cell: Any = ""
    on_cell_step: Any = ""
    needs_on_cell: Mapping[str, Unit] = {}
    start: Any = {}

    def check(self) -> None:
        where = type(self).__name__
        needs = {*self.needs_on_cell, *(f"{name}_post" for name in self.needs_on_cell)}
        texts = {
            "on_pre": self.on_pre,
            "on_post": self.on_post,
            "synapse_equations": self.synapse_equations,
            "regularly": f"{self.regularly}\n{self.every or ''}",
            "on_cell": self.on_cell,
            "on_cell_step": self.on_cell_step,
            **{f"start of {name}": text for name, text in self.start.items()},
            **{f"trace {trace.name}": f"{trace.at_spike}\n{trace.tau}" for trace in self.all_traces},
        }
        declared = {*self.numbers, *self.trace_names, *self.synapse_states, *self.cell_states}
        check_names(where, texts, declared, from_others={"w", *needs})
        for name in self.start:
            if name not in {*self.synapse_states, *self.cell_states}:
                # a trace would have decayed by one step more on a neuron than on a synapse when it is first read
                got = f"a start for {name}"
                raise AssemblyError(where, name, expected="a state of the synapse or of the cell", got=got)
        if self.every is not None and not self.fields[self.every].structural:  # type: ignore[attr-defined]
            raise AssemblyError(
                where, self.every, expected="an interval with structural=True", got="one that another run may change"
            )

    @property
    def terms(self) -> tuple[Rule, ...]:
        return (self,)

    @property
    def synapse_states(self) -> tuple[str, ...]:
        """Names of the further states of each synapse."""
        return defined(self.synapse_equations)

    @property
    def cell_states(self) -> tuple[str, ...]:
        """Names of what the rule brings to the target cell."""
        return defined(self.on_cell)

    @property
    def neuron_names(self) -> dict[str, str]:
        names = {name: self.on_neuron(name) for name in self.cell_states}
        return super().neuron_names | names | {f"d{old}": f"d{new}" for old, new in names.items()}

    @property
    def numbers_on_cell(self) -> dict[str, Any]:
        """The parameters in what the rule brings to the target cell."""
        used = identifiers(f"{self.on_cell}\n{self.on_cell_step}")
        return {name: value for name, value in self.numbers.items() if name in used}

    @property
    def first_values(self) -> dict[str, float]:
        """First values that are not zero, in SI units."""
        return {name: self.value_of(text) for name, text in self.start.items()}

    def pre_spike(self, memory: Memory, now: float) -> None:
        """What a pre spike does, for the twin."""

    def post_spike(self, memory: Memory, now: float) -> None:
        """What a post spike does, for the twin."""

    def tick(self, memory: Memory, now: float) -> None:
        """What is done regularly, for the twin."""

    @classmethod
    def examples(cls) -> Iterator[Any]:
        """The default setting under every policy for ties."""
        for ties in Rule.ties.options:
            yield cls(ties=ties)


class PlasticitySum(Plasticity):
    """Several mechanisms at one synapse; at a spike they act in their order, each on what the one before has left."""

    parts = Parts("the mechanisms that add up", kind=Rule)

    def check(self) -> None:
        where = repr(self)
        if not self.parts:
            raise self.fields["parts"].refuse(type(self).__name__, "at least one mechanism", "none")
        if len({term.ties for term in self.terms}) > 1:
            got = ", ".join(f"{type(term).__name__} {term.ties}" for term in self.terms)
            raise AssemblyError(where, "ties", expected="one order of spikes in the same step", got=got)
        owners = self._check_states(where)
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

    def _check_states(self, where: str) -> dict[str, Rule]:
        """Whose state each name is; a state may be shared if all describe it alike and one at most changes it."""
        owners: dict[str, Rule] = {}
        for term in self.terms:
            for name in (*term.trace_names, *term.synapse_states):
                other = owners.setdefault(name, term)
                if other is not term:
                    same = _lines_of(name, term) == _lines_of(name, other) != []
                    both_write = name in _written_by(term) and name in _written_by(other)
                    if both_write or not same:
                        got = f"{type(other).__name__} and {type(term).__name__}"
                        raise AssemblyError(where, name, expected="a state of one mechanism only", got=got)
                    if name in _written_by(term):
                        owners[name] = term
        return owners

    @property
    def terms(self) -> tuple[Rule, ...]:
        return self.parts

    @property
    def ties(self) -> str:
        return self.parts[0].ties

    def __repr__(self) -> str:
        return " + ".join(repr(term) for term in self.parts)


def _written_by(term: Rule) -> set[str]:
    text = "\n".join([term.on_pre, term.on_post, term.regularly, *(trace.at_spike for trace in term.all_traces)])
    return assigned(text)


def _lines_of(name: str, term: Rule) -> list[str]:
    return [line for line in statements(term.synapse_equations) if defined(line) == (name,)]
