"""A circuit as a compiled program: built once, then a bare binary whose numbers, seed and input are set at run time."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import brian2
import numpy as np
from brian2 import Network, SpikeMonitor, StateMonitor, Synapses, get_device, second, set_device
from brian2.devices.cpp_standalone.codeobject import CPPStandaloneCodeObject
from brian2.devices.device import RuntimeDevice, reset_device

from brian2learn.core import compiler
from brian2learn.core.declaration import Declaration, Param, plain
from brian2learn.core.errors import AssemblyError, RunError
from brian2learn.core.folders import published
from brian2learn.core.identity import code_digest, digest, source_digest

from .checkpoint import Checkpoint, write_code
from .experiment import Experiment
from .record import Spikes, States
from .spikes import NO_SPIKES, GriddedSpikes, SpikeStream, environment_variable

SEED_VARIABLE = "BRIAN2LEARN_SEED"
LARGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}  # synapses of one target lie far apart in memory
GRACE = 60.0  # s that a program may take to write its last checkpoint
FOREVER = 1e6 * second  # compiled in; the input says where a run ends

_SEED_FROM_ENVIRONMENT = f"""
{{ const char *text = std::getenv("{SEED_VARIABLE}");
   const unsigned long value = text ? std::strtoul(text, NULL, 10) : 0UL;
   for (size_t k = 0; k < brian::_random_generators.size(); k++)
       brian::_random_generators[k].seed(value + 7919UL * k); }}
"""


def changed_by(code: Iterable[str]) -> list[str]:
    """The indices of all array elements that C++ statements change, and ``random`` if they draw numbers."""
    text = "\n".join(code)
    found = set(re.findall(r"^\s*\w+\[(\w+)\]\s*[-+*/]?=[^=]", text, re.MULTILINE))
    return sorted(found | ({"random"} if re.search(r"\b_(rand|randn|poisson|binomial)\w*\(", text) else set()))


Progress = Callable[[float], None]
"""Called with the simulated time in s."""


@dataclass(frozen=True)
class Output:
    """The bare arrays of one run; see `Record` for their meaning."""

    spikes: Mapping[str, Spikes]
    states: Mapping[str, States]
    final: Mapping[str, np.ndarray]


def assemble(experiment: Experiment, sources: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Build the circuit around its sources and attach the recorders.

    Returns
    -------
    built, recorders : dict
        Brian2 objects by name; monitors by what they record (a group, or ``object.name``).

    Raises
    ------
    AssemblyError
        If a state to record does not exist or is brought up to date at spikes only.
    """
    built = experiment.circuit.build(sources)
    recorders: dict[str, Any] = {
        name: SpikeMonitor(built[name], name=f"spikes_{name}") for name in experiment.circuit.outputs
    }
    for key, interval in experiment.record.items():
        name, _, state = key.partition(".")
        has = [f"{each}.{variable}" for each, group in built.items() for variable in group.variables]
        if key not in has:
            raise AssemblyError(
                "Experiment", "record", expected="a state of the circuit", got=key, choices=has, typed=key
            )
        if state in getattr(getattr(built[name], "event_driven", None), "diff_eq_names", ()):
            got = f"{key}, which is up to date at spikes only"
            raise AssemblyError("Experiment", "record", expected="a state that is always up to date", got=got)
        which = np.arange(_size(experiment, name, built[name]))
        recorders[key] = StateMonitor(built[name], state, record=which, dt=interval, name=f"state_{name}_{state}")
    return built, recorders


def _size(experiment: Experiment, name: str, group: Any) -> int:
    """Number of elements of a group; for synapses, which Brian2 counts in the program only, from their first values.

    Raises
    ------
    AssemblyError
        If the program draws which synapses there are.
    """
    if not isinstance(group, Synapses):
        return len(group)
    initial = experiment.circuit.initial(experiment.task.sizes, np.random.default_rng(0))
    for key, values in initial.items():
        if key.startswith(f"{name}.") and values.ndim:
            return int(values.size)
    raise AssemblyError("Experiment", "record", expected="synapses whose number is known before the run", got=name)


def structure(value: Any) -> Any:
    """What of a declaration shapes its program: classes with their code, sizes, choices and parts, but no numbers."""
    if isinstance(value, Declaration):
        kept = {name: part for name, part in value.values.items() if _is_structural(value.fields[name])}
        return [code_digest(type(value)), {name: structure(part) for name, part in kept.items()}]
    return [structure(part) for part in value] if isinstance(value, tuple) else value


def _is_structural(field: Any) -> bool:
    return not isinstance(field, Param) or field.structural


