"""Runs of circuits for the page, in processes of their own; the newest of a reader's runs supersedes the one before.

A thread of the server sits beside each process (`Worker`), as in a sweep. What a run says on its way (that its program
is being compiled, how far it is, what it recorded so far) is handed on at once.
"""

from __future__ import annotations

import itertools
import logging
import os
import queue
import resource
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from brian2learn.core import compiler, discovery
from brian2learn.core.errors import Brian2LearnError, RunError
from brian2learn.runs.children import Child, Origin
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.program import Program
from brian2learn.runs.record import Spikes, States
from brian2learn.runs.simulate import provenance, simulate

MOST_AT_ONCE = 4  # runs
FIRST = 2  # processes that are started before they are needed
MOMENT = 0.3  # s in which a run that is superseded ends
MEMORY = 4 * 2**30  # bytes that a run may take
LONGEST = 120.0  # s of wall time that a run may take, and its compilation again
OFTEN = 0.2  # s between two words about how far it is
PATIENCE = 3.0  # s until a process that does not end a superseded run is killed
MOST_SPIKES = 10**7

COMPILING, RUNNING, SEEN, DONE, FAILED, SUPERSEDED = "compiling", "running", "seen", "done", "failed", "superseded"
"""What a run says; after `RUNNING` comes the simulated time, after `SEEN` and `DONE` a `Seen`, after `FAILED` why."""


@dataclass(frozen=True)
class Seen:
    """What was recorded until a time; see `Record` for the arrays.

    Attributes
    ----------
    time, duration : float, s
        How far the run is, and how long it is.
    wall_time : float, s
        How long it took so far, once there was a program.
    spikes, states, final : mapping
    """

    time: float
    duration: float
    wall_time: float
    spikes: Mapping[str, Spikes]
    states: Mapping[str, States]
    final: Mapping[str, np.ndarray]


# ---------------------------------------------------------------------- the process that computes


class _Superseded(BaseException):
    """Nobody waits for this run any more."""


