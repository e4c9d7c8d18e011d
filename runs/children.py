"""Processes that compute the points of a sweep, and the threads beside them.

A chunk of points is carried out in a thread beside a process of its own, a `Child`, in which the points are computed
one after the other. The thread sees to time-outs, retries and a child that dies. Brian2 lives in the main thread of the
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
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any, NamedTuple

from brian2learn.core import discovery
from brian2learn.core.errors import Brian2LearnError, DeclarationError

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
    """A process that computes points one after the other; it ends with the process that started it.

    Class attribute: `serves`, the module whose function `serve` it executes.
    """

    serves = __name__

    def __init__(self, origin: Origin) -> None:
        ours, theirs = socket.socketpair()
        own = [each or origin.folder for each in sys.path]
        path = [*own, *(each for each in origin.path if each not in own)]
        script = (
            f"import sys; sys.path[:] = {path!r}; from brian2learn.runs.children import Origin; "
            f"from {self.serves} import serve; serve({theirs.fileno()}, Origin(*{tuple(origin)!r}))"
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


# ---------------------------------------------------------------------- several of them


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
