"""Runs that workers of the sweep tests make: trivial ones, and ones that go wrong in every way."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np
from brian2 import Hz, ms, second

from brian2learn.circuits.detector import Detector
from brian2learn.circuits.srm0 import SRM0
from brian2learn.core.errors import RecordError
from brian2learn.plasticity.pair_stdp import PairSTDP
from brian2learn.runs.experiment import Experiment
from brian2learn.runs.record import Record, Spikes
from brian2learn.runs.store import Store
from brian2learn.tasks.hidden_pattern import HiddenPattern

TALLY = "BRIAN2LEARN_TEST_TALLY"  # a folder in which attempts leave a line


def small() -> Experiment:
    """One cell, 40 afferents, 0.4 s."""
    task = HiddenPattern(n_afferents=40, n_pattern=20, period=0.4 * second, n_repeats=1, max_rate=90 * Hz)
    return Experiment(task, Detector(cell=SRM0(theta=10.0), rule=PairSTDP()), dt=0.1 * ms)


def trivial(experiment: Experiment, seed: int) -> Record:
    """A record whose content follows from the point; no simulation."""
    w = float(experiment.circuit.w_init)
    info = {"outputs": ["cells"], "record": {}, "seed": seed, "duration": 1.0, "wall_time": {"run": 0.5}}
    spikes = Spikes(np.array([w]), np.zeros(1, np.int32))
    return Record(experiment.key(seed), info, {"cells": spikes}, {}, {"w": np.array([w, float(seed)])}, {})


def product(record: Record) -> float:
    """First weight times seed."""
    w, seed = record.final["w"]
    return float(w * seed)


def nothing(record: Record) -> None:
    """A measure that has no value."""


def too_much(record: Record) -> np.ndarray:
    """A measure that is no number."""
    return record.final["w"]


def n_spikes(record: Record) -> int:
    """Output spikes."""
    return int(record.spikes["cells"].t.size)


def tally(what: str) -> int:
    """Leave a line in the file `what`; how many there are then."""
    path = Path(os.environ[TALLY], what)
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")
    return len(path.read_text().splitlines())


def attempts(what: str) -> list[str]:
    """The processes that left a line in the file `what`."""
    path = Path(os.environ[TALLY], what)
    return path.read_text().splitlines() if path.exists() else []


def moody(experiment: Experiment, seed: int) -> Record:
    """Goes wrong for seeds 1 to 4, and only once for 5 and 6."""
    n = tally(str(seed))
    if seed == 1:
        raise ValueError("a bad seed")
    if seed == 2:
        time.sleep(60)
    if seed == 3 or (seed == 5 and n == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    if seed == 4:
        return trivial(experiment, seed + 1)  # the record of another point
    if seed == 6 and n == 1:
        raise OSError("for once")
    return trivial(experiment, seed)


def slow(experiment: Experiment, seed: int) -> Record:
    """A trivial run that takes 20 ms."""
    time.sleep(0.02)
    tally("all")
    return trivial(experiment, seed)


def counted(experiment: Experiment, seed: int) -> Record:
    """A trivial run that notes which process made which input."""
    jitter = float(experiment.task.jitter) * 1e3
    tally(f"{jitter:g}-{seed}")
    return trivial(experiment, seed)


def full_disk(experiment: Experiment, seed: int) -> Record:
    """From the fifth point on there is no room for records."""
    if tally("all") > 4:

        def refuse(self: Store, record: Record) -> None:
            raise RecordError("store", expected="room for a record", got="No space left on device")

        Store.write = refuse  # in the worker's process only
    return trivial(experiment, seed)