class _Run:
    """The run that a worker is busy with, which a signal may end."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.speaking = connection, threading.Lock()
        self.number = self.ended = 0
        self.busy, self.said = False, 0.0

    def interrupted(self, *_: Any) -> None:
        """End it, unless it is just saying something."""
        if self.ended >= self.number > 0 and not self.busy:
            raise _Superseded

    def say(self, number: int, *words: Any) -> None:
        with self.speaking:
            self.connection.send((number, *words))

    def carry_out(self, number: int, experiment: Experiment, seed: int) -> None:
        """Say how a run goes, and what came of it."""
        compiling = False
        answer: tuple[Any, ...]
        try:
            self.number = number
            self.interrupted()
            if compiling := compiler.has_compiler() and not Program.is_built(experiment):
                self.say(number, COMPILING)
                Program.of(experiment)
                compiling = False
            answer = DONE, self._simulated(number, experiment, seed)
        except _Superseded:
            answer = (SUPERSEDED,)
        except MemoryError:
            answer = FAILED, f"The run takes more than {MEMORY / 2**30:g} GB."
        except Brian2LearnError as problem:
            answer = FAILED, str(problem)
        except Exception as problem:
            answer = FAILED, f"{type(problem).__name__}: {problem}"[:1000]
        self.number = 0
        self.say(number, *answer)
        if compiling:  # Brian2 may have been anywhere
            os._exit(0)

    def _simulated(self, number: int, experiment: Experiment, seed: int) -> Seen:
        started, duration = time.perf_counter(), float(experiment.task.duration)

        def seen(simulated: float, found: Any) -> Seen:
            n_spikes = sum(each.t.size for each in found.spikes.values())
            if n_spikes > MOST_SPIKES:
                raise RunError("explore", "spikes", expected=f"at most {MOST_SPIKES} of them", got=str(n_spikes))
            wall_time = time.perf_counter() - started
            return Seen(simulated, duration, wall_time, found.spikes, found.states, found.final)

        def tell(simulated: float) -> None:
            if time.perf_counter() - started > LONGEST:
                raise RunError("explore", "run", expected=f"at most {LONGEST:g} s of computing", got="more")
            if time.monotonic() - self.said > OFTEN:
                self.busy = True
                self.say(number, RUNNING, simulated)
                self.busy, self.said = False, time.monotonic()
            self.interrupted()

        def see(simulated: float, output: Any) -> None:
            self.say(number, SEEN, seen(simulated, output))

        tell(0.0)
        return seen(duration, simulate(experiment, seed, progress=tell, see=see))


def serve(descriptor: int, origin: Origin) -> None:
    """What a worker does: run what comes, one after the other, and say how it goes."""
    run, main = _Run(Connection(descriptor)), threading.get_ident()
    coming: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def listen() -> None:
        with suppress(EOFError, OSError):
            while True:
                number, what = run.connection.recv()
                if what is None:
                    run.ended = number
                    signal.pthread_kill(main, signal.SIGINT)
                else:
                    coming.put((number, *what))
        os.killpg(0, signal.SIGKILL)  # nobody is left to compute for; ends a running program too

    signal.signal(signal.SIGINT, run.interrupted)
    with suppress(OSError, ValueError):  # not every system has such a limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.nice(2)  # the page goes first
    logging.getLogger("brian2").setLevel(logging.ERROR)
    with suppress(OSError):
        os.chdir(origin.folder)
    discovery.load_user_files([(name, Path(path)) for name, path in origin.user_files])
    threading.Thread(target=listen, daemon=True).start()
    while True:
        number, experiment, seed = coming.get()
        if number:
            run.carry_out(number, experiment, seed)
        else:  # what takes long the first time
            experiment.key(seed), provenance(), Program.is_built(experiment)


# ---------------------------------------------------------------------- the threads of the server


class Worker(Child):
    """A process that runs circuits for the page."""

    serves = __name__


@dataclass
class Job:
    """A run that somebody wants to see.

    Attributes
    ----------
    experiment : Experiment
    seed : int
    tell : callable
        Called with what it says, from another thread.
    """

    experiment: Experiment
    seed: int
    tell: Callable[..., None]
    ended: threading.Event = field(default_factory=threading.Event)

    def end(self) -> None:
        """Nobody waits for it any more: it says nothing from now on."""
        self.ended.set()


class Pool:
    """Processes that run what readers want to see, in the order in which they want it.

    Parameters
    ----------
    n : int
        Runs at the same time.
    """

    def __init__(self, n: int) -> None:
        self.n, self.busy = n, 0
        self.threads = ThreadPoolExecutor(n, thread_name_prefix="explore")
        self.idle: queue.LifoQueue[Worker] = queue.LifoQueue()
        self.workers: set[Worker] = set()
        self.closed = False
        self.numbers = itertools.count(1)

    def submit(self, job: Job) -> Job:
        """Run it as soon as a process is free."""
        self.threads.submit(self._work, job)
        return job

    def warm(self, experiment: Experiment) -> None:
        """Start processes that will soon be needed for something like this, if there are none."""
        for _ in range(FIRST - self.idle.qsize() - self.busy):
            worker = self._new()
            worker.connection.send((0, (experiment, 0)))
            self.idle.put(worker)

    def _work(self, job: Job) -> None:
        if job.ended.is_set():
            return
        self.busy += 1
        worker, last = None, (FAILED, "The process of this run ended: too little memory?")
        try:
            worker = self._worker()
            last = self._carry_out(worker, next(self.numbers), job)
        except (EOFError, OSError):
            pass
        except Exception as problem:  # of whoever is told
            logging.getLogger("brian2learn").warning("explore: %s", problem)
        self.busy -= 1
        if worker is not None:
            self.idle.put(worker)
        if not job.ended.is_set():
            job.tell(*last)

    def _worker(self) -> Worker:
        """One that is idle, or is so in a moment, else a new one."""
        with suppress(queue.Empty):
            while True:
                worker = self.idle.get(timeout=MOMENT)
                if worker.alive:
                    return worker
        return self._new()

    def _new(self) -> Worker:
        if self.closed:
            raise EOFError
        worker = Worker(Origin.here())
        self.workers = {each for each in self.workers if each.alive} | {worker}
        return worker

    def _carry_out(self, worker: Worker, number: int, job: Job) -> tuple[Any, ...]:
        """Tell what a run says, but for its last word, which is returned."""
        worker.connection.send((number, (job.experiment, job.seed)))
        killed_at = time.monotonic() + 2.5 * LONGEST
        told = False
        while True:
            if job.ended.is_set() and not told:
                worker.connection.send((number, None))
                told, killed_at = True, time.monotonic() + PATIENCE
            if worker.connection.poll(0.02):
                of, what, *more = worker.connection.recv()
                if of == number and what in (DONE, FAILED, SUPERSEDED):
                    return what, *more
                if of == number and not job.ended.is_set():
                    job.tell(what, *more)
            elif time.monotonic() > killed_at:
                worker.close()
                return FAILED, "The run came to no end."

    def close(self) -> None:
        """End all processes, whatever they are busy with."""
        self.closed = True
        self.threads.shutdown(wait=False, cancel_futures=True)
        for worker in self.workers:
            worker.close()
        self.threads.shutdown()


@cache
def pool() -> Pool:
    """That of this process."""
    return Pool(min(max(2, compiler.n_cpus()), MOST_AT_ONCE))


def close() -> None:
    """End the processes of `pool`, if there are any."""
    if pool.cache_info().currsize:
        pool().close()
