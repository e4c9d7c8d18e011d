"""The C++ compiler: is there one, its flags, a precompiled header, and where compiled things are kept."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from .errors import RunError
from .identity import digest, source_digest

CACHE_VARIABLE = "BRIAN2LEARN_CACHE"

# what the generated sources of every program include
HEADERS = (
    "algorithm", "chrono", "climits", "cmath", "csignal", "cstdint", "cstdio", "cstdlib", "cstring", "ctime",
    "fstream", "functional", "iostream", "map", "numeric", "random", "set", "sstream", "string", "tuple", "utility",
    "vector",
)  # fmt: skip


@cache
def cache_directory() -> Path:
    """Where programs are kept: ``$BRIAN2LEARN_CACHE``, else the user's cache directory.

    If it cannot be written, a temporary one is used for this session, with a warning.
    """
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    directory = Path(os.environ.get(CACHE_VARIABLE) or Path(home) / "brian2learn").expanduser()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as problem:
        warnings.warn(
            f"the cache {directory} cannot be written ({problem.strerror}); programs are compiled anew in this "
            f"session. Set {CACHE_VARIABLE} to a directory that can.",
            stacklevel=2,
        )
        return Path(tempfile.mkdtemp(prefix="brian2learn-cache-"))
    return directory


def n_cpus() -> int:
    """Number of CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compiler() -> str:
    """The C++ compiler as a command line: ``$CXX`` or ``g++``."""
    return os.environ.get("CXX") or "g++"


def has_compiler() -> bool:
    """Whether programs can be compiled here."""
    return shutil.which(compiler().split()[0]) is not None and shutil.which("make") is not None


def flags() -> list[str]:
    """Brian2's compiler flags for this machine."""
    from brian2.codegen.cpp_prefs import get_compiler_and_args

    return list(get_compiler_and_args()[1])


@contextmanager
def portable() -> Iterator[None]:
    """Compile for any CPU of this kind, not for this machine's in particular."""
    from brian2 import prefs

    name = "codegen.cpp.extra_compile_args"
    before = prefs[name]
    prefs[name] = [flag for flag in flags() if not flag.startswith("-march=")]
    try:
        yield
    finally:
        prefs[name] = before


def toolchain() -> str:
    """Identity of what compiles and what runs: compiler version, flags, CPU features."""
    return _toolchain(compiler(), tuple(flags()))


@cache
def _toolchain(command: str, arguments: tuple[str, ...]) -> str:
    version = subprocess.run([*command.split(), "--version"], capture_output=True, text=True, check=False).stdout
    return digest(command, version.splitlines()[:1], list(arguments), cpu_features())


@cache
def cpu_features() -> str:
    """The instruction set of this machine, as far as it says."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        return f"{platform.machine()} {platform.processor()}"


def precompiled_header() -> Path:
    """A header to pass as ``-include``; compiled once per compiler and flags.

    Raises
    ------
    RunError
        If the compiler refuses it.
    """
    directory = cache_directory() / "headers" / toolchain()[:16]
    header = directory / "brian2learn.h"
    if header.with_suffix(".h.gch").exists():
        return header
    directory.mkdir(parents=True, exist_ok=True)
    header.write_text("".join(f"#include <{name}>\n" for name in HEADERS))
    _compile([*flags(), "-Wno-write-strings", "-x", "c++-header"], header, header.with_suffix(".h.gch"))
    return header


def _compile(arguments: list[str], source: Path, target: Path) -> None:
    """Compile one file; `target` is there whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=target.parent, suffix=target.suffix, delete=False) as unfinished:
        command = [*compiler().split(), *arguments, str(source), "-o", unfinished.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        Path(unfinished.name).unlink()
        raise RunError(str(source), "build", expected="a file that compiles", got=done.stderr.strip()[-1500:])
    os.replace(unfinished.name, target)


def make(directory: Path) -> None:
    """Compile a written standalone project, with the precompiled header in front of every file.

    Raises
    ------
    RunError
        With the compiler's last words.
    """
    # what runs once per run is optimised less; objects.cpp takes longest and is begun with
    once = ["objects.o", "main.o", "run.o"]
    for pattern in ("before_run_*", "after_run_*", "*_synapses_create_*"):
        paths = sorted((directory / "code_objects").glob(f"{pattern}.cpp"))
        once += [str(path.with_suffix(".o").relative_to(directory)) for path in paths]
    with open(directory / "makefile", "a", encoding="utf-8") as makefile:
        makefile.write(f"\n{' '.join(once)}: OPTIMISATIONS += -O1\n")
    # DEPS= leaves out the dependency scan, which reads every header once more and serves re-builds only
    header = f"CXX={compiler()} -include {precompiled_header()}"
    done = subprocess.run(
        ["make", f"-j{n_cpus()}", "DEPS=", header, "objects.o", "main"],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RunError("Program", "build", expected="sources that compile", got=done.stderr.strip()[-1500:])


@cache
def library(source: Path) -> ctypes.CDLL | None:
    """A C++ file as a shared library, compiled once per compiler, flags and text; None where there is no compiler.

    Compiled without the liberties of ``-ffast-math``, so that it agrees bit for bit with the same steps in NumPy.

    Raises
    ------
    RunError
        If the file does not compile.
    """
    if not has_compiler():
        return None
    exact = ["-O3", "-march=native", "-std=c++11", "-fno-fast-math", "-ffp-contract=off", "-shared", "-fPIC"]
    name = digest(source_digest(source), toolchain(), exact)[:32]
    path = cache_directory() / "libraries" / f"{source.stem}-{name}.so"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        _compile(exact, source, path)
    return ctypes.CDLL(str(path))
