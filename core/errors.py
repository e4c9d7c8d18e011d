"""One family of errors, one shape.

``Where.name (meaning): expected …, got …. Did you mean …? It has: ….``
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any


class Brian2LearnError(Exception):
    """Something the user can put right; the command line answers it with exit code 2.

    Parameters
    ----------
    where : str
        The class, file or command in which the mistake was written.
    name : str, optional
        The argument at fault.
    expected, got : str
        What was wanted and what came.
    meaning : str, optional
        What the argument stands for.
    choices : iterable of str, optional
        The valid names; the nearest one to `name` (or to `typed`) is offered.
    typed : str, optional
        What the user typed, if that is not `name`.
    hint : str, optional
        What to do about it.
    """

    def __init__(
        self,
        where: str,
        name: str | None = None,
        *,
        expected: str,
        got: str,
        meaning: str | None = None,
        choices: Iterable[str] | None = None,
        typed: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.where, self.name, self.expected, self.got = where, name, expected, got
        place = where if name is None else f"{where}.{name}"
        text = f"{place} ({meaning}): " if meaning else f"{place}: "
        text += f"expected {expected}, got {got}."
        if choices is not None:
            choices = [str(choice) for choice in choices]
            nearest = difflib.get_close_matches(str(typed if typed is not None else name), choices, n=1, cutoff=0.5)
            if nearest:
                text += f" Did you mean {nearest[0]}?"
            text += f" It has: {', '.join(choices) if choices else 'none'}."
        if hint:
            text += f" {hint}"
        super().__init__(text)

    def __reduce__(self) -> tuple[Any, ...]:
        """Whole across processes: made anew without its arguments, which the text already holds."""
        return _made_anew, (type(self), self.args, self.__dict__)


def _made_anew(kind: type[Brian2LearnError], args: tuple[Any, ...], state: dict[str, Any]) -> Brian2LearnError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class DeclarationError(Brian2LearnError, ValueError):
    """A declaration (rule, cell, circuit, task, figure) or one of its values is wrong."""


class AssemblyError(Brian2LearnError, ValueError):
    """Parts that are right by themselves do not fit together."""


class UnknownNameError(Brian2LearnError, LookupError):
    """No declaration, population or quantity has this name."""


class RunError(Brian2LearnError, RuntimeError):
    """A program could not be built or a run did not come to its end."""


class RecordError(Brian2LearnError, ValueError):
    """A stored record is missing, incomplete or not what its key says."""
