"""Run an experiment: draw the stimulus, run the program (or Brian2's runtime mode), keep the record."""

from __future__ import annotations

import datetime
import platform
import subprocess
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import brian2
import numpy as np
from brian2 import Network, defaultclock, prefs, second

from brian2learn import __version__
from brian2learn.core import compiler
from brian2learn.core.declaration import Declaration, dimension_of, plain
from brian2learn.core.errors import AssemblyError

from .checkpoint import Checkpoint
from .experiment import Experiment
from .inputs import Input
from .peek import See, peeking
from .program import Output, Program, Progress, adopted, assemble, equations, structure_key
from .record import Record, Spikes, States
from .spikes import GriddedSpikes
from .store import Store

MODES = ("standalone", "runtime")
SEE = 0.7  # s of wall time


def simulate(
    experiment: Experiment,
    seed: int = 0,
    *,
    store: Store | None = None,
    mode: str | None = None,
    progress: Progress | None = None,
    earlier: Store | None = None,
    see: See | None = None,
) -> Record:
    """The record of one run: from the store if it is there, else computed and stored.

    A program that runs for more than a minute writes a checkpoint into the cache every minute, and when it is
    interrupted; the same call later goes on from there, and gives the same record.

    Parameters
    ----------
    experiment : Experiment
        What to run.
    seed : int
        From it the stimulus, the first weights and Brian2's own random numbers get their streams.
    store : Store, optional
        Where records are kept.
    mode : {"standalone", "runtime"}, optional
        A compiled program, or Brian2's runtime mode, which gives the same record. By default a program where there
        is a compiler, else runtime mode with NumPy, with a warning.
    progress : callable, optional
        Told the simulated time in s now and then.
    earlier : Store, optional
        Where the records of runs that come before are kept; by default in `store`.
    see : callable, optional
        Told the simulated time in s and what was recorded until then, every `SEE` seconds of a program's run, from
        another thread. Such a run leaves no checkpoint behind.

    Raises
    ------
    AssemblyError
        If there is no such mode, or what was learned before does not fit.
    """
    if mode is not None and mode not in MODES:
        raise AssemblyError("simulate", "mode", expected="a mode", got=repr(mode), choices=MODES, typed=str(mode))
    key = experiment.key(seed)
    if store is not None and key in store:
        return store.read(key)
    if mode is None:
        able = compiler.has_compiler() or (adopted and structure_key(experiment) in adopted)
        mode = "standalone" if able else "runtime"
        if mode == "runtime":
            warnings.warn(
                f"no C++ compiler ({compiler.compiler()} and make) was found: running in Brian2's runtime mode with "
                "NumPy, which is much slower. `brian2learn doctor` says what to install.",
                stacklevel=2,
            )
            prefs.codegen.target = "numpy"
    streams = np.random.SeedSequence(seed).spawn(3 * (experiment.n_earlier + 1))
    for_stimulus, for_initial, for_brian = streams[-3:]
    initial = experiment.circuit.initial(experiment.task.sizes, np.random.default_rng(for_initial))
    if experiment.after is not None:
        kept = store if earlier is None else earlier
        before = simulate(experiment.after, seed, store=kept, mode=mode)
        initial |= _learned_before(before, initial)
    brian_seed = int(for_brian.generate_state(1)[0])
    started = time.perf_counter()
    checkpoint = Checkpoint(key)
    if mode == "standalone":
        program = Program.of(experiment)
        text = program.manifest["equations"]
        built_at = time.perf_counter()
        with Input.meanwhile(experiment, for_stimulus) as begun:
            run = experiment.circuit.settings, initial, begun.spikes, brian_seed
            if see is None:
                output = program.run(*run, progress, checkpoint)
            else:
                with peeking(program, run, key, SEE, see) as peeks:
                    output = program.run(*run, peeks.told(progress), peeks)
        given = begun.whole
    else:
        given = Input.of(experiment, for_stimulus)
        built_at = time.perf_counter()
        output, text = _run_in_process(experiment, initial, given, brian_seed, progress)
    finished = time.perf_counter()
    info = {
        "experiment": described(experiment),
        "equations": text,
        "outputs": list(experiment.circuit.outputs),
        "record": {name: float(interval) for name, interval in experiment.record.items()},
        "seed": seed,
        "dt": float(experiment.dt),
        "period": given.period,
        "duration": given.duration,
        "merged_spikes": dict(given.n_merged),
        "mode": mode,
        "wall_time": {**given.wall_time, "build": built_at - started, "run": finished - built_at},
        **checkpoint.about,
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **provenance(),
    }
    record = Record(key, info, output.spikes, output.states, output.final, given.truth)
    if store is not None:
        store.write(record)
        record = store.read(key)  # what a later call will see
    checkpoint.remove()
    return record


