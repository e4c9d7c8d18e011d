"""Read equation text: which names it uses, which it sets, and which are unused, missing, shadowed or reserved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from .errors import DeclarationError

RESERVED = frozenset({"e", "pi", "inf", "i", "j", "t", "dt", "t_in_timesteps", "N", "xi", "N_pre", "N_post",
                      "N_incoming", "N_outgoing", "lastspike", "lastupdate", "not_refractory"})  # fmt: skip
"""Names that Brian2 gives a meaning of its own; ``e`` is a number there."""

PROVIDED = frozenset({"t", "dt", "i", "j", "N", "pi", "e", "inf", "lastspike", "lastupdate", "not_refractory"})
"""Names that any equation text may read without declaring them."""

_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")
_DERIVATIVE = re.compile(r"^d([A-Za-z_]\w*)/dt(?=\s*=)")
_FLAGS = re.compile(
    r"(?<=:)(?P<unit>.*)\((constant|shared|event-driven|clock-driven|summed|unless refractory|[\s,])+\)$"
)
_ASSIGNMENT = re.compile(r"^\s*([A-Za-z_]\w*)\s*(?:[-+*/]|//|\*\*)?=(?!=)")


def statements(text: str) -> list[str]:
    """The lines of `text` without comments, split also at semicolons."""
    lines = (piece.split("#")[0].strip() for line in text.splitlines() for piece in line.split(";"))
    return [line for line in lines if line]


def identifiers(text: str) -> set[str]:
    """Every name in `text`, functions and units included; of ``dx/dt = … : 1 (event-driven)`` the name is ``x``."""
    lines = (_DERIVATIVE.sub(r"\1", _FLAGS.sub(r"\g<unit>", line)) for line in statements(text))
    return {name for line in lines for name in _NAME.findall(line)} - {"and", "or", "not", "True", "False"}


def assigned(text: str) -> set[str]:
    """The names that statements in `text` set."""
    return {match.group(1) for line in statements(text) if (match := _ASSIGNMENT.match(line))}


def defined(text: str) -> tuple[str, ...]:
    """The names that the lines of a model define, in order."""
    return tuple(re.split("[=:]", _DERIVATIVE.sub(r"\1", line))[0].strip() for line in statements(text))


def known_functions() -> frozenset[str]:
    """Names of Brian2's functions, constants and units."""
    from brian2.core.functions import DEFAULT_CONSTANTS, DEFAULT_FUNCTIONS
    from brian2.core.namespace import DEFAULT_UNITS

    return frozenset(DEFAULT_FUNCTIONS) | frozenset(DEFAULT_CONSTANTS) | frozenset(DEFAULT_UNITS)


def rename(text: str, names: Mapping[str, str]) -> str:
    """`text` with whole names replaced."""
    return _NAME.sub(lambda match: names.get(match.group(), match.group()), text)


def check_names(
    where: str, texts: Mapping[str, str], declared: Iterable[str], *, from_others: Iterable[str] = ()
) -> None:
    """Compare the names that `texts` use with those that are `declared`.

    Parameters
    ----------
    where : str
        The declaration, for the error.
    texts : mapping of str to str
        Name of each piece of text (``on_pre``) and the text.
    declared : iterable of str
        Parameters, traces and states; each must be used, none may be reserved or end in ``_pre``/``_post``.
    from_others : iterable of str
        Names that another part brings; they may stay unused.

    Raises
    ------
    DeclarationError
        Naming the text and the first name that is missing, unused, reserved or shadowed.
    """
    declared, from_others = set(declared), set(from_others)
    known = known_functions() | PROVIDED
    for name in sorted(declared):
        if name in RESERVED:
            raise DeclarationError(
                where, name, expected="a name that Brian2 leaves free", got=f"{name}, reserved there"
            )
        if name.endswith(("_pre", "_post")):
            raise DeclarationError(
                where,
                name,
                expected="a name that does not end in _pre or _post",
                got=f"{name}, which Brian2 takes from the cell on that side",
            )
        if name in known:
            raise DeclarationError(
                where, name, expected="a name of its own", got=f"{name}, a function or unit of Brian2"
            )
    used = {key: identifiers(text) for key, text in texts.items()}
    for key, names in used.items():
        for name in sorted(names - declared - from_others - known):
            raise DeclarationError(
                where,
                key,
                expected="names that are declared",
                got=name,
                choices=sorted(declared | from_others),
                typed=name,
            )
    for name in sorted(declared - set().union(*used.values())):
        raise DeclarationError(
            where, name, expected="a name that its equations use", got=f"{name}, used in none of {', '.join(texts)}"
        )
