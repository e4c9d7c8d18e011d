"""What is to be run: a task for a circuit, at a time step, with what to record. It runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from brian2 import ms
from brian2.units.fundamentalunits import Quantity

from brian2learn.circuits._circuit import Circuit
from brian2learn.core.declaration import dimension_of
from brian2learn.core.errors import DeclarationError
from brian2learn.core.identity import digest
from brian2learn.tasks._task import Task

IDENTITY = ("task", "circuit", "dt", "record", "seed")


@dataclass(frozen=True)
class Experiment:
    """A task, the circuit it is shown to, the time step and what is recorded.

    Attributes
    ----------
    task : Task
        Stimulus and truth.
    circuit : Circuit
        The cells and synapses, with their rule.
    dt : Quantity, s
        Time step; part of the science, since it decides which spikes coincide.
    record : mapping of str to Quantity, s
        Further states to record, as ``object.name``, and how often; output spikes and final weights always are.
    after : Experiment, optional
        A run of the same seed that comes before: where it ended its learned states begin, of those that are drawn or
        set at the beginning here. Everything else begins anew, with random numbers of its own. Only they need to fit:
        task, numbers and parts of the circuit may be others, so that what was learned can be tested.
    """

    task: Task
    circuit: Circuit
    dt: Quantity = field(default_factory=lambda: 0.1 * ms)
    record: Mapping[str, Quantity] = field(default_factory=dict)
    after: Experiment | None = None

    def __post_init__(self) -> None:
        where = "Experiment"
        for name, kind in (("task", Task), ("circuit", Circuit)):
            if not isinstance(getattr(self, name), kind):
                raise DeclarationError(where, name, expected=f"a {kind.__name__}", got=repr(getattr(self, name)))
        for name, value in (("dt", self.dt), *self.record.items()):
            if dimension_of(value) != dimension_of(ms) or not float(value) > 0:
                raise DeclarationError(where, name, expected="a time above 0, for example 0.1*ms", got=repr(value))
        if not isinstance(self.after, Experiment | None):
            raise DeclarationError(where, "after", expected="an Experiment or None", got=repr(self.after))
        self.circuit.check_inputs(self.task.drives)
        object.__setattr__(self, "record", dict(self.record))

    def replace(self, **changes: Any) -> Experiment:
        """A copy with another task, circuit, time step or recording."""
        return replace(self, **changes)

    def key(self, seed: int) -> str:
        """Identity of one run: declared values as bytes with dimensions, the code that declares them, the seed."""
        return digest(*self.identity(seed))

    def identity(self, seed: int | None) -> tuple[Any, ...]:
        """What the key is made of, in the order of `IDENTITY`; then what comes before, whose seed is the same."""
        earlier = () if self.after is None else (self.after.identity(None),)
        return self.task, self.circuit, self.dt, dict(self.record), seed, *earlier

    @property
    def n_earlier(self) -> int:
        """How many runs come before."""
        return 0 if self.after is None else 1 + self.after.n_earlier
