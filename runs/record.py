"""One run, one record: arrays and JSON, and how they become bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from brian2learn.core.notebook import html

CIRCUMSTANCES = frozenset({"mode", "wall_time", "written", "checkpoint", "versions", "commit", "dirty", "host"})
"""What of `Record.info` depends on when, where and how fast a record was made, and not on the point."""


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


@dataclass(frozen=True, eq=False)  # arrays have no ==
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

    def _repr_html_(self) -> str | None:
        return html(self)

    @property
    def duration(self) -> float:
        """Length of the run, s."""
        return float(self.info["duration"])


def encode(record: Record) -> tuple[bytes, bytes, bytes]:
    """A record as bytes: what the point determines (as JSON), how it was made (as JSON), and the arrays."""
    arrays = _arrays(record)
    listed = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    what = {name: value for name, value in record.info.items() if name not in CIRCUMSTANCES}
    how = {name: value for name, value in record.info.items() if name in CIRCUMSTANCES}
    texts = (
        json.dumps(each, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()
        for each in ({**what, "arrays": listed}, how)
    )
    return (*texts, b"".join(np.ascontiguousarray(array).tobytes() for array in arrays.values()))  # type: ignore[return-value]


def decode(key: str, what: bytes, how: bytes, data: bytes) -> Record:
    """The record that `encode` turned into bytes."""
    info = {**json.loads(what), **json.loads(how)}
    parts: dict[str, dict[str, np.ndarray]] = {"spikes": {}, "states": {}, "final": {}, "truth": {}}
    at = 0
    for name, dtype, shape in info.pop("arrays"):
        part, rest = name.split("/", 1)
        n = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(data, np.dtype(dtype), n, at).reshape(shape)
        parts[part][rest] = array.copy()  # may be written to, and is aligned
        at += array.nbytes
    return Record(
        key,
        info,
        spikes={name: Spikes(parts["spikes"][f"{name}/t"], parts["spikes"][f"{name}/i"]) for name in info["outputs"]},
        states={
            name: States(np.arange(len(values)) * info["record"][name], values)
            for name, values in parts["states"].items()
        },
        final=parts["final"],
        truth=parts["truth"],
    )


def _arrays(record: Record) -> dict[str, np.ndarray]:
    arrays = {f"truth/{name}": np.asarray(value) for name, value in record.truth.items()}
    arrays |= {f"final/{name}": np.asarray(value) for name, value in record.final.items()}
    with np.errstate(over="ignore"):  # what explodes becomes infinite
        arrays |= {f"states/{name}": states.values.astype(np.float32) for name, states in record.states.items()}
    for name, spikes in record.spikes.items():
        arrays |= {f"spikes/{name}/t": np.asarray(spikes.t), f"spikes/{name}/i": np.asarray(spikes.i)}
    return arrays
