"""What a cell and a circuit are, and how a circuit becomes a real ``brian2.Network``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from brian2 import Network, NeuronGroup

from brian2learn.core.declaration import Declaration, plain, unit_of
from brian2learn.core.equations import check_names, defined
from brian2learn.core.errors import AssemblyError
from brian2learn.plasticity._rule import Plasticity


class Cell(Declaration):
    """A neuron model as exact, linear equations.

    Class attributes: `equations`, `threshold`, `reset`, `receive` (what an incoming spike of weight ``w`` does, on
    names ending in ``_post``), `potential` (the variable compared with the threshold), `refractory` (the parameter
    that holds the refractory period).
    """

    equations: ClassVar[str] = ""
    threshold: ClassVar[str] = ""
    reset: ClassVar[str] = ""
    receive: ClassVar[str] = ""
    potential: ClassVar[str] = "u"
    refractory: ClassVar[str] = ""

    def check(self) -> None:
        texts = {name: getattr(self, name) for name in ("equations", "threshold", "reset", "refractory")}
        texts["receive"] = self.receive.replace("_post", "")
        check_names(type(self).__name__, texts, {*self.constants}, from_others={"w", *self.states})

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
    def model(self) -> str:
        """The equations with a line for every number."""
        lines = [f"{name} : {unit_of(value)} (shared, constant)" for name, value in self.constants.items()]
        return self.equations.strip() + "\n" + "\n".join(lines) + "\n"

    def group(
        self,
        n: int,
        *,
        plasticity: Plasticity | None = None,
        extra: str = "",
        threshold: str = "",
        events: Mapping[str, str] | None = None,
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
        extra : str, optional
            Further equations.
        threshold : str, optional
            A condition to add to the cell's own.
        events : mapping, optional
            Further events of the group.
        name : str
            Name of the Brian2 object.
        """
        group = NeuronGroup(
            n,
            self.model + (plasticity.cell_equations if plasticity is not None else "") + extra,
            threshold=self.threshold + threshold,
            reset=self.reset,
            refractory=self.refractory or False,
            events=dict(events or {}),
            method="exact",
            namespace={},
            name=name,
        )
        for constant, value in self.constants.items():
            setattr(group, constant, value)
        return group


class Circuit(Declaration):
    """Populations and projections between inputs and cells.

    Class attributes: `inputs`, names of the populations that a task must drive; `outputs`, names of the groups whose
    spikes are recorded; `learned`, the states (``object.name``) whose final values are recorded.
    """

    inputs: ClassVar[tuple[str, ...]] = ()
    outputs: ClassVar[tuple[str, ...]] = ()
    learned: ClassVar[tuple[str, ...]] = ()

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
            setattr(built[name], state, value)
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