def simulate_all(
    experiment: Experiment,
    seeds: Iterable[int],
    *,
    store: Store,
    n_workers: int = 1,
    progress: Callable[[int, float], None] | None = None,
) -> Iterator[tuple[int, Record]]:
    """Records of several seeds, in the order of the seeds, computed by `n_workers` processes where they are missing.

    Parameters
    ----------
    progress : callable, optional
        Told a seed and the simulated time in s; with several workers, only that a seed is finished.

    Yields
    ------
    seed, record
    """
    seeds = list(seeds)
    if n_workers > 1:
        from .coordinator import compute_points

        of_key = {experiment.key(seed): seed for seed in seeds}
        finished = None if progress is None else (lambda key: progress(of_key[key], experiment.task.duration))
        compute_points(((experiment, seed) for seed in seeds), store, n_workers=n_workers, progress=finished)
    for seed in seeds:
        tell = None if progress is None else (lambda time, seed=seed: progress(seed, time))
        yield seed, simulate(experiment, seed, store=store, progress=tell)


def _learned_before(record: Record, initial: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Where the states that a record has, and that have a first value, begin."""
    found = {name: values for name, values in record.final.items() if name in initial}
    for name, values in found.items():
        if values.shape != initial[name].shape:
            expected = f"{name} of shape {initial[name].shape}"
            raise AssemblyError("Experiment", "after", expected=expected, got=f"{values.shape}")
    if not found:
        raise AssemblyError(
            "Experiment", "after", expected=f"one that learns something of {', '.join(initial) or '(nothing)'}",
            got=", ".join(record.final) or "nothing",
        )  # fmt: skip
    return found


def _run_in_process(
    experiment: Experiment,
    initial: Mapping[str, np.ndarray],
    given: Input,
    seed: int,
    progress: Progress | None,
) -> tuple[Output, dict[str, str]]:
    """The same run in Brian2's runtime mode."""
    default_dt = defaultclock.dt
    defaultclock.dt = experiment.dt
    try:
        brian2.seed(seed)
        sources = {name: GriddedSpikes.read(path).generator(experiment.dt, name) for name, path in given.spikes.items()}
        built, recorders = assemble(experiment, sources)
        for key, value in experiment.circuit.settings.items():
            name, constant = key.split(".")
            built[name].variables[constant].set_value(plain(value))
        for key, values in initial.items():
            name, state = key.split(".")
            built[name].variables[state].set_value(values)
        network = Network(*sources.values(), *built.values(), *recorders.values())
        report = None
        if progress is not None:
            told = progress

            def report(elapsed: Any, completed: float, start: Any, whole: Any) -> None:
                told(completed * given.duration)

        network.run(given.duration * second, namespace={}, report=report, report_period=0.5 * second)
        # at Ctrl-C Brian2 stops and returns as if it had finished
        if float(network.t) < given.duration - float(experiment.dt) / 2:
            raise KeyboardInterrupt

        def current(key: str) -> np.ndarray:
            name, state = key.split(".")
            return np.array(built[name].variables[state].get_value())

        output = Output(
            spikes={
                name: Spikes(np.array(recorders[name].t_), np.array(recorders[name].i, np.int32))
                for name in experiment.circuit.outputs
            },
            states={
                key: States(np.array(recorders[key].t_), np.array(recorders[key].variables[state].get_value()))
                for key in experiment.record
                for state in [key.split(".")[1]]
            },
            final={key: current(key) for key in experiment.circuit.learned},
        )
        return output, equations(built)
    finally:
        defaultclock.dt = default_dt


def described(value: Any) -> Any:
    """A declaration or experiment as plain JSON: numbers in SI units beside their dimension."""
    if isinstance(value, Experiment):
        return {
            "task": described(value.task),
            "circuit": described(value.circuit),
            "dt": described(value.dt),
            "record": {name: described(interval) for name, interval in value.record.items()},
            **({} if value.after is None else {"after": described(value.after)}),
        }
    if isinstance(value, Declaration):
        return {"class": type(value).__name__, **{name: described(part) for name, part in value.values.items()}}
    if isinstance(value, tuple):
        return [described(part) for part in value]
    if isinstance(value, str):
        return value
    if not dimension_of(value):
        return plain(value)
    si = plain(value)
    return {"si": si, "as": _printed(si, value.dim) if isinstance(si, float) and si else str(value)}


@lru_cache(2**12)
def _printed(si: float, dimensions: Any) -> str:
    """A quantity in its best unit; remembered, since Brian2 takes 0.5 ms to choose it."""
    return str(brian2.Quantity(si, dim=dimensions))


@cache
def provenance() -> dict[str, Any]:
    """Versions, commit and host."""
    return {
        "versions": {
            "brian2learn": __version__,
            "python": platform.python_version(),
            **{name: version(name) for name in ("brian2", "numpy", "scipy")},
        },
        "commit": _git("rev-parse", "HEAD"),
        "dirty": bool(_git("status", "--porcelain")),
        "host": platform.node(),
    }


def _git(*arguments: str) -> str | None:
    """What git says about the checkout this code runs from; nothing where it runs from an installed copy."""
    here = Path(__file__).resolve()  # git does not look behind the symlinks of the source tree
    try:
        done = subprocess.run(["git", "-C", str(here.parent), *arguments], capture_output=True, text=True, check=False)
        tracked = subprocess.run(
            ["git", "-C", str(here.parent), "ls-files", "--error-unmatch", here.name], capture_output=True
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 and tracked.returncode == 0 else None
