"""Who may import whom (DESIGN section 1), read from the text of every file; and the layout that makes it work."""

from __future__ import annotations

import ast
import os
import pkgutil
import sys
from pathlib import Path

import pytest

import brian2learn

ROOT = Path(__file__).resolve().parent.parent

MAY_IMPORT = {
    "core": set(),
    "plasticity": {"core"},
    "circuits": {"core", "plasticity"},
    "tasks": {"core"},
    "runs": {"core", "plasticity", "circuits", "tasks"},
    "analysis": {"core"},
    "figures": {"core", "plasticity", "circuits", "tasks", "runs", "analysis"},
    "explore": {"core", "plasticity", "circuits", "tasks", "runs", "analysis", "figures"},
    "cli": {"core", "plasticity", "circuits", "tasks", "runs", "analysis", "figures", "explore"},
}
OUTSIDE = ("tests", "benchmarks", "docs")  # use the installed package, all of it
FOLDERS = [name for name in MAY_IMPORT if (ROOT / name).is_dir()]
NO_PICKLES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "shelve", "marshal", "joblib"}
FILES = sorted(path for name in [*FOLDERS, *OUTSIDE] if (ROOT / name).is_dir() for path in (ROOT / name).rglob("*.py"))


def imports(tree: ast.AST, place: Path) -> list[tuple[str, ast.AST]]:
    """Full dotted name of everything imported in a file at `place` (relative to the root)."""
    found: list[tuple[str, ast.AST]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, node) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = ["brian2learn", *place.parent.parts]
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found += [(f"{module}.{alias.name}", node) for alias in node.names]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
            found += [(text, node) for text in texts if isinstance(text, str)]
    return found


def at_import_time(tree: ast.Module) -> list[ast.stmt]:
    """The statements that run when the file is imported, without bodies of functions and `if TYPE_CHECKING`."""
    found: list[ast.stmt] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        for child in ast.iter_child_nodes(waiting.pop()):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
                continue
            if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
                continue
            waiting.append(child)
            if isinstance(child, ast.stmt):
                found.append(child)
    return found


