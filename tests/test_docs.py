"""What the documents say is executed: Python blocks of the pages, examples in docstrings, commands and links."""

import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import brian2learn
from brian2learn.core.discovery import FOLDERS

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


SLOW = {"sweeps.md-0", "three_factor.md-0", "how_to.md-2"}
PYTHON = [
    pytest.param(block, id=name, marks=[pytest.mark.slow] * (name in SLOW))
    for page in PAGES
    for number, block in enumerate(blocks(page, "python"))
    for name in [f"{page.name}-{number}"]
]


@pytest.mark.parametrize("block", PYTHON)
def test_python_blocks_run(block, tmp_path):
    first = block.splitlines()[0]
    command = [sys.executable, "-c"]
    numpy_target = "import brian2; brian2.prefs.codegen.target = 'numpy'\n"
    whole = re.fullmatch(rf"# ({'|'.join(FOLDERS)})/(\w+)\.py", first)
    if whole:  # a whole file: it must be found, shown and usable
        folder, name = whole.groups()
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{name}.py").write_text(block)
        block = f"from brian2learn.core.discovery import load\nload({name!r})()\nprint('ok')"
    environment = {**os.environ, "BRIAN2LEARN_PATH": str(tmp_path)}
    done = subprocess.run(
        [*command, numpy_target + block], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_there_are_blocks_to_run():
    assert len(PYTHON) >= 3
    assert len(blocks(ROOT / "README.md", "python")[0].splitlines()) <= 12  # the ten-line script


def modules() -> list[str]:
    return [
        name for _, name, is_package in pkgutil.walk_packages(brian2learn.__path__, "brian2learn.") if not is_package
    ]


@pytest.mark.parametrize("name", modules())
def test_docstring_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_commands_of_the_readme_exist():
    commands = {
        line.split()[1]
        for block in blocks(ROOT / "README.md", "sh")
        for line in block.splitlines()
        if line.startswith("brian2learn ")
    }
    assert commands
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-m", "brian2learn.cli.main", command, "--help"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not link.startswith("http"):
            assert (page.parent / link).exists(), link