def structure_key(experiment: Experiment) -> str:
    """Identity of what the program of an experiment is made from, wherever and by whatever it is compiled."""
    return digest(
        structure(experiment.circuit), experiment.task.sizes, experiment.dt, dict(experiment.record),
        brian2.__version__, _own_code(), brian2.prefs.devices.cpp_standalone.openmp_threads,
    )  # fmt: skip


def program_key(experiment: Experiment) -> str:
    """Identity of the program of an experiment."""
    return digest(structure_key(experiment), compiler.toolchain())


@cache
def _own_code() -> list[str]:
    """What of this package shapes a program: the code that assembles, writes and compiles it."""
    here = Path(__file__).parent
    names = ("program.py", "checkpoint.py", "spikes.py", "spikes.cpp")
    shared = sorted((here / "templates").glob("*.cpp")) + sorted((here.parent / "plasticity").rglob("_*.py"))
    shared += sorted((here.parent / "plasticity").rglob("*.cpp"))
    return [source_digest(path) for path in (*map(here.joinpath, names), *shared, Path(compiler.__file__))]


adopted: dict[str, Path] = {}
"""Folders of programs, by `structure_key`, that came from another machine and are to be used in this process."""


@dataclass(frozen=True)
class Program:
    """A compiled circuit and the list of all that can be set and read.

    Attributes
    ----------
    directory : Path
        Holds the binary ``main`` and ``manifest.json``.
    manifest : mapping
        Names, dtypes, sizes and units; see `Program.of`.
    """

    directory: Path
    manifest: Mapping[str, Any]

    @classmethod
    def of(cls, experiment: Experiment) -> Program:
        """The program of an experiment, from the cache or freshly built.

        Raises
        ------
        RunError
            If it cannot be compiled, or Brian2 is in another mode than runtime.
        """
        directory = adopted.get(structure_key(experiment)) if adopted else None
        directory = directory or cls.place(program_key(experiment))
        if not (directory / "manifest.json").exists():
            try:
                with published(directory) as unfinished:
                    manifest = _write_sources(experiment, unfinished)
                    compiler.make(unfinished)
                    for path in [*unfinished.rglob("*.o"), *unfinished.rglob("*.cpp"), *unfinished.rglob("*.h")]:
                        path.unlink()
                    (unfinished / "manifest.json").write_text(json.dumps(manifest, indent=1))
            except OSError as problem:
                got = problem.strerror or str(problem)
                raise RunError("Program", str(directory.parent), expected="room for a program", got=got) from problem
        return cls(directory, json.loads((directory / "manifest.json").read_text()))

    @staticmethod
    def place(name: str) -> Path:
        """Where the program of this name lies, once it is there."""
        return compiler.cache_directory() / "programs" / name

    @classmethod
    def is_built(cls, experiment: Experiment) -> bool:
        """Whether the program of an experiment is in the cache."""
        return (cls.place(program_key(experiment)) / "manifest.json").exists()

    def packed(self) -> bytes:
        """All its files as a zip archive, for another machine."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(self.directory.rglob("*")):
                archive.write(path, path.relative_to(self.directory))
        return packed.getvalue()

    @staticmethod
    def unpack(packed: bytes, directory: Path) -> None:
        """Put what `packed` gave into the cache.

        Raises
        ------
        RunError
            If there is no room.
        """
        try:
            with published(directory) as unfinished, zipfile.ZipFile(io.BytesIO(packed)) as archive:
                archive.extractall(unfinished)
                (unfinished / "main").chmod(0o755)
        except OSError as problem:
            got = problem.strerror or str(problem)
            raise RunError("Program", str(directory.parent), expected="room for a program", got=got) from problem

    def run(
        self,
        settings: Mapping[str, Any],
        initial: Mapping[str, np.ndarray],
        spikes: Mapping[str, Path],
        seed: int,
        progress: Progress | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Output:
        """Run the binary once.

        Parameters
        ----------
        settings : mapping of str to float or Quantity
            Every number of the circuit, as ``object.name``.
        initial : mapping of str to ndarray
            First values of states, as ``object.name``, in SI units; an array without dimensions is for all alike.
        spikes : mapping of str to Path
            The input of every driven population, as `GriddedSpikes.write` writes it.
        seed : int
            For the program's own random numbers.
        progress : callable, optional
            Told the simulated time in s now and then.
        checkpoint : Checkpoint, optional
            Where the program writes its state now and then, and goes on from if it is there. The input must be the
            same as that of the run that wrote it; all else is checked.

        Raises
        ------
        RunError
            If the program stops early or leaves incomplete results.
        """
        if {*settings} != {*self.manifest["settings"]}:
            odd = sorted({*settings} ^ {*self.manifest["settings"]})
            raise RunError("Program", odd[0], expected="every number of the circuit, and no other", got=", ".join(odd))
        with tempfile.TemporaryDirectory(prefix="brian2learn-run-") as name:
            folder = Path(name)
            environment = {**LARGE_PAGES, **os.environ, SEED_VARIABLE: str(seed)}
            environment |= {environment_variable(population): str(path) for population, path in spikes.items()}
            if checkpoint is not None:
                numbers = {key: plain(value) for key, value in settings.items()}
                same = digest(self.directory.name, numbers, dict(initial), seed, checkpoint.path.name)
                environment |= checkpoint.environment(same)
            try:
                for key, values in initial.items():
                    if values.ndim:
                        values.astype(self.manifest["initial"][key]["dtype"], copy=False).tofile(folder / key)
            except OSError as problem:
                raise RunError("Program", "input", expected="room for the input", got=str(problem)) from problem
            arguments = [f"{key}={plain(value)!r}" for key, value in settings.items()]
            arguments += [
                f"{key}={folder / key if values.ndim else repr(values.item())}" for key, values in initial.items()
            ]
            (folder / "results").mkdir()
            n_steps = max(GriddedSpikes.n_steps_of(path) for path in spikes.values())
            self._execute(["--results_dir", f"{folder}/results/", *arguments], environment, progress, checkpoint)
            return self._read(folder / "results", n_steps)

    def _execute(
        self,
        arguments: list[str],
        environment: Mapping[str, str],
        progress: Progress | None,
        checkpoint: Checkpoint | None,
    ) -> None:
        words: list[str] = []
        with subprocess.Popen(
            [str(self.directory / "main"), *arguments], cwd=self.directory, env=dict(environment),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        ) as process:  # fmt: skip
            try:
                for line in process.stdout or ():
                    if line.startswith("step "):
                        if progress is not None:
                            progress(int(line.split()[1]) * self.manifest["dt"])
                    elif line.strip() and not (checkpoint is not None and checkpoint.hear(line)):
                        words.append(line.strip())
            except BaseException:
                process.terminate()  # it writes a checkpoint first
                try:
                    process.wait(GRACE)
                except subprocess.TimeoutExpired:
                    pass
                finally:
                    process.kill()
                raise
        if process.returncode or words:
            got = f"exit code {process.returncode}" + (f": {'; '.join(words)[-500:]}" if words else "")
            raise RunError("Program", "run", expected="a run that comes to its end", got=got)

    def _read(self, results: Path, n_steps: int) -> Output:
        def array(entry: Mapping[str, Any]) -> np.ndarray:
            path = results / entry["file"]
            return np.fromfile(path, entry["dtype"]) if path.exists() else np.zeros(0, entry["dtype"])

        def whole(values: np.ndarray, size: int | None, name: str) -> np.ndarray:
            if size is not None and values.size != size:
                raise RunError(
                    "Program", name, expected=f"{size} values", got=str(values.size), hint="Is the disk full?"
                )
            return values

        done = array(self.manifest["clock"])
        if not done.size or done[0] != n_steps:
            raise RunError(
                "Program", "run", expected=f"{n_steps} time steps", got=f"{done[0] if done.size else 'none'}"
            )
        spikes, states = {}, {}
        for name, entry in self.manifest["spikes"].items():
            n_spikes = int(array(entry["N"])[0])
            t, i = (whole(array(entry[each]), n_spikes, f"{name} spikes") for each in ("t", "i"))
            spikes[name] = Spikes(t, i)
        for name, entry in self.manifest["states"].items():
            t = array(entry["t"])
            states[name] = States(
                t, whole(array(entry["values"]), t.size * entry["n"], name).reshape(t.size, entry["n"])
            )
        final = {name: whole(array(entry), entry["size"], name) for name, entry in self.manifest["final"].items()}
        return Output(spikes, states, final)


def _write_sources(experiment: Experiment, directory: Path) -> dict[str, Any]:
    """Let Brian2 write the standalone project of an experiment; return its manifest."""
    if not isinstance(get_device(), RuntimeDevice):
        raise RunError(
            "Program", "build", expected="Brian2 in runtime mode", got=type(get_device()).__name__,
            hint="Call brian2.reset_device() first.",
        )  # fmt: skip
    default_dt, templates = brian2.defaultclock.dt, CPPStandaloneCodeObject.templater
    set_device("cpp_standalone", build_on_run=False)
    device = get_device()
    device.reinit()  # nothing of an earlier project
    device.activate(build_on_run=False)
    try:
        brian2.defaultclock.dt = experiment.dt
        device.insert_code("main", _SEED_FROM_ENVIRONMENT)
        sizes = experiment.task.sizes or {name: trains.n for name, trains in NO_SPIKES.items()}
        sources = {name: SpikeStream(n, name) for name, n in sizes.items()}
        # ours, where we have one of the name
        CPPStandaloneCodeObject.templater = templates.derive("brian2learn.runs", env_globals={"changed_by": changed_by})
        built, recorders = assemble(experiment, sources)
        Network(*sources.values(), *built.values(), *recorders.values()).run(FOREVER, namespace={})
        device.build(directory=str(directory), compile=False, run=False, with_output=False)
        _read_clock_once(directory / "network.cpp")
        _keep_clocks_together(directory / "network.cpp")
        manifest = _manifest(experiment, device, built, recorders)
        write_code(device, directory, _files_read(manifest))
        return manifest
    finally:
        CPPStandaloneCodeObject.templater = templates
        device.reinit()
        reset_device()
        brian2.defaultclock.dt = default_dt


def _read_clock_once(source: Path) -> None:
    """Let the loop over time steps not ask for the time, which takes over half of a small circuit's run.

    Brian2 up to 2.10 does so in every step, to know at the end how long the run took.
    """
    asking = re.compile(r"current = std::[\w:]+\(\);\s*elapsed_realtime = [^;]*;")
    text = source.read_text()
    found = asking.search(text)
    after = "Network::_globally_running = false;"
    if found and "should_check_time" not in text and found.start() < text.rindex(after):
        text = text[: found.start()] + text[found.end() :]
        place = text.rindex(after)
        source.write_text(f"{text[:place]}{found.group()}\n    {text[place:]}")


def _keep_clocks_together(source: Path) -> None:
    """Let objects with a step of their own act in the step of the others, however late.

    Brian2 up to 2.11 takes times that differ by over 1e-14 s for different ones. After 64 s that is less than one bit,
    so whatever happens every 1.65 s happens, about every other time, before or after its step as a step of its own.
    """
    text, given = source.read_text(), "#define Clock_epsilon 1e-14\n"
    if text.count(given) != 1:
        expected = "sources as Brian2 2.9 to 2.11 writes them"
        raise RunError("Program", "build", expected=expected, got=f"{source.name} without {given.strip()}")
    source.write_text(text.replace(given, "#define Clock_epsilon 1e-9\n"))


def _manifest(
    experiment: Experiment, device: Any, built: Mapping[str, Any], recorders: Mapping[str, Any]
) -> dict[str, Any]:
    def entry(group: Any, name: str, **more: Any) -> dict[str, Any]:
        variable = group.variables[name]
        unit = repr(variable.unit) if hasattr(variable, "unit") else "1"
        file = os.path.basename(device.get_array_filename(variable))
        return {"file": file, "dtype": np.dtype(variable.dtype).str, "unit": unit, **more}

    def of(key: str) -> tuple[Any, str]:
        name, state = key.split(".")
        return built[name], state

    def size_of(values: np.ndarray) -> int | None:
        return int(values.size) if values.ndim else None

    states = {key: recorders[key] for key in experiment.record}
    sizes = {name: int(n) for name, n in experiment.task.sizes.items()}
    initial = experiment.circuit.initial(sizes, np.random.default_rng(0))
    return {
        "dt": float(experiment.dt),
        "inputs": sizes,
        "settings": {key: entry(*of(key)) for key in experiment.circuit.settings},
        "initial": {key: entry(*of(key), size=size_of(values)) for key, values in initial.items()},
        "spikes": {
            name: {each: entry(recorders[name], each) for each in ("t", "i", "N")}
            for name in experiment.circuit.outputs
        },
        "states": {
            key: {"t": entry(monitor, "t"), "values": entry(monitor, key.split(".")[1]), "n": len(monitor.record)}
            for key, monitor in states.items()
        },
        "final": {
            key: entry(*of(key), size=size_of(initial[key]) if key in initial else None)
            for key in experiment.circuit.learned
        },
        "clock": entry(brian2.defaultclock, "timestep"),
        "equations": equations(built),
    }


def _files_read(manifest: Mapping[str, Any]) -> set[str]:
    """The files among a program's results that `Program` reads."""
    monitors = [each[name] for each in manifest["states"].values() for name in ("t", "values")]
    monitors += [entry for each in manifest["spikes"].values() for entry in each.values()]
    return {entry["file"] for entry in (*monitors, *manifest["final"].values(), manifest["clock"])}


def equations(built: Mapping[str, Any]) -> dict[str, str]:
    """The full equation text of every object: model, pathways, threshold and reset."""
    text = {}
    for name, group in built.items():
        lines = [str(group.equations).strip()]
        lines += [f"{event}: {condition}" for event, condition in getattr(group, "events", {}).items()]
        lines += [f"after {event}: {code}" for event, code in getattr(group, "event_codes", {}).items()]
        lines += [f"{pathway.prepost}: {pathway.code}" for pathway in getattr(group, "_pathways", ())]
        text[name] = "\n".join(lines)
    return text
