"""The runs of a figure as a sweep, for a Dask cluster or SLURM; the records are those of `brian2learn run`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from brian2learn.core.declaration import Declaration, Parts
from brian2learn.core.discovery import load
from brian2learn.core.errors import DeclarationError, UnknownNameError
from brian2learn.core.identity import encoded
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.paths import place_of
from brian2learn.runs.sweep import Sweep

from ._produce import names_of


def sweep_of(name: str, seeds: Sequence[int]) -> Sweep:
    """All experiments of a figure, each with all seeds: a list of settings of what differs between them.

    Raises
    ------
    UnknownNameError
        If there is no such figure, or the name stands for several.
    DeclarationError
        If the figure runs nothing, or its experiments do not record the same or come after different ones.
    """
    found = names_of(name)
    if len(found) > 1:
        raise UnknownNameError("sweep", name, expected="one figure", got=f"{len(found)} of them", choices=found)
    base, *others = load(found[0], "figures")().experiments().values() or [None]
    if base is None:
        raise DeclarationError("sweep", found[0], expected="a figure that runs experiments", got="one without any")
    if any(other.record != base.record or other.after != base.after for other in others):
        expected = "experiments that record the same and come after the same one"
        raise DeclarationError(
            "sweep", found[0], expected=expected, got="some that differ",
            hint=f"`brian2learn run {found[0]}` runs them.",
        )  # fmt: skip
    every = [base, *others]
    paths = [*_differing(every, "dt"), *_differing(every, "task"), *_differing(every, "circuit")]
    over = {path: [_at(each, place_of(base, path).steps) for each in every] for path in paths}
    return Sweep(base, over, design="list" if over else "grid", seeds=seeds)


def _at(value: object, steps: tuple[str | int, ...]) -> object:
    """What stands at a place of an experiment or declaration."""
    for step in steps:
        value = value[step] if isinstance(step, int) else getattr(value, step)  # type: ignore[index]
    return value


def _differing(experiments: Sequence[Experiment], path: str) -> Iterator[str]:
    """The innermost paths at or below `path` at which the experiments are not alike."""
    values = [_at(each, place_of(experiments[0], path).steps) for each in experiments]
    first = values[0]
    if all(encoded(value) == encoded(first) for value in values):
        return
    if isinstance(first, Declaration) and all(type(value) is type(first) for value in values):
        several = [name for name, field in first.fields.items() if isinstance(field, Parts)]
        if not several:
            for name in first.fields:
                yield from _differing(experiments, f"{path}.{name}")
            return
    yield path
