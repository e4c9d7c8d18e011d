"""Who computes the points of a sweep: local processes, Dask, SLURM; all behind `concurrent.futures.Executor`.

A chunk of points is carried out in a thread beside a process of its own, a `Child`, in which the points are computed
one after the other. The thread sees to time-outs, retries and a child that dies. With local processes these threads
belong to the coordinator, with Dask to the workers; nothing else differs. Brian2 lives in the main thread of the
children only, so nothing here imports it.
"""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, NamedTuple

from brian2learn.core import discovery
from brian2learn.core.compiler import n_cpus
from brian2learn.core.errors import Brian2LearnError, DeclarationError, RunError
from brian2learn.core.extras import need

from .slurm import SlurmJob, slurm_client

PREFERENCES = """\
logging.file_log = False
logging.save_script = False
logging.std_redirection = False
core.stop_on_keyboard_interrupt = False
"""
"""Brian2 without what it does for scripts: debug files, a copy of the script, a hook for uncaught errors.

The last one: Ctrl-C must end a run in KeyboardInterrupt; Brian2 would return as if it had finished.
"""

IDLE = 60.0  # s; a child that is not asked for so long ends
CONNECT = 10.0  # s to reach a scheduler
COUNT_EVERY = 5.0  # s between two looks at how many workers a cluster has


class Needs(Exception):
    """A point cannot be computed here before the coordinator has sent something.

    Parameters
    ----------
    what : str
        The name of it.
    """

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


class Fatal(Exception):
    """There is no sense in trying any further point."""


class Outcome(NamedTuple):
    """What became of one point.

    Attributes
    ----------
    seconds : float
        How long the last attempt took.
    failure : str
        The reason why there is no record, "" if there is one.
    attempts : int
    """

    seconds: float
    failure: str = ""
    attempts: int = 1


class Report(NamedTuple):
    """What became of a chunk.

    Attributes
    ----------
    outcomes : mapping of int to Outcome
        By place in the chunk; of the points that were tried.
    needs : str
        What the coordinator must send before the others can be, "" for nothing.
    fatal : str
        Why no further point should be tried, "" for no reason.
    """

    outcomes: Mapping[int, Outcome]
    needs: str = ""
    fatal: str = ""


@dataclass(frozen=True)
class Limits:
    """How long and how often a point is tried.

    Attributes
    ----------
    timeout : float, s
        After which the process that computes a point is killed; None for never.
    retries : int
        Further attempts after a failure.
    """

    timeout: float | None = None
    retries: int = 1

    def __post_init__(self) -> None:
        if self.timeout is not None and not self.timeout > 0:
            raise DeclarationError("Sweep", "timeout", expected="a time in s above 0", got=repr(self.timeout))
        if isinstance(self.retries, bool) or not isinstance(self.retries, int) or self.retries < 0:
            raise DeclarationError("Sweep", "retries", expected="a whole number from 0", got=repr(self.retries))


class Origin(NamedTuple):
    """What a child must know of the coordinator to unpack what it sends: where it looks for modules and files."""

    path: tuple[str, ...]
    folder: str
    user_files: tuple[tuple[str, str], ...]
    main: str

    @classmethod
    def here(cls) -> Origin:
        """That of this process."""
        folder = os.getcwd()
        files = tuple((name, str(path)) for name, path in discovery.loaded_user_files())
        main = str(getattr(sys.modules["__main__"], "__file__", None) or "")
        return cls(tuple(each or folder for each in sys.path), folder, files, main)


def packed(function: Callable[[Any, Any], None], common: Any, points: Sequence[Any]) -> bytes:
    """A chunk as bytes, which only a `Child` unpacks.

    Raises
    ------
    DeclarationError
        If a part of it cannot be found by another process.
    """
    try:
        return bytes(ForkingPickler.dumps((function, common, points)))
    except Exception as problem:
        raise DeclarationError(
            "Sweep", expected="functions and classes at the top of a file", got=str(problem),
            hint="Other processes find them by name; a lambda or a function within a function has none.",
        ) from problem  # fmt: skip


# ---------------------------------------------------------------------- the process that computes


def serve(descriptor: int, origin: Origin) -> None:
    """What a child does: compute the points that come, and say what became of each."""
    connection = Connection(descriptor)
    coming: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen() -> None:
        with suppress(EOFError, OSError):
            while True:
                coming.put(connection.recv_bytes())
        os.killpg(0, signal.SIGKILL)  # nobody is left to compute for; ends a running program too

    threading.Thread(target=listen, daemon=True).start()
    import brian2  # noqa: F401  reads the preferences in the directory this process was started in

    with suppress(OSError):
        os.chdir(origin.folder)
    discovery.load_user_files([(name, Path(path)) for name, path in origin.user_files])
    main_is_loaded = False
    while True:
        try:
            data = coming.get(timeout=IDLE)
        except queue.Empty:
            os._exit(0)
        try:
            if b"__main__" in data and origin.main and not main_is_loaded:
                from multiprocessing.spawn import prepare

                prepare({"init_main_from_path": origin.main})  # as multiprocessing does for its own children
                main_is_loaded = True
            which, chunk = ForkingPickler.loads(data)
            function, common, points = ForkingPickler.loads(chunk)
        except Exception as problem:
            connection.send(("fatal", f"{type(problem).__name__}: {problem}"))
            continue
        for k in which:
            connection.send(("begun", k))
            started = time.perf_counter()
            try:
                function(common, points[k])
                answer: tuple[Any, ...] = ("done", time.perf_counter() - started, "", False)
            except Needs as needed:
                connection.send(("needs", needed.what))
                break
            except Fatal as problem:
                connection.send(("fatal", str(problem)))
                break
            except Exception as problem:
                again = not (isinstance(problem, Brian2LearnError) and isinstance(problem, (ValueError, LookupError)))
                answer = ("done", time.perf_counter() - started, _reason(problem), again)
            connection.send(answer)


