"""Behaviour on random clicks: click times and choices, of a rat from its file or of a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from brian2learn.core.click_trials import ClickTrials
from brian2learn.core.errors import DeclarationError

NEEDED = ("leftbups", "rightbups", "T", "pokedR", "gamma")
"""Fields of a file without which there is nothing to analyse; ``hit`` and ``Delta`` are compared if they are there."""


@dataclass(frozen=True)
class Behaviour:
    """Trials and what was chosen in each.

    Attributes
    ----------
    trials : ClickTrials
    went_right : (n_trials,) bool
        The choice.
    rewarded : (n_trials,) bool
        Whether it was rewarded.
    """

    trials: ClickTrials
    went_right: NDArray[np.bool_]
    rewarded: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for name in ("went_right", "rewarded"):
            found = np.asarray(getattr(self, name))
            if found.shape != (len(self.trials),):
                expected = f"one value for each of the {len(self.trials)} trials"
                raise DeclarationError("Behaviour", name, expected=expected, got=f"an array of shape {found.shape}")
            object.__setattr__(self, name, found.astype(bool))

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(n_trials,) bool: whether the side with more clicks was chosen; False where both had as many."""
        difference = self.trials.difference
        return np.where(difference == 0, False, (difference > 0) == self.went_right)

    def pick(self, which: Any) -> Behaviour:
        """Some of the trials, by a mask or by their numbers."""
        return Behaviour(self.trials.pick(which), self.went_right[which], self.rewarded[which])


def read_rat(path: Path | str) -> Behaviour:
    """A rat's trials from a MATLAB file of the Brody lab: a struct array with one entry per trial.

    Fields: ``leftbups`` and ``rightbups`` (click times, s), ``T`` (duration, s), ``pokedR`` (whether it went right),
    ``gamma`` (logarithm of the ratio of rates, right over left). Of ``hit`` and ``Delta`` (clicks on the right less
    those on the left) a file may have none; without ``hit``, the side with more clicks counts as rewarded.

    Parameters
    ----------
    path : Path
        The file; 19 rats of brunton2013 are at github.com/Brody-Lab/brunton_dataset (CC-BY-NC-4.0).

    Raises
    ------
    DeclarationError
        If it is no such file, lacks a field, or a trial is impossible; with the trial (from 0).
    """
    path = Path(path)
    if not path.is_file():
        raise _refuse(path.name, "a MATLAB file", f"none at {path}")
    try:
        variables = {name: value for name, value in loadmat(path).items() if not name.startswith("__")}
    except NotImplementedError:
        hint = "In MATLAB: save(name, 'rawdata', '-v7')."
        raise _refuse(path.name, "a MATLAB file of version 7 or older", "one of version 7.3", hint=hint) from None
    except (OSError, ValueError, TypeError, MatReadError) as problem:
        raise _refuse(path.name, "a MATLAB file", str(problem)) from problem
    structs = [name for name, value in variables.items() if getattr(value.dtype, "names", None)]
    if len(structs) != 1:
        got = f"{', '.join(structs) or 'none'} among the variables {', '.join(variables) or '(none)'}"
        raise _refuse(path.name, "one struct array with an entry per trial", got)
    rows = variables[structs[0]].ravel()
    has = rows.dtype.names or ()
    for name in NEEDED:
        if name not in has:
            raise _refuse(f"{path.name}:{name}", "this field of every trial", "none", choices=has, typed=name)
    if not rows.size:
        raise _refuse(path.name, "at least one trial", "none")
    sides = [[_vector(path, name, k, each) for k, each in enumerate(rows[name])] for name in ("leftbups", "rightbups")]
    for k, both in enumerate(zip(*sides, strict=True)):
        if not sum(each.size for each in both):
            raise _refuse(f"{path.name}:leftbups, rightbups", "at least one click", f"none in trial {k}")
    duration, gamma = _scalars(path, rows, "T"), _scalars(path, rows, "gamma")
    try:
        trials = ClickTrials.of_sides(sides[0], sides[1], duration, gamma)
    except DeclarationError as problem:
        raise _refuse(f"{path.name}:{problem.name}", problem.expected, problem.got) from problem
    went_right = _flags(path, rows, "pokedR")
    difference = trials.difference
    if "Delta" in has:
        _agree(
            path, "Delta", "the clicks on the right less those on the left", _scalars(path, rows, "Delta"), difference
        )
    rewarded = (difference > 0) == went_right
    if "hit" in has:
        hit = _flags(path, rows, "hit")
        decided = np.where(difference == 0, hit, rewarded)  # at equal numbers either may be rewarded
        _agree(path, "hit", "1 where the side with more clicks was chosen", hit, decided)
        rewarded = hit
    return Behaviour(trials, went_right, rewarded)


def _vector(path: Path, name: str, trial: int, value: Any) -> NDArray[np.float64]:
    array = np.asarray(value)
    if array.dtype.kind not in "iufb" or max(array.shape, default=1) != array.size and array.size:
        got = f"an array of shape {array.shape} and type {array.dtype} in trial {trial}"
        raise _refuse(f"{path.name}:{name}", "a list of times", got)
    return array.ravel().astype(float)


def _scalars(path: Path, rows: Any, name: str) -> NDArray[np.float64]:
    found = [_vector(path, name, k, each) for k, each in enumerate(rows[name])]
    wrong = [k for k, each in enumerate(found) if each.size != 1]
    if wrong:
        raise _refuse(f"{path.name}:{name}", "one number in every trial", f"{found[wrong[0]].size} in trial {wrong[0]}")
    return np.concatenate(found)


def _flags(path: Path, rows: Any, name: str) -> NDArray[np.bool_]:
    values = _scalars(path, rows, name)
    wrong = np.flatnonzero(~np.isin(values, (0, 1)))
    if wrong.size:
        raise _refuse(f"{path.name}:{name}", "0 or 1", f"{values[wrong[0]]} in trial {wrong[0]}")
    return values.astype(bool)


def _agree(path: Path, name: str, expected: str, values: NDArray[Any], wanted: NDArray[Any]) -> None:
    wrong = np.flatnonzero(values != wanted)
    if wrong.size:
        k = int(wrong[0])
        got = f"{float(values[k]):g} instead of {float(wanted[k]):g} in trial {k}, and {wrong.size - 1} more like it"
        raise _refuse(f"{path.name}:{name}", expected, got)


def _refuse(name: str, expected: str, got: str, **more: Any) -> DeclarationError:
    return DeclarationError("read_rat", name, expected=expected, got=got, **more)
