"""What a result is called: a hash of the declared values as bytes with their dimensions, never of printed text."""

from __future__ import annotations

import ast
import hashlib
import inspect
import struct
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .declaration import Declaration, dimension_of
from .errors import DeclarationError

Steps = tuple[str | int, ...]
"""The way to a nested value: names of fields and numbers in sequences."""


def digest(*values: Any) -> str:
    """Hexadecimal SHA-256 of nested values: declarations, mappings, sequences, arrays, quantities, numbers, text."""
    return hashlib.sha256(encoded(values)).hexdigest()


def encoded(value: Any) -> bytes:
    """The bytes of which `digest` is the hash; those of nested values lie within those of the whole."""
    (only,) = template(value, ())
    assert isinstance(only, bytes)
    return only


def template(value: Any, holes: Collection[Steps]) -> list[bytes | Steps]:
    """What `encoded` gives, cut where some of the nested values stand.

    Parameters
    ----------
    holes : collection of tuple
        Where they stand: names of fields and numbers in sequences, from the outside in.

    Returns
    -------
    list of bytes and tuple
        With ``encoded(x)`` in place of each tuple, joined, it is what `encoded` gives with x at that place.
    """
    pieces: list[bytes | Steps] = []
    run: list[bytes] = []
    for part in _parts(value, (), frozenset(holes)):
        if isinstance(part, tuple):
            pieces += [b"".join(run), part]
            run = []
        else:
            run += [struct.pack("<q", len(part)), part]
    return [*pieces, b"".join(run)]


def _parts(value: Any, at: Steps, holes: frozenset[Steps]) -> Iterator[bytes | Steps]:
    if at in holes:
        yield at
    elif isinstance(value, Declaration):
        yield b"declaration"
        yield code_digest(type(value)).encode()
        yield from _parts(dict(value.values), at, holes)
    elif isinstance(value, Mapping):
        yield b"mapping"
        yield struct.pack("<q", len(value))
        for key in sorted(value):
            yield from _parts(key, (), frozenset())
            yield from _parts(value[key], (*at, key), holes)
    elif value is None or isinstance(value, (bool, str, bytes)):
        yield type(value).__name__.encode()
        yield value if isinstance(value, bytes) else str(value).encode()
    elif isinstance(value, (list, tuple)):
        yield b"sequence"
        yield struct.pack("<q", len(value))
        for number, item in enumerate(value):
            yield from _parts(item, (*at, number), holes)
    elif isinstance(value, int):
        yield b"int"
        yield str(value).encode()
    else:
        array = np.asarray(value)
        if array.dtype.hasobject:
            raise TypeError(f"cannot make an identity of {value!r}")
        yield b"array"
        yield struct.pack("<7d", *(dimension_of(value) or (0.0,) * 7))
        yield str(array.dtype.str).encode()
        yield struct.pack(f"<{array.ndim}q", *array.shape)
        yield np.ascontiguousarray(array).tobytes()


def code_digest(cls: type) -> str:
    """Hash of the code behind a declaration, see `code_files`: a changed comment or docstring does not count."""
    return _code_digest(cls)


@cache
def _code_digest(cls: Any) -> str:
    return digest(cls.__qualname__, [source_digest(path) for path in code_files(cls)])


def code_files(cls: type) -> list[Path]:
    """The files that define a declaration and its bases, their C++ twins, and their engines."""
    bases = [base for base in cls.__mro__ if issubclass(base, Declaration)]
    try:
        paths = {Path(inspect.getfile(base)) for base in bases}
    except (TypeError, OSError) as problem:
        raise DeclarationError(
            cls.__name__,
            expected="a class defined in a file, so that its results can be told apart",
            got="one typed into a session",
            hint="Put it into a file of its own; see CONTRIBUTING.",
        ) from problem
    paths |= {path.with_suffix(".cpp") for path in paths if path.with_suffix(".cpp").exists()}
    for base in bases:
        paths |= {
            path for each in vars(base).get("engine", ()) for path in Path(inspect.getfile(base)).parent.glob(each)
        }
    return sorted(paths, key=lambda path: path.name)


@cache
def source_digest(path: Path) -> str:
    """Hash of a Python file's code without comments and docstrings, of any other file's bytes."""
    if path.suffix != ".py":
        return digest(path.read_bytes())
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:] or [ast.Pass()]
    return digest(ast.dump(tree))
