"""Who computes the points of a sweep: local processes, Dask, SLURM; all behind `concurrent.futures.Executor`.

With local processes the threads that carry out chunks belong to the coordinator, with Dask to the workers; nothing else
differs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from brian2learn.core.compiler import n_cpus
from brian2learn.core.errors import DeclarationError, RunError
from brian2learn.core.extras import need

from .children import Limits, LocalExecutor, Origin, Outcome, Report, carry_out, packed
from .slurm import SlurmJob, slurm_client

CONNECT = 10.0  # s to reach a scheduler
COUNT_EVERY = 5.0  # s between two looks at how many workers a cluster has


@dataclass(frozen=True)
class Workers:
    """An executor and how many workers it has.

    Attributes
    ----------
    executor : concurrent.futures.Executor
    count : callable
        Gives the number of workers, which may change.
    local : bool
        Whether its threads are in this process.
    """

    executor: Executor
    count: Callable[[], int]
    local: bool

    @property
    def n(self) -> int:
        """Number of workers."""
        return self.count()


@contextmanager
def workers_of(on: Any, n_workers: int | None = None, slurm: Mapping[str, Any] | None = None) -> Iterator[Workers]:
    """The workers that are meant by a name or an object; those that were started for it end with the context.

    Parameters
    ----------
    on : str or object
        ``"local"``, ``"dask://host:port"``, ``"slurm"``, or a Dask client or cluster.
    n_workers : int, optional
        Local processes (all CPUs by default) or SLURM jobs (10 by default).
    slurm : mapping, optional
        Options of `SlurmJob`.

    Raises
    ------
    RunError
        If a scheduler cannot be reached or Dask is not installed.
    """
    with ExitStack() as stack:
        if on == "local":
            n = n_workers or n_cpus()
            executor = LocalExecutor(n)
            stack.callback(executor.shutdown, wait=True, cancel_futures=True)
            yield Workers(executor, lambda: n, True)
            return
        distributed = need("distributed", "cluster", "the Dask scheduler")
        if on == "slurm":
            n_workers = n_workers or 10
            on = stack.enter_context(slurm_client(n_workers, SlurmJob.of(slurm or {})))
        elif isinstance(on, str):
            if not on.startswith("dask://") or not on.removeprefix("dask://"):
                raise DeclarationError(
                    "brian2learn", "--on", expected="local, slurm or dask://HOST:PORT", got=repr(on),
                    choices=("local", "slurm", "dask://HOST:PORT"), typed=on,
                )  # fmt: skip
            on = f"tcp://{on.removeprefix('dask://')}"
        client = on if isinstance(on, distributed.Client) else stack.enter_context(_client(distributed, on))
        executor = client.get_executor(pure=False)
        stack.callback(executor.shutdown, wait=False)
        yield Workers(executor, _counter(client, n_workers or 1), False)


def _counter(client: Any, at_least: int) -> Callable[[], int]:
    """How many tasks a Dask cluster works on at a time; its scheduler is asked now and then."""
    asked, known = -COUNT_EVERY, at_least

    def count() -> int:
        nonlocal asked, known
        if time.monotonic() - asked > COUNT_EVERY:
            asked, known = time.monotonic(), max(at_least, sum(client.nthreads().values()))
        return known

    return count


@contextmanager
def _client(distributed: Any, on: Any) -> Iterator[Any]:
    try:
        client = distributed.Client(on, timeout=CONNECT, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as problem:
        raise RunError(
            "brian2learn", "--on", expected="a Dask scheduler that answers", got=f"none at {on}: {problem}",
            hint="Start one with `dask scheduler`, or leave --on away to use the CPUs of this machine.",
        ) from problem  # fmt: skip
    with client:
        yield client


# ---------------------------------------------------------------------- the coordinator


@dataclass
class Chunk:
    """Some points to be computed by one worker.

    Attributes
    ----------
    points : list
        What the function is given for each.
    common : Any
        What it is given for all.
    names : list of str
        What the points are called, for the report.
    tries : int
        How often the whole chunk was lost.
    """

    points: list[Any]
    common: Any
    names: list[str]
    tries: int = field(default=0)

    def only(self, which: Sequence[int], **changes: Any) -> Chunk:
        """Some of its points."""
        return replace(self, points=[self.points[k] for k in which], names=[self.names[k] for k in which], **changes)


def execute(
    function: Callable[[Any, Any], None],
    chunks: Iterator[Chunk],
    workers: Workers,
    limits: Limits,
    *,
    told: Callable[[str, Outcome], None],
    is_done: Callable[[str], bool],
    supply: Callable[[Chunk, str], Any],
) -> None:
    """Have all points of all chunks computed; few chunks are in memory at a time.

    Parameters
    ----------
    function : callable
        Given what is common to a chunk and one of its points, computes it and writes its record.
    told : callable
        Given the name of a point and what became of it; not in the order of the points.
    is_done : callable
        Given the name of a point, whether it has a record.
    supply : callable
        Given a chunk and what a worker needs for it, the `common` that holds it.

    Raises
    ------
    RunError
        If the scheduler is lost or no further point can be computed.
    """
    origin, lock = Origin.here(), threading.Lock()
    waiting: list[Chunk] = []
    running: dict[Future[Report], Chunk] = {}

    def submit(chunk: Chunk) -> None:
        def tell(k: int, outcome: Outcome) -> None:
            with lock:
                told(chunk.names[k], outcome)

        arguments = (packed(function, chunk.common, chunk.points), len(chunk.points), origin, limits)
        try:
            future = workers.executor.submit(carry_out, *arguments, *([tell] if workers.local else []))
        except RuntimeError as problem:  # a client without its scheduler, an executor that has ended
            raise _lost(problem) from problem
        running[future] = chunk

    try:
        while True:
            while len(running) < 2 * workers.n:
                chunk = waiting.pop() if waiting else next(chunks, None)
                if chunk is None:
                    break
                submit(chunk)
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                chunk = running.pop(future)
                try:
                    report = future.result()
                except CancelledError as problem:
                    raise _lost(problem) from problem
                except Exception as problem:  # the worker was lost; the store says which points it finished
                    for k, name in enumerate(chunk.names):
                        if is_done(name):
                            told(name, Outcome(0.0))
                        elif chunk.tries < limits.retries:
                            waiting.append(chunk.only([k], tries=chunk.tries + 1))
                        else:
                            told(name, Outcome(0.0, f"its worker was lost: {problem}", chunk.tries + 1))
                    continue
                if not workers.local:
                    for k, outcome in report.outcomes.items():
                        told(chunk.names[k], outcome)
                if report.fatal:
                    raise RunError("Sweep", "run", expected="points that can be computed", got=report.fatal.rstrip("."))
                if report.needs:
                    rest = [k for k in range(len(chunk.points)) if k not in report.outcomes]
                    waiting.append(chunk.only(rest, common=supply(chunk, report.needs)))
    finally:
        for future in running:
            future.cancel()


def _lost(problem: BaseException) -> RunError:
    return RunError(
        "Sweep", "run", expected="workers to the end", got=f"none any more ({problem or type(problem).__name__})",
        hint="What is finished is kept; the same command goes on from there.",
    )  # fmt: skip
