"""Check what brian2learn needs of this machine, and say what to do where something is missing."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import typer
from rich.table import Table
from rich.text import Text

import brian2learn
from brian2learn import __version__

from .console import FAILED, output, print_json
from .quiet import PREFERENCES

OK, WARNING, PROBLEM = "ok", "warning", "problem"
STYLES = {OK: "green", WARNING: "yellow", PROBLEM: "bold red"}
GB = 1e9


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    check : str
        What was looked at.
    status : {"ok", "warning", "problem"}
    found : str
        What is there.
    advice : str
        What to do about it; empty if all is well.
    """

    check: str
    status: str
    found: str
    advice: str = ""


def python() -> Iterator[Finding]:
    """Python and the packages that must fit together."""
    yield Finding("Python", OK, f"{platform.python_version()} at {sys.executable}")
    versions = {}
    for name in ("brian2", "numpy", "scipy", "matplotlib", "pandas"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            yield Finding(name, PROBLEM, "not installed", "pip install brian2learn brings it along.")
    found = ", ".join(f"{name} {number}" for name, number in versions.items())
    error, seconds = _import_brian2()
    if error is None:
        slow = seconds > 10
        advice = "Is the environment on a network disk, or without byte code? python -m compileall helps then."
        yield Finding(
            "packages",
            WARNING if slow else OK,
            f"{found}; Brian2 is imported in {seconds:.1f} s",
            advice if slow else "",
        )
        return
    pair = (_numbers(versions.get("brian2", "")), _numbers(versions.get("numpy", "")))
    if (0,) < pair[0] < (2, 10) and pair[1] >= (2, 4):
        advice = "Brian2 before 2.10 cannot be imported with numpy 2.4 or later: pip install 'numpy<2.4'."
    else:
        advice = "Install it anew: pip install --force-reinstall brian2."
    yield Finding("packages", PROBLEM, f"{found}; Brian2 cannot be imported: {error}", advice)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdigit())


def _import_brian2() -> tuple[str | None, float]:
    """The error if Brian2 cannot be imported, and how long it took; in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="brian2learn-") as folder:
        Path(folder, "brian_preferences").write_text(PREFERENCES, encoding="utf-8")
        started = time.perf_counter()
        try:
            done = subprocess.run(
                [sys.executable, "-c", "import brian2"],
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "it took longer than two minutes", 120.0
        seconds = time.perf_counter() - started
    lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
    return (lines[-1] if done.returncode else None), seconds


def compilation() -> Iterator[Finding]:
    """The C++ compiler and make, by making a small program."""
    from brian2learn.core.compiler import compiler

    command = compiler()
    install = "Install them (Debian: apt install g++ make; conda: conda install cxx-compiler make)"
    slow = "; until then runs use Brian2's runtime mode, which is much slower."
    if not command.split() or shutil.which(command.split()[0]) is None:
        named = "CXX names it: set it to a compiler, or unset it" if os.environ.get("CXX") else install
        yield Finding("compiler", PROBLEM, f"{command} is not there", named + slow)
        return
    if shutil.which("make") is None:
        yield Finding("compiler", PROBLEM, "make is not there", install + slow)
        return
    with tempfile.TemporaryDirectory(prefix="brian2learn-") as folder:
        source = '#include <iostream>\n#include <random>\nint main() { std::cout << "works"; return 0; }\n'
        Path(folder, "program.cpp").write_text(source, encoding="utf-8")
        made = subprocess.run(
            ["make", f"CXX={command}", "program"], cwd=folder, capture_output=True, text=True, timeout=120, check=False
        )
        if made.returncode:
            last = (made.stderr.strip() or made.stdout.strip()).splitlines()
            yield Finding(
                "compiler", PROBLEM, f"{command} cannot make a program: {' / '.join(last[:2])}", install + slow
            )
            return
        try:
            said = subprocess.run([f"{folder}/program"], capture_output=True, text=True, timeout=60, check=False).stdout
        except OSError as problem:
            said = str(problem)
    if said != "works":
        advice = f"May programs be run from {tempfile.gettempdir()}? Set TMPDIR to a folder where they may."
        yield Finding("compiler", PROBLEM, f"a compiled program does not run: {said}", advice)
        return
    banner = subprocess.run([*command.split(), "--version"], capture_output=True, text=True, check=False).stdout
    yield Finding("compiler", OK, f"{(banner.splitlines() or [command])[0]}; made and ran a program")


def cache() -> Iterator[Finding]:
    """The folder of compiled programs."""
    from brian2learn.core.compiler import cache_directory

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        directory = cache_directory.__wrapped__()
    if caught:
        directory.rmdir()  # the makeshift one
        yield Finding("cache", WARNING, str(caught[0].message), "")
        return
    size = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                size += os.lstat(os.path.join(folder, name)).st_size
            except OSError:  # removed by another process
                continue
    advice = "It may be deleted; programs are compiled anew when they are needed." if size > 10 * GB else ""
    yield Finding("cache", WARNING if advice else OK, f"{directory}, {_size(size)}; {_free(directory)}", advice)


def results(folder: Path) -> Iterator[Finding]:
    """The results folder, or where it would be made."""
    yield _room("results", folder, "Free some, or choose another folder with --results or BRIAN2LEARN_RESULTS.", GB)


def temporary() -> Iterator[Finding]:
    """Where a run under way keeps its files, and what other Brian2 sessions have left there."""
    folder = Path(tempfile.gettempdir())
    yield _room("temporary files", folder, "Free some, or set TMPDIR to another folder.", GB)
    left = [path for pattern in ("brian_debug_*", "brian_script_*", "brian_std*") for path in folder.glob(pattern)]
    if len(left) > 20:
        size = sum(path.stat().st_size for path in left if path.exists())
        yield Finding("Brian2 logs", WARNING, f"{len(left)} brian_debug_*, brian_script_*, brian_std*, {_size(size)}",
                      "Other Brian2 sessions left them; delete them when none is running.")  # fmt: skip


def _room(check: str, folder: Path, advice: str, enough: float) -> Finding:
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as problem:
        return Finding(check, PROBLEM, f"{folder} cannot be written: {problem.strerror}", advice)
    free = shutil.disk_usage(place).free
    status = OK if free > enough else WARNING if free > enough / 10 else PROBLEM
    made = "" if folder.exists() else " (will be made)"
    return Finding(check, status, f"{folder.absolute()}{made}; {_free(place)}", "" if status == OK else advice)


def _free(folder: Path) -> str:
    return f"{_size(shutil.disk_usage(folder).free)} free"


def _size(n_bytes: float) -> str:
    return f"{n_bytes / GB:.1f} GB" if n_bytes > GB else f"{n_bytes / 1e6:.0f} MB"


def declarations() -> Iterator[Finding]:
    """Files that cannot be read, and the folders of the user's own."""
    from .catalog import entries

    found = list(entries())
    for kind, each in found:
        if not each.class_name:
            yield Finding("declarations", WARNING, f"{kind} {each.name}: {each.summary}", f"Mend {each.path}.")
    for entry in filter(None, os.environ.get("BRIAN2LEARN_PATH", "").split(os.pathsep)):
        if not Path(entry).is_dir():
            yield Finding("declarations", WARNING, f"BRIAN2LEARN_PATH names {entry}, which is not a folder",
                          "Make it, or take it out of BRIAN2LEARN_PATH.")  # fmt: skip
    yield Finding("declarations", OK, f"{sum(bool(each.class_name) for _, each in found)} can be read")


