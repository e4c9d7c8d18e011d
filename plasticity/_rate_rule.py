"""What a rule between rate units is, and how it becomes an ordinary ``brian2.Synapses``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from brian2 import Synapses
from brian2.core.variables import ArrayVariable, Subexpression
from brian2.units.fundamentalunits import DIMENSIONLESS, get_unit
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

from brian2learn.core.declaration import number_lines
from brian2learn.core.equations import check_names, defined, identifiers, known_functions, rename, statements
from brian2learn.core.errors import AssemblyError, DeclarationError, RunError

from ._mechanism import Mechanism

_TOLERANCE: dict[str, Any] = {"method": "DOP853", "rtol": 1e-11, "atol": 1e-13}


class Course(NamedTuple):
    """What the twin found at every time of its grid.

    Attributes
    ----------
    t : (n,) float, s
    w : (n, n_inputs) float
    y : (n,) float
        The rate of the unit.
    cell : dict of str to (n,) float
        What the rule brings to the unit.
    """

    t: np.ndarray
    w: np.ndarray
    y: np.ndarray
    cell: dict[str, np.ndarray]


class RateRule(Mechanism):
    """How the weights between rate units change; a subclass writes its text and its twin.

    Class attributes or properties:

    * `change`: the right-hand side of ``dw/dt``, in ``w``, the rate ``x`` of the presynaptic and ``y`` of the
      postsynaptic unit, what the rule brings to the cell, and parameters;
    * `on_cell`: equations that the rule brings to the target, in ``y`` and parameters;
    * `start`: expressions for first values of these that are not zero, in parameters;
    * `bounds`: the lowest and the highest weight, as text; none if weights are free.

    In every time step the drive of all units comes first, then every weight, then what the units hold; a weight
    therefore changes by the rates and the slow states of the same instant (simultaneous Euler steps).

    The twin is `slopes`.
    """

    change: Any = ""
    on_cell: Any = ""
    start: Any = {}
    bounds: tuple[str, str] | None = None

    def check(self) -> None:
        where = type(self).__name__
        declared = {*self.numbers, *self.cell_states}
        texts = {"on_cell": self.on_cell, "bounds": "\n".join(self.bounds or ())}
        texts |= {f"start of {name}": text for name, text in self.start.items()}
        check_names(where, {"change": self.change, **texts}, declared, from_others={"w", "x", "y"})
        for name in sorted(declared & {"w", "x", "y"}):
            raise DeclarationError(
                where, name, expected="a name other than w, x and y", got=f"{name}, a rate or weight"
            )
        for key, text in texts.items():
            own = {"y", *declared} if key == "on_cell" else set(self.numbers)
            for name in sorted(identifiers(text) & ({"w", "x", "y", *declared} - own)):
                raise DeclarationError(where, key, expected=f"only {', '.join(sorted(own))}", got=name)
        for name in self.start:
            if name not in self.cell_states:
                raise DeclarationError(where, name, expected="a state of on_cell", got=f"a start for {name}")

    # ------------------------------------------------------------------ what it is made of

    @property
    def cell_states(self) -> tuple[str, ...]:
        """Names of what the rule brings to the target."""
        return defined(self.on_cell)

    @property
    def constants(self) -> dict[str, Any]:
        """Name and value of every number the synapses hold."""
        return self._numbers_in(self.change, *(self.bounds or ()))

    def cell_constants(self) -> dict[str, Any]:
        """Values for the numbers in `cell_equations`."""
        return {self.on_neuron(name): value for name, value in self._numbers_in(self.on_cell).items()}

    def cell_starts(self) -> dict[str, float]:
        """First values, other than zero, of what the rule brings to the target."""
        return {self.on_neuron(name): self.value_of(text) for name, text in self.start.items()}

    def _numbers_in(self, *texts: str) -> dict[str, Any]:
        used = identifiers("\n".join(texts))
        return {name: value for name, value in self.numbers.items() if name in used}

    @property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest weight."""
        low, high = self.bounds or ("-inf", "inf")
        return self.value_of(low), self.value_of(high)

    # ------------------------------------------------------------------ text and synapses

    @property
    def cell_equations(self) -> str:
        """Lines to add to the target `NeuronGroup`, which has a rate ``y`` of its own."""
        names = {name: self.on_neuron(name) for name in (*self.cell_states, *self.numbers)}
        names |= {f"d{name}": f"d{self.on_neuron(name)}" for name in self.cell_states}
        lines = [rename(line, names) for line in statements(self.on_cell)]
        lines += number_lines(self.cell_constants())
        return "".join(f"{line}\n" for line in lines)

    def model(self, drive: str = "y") -> str:
        """Equations of the synapses."""
        brought = {name: f"{self.on_neuron(name)}_post" for name in self.cell_states}
        change = rename(self.change, {"x": "x_pre", "y": "y_post", **brought})
        numbers = number_lines(self.constants)
        return "\n".join([f"dw/dt = {change} : 1 (clock-driven)", f"{drive}_post = w*x_pre : 1 (summed)", *numbers])

    def synapses(
        self,
        source: Any,
        target: Any,
        *,
        drive: str = "y",
        connect: Mapping[str, Any] | None = None,
        order: int = 0,
        name: str = "synapses*",
    ) -> Synapses:
        """An ordinary `brian2.Synapses` whose weights follow this rule.

        Parameters
        ----------
        source : brian2 group
            Units with a rate ``x``, stored or ``(constant over dt)``, or with an equation in what the units store.
        target : brian2 group
            Units with a rate ``y`` and this rule's `cell_equations`, integrated with ``method="euler"``. The numbers
            and first values of what the rule brings are set here.
        drive : str
            Variable of the target that becomes the sum of ``w*x`` over its synapses: the rate itself for linear units
            (``y : 1``), another variable where the rate follows from it (``y = clip(h, 0, inf) : 1``).
        connect : mapping, optional
            Arguments of `brian2.Synapses.connect`; every pair if not given.
        order : int
            Among all rate synapses, which drive is summed first in a time step. Where ``x`` of the source follows at
            once from its own drive (a second layer), it needs a higher order than the synapses before it.
        name : str
            Name of the Brian2 object.

        Raises
        ------
        AssemblyError
            If a group lacks a rate, the drive or what the rule brings, or a unit would drive itself at once.

        Notes
        -----
        A `brian2.StateMonitor` sees weights and slow states of an instant with the drive of the step before, unless
        it has ``when="before_groups", order=order + 1``.
        """
        self._check_groups(source, target, drive)
        synapses = Synapses(
            source,
            target,
            model=self.model(drive),
            method="euler",
            order=min(source.order, target.order) - 1,  # before the states of either side
            namespace={},
            name=name,
        )
        summed = synapses.summed_updaters[f"{drive}_post"]
        summed.when, summed.order = "before_groups", order
        synapses.connect(**(connect or {}))
        if self.bounds:
            low, high = self.bounds
            synapses.run_regularly(f"w = clip(w, {low}, {high})", when="after_groups", name=f"{synapses.name}_bounds")
        for constant, value in self.constants.items():
            setattr(synapses, constant, value)
        for key, value in {**self.cell_constants(), **self.cell_starts()}.items():
            setattr(target, key, value)
        return synapses

    def _check_groups(self, source: Any, target: Any, drive: str) -> None:
        where = type(self).__name__
        brought = [self.on_neuron(name) for name in self.cell_states]
        wanted = [(source, "x", "a source with the rate x"), (target, "y", "a target with the rate y")]
        wanted += [(target, drive, "a target with a variable for the drive")]
        wanted += [(target, name, "a target with the lines of the rule's cell_equations") for name in brought]
        for group, name, expected in wanted:
            if name not in group.variables:
                has = [each for each in group.variables if not each.startswith("_")]
                got = f"{group.name} without {name}"
                raise AssemblyError(where, name, expected=expected, got=got, choices=has)
            if group.variables[name].dim is not DIMENSIONLESS:
                got = f"one in {get_unit(group.variables[name].dim)!r}"
                raise AssemblyError(where, name, expected=f"{name} of {group.name} without unit", got=got)
        for group, name in ((source, "x"), (target, "y")):
            for each in sorted(_not_seen_from_synapses(group, name)):
                hint = f"Let it be evaluated once per step: {name} = ... : 1 (constant over dt)."
                got = f"one of {group.name} that reads {each}"
                raise AssemblyError(where, name, expected="a rate that synapses can read", got=got, hint=hint)
        if not isinstance(target.variables[drive], ArrayVariable):
            hint = "Name the variable that receives the sum: drive=..."
            got = f"{drive} of {target.name}, which has an equation of its own"
            raise AssemblyError(where, "drive", expected="a variable that can be set", got=got, hint=hint)
        if target.variables[drive] in _read_by(source, "x"):
            got = f"{source.name}, whose x follows at once from {drive} of {target.name}"
            hint = "Give the units a time constant: dy/dt = (drive - y)/tau."
            raise AssemblyError(
                where, "source", expected="inputs that do not follow from their sum", got=got, hint=hint
            )

    # ------------------------------------------------------------------ the slow twin

    def settled(self, y: np.ndarray) -> dict[str, np.ndarray]:
        """Where what the rule brings comes to rest under constant rates, if each state relaxes by itself, linearly.

        Parameters
        ----------
        y : (n_units,) float
            Rates of the units.

        Returns
        -------
        dict of str to (n_units,) float
        """
        none = np.zeros((1, y.size))

        def slope(value: float) -> dict[str, np.ndarray]:
            held = {name: np.full(y.shape, value) for name in self.cell_states}
            return self.slopes(none[:, :1], none, y, held)[1]

        at_0, at_1 = slope(0.0), slope(1.0)
        return {name: at_0[name] / (at_0[name] - at_1[name]) for name in self.cell_states}

    def slopes(
        self, x: np.ndarray, w: np.ndarray, y: np.ndarray, cell: Mapping[str, np.ndarray]
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """The right-hand side as the paper has it, written apart from the text: for the twin.

        Parameters
        ----------
        x : (n_inputs, 1) float
            Rates of the inputs.
        w : (n_inputs, n_units) float
            Weights.
        y : (n_units,) float
            Rates of the units.
        cell : mapping of str to (n_units,) float
            What the rule brings to the units.

        Returns
        -------
        (n_inputs, n_units) float, 1/s
            Of the weights.
        dict of str to (n_units,) float, 1/s
            Of what the rule brings.
        """
        raise NotImplementedError

    def reference(
        self, x: ArrayLike, w: ArrayLike, t_stop: float, dt: float, cell: Mapping[str, float] | None = None
    ) -> Course:
        """The slow independent twin: one linear unit in continuous time, integrated to 1e-10.

        Parameters
        ----------
        x : (n_inputs,) or (n_steps, n_inputs) float
            Rates of the inputs: constant, or constant within each step.
        w : (n_inputs,) float
            Weights at the start.
        t_stop : float, s
            End.
        dt : float, s
            Step of `x` and of the answer.
        cell : mapping of str to float, optional
            First values of what the rule brings, if others than the rule's own.

        Raises
        ------
        RunError
            If the weights do not stay finite.
        """
        n_steps, w = round(t_stop / dt), np.asarray(w, float)
        rates = np.broadcast_to(np.asarray(x, float), (n_steps, w.size))
        held = {name: 0.0 for name in self.cell_states} | {name: self.value_of(self.start[name]) for name in self.start}
        held |= dict(cell or {})
        low, high = self.limits

        def slope(now: float, state: np.ndarray, x: np.ndarray) -> np.ndarray:
            w = state[: x.size, None]
            of_w, of_cell = self.slopes(x[:, None], w, x @ w, dict(zip(held, state[x.size :, None], strict=True)))
            kept = ((w <= low) & (of_w < 0)) | ((w >= high) & (of_w > 0))
            return np.concatenate([np.where(kept, 0, of_w)[:, 0], *(np.ravel(of_cell[name]) for name in held)])

        states = [np.array([*w, *held.values()])]
        for begin, end in _stretches(rates):
            grid = np.arange(begin + 1, end + 1) * dt
            found = solve_ivp(
                slope, (begin * dt, grid[-1]), states[-1], args=(rates[begin],), t_eval=grid, **_TOLERANCE
            )
            if not found.success or not np.isfinite(found.y).all():
                got = f"none after {found.t[-1] if found.t.size else begin * dt:.6g} s"
                raise RunError(type(self).__name__, "reference", expected="finite weights", got=got)
            states += list(found.y.T)
        course = np.array(states)
        weights = np.clip(course[:, : w.size], low, high)
        y = np.sum(weights * np.concatenate([rates, rates[-1:]]), axis=1)
        return Course(np.arange(n_steps + 1) * dt, weights, y, dict(zip(held, course[:, w.size :].T, strict=True)))


def _stretches(rates: np.ndarray) -> Iterator[tuple[int, int]]:
    """First step and end of every stretch of constant rates."""
    edges = [0, *(np.flatnonzero(np.any(np.diff(rates, axis=0) != 0, axis=1)) + 1), len(rates)]
    yield from zip(edges[:-1], edges[1:], strict=True)


def _not_seen_from_synapses(group: Any, name: str) -> set[str]:
    """Inputs and indices in the equation of a variable, which mean something else or nothing in a synapse."""
    variable = group.variables.get(name)
    if not isinstance(variable, Subexpression):
        return {name} - {*group.variables, *known_functions()} or {name} & {"i"}
    return set().union(*(_not_seen_from_synapses(group, each) for each in variable.identifiers))


def _read_by(group: Any, name: str) -> set[Any]:
    """The stored variables that a variable of a group is computed from, itself if it is stored."""
    variable = group.variables.get(name)
    if isinstance(variable, Subexpression):
        return set().union(*(_read_by(group, each) for each in variable.identifiers))
    return {variable} - {None}
