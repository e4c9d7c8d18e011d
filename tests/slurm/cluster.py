#!/usr/bin/env python3
"""A real SLURM on one host with four virtual nodes, for the tests; from Debian packages, without systemd.

    python tests/slurm/cluster.py install    the packages, as root
    python tests/slurm/cluster.py start      prints what to export for sbatch, squeue and scancel to find it
    python tests/slurm/cluster.py status
    python tests/slurm/cluster.py reset      ends all jobs and all nodes are idle again
    python tests/slurm/cluster.py stop

All of it lives in one folder (BRIAN2LEARN_SLURM, else in the temporary folder) and on ports that are free, belongs to
whoever started it, root or not, and leaves a SLURM that the host may have, and those of other folders, alone.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

N_NODES = 4
PORTS = range(27817, 28817, N_NODES + 1)  # of slurmctld, the first that is free; the nodes have the next ones
PATIENCE = 90.0  # s for what takes a second on an idle host
PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge", "slurm-wlm-basic-plugins")
PROGRAMS = ("munged", "munge", "slurmctld", "slurmd", "scontrol", "sinfo", "sbatch", "squeue", "scancel")
SYSTEM = "/usr/sbin:/usr/bin:/sbin:/bin"

# linuxproc and task/none need no cgroups, which a container rarely has; CPUs may exceed those of the host
CONFIGURATION = """\
ClusterName=brian2learn
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser={user}
SlurmdUser={user}
MpiDefault=none
SwitchType=switch/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ReturnToService=2
SlurmctldTimeout=60
SlurmdTimeout=30
KillWait=2
MinJobAge=300
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
NodeName=n[1-{n}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{last}] CPUs=1 RealMemory=4000 State=UNKNOWN
PartitionName=debug Nodes=n[1-{n}] Default=YES MaxTime=INFINITE State=UP
"""


class Trouble(Exception):
    """The cluster cannot be set up; the message says what to do."""


class Cluster:
    """The SLURM of one folder.

    Parameters
    ----------
    folder : path, optional
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        default = Path(tempfile.gettempdir(), f"brian2learn-slurm-{os.getuid()}")
        self.folder = Path(folder or os.environ.get("BRIAN2LEARN_SLURM") or default).absolute()
        self.environment = {
            **os.environ,
            "PATH": f"{os.environ.get('PATH', '')}:{SYSTEM}",  # daemons live in sbin, which users rarely search
            "SLURM_CONF": str(self.folder / "slurm.conf"),
        }

    @property
    def running(self) -> bool:
        return self._alive("slurmctld")

    @property
    def nodes(self) -> list[str]:
        return [f"n{number}" for number in range(1, N_NODES + 1)]

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Start what is not running yet."""
        self.check_programs()
        self.folder.mkdir(mode=0o755, exist_ok=True)
        if self.folder.stat().st_uid != os.getuid():
            raise Trouble(f"{self.folder} belongs to somebody else; choose another with BRIAN2LEARN_SLURM.")
        if not self.running:
            self.stop()  # nodes of a slurmctld that died
            shutil.rmtree(self.folder / "state", ignore_errors=True)  # slurmctld refuses that of another layout
            (self.folder / "slurm.conf").write_text(self._configuration())
        for name in ("state", *(f"spool.{node}" for node in self.nodes)):
            (self.folder / name).mkdir(exist_ok=True)
        self._start_munge()
        if not self.running:
            self.run("slurmctld")
        self._wait(
            "slurmctld does not answer", lambda: "UP" in self.run("scontrol", "ping", check=False), "slurmctld.log"
        )
        for node in self.nodes:
            self.start_node(node)
        self.reset()

    def stop(self) -> None:
        """End all jobs and all daemons."""
        if self.running:
            self.run("scancel", "--user", str(os.getuid()), "--signal=KILL", "--full", check=False)
            self.run("scancel", "--user", str(os.getuid()), check=False)
        names = [*(f"slurmd.{node}" for node in self.nodes), "slurmctld", "munged"]
        for name in names:
            self.signal(name, signal.SIGTERM)
        for name in names:
            with suppress(Trouble):
                self._wait(name, lambda name=name: not self._alive(name), seconds=20)  # type: ignore[misc]
            self.signal(name, signal.SIGKILL)

    def reset(self) -> None:
        """End all jobs, bring back nodes that are down, and wait until all are idle."""
        self.run("scancel", "--user", str(os.getuid()), check=False)
        for node in self.nodes:
            self.start_node(node)

        def idle() -> bool:
            states = self.run("sinfo", "-h", "-N", "-o", "%N %t").split("\n")
            for line in filter(None, states):
                node, state = line.split()
                if state.startswith(("down", "drain")):
                    self.run("scontrol", "update", f"nodename={node}", "state=resume", check=False)
            return sum(line.endswith(" idle") for line in states) == N_NODES and not self.jobs()

        self._wait("not all nodes are idle", idle, "slurmctld.log")

    def start_node(self, node: str) -> None:
        if not self._alive(f"slurmd.{node}"):
            self.run("slurmd", "-N", node)

    def lose_node(self, node: str) -> None:
        """Kill the daemon of a node and have SLURM notice; its jobs go on as orphans and are queued again."""
        self.signal(f"slurmd.{node}", signal.SIGKILL)
        self.run("scontrol", "update", f"nodename={node}", "state=down", "reason=lost")

    # ------------------------------------------------------------------ questions

    def run(self, *command: str, check: bool = True) -> str:
        """What a SLURM command writes.

        Raises
        ------
        Trouble
            If it fails or does not come to an end.
        """
        try:
            done = subprocess.run(
                command, env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
                timeout=PATIENCE,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Trouble(f"{' '.join(command)}: no end after {PATIENCE:g} s") from None
        if check and done.returncode:
            raise Trouble(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
        return done.stdout.strip()

    def jobs(self, *states: str) -> list[str]:
        """Numbers of the jobs that have not ended, or of those in some states."""
        only = ["-t", ",".join(states)] if states else []
        return self.run("squeue", "-h", "-r", "-o", "%A", *only).split()

    @staticmethod
    def check_programs() -> None:
        """Raises Trouble if SLURM is not installed, with the command that installs it."""
        path = f"{os.environ.get('PATH', '')}:{SYSTEM}"
        missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
        if missing:
            raise Trouble(
                f"SLURM is not installed (no {', '.join(missing)}). `make slurm` installs and starts it (Debian, as "
                "root); `-m 'not slurm'` leaves these tests out."
            )

    # ------------------------------------------------------------------ inside

    def _configuration(self) -> str:
        import pwd

        port = next((port for port in PORTS if all(map(is_free, range(port, port + N_NODES + 1)))), None)
        if port is None:
            raise Trouble(f"No {N_NODES + 1} free ports between {PORTS[0]} and {PORTS[-1]}.")
        return CONFIGURATION.format(
            host=socket.gethostname().partition(".")[0], port=port, folder=self.folder, n=N_NODES, first=port + 1,
            last=port + N_NODES, user=pwd.getpwuid(os.getuid()).pw_name,
        )  # fmt: skip

    def _start_munge(self) -> None:
        key, sock = self.folder / "munge.key", self.folder / "munge.socket"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_bytes(os.urandom(128))
        if not self._alive("munged"):
            sock.unlink(missing_ok=True)
            # a folder that others may not write to is asked for, which the temporary folder is not; hence --force
            self.run(
                "munged", "--force", f"--socket={sock}", f"--key-file={key}", f"--log-file={self.folder}/munged.log",
                f"--pid-file={self.folder}/munged.pid", f"--seed-file={self.folder}/munged.seed",
            )  # fmt: skip
        answers = ["munge", "--no-input", f"--socket={sock}"]
        self._wait("munged does not answer", lambda: bool(self.run(*answers, check=False)), "munged.log")

    def _pid(self, name: str) -> int | None:
        """The process of a daemon, if it is one of ours and runs."""
        with suppress(OSError, ValueError):
            pid = int((self.folder / f"{name}.pid").read_text())
            program = Path(f"/proc/{pid}/comm").read_text().strip()
            stopped = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
            if program.startswith(name.partition(".")[0]) and not stopped:
                return pid
        return None

    def _alive(self, name: str) -> bool:
        return self._pid(name) is not None

    def signal(self, name: str, number: int) -> None:
        """Send a signal to one of the daemons: munged, slurmctld, slurmd.n1, …"""
        pid = self._pid(name)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _wait(self, what: str, until: Callable[[], bool], log: str = "", seconds: float = PATIENCE) -> None:
        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end:
                raise Trouble(f"{what} after {seconds:g} s. {''.join(self._tail(log))}")
            time.sleep(0.1)

    def _tail(self, log: str) -> Iterator[str]:
        with suppress(OSError):
            yield f"The end of {self.folder / log}:\n"
            yield from (self.folder / log).read_text().splitlines(keepends=True)[-10:]


def is_free(port: int) -> bool:
    """Whether nobody listens at a port of this host."""
    with socket.socket() as test:
        test.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            test.bind(("", port))
        except OSError:
            return False
    return True


def install() -> None:
    """Install the packages unless they are there."""
    with suppress(Trouble):
        Cluster.check_programs()
        return
    by_hand = f"apt-get install --no-install-recommends {' '.join(PACKAGES)}"
    if shutil.which("apt-get") is None:
        raise Trouble(f"The packages {', '.join(PACKAGES)} of Debian are needed, and there is no apt-get here.")
    if os.getuid() != 0:
        raise Trouble(f"Only root can install packages: sudo {by_hand}")
    settings = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    patient = ["-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=300"]
    for command in (["apt-get", "update", *patient], [*by_hand.split(), "--yes", *patient]):
        done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Trouble(f"`{' '.join(command)}` failed:\n{done.stderr.strip()}")
    Cluster.check_programs()


def main(arguments: list[str]) -> int:
    cluster = Cluster()
    actions: dict[str, Callable[[], None]] = {
        "install": install, "start": cluster.start, "stop": cluster.stop, "reset": cluster.reset,
        "status": lambda: print(cluster.run("sinfo", "-N"), cluster.run("squeue"), sep="\n"),
    }  # fmt: skip
    if not arguments or any(each not in actions for each in arguments):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        for action in arguments:
            actions[action]()
    except Trouble as problem:
        print(f"error: {problem}", file=sys.stderr)
        return 1
    if "start" in arguments:
        print(f"export SLURM_CONF={cluster.environment['SLURM_CONF']}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