def _reason(problem: Exception) -> str:
    """What went wrong, and for an error that is not ours where."""
    if isinstance(problem, Brian2LearnError):
        return str(problem)
    frames = traceback.extract_tb(problem.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(problem).__name__}: {problem}{place}"


class Child:
    """A process that computes points one after the other; it ends with the process that started it."""

    def __init__(self, origin: Origin) -> None:
        ours, theirs = socket.socketpair()
        own = [each or origin.folder for each in sys.path]
        path = [*own, *(each for each in origin.path if each not in own)]
        script = (
            f"import sys; sys.path[:] = {path!r}; from brian2learn.runs.executors import Origin, serve; "
            f"serve({theirs.fileno()}, Origin(*{tuple(origin)!r}))"
        )
        one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", script], cwd=_with_preferences(), pass_fds=[theirs.fileno()], stdout=2,
                stdin=subprocess.DEVNULL, start_new_session=True, env={"MPLBACKEND": "agg", **one_thread, **os.environ},
            )  # fmt: skip
        self.connection = Connection(ours.detach())
        self.origin, self.closed = origin, False

    @property
    def alive(self) -> bool:
        return self.process.poll() is None and not self.closed

    def kill(self) -> None:
        """End it and any program it runs."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """End it for good, from any thread."""
        self.closed = True
        self.kill()

    def __del__(self) -> None:
        if self.process.returncode is None:
            self.kill()


_one_at_a_time = threading.Lock()


@cache
def _preferences_folder() -> tempfile.TemporaryDirectory[str]:
    folder = tempfile.TemporaryDirectory(prefix="brian2learn-")
    own = ""
    with suppress(OSError):
        own = Path("brian_preferences").read_text(encoding="utf-8")
    Path(folder.name, "brian_preferences").write_text(f"{PREFERENCES}{own}\n", encoding="utf-8")
    return folder


def _with_preferences() -> str:
    """A directory from which Brian2 takes our preferences when it is imported."""
    with _one_at_a_time:  # two threads would make two folders, and the first would vanish at once
        return _preferences_folder().name


_here = threading.local()


def _child(origin: Origin) -> Child:
    """The child of this thread."""
    child: Child | None = getattr(_here, "child", None)
    if child is None or not child.alive or child.origin != origin:
        if child is not None:
            child.close()
        child = _here.child = Child(origin)
        executor: LocalExecutor | None = getattr(_here, "executor", None)
        if executor is not None:
            executor.take(child)
    return child


def carry_out(
    chunk: bytes,
    n: int,
    origin: Origin,
    limits: Limits,
    tell: Callable[[int, Outcome], None] | None = None,
) -> Report:
    """Let the child of this thread compute the `n` points of a chunk."""
    attempts = [0] * n
    outcomes: dict[int, Outcome] = {}

    def finish(k: int, seconds: float, failure: str, again: bool) -> None:
        attempts[k] += 1
        if failure and again and attempts[k] <= limits.retries:
            return
        outcomes[k] = Outcome(seconds, failure, attempts[k])
        if tell is not None:
            tell(k, outcomes[k])

    while todo := [k for k in range(n) if k not in outcomes]:
        child = _child(origin)
        current = todo[0]
        started: float | None = None
        try:
            child.connection.send_bytes(ForkingPickler.dumps((todo, chunk)))
            for _ in range(2 * len(todo)):
                left = (
                    None if limits.timeout is None or started is None else started + limits.timeout - time.monotonic()
                )
                if not child.connection.poll(None if left is None else max(left, 0.0)):
                    raise TimeoutError
                kind, *rest = child.connection.recv()
                if kind == "begun":
                    current, started = rest[0], time.monotonic()
                elif kind == "done":
                    finish(current, *rest)
                    started = None
                elif kind == "needs":
                    return Report(outcomes, needs=rest[0])
                else:
                    return Report(outcomes, fatal=rest[0])
        except TimeoutError:
            child.kill()
            finish(current, time.monotonic() - (started or 0.0), f"no end after {limits.timeout:g} s", True)
        except (EOFError, OSError):
            child.kill()
            if child.closed:
                raise CancelledError from None
            seconds = 0.0 if started is None else time.monotonic() - started
            finish(current, seconds, f"its process died ({_death(child.process.returncode)})", True)
    return Report(outcomes)


def _death(code: int) -> str:
    if code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"


# ---------------------------------------------------------------------- executors


class LocalExecutor(ThreadPoolExecutor):
    """Threads that each have a `Child`.

    Parameters
    ----------
    n_workers : int
        Processes that compute at the same time.
    """

    def __init__(self, n_workers: int) -> None:
        self._children: set[Child] = set()
        self._lock = threading.Lock()
        self._ended = False

        def begin() -> None:
            _here.executor = self

        super().__init__(n_workers, thread_name_prefix="sweep", initializer=begin)

    def take(self, child: Child) -> None:
        """Take care of the child of one of the threads."""
        with self._lock:
            self._children = {each for each in self._children if each.alive} | {child}
            if self._ended:
                child.close()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the children; a point that is being computed is lost."""
        super().shutdown(wait=False, cancel_futures=cancel_futures)
        with self._lock:
            self._ended = True
            for child in self._children:
                child.close()
        super().shutdown(wait=wait)


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
