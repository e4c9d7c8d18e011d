"""A rule of three factors on a cell: how error, surrogate derivative and eligibility become Brian2 objects.

The linear recursion of one time step is written once, as text (`Learning.step`). The reference form runs it at every
synapse; the transposed form runs its transpose, which sympy finds, once per chunk and postsynaptic neuron.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from brian2 import NeuronGroup, Synapses, second
from brian2.groups.group import CodeRunner

from brian2learn.core.declaration import number_lines
from brian2learn.core.equations import defined, identifiers, rename, statements
from brian2learn.core.errors import AssemblyError

from ._derive import Eligibility, written
from ._release import Release
from ._rule import Rule
from ._transposed import transposed

if TYPE_CHECKING:
    from ._three_factor import ThreeFactor


class _Carrier(Rule):
    """The synapses of a `Learning`: nothing at a spike but its arrival; the text is given when they are made."""


@dataclass(frozen=True)
class Learning:
    """A rule of three factors on a cell: text for a `brian2.NeuronGroup` and objects around it.

    Attributes
    ----------
    rule : ThreeFactor
    eligibility : Eligibility
        What was derived.
    cell_text, threshold : str
        The cell's own text.
    refractory : bool
        Whether its group has a refractory period.
    arrival : str
        When spikes arrive within a time step.
    """

    rule: ThreeFactor
    eligibility: Eligibility
    cell_text: str
    threshold: str
    refractory: bool
    arrival: str
    names: dict[str, str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rule = self.rule
        own = {*self._constant, *self._before, *self._tested, "psi", "spiked", "raw", "err", "direct", "decay"}
        own |= ({*defined(rule.on_cell), *rule.numbers, *rule.surrogate.numbers}) - {"chunk", "batch"}
        object.__setattr__(self, "names", {name: rule.on_neuron(name) for name in own})

    # ------------------------------------------------------------------ coefficients

    def _coefficients(self) -> dict[str, tuple[Any, bool]]:
        """Name, expression, and whether it belongs to the moment of the threshold rather than to the step before."""
        found = self.eligibility
        texts = {f"step_{x}_{y}": (value, False) for (x, y), value in found.step.items()}
        texts |= {f"jump_{x}": (value, False) for x, value in found.injection.items()}
        texts |= {f"see_{x}": (value, True) for x, value in found.observation.items()}
        for x, (derivatives, kick) in found.kept.items():
            texts[f"kick_{x}"] = (kick, True)
            texts |= {f"own_{x}_{y}": (value, True) for y, value in derivatives.items()}
        return texts

    @property
    def _constant(self) -> dict[str, str]:
        """Coefficients that are one number for the group."""
        found = {
            name: written(value)
            for name, (value, _) in self._coefficients().items()
            if not self.eligibility.is_varying(value)
        }
        return found | dict(self.rule.coefficients)

    @property
    def _before(self) -> dict[str, str]:
        """Coefficients of the coming step that differ between neurons or change."""
        return {n: written(v) for n, (v, late) in self._coefficients().items()
                if not late and self.eligibility.is_varying(v)}  # fmt: skip

    @property
    def _tested(self) -> dict[str, str]:
        """Such coefficients of the moment of the threshold."""
        return {n: written(v) for n, (v, late) in self._coefficients().items()
                if late and self.eligibility.is_varying(v)}  # fmt: skip

    @property
    def varying(self) -> tuple[str, ...]:
        """Names, in `step`, of what changes from step to step on the cell."""
        spiked = ("spiked",) if self.eligibility.kept else ()
        return (*self._before, *self._tested, "psi", *spiked, "err")

    @property
    def constant(self) -> tuple[str, ...]:
        """Names, in `step`, of what is one number for the group."""
        return tuple(self._constant)

    @property
    def states(self) -> tuple[str, ...]:
        """What the recursion carries from step to step at every synapse."""
        return (*(f"eps_{x}" for x in self.eligibility.states), *self.rule.filter_states)

    @property
    def step(self) -> list[str]:
        """One time step of the recursion at a synapse, in `states`, `varying`, `constant` and what ``arrived``."""
        found, lines = self.eligibility, []
        injects = {x: f" + jump_{x}*arrived" for x in found.injection}
        early = self.arrival == "before_thresholds"
        for x in found.states:
            moved = " + ".join(f"step_{x}_{y}*eps_{y}" for y in found.states if (x, y) in found.step) or "0"
            lines.append(f"new_{x} = {moved}{injects.get(x, '') if early else ''}")
        seen = " + ".join(f"see_{x}*new_{x}" for x in found.observation)
        lines += [f"elig = psi*({seen})", *statements(self.rule.filters), f"gradient += err*{self.rule.readout}"]
        if self.rule.is_direct:
            lines.append("unfiltered += elig")
        left = {x: f"new_{x}{'' if early else injects.get(x, '')}" for x in found.states}
        for x, value in left.items():
            lines.append(f"left_{x} = {value}")
        for x in found.states:
            if x not in found.kept:
                lines.append(f"eps_{x} = left_{x}")
                continue
            reset = " + ".join(f"own_{x}_{y}*left_{y}" for y in found.kept[x][0]) or "0"
            lines.append(f"eps_{x} = spiked*({reset}) + (1 - spiked)*left_{x} + kick_{x}*elig")
        return [*lines, "arrived = 0"]

    # ------------------------------------------------------------------ the cell

    @property
    def cell_equations(self) -> str:
        """Lines to add to the cell's equations."""
        rule, names = self.rule, self.names
        lines = [f"{names[name]} : 1 (shared)" for name in self._constant]
        states = [*self._before, *self._tested, "psi", "spiked", "raw", "err", *defined(rule.on_cell)]
        states += ["direct"] * rule.is_direct + ["decay"] * rule.decays
        lines += [f"{names[name]} : 1" for name in dict.fromkeys(states)]
        lines += number_lines(self.cell_constants)
        return "".join(f"{line}\n" for line in lines)

    @property
    def cell_constants(self) -> dict[str, Any]:
        """Values of the numbers in those lines."""
        numbers = {**self.rule.numbers, **self.rule.surrogate.numbers}
        return {self.names[name]: value for name, value in numbers.items() if name not in ("chunk", "batch")}

    @property
    def equations(self) -> str:
        """The whole text for a group: the cell's own and `cell_equations`."""
        return f"{self.cell_text.rstrip()}\n{self.cell_equations}"

    def attach(self, cells: NeuronGroup) -> None:
        """Set the numbers of the rule on a group made with `equations`, and let it do what belongs to every step."""
        rule, names = self.rule, self.names
        for name, value in self.cell_constants.items():
            if name not in cells.variables:
                got, has = f"{cells.name} without {name}", [each for each in cells.variables if each[0] != "_"]
                expected = "a group made with the equations of this learning"
                raise AssemblyError(type(rule).__name__, "cells", expected=expected, got=got, choices=has)
            setattr(cells, name, value)
        prefix = f"{cells.name}_{rule.on_neuron('').rstrip('_')}"
        fired = "int(t == lastspike)" if self.refractory else f"int({self.threshold})"
        ready = f"(int(not_refractory) + {names['spiked']})" if self.refractory else "1"
        surrogate = {name: names[name] for name in rule.surrogate.numbers} | {"ready": "ready"}
        psi = rename(rule.surrogate.text(self.eligibility.condition, surrogate), {"ready": ready})
        before = [f"{names[n]} = {rename(text, names)}" for n, text in {**self._constant, **self._before}.items()]
        tested = [f"{names['spiked']} = {fired}", f"{names['psi']} = {psi}"]
        tested += [f"{names[n]} = {text}" for n, text in self._tested.items()]
        every_step = rename("\n".join(statements(rule.on_cell_step)), names) + f"\n{names['raw']} = 0"
        _run(cells, "\n".join(before), when="before_groups", order=0, name=f"{prefix}_before")
        _run(cells, "\n".join(tested), when="after_thresholds", order=0, name=f"{prefix}_tested")
        _run(cells, every_step, when="end", order=-1, name=f"{prefix}_error")
        count = {"n_steps": self._n_steps(cells)}
        for text, order, what in ((rule.on_chunk, -3, "chunk"), (rule.after_chunk, 1, "after")):
            if text:
                _run(cells, rename(_fill(text, count), names), dt=rule.chunk, when="start", order=order,
                     name=f"{prefix}_{what}")  # fmt: skip

    def _n_steps(self, group: Any) -> int:
        ratio = float(self.rule.chunk / group.clock.dt)
        if abs(ratio - round(ratio)) > 1e-6 or round(ratio) < 1:
            expected = f"a whole number of time steps of {group.clock.dt}"
            raise AssemblyError(type(self.rule).__name__, "chunk", expected=expected, got=str(self.rule.chunk))
        return round(ratio)

    # ------------------------------------------------------------------ synapses

    @property
    def synapse_constants(self) -> dict[str, Any]:
        """Values of the numbers that the synapses hold."""
        return {**self.rule.optimiser.numbers, **self._bound_numbers}

    @property
    def _bound_numbers(self) -> dict[str, Any]:
        used = identifiers("\n".join([self.rule.divisor, *(self.rule.bounds or ())]))
        return {name: value for name, value in self.rule.numbers.items() if name in used}

    def synapses(
        self,
        source: Any,
        cells: NeuronGroup,
        transmit: str,
        *,
        release: Release | None = None,
        connect: Mapping[str, Any] | None = None,
        delay: Any = None,
        learns: bool = True,
        name: str = "synapses*",
    ) -> Synapses:
        """Synapses onto a group that `attach` has prepared; their weights follow the rule.

        A weight changes at the beginning of the step after its chunk.

        Parameters
        ----------
        source : brian2 group
            Where spikes come from.
        cells : NeuronGroup
            Made with `equations` and attached.
        transmit : str
            What a spike of weight ``w`` does: the text, or one of the texts, that the eligibility was derived from.
        release : Release, optional
            Short-term plasticity of the source, the same for all synapses of one of its neurons.
        connect, delay, name
            As for `Rule.synapses`; one delay for all.
        learns : bool
            Whether weights change (the gradient is there in either case).
        """
        rule, optimiser = self.rule, self.rule.optimiser
        n_steps = self._n_steps(cells)
        reference = rule.form == "reference"
        carried = [*self.states, "gradient", *(["unfiltered"] if rule.is_direct and reference else [])]
        marks = reference or release is not None
        lines = [f"{each} : 1" for each in [*carried, *(["arrived"] if marks else [])]]
        lines += [*statements(optimiser.equations), *number_lines(self.synapse_constants)]
        carrier = _Carrier()
        arrives = f"arrived += {'1' if release is None else 'released'}" if marks else ""
        vars(carrier).update(synapse_equations="\n".join(lines), on_pre=arrives)
        synapses = carrier.synapses(
            source, cells, transmit, release=release, connect=connect,
            delay=0 * second if delay is None else delay, name=name,
        )  # fmt: skip
        if self.arrival == "before_thresholds":
            synapses.pre.when = "before_thresholds"
        for number, value in self.synapse_constants.items():
            setattr(synapses, number, value)
        post = {each: f"{self.names[each]}_post" for each in (*self.varying, *self.constant)}
        if reference:
            _run(synapses, rename("\n".join(self.step), post), when="end", order=0, name=f"{synapses.name}_step")
        else:
            transposed(self, synapses, source, cells, n_steps=n_steps, has_release=release is not None)
        if rule.is_direct and reference:
            folded = f"gradient += {self.names['direct']}_post*unfiltered\nunfiltered = 0"
            _run(synapses, folded, dt=rule.chunk, when="start", order=-2, name=f"{synapses.name}_direct")
        change = [f"m = gradient/({_fill(rule.divisor, {'n_steps': n_steps})}*{rule.batch})"]
        change[0] += f" - w*{self.names['decay']}_post" if rule.decays else ""
        change += [f"rate = {optimiser.rate}", f"k = clip(t/({rule.batch * float(rule.chunk)!r}*second), 1, inf)"]
        change += statements(optimiser.update)
        if rule.bounds is not None:
            change.append(f"w = clip(w, {rule.bounds[0]}, {rule.bounds[1]})")
        if learns:
            _run(synapses, "\n".join(change), dt=rule.batch * rule.chunk, when="start", order=-1,
                 name=f"{synapses.name}_update")  # fmt: skip
        _run(synapses, "gradient = 0", dt=rule.batch * rule.chunk, when="start", order=1, name=f"{synapses.name}_clear")
        if rule.forgets:
            cleared = "\n".join(f"{each} = 0" for each in self.states)
            _run(synapses, cleared, dt=rule.chunk, when="start", order=1, name=f"{synapses.name}_forget")
            if marks:  # what was sent in the trial before
                _run(synapses, "arrived = 0", dt=rule.chunk, when="before_thresholds", order=1,
                     name=f"{synapses.name}_late")  # fmt: skip
        return synapses

    def teach(self, target: Any, cells: NeuronGroup, *, name: str = "") -> list[Synapses]:
        """Spikes that `cells` should fire, neuron for neuron: error events are missing minus surplus spikes."""
        if len(target) != len(cells):
            got = f"{len(target)} for {len(cells)} cells"
            raise AssemblyError(type(self.rule).__name__, "target", expected="a target for every cell", got=got)
        name = name or f"{cells.name}_teach"
        return [
            self._wire(target, cells, "+= 1", {"j": "i"}, f"{name}_wanted"),
            self._wire(cells, cells, "-= 1", {"j": "i"}, f"{name}_fired"),
        ]

    def teach_answers(self, target: Any, cells: NeuronGroup, *, name: str = "") -> list[Synapses]:
        """Targets that fire when a cell's time to answer begins, and when it ends; `cells` hold two more states.

        These are ``may_answer : 1`` and ``answered : 1``. A spike at any other time is surplus; if there was none when
        the time ends, one is missing.
        """
        raw, name = self.names["raw"], name or f"{cells.name}_teach"
        turns = f"{raw}_post += may_answer_post*(1 - answered_post)\nmay_answer_post = 1 - may_answer_post\n"
        wanted = Synapses(target, cells, on_pre=turns + "answered_post = 0", namespace={}, name=f"{name}_wanted")
        counts = f"{raw}_post -= 1 - may_answer_post\nanswered_post = may_answer_post"
        fired = Synapses(cells, cells, on_pre=counts, namespace={}, name=f"{name}_fired")
        fired.pre.order = 1  # a spike in the step in which the time begins is an answer
        for wire in (wanted, fired):
            wire.connect(j="i")
        return [wanted, fired]

    def feedback(
        self,
        target: Any,
        outputs: Any,
        cells: NeuronGroup,
        *,
        forward: Synapses | None = None,
        weights: Any = None,
        name: str = "",
    ) -> list[Synapses]:
        """The error events of `outputs` sent to other cells of this learning, every one with a weight ``b``.

        With `forward`, the synapses of all `cells` onto all `outputs`, the weight is the present one of the synapse
        that points the other way. Else `weights` are given, (n_outputs, n_cells) float, or set later.
        """
        wires, name, shape = [], name or f"{cells.name}_feedback", (len(outputs), len(cells))
        if weights is not None and (forward is not None or np.shape(weights) != shape):
            expected = f"an array of {shape[0]} outputs by {shape[1]} cells" if forward is None else "none with forward"
            got = f"one of {' by '.join(map(str, np.shape(weights))) or 'no dimension'}"
            raise AssemblyError(type(self.rule).__name__, "weights", meaning="feedback", expected=expected, got=got)
        for source, what in ((target, "wanted"), (outputs, "fired")):
            model = "b : 1" if forward is None else "other_way : integer (constant)"
            sign = "+=" if what == "wanted" else "-="
            wires.append(self._wire(source, cells, f"{sign} b", {}, f"{name}_{what}", model))
            if forward is not None:
                _point_back(wires[-1], forward)
            elif weights is not None:
                wires[-1].b = np.ravel(weights)
        return wires

    def pass_back(
        self, forward: Synapses, above: NeuronGroup, cells: NeuronGroup, name: str, *, error: str = ""
    ) -> Synapses:
        """A variable `error` of the layer `above`, by default its error events, sent through its synapses `forward`."""
        wire = self.broadcast(
            above, error or self.names["raw"], cells, model="other_way : integer (constant)", name=name
        )
        _point_back(wire, forward)
        return wire

    def broadcast(
        self, source: Any, error: str, cells: NeuronGroup, *, model: str = "b : 1", name: str = ""
    ) -> Synapses:
        """A variable `error` of `source` sent to all `cells` in every step, with a weight ``b`` for every pair."""
        raw = self.names["raw"]
        text = f"{model}\n{raw}_post = b*{error}_pre : 1 (summed)"
        wire = Synapses(source, cells, text, namespace={}, name=name or f"{cells.name}_broadcast")
        wire.connect()
        updater = wire.summed_updaters[f"{raw}_post"]
        updater.when, updater.order = "end", -2
        return wire

    def _wire(
        self, source: Any, cells: Any, what: str, connect: dict[str, Any], name: str, model: str = ""
    ) -> Synapses:
        on_pre = f"{self.names['raw']}_post {what}"
        wire = Synapses(source, cells, model, on_pre=on_pre, namespace={}, name=name)
        wire.connect(**connect)
        return wire


def _point_back(wire: Synapses, forward: Synapses) -> None:
    """Let ``b`` of each synapse be the weight of the one the other way; both join all pairs."""
    wire.other_way = "j*N_pre + i"
    wire.variables.add_reference("b", forward, "w", index="other_way")


def _fill(text: str, numbers: Mapping[str, Any]) -> str:
    return rename(text, {name: repr(value) for name, value in numbers.items()})


def _run(group: Any, code: str, *, when: str, order: int, name: str, dt: Any = None) -> None:
    """Let a group run statements in SI numbers in every step, or every `dt`."""
    runner = CodeRunner(
        group, "stateupdate", code=code, dt=dt, when=when, order=order, name=name, check_units=False
    )  # fmt: skip
    group.contained_objects.append(runner)
