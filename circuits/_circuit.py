"""What a cell and a circuit are, and how a circuit becomes a real ``brian2.Network``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from brian2 import Network, NeuronGroup, defaultclock

from brian2learn.core.declaration import Declaration, number_lines, plain
from brian2learn.core.equations import check_names, defined, identifiers
from brian2learn.core.errors import AssemblyError, DeclarationError
from brian2learn.plasticity._rule import Plasticity
from brian2learn.plasticity._transmission import Transmission


class Cell(Declaration):
    """A neuron model.

    Class attributes: `equations`, `threshold`, `reset`, `potential` (the variable compared with the threshold),
    `refractory` (the parameter that holds the refractory period, or a condition under which the cell stays so),
    `method` (how Brian2 integrates it), and how it hears of spikes: either `receive` (what an incoming spike of weight
    ``w`` does, on names ending in ``_post``), or `drive` (the name of its input current, to which the external current
    ``I_ext`` of every neuron and any `Transmission` contribute). `largest_dt` is the longest time step in s at which
    its method is stable.
    """

    equations: ClassVar[str] = ""
    threshold: ClassVar[str] = ""
    reset: ClassVar[str] = ""
    receive: ClassVar[str] = ""
    drive: ClassVar[str] = ""
    potential: ClassVar[str] = "u"
    refractory: ClassVar[str] = ""
    method: ClassVar[str] = "exact"
    largest_dt: ClassVar[float] = np.inf

    def check(self) -> None:
        texts = {name: getattr(self, name) for name in ("equations", "threshold", "reset", "refractory")}
        texts["receive"] = self.receive.replace("_post", "")
        declared = {*self.constants, self.drive} - {""}
        check_names(type(self).__name__, texts, declared, from_others={"w", *self.states})
        if "w" in (*declared, *self.states):
            expected = "names other than that of the weight of a synapse"
            raise DeclarationError(type(self).__name__, "equations", expected=expected, got="w")
        reset, threshold = self.values.get("V_reset"), self.values.get("V_t")
        if reset is not None and threshold is not None and reset >= threshold:  # it would fire again at once
            raise self.fields["V_reset"].refuse(type(self).__name__, f"a value below V_t = {threshold}", str(reset))

    @property
    def states(self) -> tuple[str, ...]:
        """Names that the equations define."""
        return defined(self.equations)

    @property
    def derived(self) -> dict[str, Any]:
        """Numbers in the equations that follow from the parameters."""
        return {}

    @property
    def constants(self) -> dict[str, Any]:
        """Name and value of every number in the equations."""
        return {**self.numbers, **self.derived}

    @property
    def start(self) -> dict[str, Any]:
        """First values of the states that do not start at zero: the potential at its rest ``E_L``, if it has one."""
        return {self.potential: self.values["E_L"]} if "E_L" in self.values else {}

    @property
    def model(self) -> str:
        """The equations with a line for every number."""
        return self.equations.strip() + "\n" + "\n".join(number_lines(self.constants)) + "\n"

    def input_equations(self, transmissions: Sequence[Transmission] = ()) -> str:
        """Lines for the input current and for all that contributes to it.

        Raises
        ------
        AssemblyError
            If the cell has no input current or no potential for a transmission to act on, or two have one name.
        """
        where = type(self).__name__
        names = [type(each).__name__ for each in transmissions]
        for name in names:
            if names.count(name) > 1:
                hint = f"Derive a class of another name: class Slow{name}({name})."
                raise AssemblyError(where, "transmissions", expected="each kind once", got=f"{name} twice", hint=hint)
        for each in transmissions:
            if each.drive and not self.drive:
                got = f"{type(each).__name__}, which adds a current"
                raise AssemblyError(where, "transmissions", expected="none, for it has no input current", got=got)
            if "v" not in self.states and "v" in identifiers(f"{each.drive}\n{each.on_spike.replace('_post', '')}"):
                got = f"{type(each).__name__}, which needs it"
                raise AssemblyError(where, "transmissions", expected="none, for it has no potential v", got=got)
        text = "".join(each.cell_equations for each in transmissions)
        if self.drive:
            external = f"{self.drive}_ext"
            total = " + ".join([external, *(each.current for each in transmissions if each.drive)])
            text += f"{external} : amp\n{self.drive} = {total} : amp\n"
        return text

    def method_for(self, transmissions: Sequence[Transmission] = ()) -> str:
        """The integration method: the cell's own, unless that is exact and cannot be with these transmissions.

        Currents are integrated with ``rk4``, for exact solutions divide by zero where two time constants are equal.
        Conductances make the cell non-linear; ``exponential_euler`` stays stable however large they are.
        """
        drives = [each.drive for each in transmissions if each.drive]
        if self.method != "exact" or not drives:
            return self.method
        return "exponential_euler" if any("v" in identifiers(drive) for drive in drives) else "rk4"

    def group(
        self,
        n: int,
        *,
        plasticity: Plasticity | None = None,
        transmissions: Sequence[Transmission] = (),
        extra: str = "",
        threshold: str = "",
        events: Mapping[str, str] | None = None,
        method: str | Callable[..., str] = "",
        name: str = "cells",
    ) -> NeuronGroup:
        """`n` cells as a Brian2 group with their values set.

        Parameters
        ----------
        n : int
            Number of cells.
        plasticity : Plasticity, optional
            Its lines for the target are added, so that the traces of this side sit on the cells; their numbers are
            set when its synapses are made.
        transmissions : sequence of Transmission, optional
            How spikes may act on the cells. Their `transmit` goes to the synapses.
        extra : str, optional
            Further equations.
        threshold : str, optional
            A condition to add to the cell's own.
        events : mapping, optional
            Further events of the group.
        method : str or callable, optional
            Integration method for Brian2, instead of `method_for` these transmissions.
        name : str
            Name of the Brian2 object.

        Raises
        ------
        AssemblyError
            If a transmission does not fit the cell, or the time step is too long for the cell's own method.
        """
        dt = float(defaultclock.dt)
        if not method and dt > self.largest_dt * (1 + 1e-9):
            expected = f"at most {self.largest_dt * 1e3:g} ms, beyond which {self.method} is unstable"
            raise AssemblyError(
                type(self).__name__, "dt", meaning="time step", expected=expected, got=f"{dt * 1e3:g} ms"
            )
        group = NeuronGroup(
            n,
            self.model
            + self.input_equations(transmissions)
            + (plasticity.cell_equations if plasticity is not None else "")
            + extra,
            threshold=self.threshold + threshold,
            reset=self.reset,
            refractory=self.refractory or False,
            events=dict(events or {}),
            method=method or self.method_for(transmissions),
            namespace={},
            name=name,
        )
        values = {**self.constants, **self.start}
        for each in transmissions:
            values |= each.cell_constants
        for key, value in values.items():
            setattr(group, key, value)
        return group

    def reference(self, current: np.ndarray, dt: float) -> np.ndarray:
        """The slow independent twin of a cell with an input current: when it fires.

        Parameters
        ----------
        current : (n_steps,) float, A
            External current, constant within each step.
        dt : float, s
            Length of a step.

        Returns
        -------
        (k,) float, s
            As Brian2 counts: a spike has the time at which the step begins in whose course threshold was reached.
        """
        raise NotImplementedError


class Circuit(Declaration):
    """Populations and projections between inputs and cells.

    Class attributes: `inputs`, names of the populations that a task must drive; `outputs`, names of the groups whose
    spikes are recorded; `learned`, the states (``object.name``) whose final values are recorded; `brings`, the
    variables that the circuit adds to the target cells of plastic synapses, on which a rule can rely beside those of
    the cell model.
    """

    inputs: ClassVar[tuple[str, ...]] = ()
    outputs: ClassVar[tuple[str, ...]] = ()
    learned: ClassVar[tuple[str, ...]] = ()
    brings: ClassVar[tuple[str, ...]] = ()

    @property
    def input_sizes(self) -> Mapping[str, int]:
        """Inputs that must have a given number of neurons."""
        return {}

    @property
    def multiples(self) -> Mapping[str, int]:
        """Inputs whose number of neurons must be a multiple of a number."""
        return {}

    def build(self, sources: Mapping[str, Any]) -> dict[str, Any]:
        """The Brian2 objects by name, made around the given spike sources.

        Parameters
        ----------
        sources : mapping of str to brian2 group
            One spike source for each of `inputs`.
        """
        raise NotImplementedError

    @property
    def settings(self) -> dict[str, Any]:
        """Every number of the built objects, as ``object.name``; none of them needs another program."""
        raise NotImplementedError

    def initial(self, sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Values of the states that do not start at zero, as ``object.name``.

        Parameters
        ----------
        sizes : mapping of str to int
            Number of neurons of every input.
        rng : numpy.random.Generator
            Source of whatever is drawn.
        """
        return {}

    def network(self, sources: Mapping[str, Any], *, seed: int = 0) -> Network:
        """The real Brian2 network, all values set, for one's own script.

        Parameters
        ----------
        sources : mapping of str to brian2 group
            One spike source for each of `inputs`.
        seed : int
            For the initial values that are drawn.

        Raises
        ------
        AssemblyError
            If an input is missing or unknown.
        """
        self.check_inputs(sources)
        built = self.build(sources)
        sizes = {name: len(source) for name, source in sources.items()}
        for key, value in self.initial(sizes, np.random.default_rng(seed)).items():
            name, state = key.split(".")
            built[name].variables[state].set_value(value)  # in SI units
        return Network(*sources.values(), *built.values())

    def check_inputs(self, given: Any) -> None:
        """Raise an AssemblyError unless exactly this circuit's inputs are given."""
        for name in {*given} ^ {*self.inputs}:
            expected = "spikes for this population" if name in self.inputs else "no such population"
            got = "none" if name in self.inputs else "spikes for it"
            raise AssemblyError(type(self).__name__, name, expected=expected, got=got, choices=self.inputs)


def check_rise(cell: Cell) -> None:
    """Refuse a cell whose synaptic potentials would not rise before they decay."""
    tau_m, tau_s = cell.values["tau_m"], cell.values["tau_s"]
    if tau_s >= tau_m:
        raise cell.fields["tau_s"].refuse(type(cell).__name__, f"a value below tau_m = {tau_m}", str(tau_s))


def epsp_gain(tau_m: Any, tau_s: Any) -> float:
    """K of the difference of exponentials K [exp(-s/tau_m) - exp(-s/tau_s)], so that its peak is 1."""
    ratio = plain(tau_s) / plain(tau_m)
    return float(1 / (ratio ** (ratio / (1 - ratio)) - ratio ** (1 / (1 - ratio))))


def prefixed(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """``{"tau": …}`` as ``{"name.tau": …}``."""
    return {f"{name}.{key}": value for key, value in values.items()}