def refusals(text: str, place: str) -> list[str]:
    """What is wrong with the imports of a file with this text at this place."""
    path = Path(place)
    folder = path.parts[0]
    tree = ast.parse(text)
    wrong: list[str] = []
    for name, node in imports(tree, path):
        parts = name.split(".")
        if parts[-1] == "*":
            wrong.append(f"star import of {name}")
        if NO_PICKLES & set(parts[:1]):
            wrong.append(f"{name} reads and writes pickles")
        if parts[0] in MAY_IMPORT:
            wrong.append(f"bare {parts[0]}, write brian2learn.{parts[0]}")
        if folder in OUTSIDE:
            continue
        if parts[0] == "brian2learn" and len(parts) > 1 and parts[1] in MAY_IMPORT:
            if parts[1] not in MAY_IMPORT[folder] | {folder}:
                wrong.append(f"{folder} may not import {parts[1]}")
        elif parts[0] == "brian2learn" and len(parts) > 1 and parts[1] not in ("__version__", "*"):
            wrong.append(f"{name} is in no folder")
        if parts[0] == "brian2" and folder == "analysis":
            wrong.append("analysis imports brian2")
        if parts[0] == "brian2" and folder == "core" and node in at_import_time(tree):
            wrong.append("core imports brian2 when it is imported")
        if parts[0] == "matplotlib" and folder in ("core", "plasticity", "circuits", "tasks", "runs", "analysis"):
            wrong.append(f"{folder} draws")
        if parts[0] == "tests" or parts[0] == "conftest":
            wrong.append(f"{folder} imports tests")
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and ast.unparse(node.value) != "False":
            wrong.append("allow_pickle")
        if isinstance(node, ast.Attribute) and node.attr in ("read_pickle", "to_pickle"):
            wrong.append(node.attr)
    return wrong


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_against_the_flow_only(path):
    assert refusals(path.read_text(encoding="utf-8"), str(path.relative_to(ROOT))) == []


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("core/x.py", "from brian2learn.plasticity import PairSTDP"),
        ("core/x.py", "import brian2"),
        ("core/x.py", "class A:\n    from brian2 import ms"),
        ("core/x.py", "try:\n    import brian2\nexcept ImportError: pass"),
        ("plasticity/x.py", "import brian2learn.circuits.lif"),
        ("plasticity/x.py", "from brian2learn import circuits"),
        ("plasticity/x.py", "from ..circuits import lif"),
        ("plasticity/x.py", "def f():\n    from brian2learn.runs import simulate"),
        ("plasticity/x.py", "import importlib\nimportlib.import_module('brian2learn.runs.simulate')"),
        ("tasks/x.py", "from brian2learn.circuits._circuit import Cell"),
        ("circuits/x.py", "from brian2learn.tasks import HiddenPattern"),
        ("circuits/x.py", "from brian2learn.nowhere import x"),
        ("analysis/x.py", "from brian2learn.runs.record import Record"),
        ("analysis/x.py", "def f():\n    import brian2.units as u"),
        ("analysis/x.py", "import matplotlib.pyplot as plt"),
        ("runs/x.py", "from brian2learn.figures._figure import Figure"),
        ("runs/deep/x.py", "from ...cli import main"),
        ("figures/x.py", "from brian2learn.explore import page"),
        ("figures/x.py", "from brian2 import *"),
        ("cli/x.py", "import core.errors"),
        ("cli/x.py", "from tasks import hidden_pattern"),
        ("runs/x.py", "import pickle"),
        ("runs/x.py", "from dill import dumps"),
        ("runs/x.py", "np.load(f, allow_pickle=True)"),
        ("runs/x.py", "frame.to_pickle(path)"),
        ("tests/x.py", "from analysis import detection"),
        ("tests/x.py", "from brian2 import *"),
    ],
)
def test_the_reader_refuses(place, text):
    assert len(refusals(text, place)) == 1


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("core/x.py", "def f():\n    from brian2 import get_unit"),
        ("core/x.py", "from .errors import DeclarationError"),
        ("plasticity/x.py", "from ._rule import Rule\nfrom ..core.errors import AssemblyError"),
        ("runs/x.py", "from brian2learn import __version__\nfrom . import compiler"),
        ("figures/x.py", "import matplotlib\nfrom brian2learn.analysis import weights"),
        ("analysis/x.py", "from brian2learn.core.errors import DeclarationError\nfrom . import _check"),
        ("tests/x.py", "from brian2learn.cli import main\nimport brian2"),
    ],
)
def test_the_reader_allows(place, text):
    assert refusals(text, place) == []


def test_every_folder_with_code_is_in_the_table():
    with_code = {path.name for path in ROOT.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert with_code - {"src", "build", *OUTSIDE} <= set(MAY_IMPORT)


def test_nothing_python_at_the_root():
    assert [path.name for path in ROOT.glob("*.py")] == []


@pytest.mark.parametrize("name", FOLDERS)
def test_the_package_links_to_the_folder(name):
    link = ROOT / "src" / "brian2learn" / name
    assert link.is_symlink()
    assert os.readlink(link) == f"../../{name}"
    assert (link / "__init__.py").is_file()


def test_the_links_lead_nowhere_else():
    links = {path.name for path in (ROOT / "src" / "brian2learn").iterdir() if path.is_symlink() or path.is_dir()}
    assert links - {"__pycache__"} == set(FOLDERS)


def test_what_is_installed_is_what_stands_at_the_root():
    packages = {module.name for module in pkgutil.iter_modules(brian2learn.__path__) if module.ispkg}
    assert packages == set(FOLDERS)
    assert [path.name for path in (ROOT / "src").iterdir() if path.suffix != ".egg-info"] == ["brian2learn"]


def test_the_package_itself_imports_nothing_heavy():
    tree = ast.parse((ROOT / "src" / "brian2learn" / "__init__.py").read_text())
    assert {name.split(".")[0] for name, _ in imports(tree, Path("x.py"))} <= sys.stdlib_module_names
