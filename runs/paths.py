"""Ways to the parameters of an experiment, ``"circuit.rule.a_plus"``, and experiments with other values there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from brian2learn.circuits._circuit import Circuit
from brian2learn.core.declaration import Declaration, Field, Param, Part, Parts
from brian2learn.core.errors import UnknownNameError
from brian2learn.core.identity import Steps
from brian2learn.tasks._task import Task

from .experiment import Experiment


@dataclass(frozen=True)
class Place:
    """Where a swept value stands.

    Attributes
    ----------
    steps : tuple
        From the experiment inwards.
    field : Field or None
        What checks its values; None for the time step.
    check : callable
        Gives the value as stored or raises a DeclarationError.
    """

    steps: Steps
    field: Field | None
    check: Callable[[Any], Any]

    @property
    def is_structural(self) -> bool:
        """Whether another value makes another program."""
        return not isinstance(self.field, Param) or self.field.structural


def place_of(base: Experiment, path: str) -> Place:
    """Where a path leads in an experiment.

    Raises
    ------
    UnknownNameError
        With the nearest path.
    """
    if path == "dt":
        return Place(("dt",), None, lambda value: base.replace(dt=value).dt)
    names = path.split(".")
    if names[0] in ("task", "circuit"):
        here: Any = getattr(base, names[0])
        steps: list[str | int] = [names[0]]
        if len(names) == 1:
            whole = Part(here, f"the {path}", Task if path == "task" else Circuit)
            whole.name = path
            return Place((path,), whole, partial(whole.check, where="Sweep"))
        for number, name in enumerate(names[1:], 2):
            several = [each for each, field in here.fields.items() if isinstance(field, Parts)]
            if name.isdigit() and len(several) == 1 and int(name) < len(here.values[several[0]]):
                steps += [several[0], int(name)]
                here = here.values[several[0]][int(name)]
                continue
            if name not in here.fields:
                break
            steps.append(name)
            if number == len(names):
                field, where = here.fields[name], type(here).__name__
                return Place(tuple(steps), field, partial(field.check, where=where))
            here = here.values[name]
            if not isinstance(here, Declaration):
                break
    raise UnknownNameError(
        "Sweep", "over", expected="the path of a parameter", got=repr(path), choices=paths_of(base), typed=path
    )


def field_at(base: Experiment, path: str) -> Field | None:
    """The field that a path leads to; None for the time step.

    Raises
    ------
    UnknownNameError
        With the nearest path.
    """
    return place_of(base, path).field


def paths_of(base: Experiment) -> list[str]:
    """All paths that may be swept."""

    def below(value: Declaration, path: str) -> Iterator[str]:
        for name, field in value.fields.items():
            inner = value.values[name]
            if isinstance(field, Parts):
                for number, part in enumerate(inner):
                    yield from below(part, f"{path}.{number}")
                continue
            yield f"{path}.{name}"
            if isinstance(inner, Declaration):
                yield from below(inner, f"{path}.{name}")

    return ["dt", *below(base.task, "task"), *below(base.circuit, "circuit")]


def changed(value: Any, changes: Mapping[Steps, Any]) -> Any:
    """A copy of an experiment or declaration with other values at some places."""
    if not changes:
        return value
    if () in changes:
        return changes[()]
    inner: dict[Any, dict[Steps, Any]] = {}
    for (first, *rest), new in changes.items():
        inner.setdefault(first, {})[tuple(rest)] = new
    if isinstance(value, tuple):
        return tuple(changed(part, inner[k]) if k in inner else part for k, part in enumerate(value))
    return value.replace(**{name: changed(getattr(value, name), more) for name, more in inner.items()})