def commit() -> Iterator[Finding]:
    """Which code this is; records carry it."""
    here = Path(brian2learn.__file__).resolve()

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(["git", "-C", here.parent, *arguments], capture_output=True, text=True, check=False)
        except OSError:
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    head = git("rev-parse", "--short", "HEAD") if git("ls-files", "--error-unmatch", here.name) is not None else None
    if head is None:
        yield Finding("code", OK, f"brian2learn {__version__}, not from a git checkout")
    elif git("status", "--porcelain"):
        yield Finding("code", WARNING, f"brian2learn {__version__}, commit {head} with changes",
                      "Records are marked as made by changed code: commit before runs you want to keep.")  # fmt: skip
    else:
        yield Finding("code", OK, f"brian2learn {__version__}, commit {head}")


def examine(folder: Path) -> Iterator[Finding]:
    """All findings; a check that fails itself is a problem and stops no other."""
    checks: dict[str, Callable[[], Iterator[Finding]]] = {
        "packages": python,
        "compiler": compilation,
        "cache": cache,
        "results": lambda: results(folder),
        "temporary files": temporary,
        "declarations": declarations,
        "code": commit,
    }
    for name, check in checks.items():
        try:
            yield from check()
        except Exception as problem:
            yield Finding(
                name, PROBLEM, f"could not be checked: {type(problem).__name__}: {problem}", "Mend the above first."
            )


def print_findings(folder: Path, as_json: bool) -> None:
    """Print all findings; exit with 1 if one is a problem."""
    if as_json:
        found = list(examine(folder))
        print_json([asdict(each) for each in found])
    else:
        console, found = output(), []
        for each in examine(folder):
            found.append(each)
            line = Table.grid(padding=(0, 1))
            line.add_column(width=7, style=STYLES[each.status])
            advice = (f"\n{each.advice}" if each.advice else "", "cyan")
            line.add_row(each.status, Text.assemble((f"{each.check}: ", "bold"), each.found, advice))
            console.print(line)
    if any(each.status == PROBLEM for each in found):
        raise typer.Exit(FAILED)
