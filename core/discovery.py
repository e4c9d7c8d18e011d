"""Find declarations by file name, read their headings without importing them, import one on demand.

A folder is searched in the package and in every directory of the environment variable ``BRIAN2LEARN_PATH``
(``DIR/plasticity/my_rule.py``), so that a user's own rule stands beside the built-in ones. The file ``pair_stdp.py``
declares the class ``PairSTDP``; files that begin with ``_`` are skipped.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from .declaration import Declaration
from .errors import DeclarationError, UnknownNameError

FOLDERS = ("plasticity", "circuits", "tasks", "figures")
SEARCH_PATH = "BRIAN2LEARN_PATH"
_PACKAGE = __name__.rsplit(".", 2)[0]


def snake_case(class_name: str) -> str:
    """``PairSTDP`` → ``pair_stdp``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name).lower()


@dataclass(frozen=True)
class Heading:
    """What a file says of itself, read from its text alone.

    Attributes
    ----------
    folder, name : str
        Where it is and how it is called on the command line.
    class_name, base : str
        The declared class and the class it derives from.
    summary : str
        First sentence of the class docstring.
    path : Path
        The file.
    """

    folder: str
    name: str
    class_name: str
    base: str
    summary: str
    path: Path


def folders(folder: str) -> list[Path]:
    """The directories searched for `folder`, the package first."""
    package = Path(__file__).resolve().parent.parent / folder
    if not package.is_dir():  # installed: the folders stand beside core/ as sub-packages
        package = Path(str(importlib.import_module(f"{_PACKAGE}.{folder}").__file__)).parent
    extra = [Path(entry) / folder for entry in os.environ.get(SEARCH_PATH, "").split(os.pathsep) if entry]
    return [package, *extra]


def files(folder: str) -> dict[str, Path]:
    """Name and file of every declaration in `folder`, in alphabetical order."""
    if folder not in FOLDERS:
        raise UnknownNameError("brian2learn", folder, expected="a folder of declarations", got=folder, choices=FOLDERS)
    found: dict[str, Path] = {}
    for directory in folders(folder):
        for path in sorted(directory.glob("*.py")):
            if path.stem.startswith("_"):
                continue
            if path.stem in found and found[path.stem] != path:
                raise DeclarationError(
                    folder, path.stem, expected="one file of this name", got=f"{found[path.stem]} and {path}"
                )
            found[path.stem] = path
    return dict(sorted(found.items()))


def heading(folder: str, name: str) -> Heading:
    """Read the class, its base and its first sentence from the file's text; a file that cannot be parsed says so."""
    name = find(name, folder)[1]
    path = files(folder)[name]
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError, OSError) as problem:
        return Heading(folder, name, "", "", f"cannot be read: {problem}", path)
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and snake_case(node.name) == name:
            first = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
            base = ast.unparse(node.bases[0]) if node.bases else ""
            return Heading(folder, name, node.name, base, first, path)
    return Heading(folder, name, "", "", f"declares no class whose name in snake case is {name}", path)


def find(name: str, *among: str) -> tuple[str, str]:
    """Folder and file name of the declaration called `name` (file or class name).

    Raises
    ------
    UnknownNameError
        With the nearest valid name.
    """
    listed = {folder: files(folder) for folder in among or FOLDERS}
    for folder, names in listed.items():
        for candidate in (name, snake_case(name)):
            if candidate in names:
                return folder, candidate
    choices = [each for names in listed.values() for each in names]
    what = "one of the declarations" if not among else f"a name in {' or '.join(among)}"
    raise UnknownNameError("brian2learn", name, expected=what, got=repr(name), choices=choices)


def load(name: str, *among: str) -> type[Any]:
    """Import one file and return the declaration in it.

    Raises
    ------
    UnknownNameError
        If there is no such name.
    DeclarationError
        If the file cannot be imported or does not declare the class that its name promises.
    """
    folder, stem = find(name, *among)
    path = files(folder)[stem]
    built_in = path.parent == folders(folder)[0]
    module_name = f"{_PACKAGE}.{folder}.{stem}" if built_in else f"{_PACKAGE}_user.{folder}.{stem}"
    module = sys.modules.get(module_name)
    if module is None or (not built_in and Path(str(module.__file__)) != path):
        try:
            module = importlib.import_module(module_name) if built_in else _import_file(module_name, path)
        except DeclarationError:
            raise
        except Exception as problem:
            line = traceback.extract_tb(problem.__traceback__)[-1].lineno if problem.__traceback__ else None
            if isinstance(problem, SyntaxError):
                line = problem.lineno
            raise DeclarationError(
                str(path),
                f"line {line}",
                expected="a file that can be imported",
                got=f"{type(problem).__name__}: {problem}",
            ) from problem
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Declaration) and value.__module__ == module_name
    ]
    for value in found:
        if snake_case(value.__name__) == stem:
            return value
    got = ", ".join(value.__name__ for value in found) or "no declaration"
    raise DeclarationError(str(path), expected=f"one class whose name in snake case is {stem}", got=got)


def _import_file(module_name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(module_name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no loader for {path}")
    module = importlib.util.module_from_spec(spec)
    package = module_name.rpartition(".")[0]
    for parent in (package.rpartition(".")[0], package):  # so that its classes can be sent to other processes
        sys.modules.setdefault(parent, ModuleType(parent))
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def loaded_user_files() -> list[tuple[str, Path]]:
    """Module name and file of the declarations that came from outside the package, for `load_user_files`."""
    prefix = f"{_PACKAGE}_user."
    modules = [(name, module) for name, module in sys.modules.items() if name.startswith(prefix)]
    return [(name, Path(str(module.__file__))) for name, module in modules if getattr(module, "__file__", None)]


def load_user_files(loaded: list[tuple[str, Path]]) -> None:
    """Load the same declarations in another process, before it is handed objects made of them."""
    for module_name, path in loaded:
        if path.exists():
            _import_file(module_name, path)


def public_names(folder: str) -> Any:
    """A module ``__getattr__``, so that ``from brian2learn.plasticity import PairSTDP`` imports one file only."""

    def getattribute(class_name: str) -> Any:
        # a name in lower case is the file itself, which the import system finds
        if class_name.startswith("_") or class_name.islower() or snake_case(class_name) not in files(folder):
            raise AttributeError(f"module {_PACKAGE}.{folder!s} has no attribute {class_name!r}")
        return load(class_name, folder)

    return getattribute
