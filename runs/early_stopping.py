"""Training in parts that ends when a validation gets no better."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from brian2learn.core.errors import DeclarationError

from .experiment import Experiment
from .record import Record
from .simulate import simulate
from .store import Store


@dataclass(frozen=True)
class Training:
    """What was run.

    Attributes
    ----------
    parts : tuple of Experiment
        Each after the one before.
    values : tuple of float
        The validation of each.
    """

    parts: tuple[Experiment, ...]
    values: tuple[float, ...]

    @property
    def best(self) -> Experiment:
        """The part with the highest validation, the first of equals: what tests come `after`."""
        return self.parts[self.values.index(max(self.values))]


def train(
    parts: Iterable[Experiment],
    validation: Callable[[Record], float],
    seed: int = 0,
    *,
    store: Store,
    patience: int = 3,
    mode: str | None = None,
) -> Training:
    """Run parts of a training, each after the one before, until the validation has not risen for some of them.

    Weights go on from part to part; all else begins anew (the moments of an optimiser, and the time by which its
    learning rate falls). Parts whose records are in the store are not run again, so the same call goes on from where
    one was ended.

    Parameters
    ----------
    parts : iterable of Experiment
        At most these are run: ``[part] * 20``, or parts that differ, for example in their learning rate.
    validation : callable
        A number from the record of a part, higher if better: of a task whose trials are all new, its answers.
    seed : int
        Of every part; trials of each are its own.
    store : Store
        Where records are kept.
    patience : int
        How many parts in a row may be no better than the best one before them.
    mode : str, optional
        See `simulate`.

    Raises
    ------
    DeclarationError
        If there are no parts, or `patience` is below 1.
    """
    if patience < 1:
        raise DeclarationError("train", "patience", expected="at least 1 part", got=str(patience))
    run: list[Experiment] = []
    values: list[float] = []
    for part in parts:
        run.append(part.replace(after=run[-1]) if run else part)
        values.append(float(validation(simulate(run[-1], seed, store=store, mode=mode))))
        if len(values) - values.index(max(values)) > patience:
            break
    if not run:
        raise DeclarationError("train", "parts", expected="at least one experiment", got="none")
    return Training(tuple(run), tuple(values))
