"""One run, one record: arrays and JSON, written to a temporary folder and renamed, so that no half record exists."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from brian2learn.core.errors import RecordError
from brian2learn.core.folders import published


class Spikes(NamedTuple):
    """Output spikes of one group.

    Attributes
    ----------
    t : (k,) float, s
        Spike times, in order.
    i : (k,) int32
        The neuron of each spike.
    """

    t: np.ndarray
    i: np.ndarray


class States(NamedTuple):
    """A recorded state of one group.

    Attributes
    ----------
    t : (k,) float, s
        Sampling times.
    values : (k, n) float32
        The state of each neuron or synapse, in SI units.
    """

    t: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Record:
    """What one run gave, and everything needed to know what its numbers are.

    Attributes
    ----------
    key : str
        Identity of the run, see `Experiment.key`.
    info : mapping
        Declarations, equation text, seed, dt, versions, commit, host, wall times, number of merged input spikes.
    spikes : mapping of str to Spikes
        Output spikes of every recorded group.
    states : mapping of str to States
        Recorded states, as ``object.name``.
    final : mapping of str to ndarray
        Learned states at the end, as ``object.name``.
    truth : mapping of str to ndarray
        What the task says is true of the stimulus.
    """

    key: str
    info: Mapping[str, Any]
    spikes: Mapping[str, Spikes]
    states: Mapping[str, States]
    final: Mapping[str, np.ndarray]
    truth: Mapping[str, np.ndarray]

    @property
    def duration(self) -> float:
        """Length of the run, s."""
        return float(self.info["duration"])


class Store:
    """A directory of records, one folder each, safe for many writers and for network file systems.

    Parameters
    ----------
    directory : path
        Made on first use.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)

    def folder(self, key: str) -> Path:
        """Where the record of this key lies, whether it exists or not."""
        return self.directory / key[:2] / key

    def __contains__(self, key: str) -> bool:
        return self.folder(key).is_dir()

    def keys(self) -> Iterator[str]:
        """The keys of all records."""
        return (path.parent.name for path in sorted(self.directory.glob("??/*/record.json")))

    def write(self, record: Record) -> Path:
        """Write a record; if another process was faster, its equal record stays.

        Raises
        ------
        RecordError
            If the disk does not take it; nothing is left behind then.
        """
        folder = self.folder(record.key)
        try:
            with published(folder, within=self.directory) as unfinished:
                for name, content in (("arrays.npz", None), ("record.json", _json(record))):
                    with open(unfinished / name, "wb") as file:
                        if content is None:
                            np.savez(file, **_arrays(record))  # type: ignore[arg-type]
                        else:
                            file.write(content)
                        file.flush()
                        os.fsync(file.fileno())
        except OSError as problem:
            raise RecordError(
                str(self.directory), expected="room for a record", got=problem.strerror or str(problem),
                hint="Nothing was written; run again when there is room.",
            ) from problem  # fmt: skip
        return folder

    def read(self, key: str) -> Record:
        """Read a record.

        Raises
        ------
        RecordError
            If there is none or its files are damaged.
        """
        folder = self.folder(key)
        try:
            info = json.loads((folder / "record.json").read_text(encoding="utf-8"))
            with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
                parts: dict[str, dict[str, np.ndarray]] = {"spikes": {}, "states": {}, "final": {}, "truth": {}}
                for name in arrays.files:
                    part, rest = name.split("/", 1)
                    parts[part][rest] = arrays[name]
        except (OSError, ValueError, KeyError, EOFError) as problem:
            raise RecordError(
                str(folder), expected="a complete record", got=f"{type(problem).__name__}: {problem}"
            ) from problem
        return Record(
            key,
            info,
            spikes={
                name: Spikes(parts["spikes"][f"{name}/t"], parts["spikes"][f"{name}/i"]) for name in info["outputs"]
            },
            states={
                name: States(np.arange(len(values)) * info["record"][name], values)
                for name, values in parts["states"].items()
            },
            final=parts["final"],
            truth=parts["truth"],
        )


def _arrays(record: Record) -> dict[str, np.ndarray]:
    arrays = {f"truth/{name}": value for name, value in record.truth.items()}
    arrays |= {f"final/{name}": value for name, value in record.final.items()}
    arrays |= {f"states/{name}": states.values.astype(np.float32) for name, states in record.states.items()}
    for name, spikes in record.spikes.items():
        arrays |= {f"spikes/{name}/t": spikes.t, f"spikes/{name}/i": spikes.i}
    return arrays


def _json(record: Record) -> bytes:
    return json.dumps(dict(record.info), indent=1, sort_keys=True, allow_nan=False).encode()
