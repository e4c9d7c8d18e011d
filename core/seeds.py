"""Seeds as they are written on the command line and in sweep files."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import DeclarationError


def parse_seeds(text: str, where: str, name: str, most: int) -> Sequence[int]:
    """Seeds as written: ``0:20`` is 0 to 19, ``0,1,5`` are these three, ``3`` is 3 alone.

    Parameters
    ----------
    where, name : str
        What to call them in errors.
    most : int
        How many are allowed.

    Raises
    ------
    DeclarationError
        If it is none of these, names a seed twice, or more than `most`.
    """

    def refuse(got: str) -> DeclarationError:
        return DeclarationError(
            where, name, meaning="one run for each", got=got,
            expected="whole numbers from 0 such as 0:20 (0 to 19), 0,1,5 or 3",
        )  # fmt: skip

    pieces = []
    for piece in text.split(","):
        first, colon, stop = (part.strip() for part in piece.partition(":"))
        if not all(part.isascii() and part.isdigit() for part in (first, *([stop] if colon else []))):
            raise refuse(repr(text))
        found = range(int(first), int(stop) if colon else int(first) + 1)
        if not found:
            raise refuse(f"{piece!r}, which has none")
        pieces.append(found)
    if sum(map(len, pieces)) > most:
        raise refuse(f"{text!r}, which are more than {most}")
    if len(pieces) == 1:
        return pieces[0]
    seeds = [seed for piece in pieces for seed in piece]
    known: set[int] = set()
    for seed in seeds:
        if seed in known:
            raise refuse(f"{text!r}, with {seed} twice")
        known.add(seed)
    return seeds
