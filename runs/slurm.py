"""SLURM: what a job asks for, a Dask cluster of such jobs, and the script of a job array."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from brian2learn.core.errors import Brian2LearnError, DeclarationError, RunError, UnknownNameError
from brian2learn.core.extras import need

ANSWER = 30.0  # s to wait for an answer of SLURM
LOOK = 3.0  # s between two looks at the queue
GIVE_UP = 2  # jobs for each one wanted that may end in a row before their worker came
ONE_THREAD = "export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1"
PASSED_ON = ("BRIAN2LEARN_PATH", "BRIAN2LEARN_CACHE")


@dataclass(frozen=True)
class SlurmJob:
    """What a job asks SLURM for; also the ``[slurm]`` table of a sweep file and ``--slurm-option``.

    Parameters
    ----------
    partition, account : str
        Those of the cluster by default.
    walltime : str
        As SLURM writes it: ``minutes``, ``hours:minutes:seconds``, ``days-hours:minutes:seconds``.
    memory : str
        For each process, as ``2G`` or ``1500M``.
    directives : sequence of str
        Further options of ``sbatch``, such as ``--qos=short``.
    prologue : sequence of str
        Shell commands before the work begins, such as ``module load gcc``.
    interface : str
        Network interface by which workers and this host reach each other, such as ``ib0``; a job array needs none.
    logs : str
        Folder for what jobs write, which all nodes must see.

    Raises
    ------
    DeclarationError
        If a value is not of its form.
    """

    partition: str = ""
    account: str = ""
    walltime: str = "01:00:00"
    memory: str = "2G"
    directives: Sequence[str] = ()
    prologue: Sequence[str] = ()
    interface: str = ""
    logs: str = "slurm-logs"

    def __post_init__(self) -> None:
        def refuse(name: str, expected: str) -> DeclarationError:
            return DeclarationError("slurm", name, expected=expected, got=repr(getattr(self, name)))

        for name in ("directives", "prologue"):
            lines = getattr(self, name)
            lines = (lines,) if isinstance(lines, str) else lines
            if not isinstance(lines, Sequence) or not all(isinstance(line, str) and line for line in lines):
                raise refuse(name, "a list of lines")
            vars(self)[name] = tuple(lines)
        if not all(re.fullmatch(r"-\S.*", line) for line in self.directives):
            raise refuse("directives", "options of sbatch such as --qos=short")
        for name, what in (("walltime", "minutes"), ("memory", "MiB")):
            value = getattr(self, name)
            if type(value) is int:
                vars(self)[name] = str(value) if name == "walltime" else f"{value}M"
            elif not isinstance(value, str):
                raise refuse(name, f"text, or a number of {what}")
        for name in ("partition", "account", "interface"):
            if not isinstance(getattr(self, name), str) or not re.fullmatch(r"[\w.,:@+-]*", getattr(self, name)):
                raise refuse(name, "a name")
        if not re.fullmatch(r"(\d+-\d+(:\d+){0,2})|(\d+(:\d+){0,2})", self.walltime) or self.seconds < 60:
            raise refuse("walltime", "at least one minute, as minutes or [days-]hours:minutes:seconds")
        if not re.fullmatch(r"[1-9]\d*[KMGT]", self.memory):
            raise refuse("memory", "a size such as 2G or 1500M")
        if not isinstance(self.logs, (str, os.PathLike)) or not str(self.logs) or set('"\n') & {*str(self.logs)}:
            raise refuse("logs", "a folder")

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> SlurmJob:
        """A job with some options.

        Raises
        ------
        UnknownNameError, DeclarationError
            If there is no such option or its value is wrong.
        """
        names = [each.name for each in fields(cls)]
        for name in options:
            if name not in names:
                raise UnknownNameError("slurm", name, expected="an option", got=repr(name), choices=names)
        return cls(**options)

    @property
    def seconds(self) -> float:
        """The wall time, s."""
        days, _, rest = self.walltime.rpartition("-")
        parts = [int(part) for part in rest.split(":")]
        if days:
            parts = (parts + [0, 0])[:3]
        elif len(parts) < 3:  # minutes, minutes:seconds
            parts = [0, *parts, 0][:3]
        hours, minutes, seconds = parts
        return 86400.0 * int(days or 0) + 3600 * hours + 60 * minutes + seconds

    @property
    def lifetime(self) -> tuple[float, float]:
        """When a worker should end by itself, and by how much that may differ so that not all end at once, both in s.

        Well before the wall time, for the lifetime begins when the worker is up.
        """
        margin = min(max(60.0, 0.05 * self.seconds), self.seconds / 4)
        return self.seconds - 1.5 * margin, margin / 2

    def header(self, name: str, log: str, n_cpus: int = 1) -> list[str]:
        """The options of ``sbatch`` for a job of this name; `log` is a file name in `logs`."""
        number, unit = int(self.memory[:-1]), self.memory[-1]
        options = [f"--job-name={name}", f'--output="{Path(self.logs).absolute()}/{log}"', "--open-mode=append"]
        options += [f"--partition={self.partition}"] if self.partition else []
        options += [f"--account={self.account}"] if self.account else []
        options += [
            "--ntasks=1",
            f"--cpus-per-task={n_cpus}",
            f"--mem={number * n_cpus}{unit}",
            f"--time={self.walltime}",
        ]
        return [*options, *self.directives]

    def array(self, command: Sequence[str], n: int, *, name: str, at_a_time: int | None = None, n_cpus: int = 1) -> str:
        """The script of a job array that runs a command in `n` shares.

        Parameters
        ----------
        command : sequence of str
            ``--share K/N`` is added to it.
        n : int
            Number of jobs.
        at_a_time : int, optional
            How many of them may run at the same time.
        n_cpus : int
            CPUs of each.
        """
        array = f"--array=1-{n}" + (f"%{at_a_time}" if at_a_time else "")
        settings = [f"export {each}={shlex.quote(os.environ[each])}" for each in PASSED_ON if each in os.environ]
        return "\n".join([
            "#!/bin/bash",
            *(f"#SBATCH {option}" for option in [array, "--requeue", *self.header(name, "%x-%A-%a.out", n_cpus)]),
            "",
            "# Submit this again to go on where jobs were stopped; shares that are complete end at once.",
            "set -eu",
            f"cd {shlex.quote(os.getcwd())}",
            ONE_THREAD,
            *settings,
            *self.prologue,
            f'exec {shlex.join(command)} --share "$SLURM_ARRAY_TASK_ID/{n}"',
            "",
        ])  # fmt: skip


# ---------------------------------------------------------------------- a Dask cluster


@contextmanager
def slurm_client(n_jobs: int, job: SlurmJob) -> Iterator[Any]:
    """The client of a Dask cluster of SLURM jobs with one process each: as many as there is work for.

    A worker ends a little before the wall time of its job. Jobs that are cancelled, pre-empted or lost with their node
    are replaced.

    Parameters
    ----------
    n_jobs : int
        Most jobs at a time.

    Raises
    ------
    RunError
        If SLURM does not answer, does not take the job, or no worker can be started.
    """
    jobqueue = need("dask_jobqueue", "cluster", "Dask workers as SLURM jobs")
    from distributed import Client

    lifetime, stagger = job.lifetime
    settings = {
        "cores": 1, "processes": 1, "memory": f"{job.memory}iB", "nanny": False, "death_timeout": 300,
        "python": f"exec {shlex.quote(sys.executable)}",  # or SLURM might end the shell and miss the worker
        "interface": job.interface or None,
        "worker_extra_args": ["--lifetime", f"{lifetime:.0f}s", "--lifetime-stagger", f"{stagger:.0f}s"],
        # in place of Dask's own header; SLURM must not start a worker again that Dask has already replaced
        "job_directives_skip": ["#SBATCH"], "job_name": "brian2learn",
        "job_extra_directives": [*job.header("brian2learn", "worker-%j.out"), "--no-requeue"],
        "job_script_prologue": [ONE_THREAD, *job.prologue],
    }  # fmt: skip
    logs = Path(job.logs).absolute()  # building a program changes the directory for a while
    logs.mkdir(parents=True, exist_ok=True)
    try:
        cluster = jobqueue.SLURMCluster(**settings)
    except (OSError, RuntimeError, ValueError) as problem:
        raise _refused("a scheduler for the workers on this host", str(problem)) from problem
    with cluster:
        check(cluster.job_script())
        with Client(cluster, set_as_default=False) as client:
            keeper = _Keeper(cluster, client, n_jobs, logs)
            try:
                yield client
            except Brian2LearnError:
                if keeper.trouble is not None:
                    raise keeper.trouble from None
                raise
            finally:
                keeper.stop()


class _Keeper:
    """Sees that there are jobs as long as there is work.

    Dask sets the number of jobs, but counts those that have ended without its doing as if they were still there; this
    takes them off its list. If none comes up it cancels the work.
    """

    def __init__(self, cluster: Any, client: Any, n_jobs: int, logs: Path) -> None:
        self.cluster, self.client, self.n_jobs, self.logs = cluster, client, n_jobs, logs
        self.trouble: RunError | None = None
        self.n_in_vain = 0
        self._came: set[str] = set()
        self._stopped = threading.Event()
        # the shortest target, so that there is a job for every chunk of points up to the most there may be
        cluster.adapt(minimum=0, maximum=n_jobs, target_duration="1ms", wait_count=5)
        self._thread = threading.Thread(target=self._keep, name="slurm", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _keep(self) -> None:
        from distributed import Future

        while not self._stopped.wait(LOOK):
            before = dict(self.cluster.workers)  # those of before the look at the queue are in it or have ended
            queue = queued()
            if queue is None:  # no answer; another time
                continue
            self._do(lambda before=before, queue=queue: self._take_off(before, queue))  # type: ignore[misc]
            if self.n_in_vain > GIVE_UP * self.n_jobs:
                self.trouble = _refused(
                    "jobs whose worker reaches this host", f"{self.n_in_vain} in a row that ended before",
                    hint=f"{self._last_log()}Option interface names the network between nodes and this host, prologue "
                    "prepares the nodes; or use a job array: `brian2learn slurm-script`.",
                )  # fmt: skip
                self.client.cancel([Future(key, self.client) for key in list(self.client.futures)], force=True)
                return

    def _do(self, action: Callable[[], Any]) -> None:
        """Carry something out in the thread that the cluster belongs to."""
        done = threading.Event()

        async def carry_out() -> None:
            try:
                result = action()
                if result is not None:
                    await result
            finally:
                done.set()

        self.cluster.loop.add_callback(carry_out)
        done.wait(ANSWER)

    def _take_off(self, jobs: Mapping[str, Any], queue: set[str]) -> None:
        connected = {str(state.name) for state in self.cluster.scheduler.workers.values()}
        if connected - self._came:
            self._came |= connected
            self.n_in_vain = 0
        for name, job in jobs.items():
            if name in connected or job.job_id in queue or self.cluster.workers.get(name) is not job:
                continue
            if name not in self._came:
                self.n_in_vain += 1
            self.cluster.workers.pop(name)
            self.cluster.worker_spec.pop(name, None)
            job.status = type(job.status).closed  # Dask asks that of every job when it ends

    def _last_log(self) -> str:
        with suppress(OSError, ValueError):
            last = max(self.logs.glob("worker-*.out"), key=lambda path: path.stat().st_mtime)
            lines = [line for line in last.read_text(errors="replace").splitlines() if line.strip()]
            return f"The last one wrote into {self.logs}: {' / '.join(lines[-3:]) or 'nothing'}. "
        return ""


def queued() -> set[str] | None:
    """Numbers of this user's jobs that have not ended; None if SLURM does not answer."""
    try:
        done = subprocess.run(
            ["squeue", "--noheader", "--user", str(os.getuid()), "--format=%A"], capture_output=True, text=True,
            timeout=ANSWER, stdin=subprocess.DEVNULL, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return {*done.stdout.split()}


def check(script: str) -> None:
    """See that SLURM is there and would take a job.

    Raises
    ------
    RunError
        With SLURM's own words if not.
    """
    if shutil.which("sbatch") is None:
        raise _refused("SLURM's sbatch on this host", "none", hint="Log in to a node from which jobs are submitted.")
    try:
        done = subprocess.run(
            ["sbatch", "--test-only"], input=script, capture_output=True, text=True, timeout=ANSWER, check=False
        )
    except subprocess.TimeoutExpired:
        raise _refused("an answer of SLURM", f"none in {ANSWER:g} s", hint="Does `sinfo` work?") from None
    if done.returncode:
        raise _refused("a job that SLURM takes", " ".join(done.stderr.split()) or f"exit code {done.returncode}")


def _refused(expected: str, got: str, hint: str | None = None) -> RunError:
    return RunError("brian2learn", "--on slurm", expected=expected, got=got.rstrip("."), hint=hint)
