"""Records in packs, and a log of what went wrong: safe for many writers without a lock."""

from __future__ import annotations

import atexit
import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from brian2learn.core.errors import RecordError

from .packs import ROW, Place, Writer, index_of, key_of, place_of, read_entry, rows_of, scan, size_of, unique_name
from .record import Record

QUIET = 60.0  # s; a pack that has not grown for so long has lost its writer


@dataclass(frozen=True)
class Damage:
    """Something in a store that is not a whole record.

    Attributes
    ----------
    path : Path
        The file.
    offset : int
        Where in it.
    key : str
        The record concerned, "" if that cannot be told.
    what : str
        What is wrong.
    """

    path: Path
    offset: int
    key: str
    what: str


class Store:
    """A directory of records, safe for many writers and for network file systems without any lock.

    Every process appends to packs of its own and never changes what it has written. Two processes that compute the
    same point leave two equal entries, of which one is seen; `tidy` removes the other.

    Parameters
    ----------
    directory : path
        Made on first use.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        self._rows: dict[Path, np.ndarray] = {}
        self._sizes: dict[Path, tuple[int, int]] = {}
        self._index: _Index | None = None
        self._notes: dict[Path, tuple[int, list[dict[str, Any]]]] = {}

    @property
    def packs(self) -> list[Path]:
        """Its files of records, the oldest first."""
        return sorted(self.directory.glob("*.pack"))

    # ------------------------------------------------------------------ which records there are

    def __contains__(self, key: str) -> bool:
        return bool(self._places(key))

    def __len__(self) -> int:
        self.refresh()
        return len(self.index.keys)

    def keys(self) -> Iterator[str]:
        """The keys of all records, in order."""
        self.refresh()
        return (key.hex() for key in self.index.keys.view("V32").tolist())

    def missing(self, keys: np.ndarray) -> np.ndarray:
        """Which of many keys have no record.

        Parameters
        ----------
        keys : (n, 32) uint8

        Returns
        -------
        (n,) bool
        """
        self.refresh()
        return ~np.isin(_comparable(keys), self.index.keys)

    def refresh(self) -> None:
        """Look for what other processes have written since."""
        packs = self.packs
        for pack in packs:
            sizes = size_of(pack), size_of(index_of(pack))
            if self._sizes.get(pack) != sizes:
                self._rows[pack], self._sizes[pack] = rows_of(pack), sizes
                self._index = None
        for pack in {*self._rows} - {*packs}:
            del self._rows[pack], self._sizes[pack]
            self._index = None
        logs = sorted(self.directory.glob("*.log"))
        for log in logs:
            size = size_of(log)
            if log not in self._notes or self._notes[log][0] != size:
                self._notes[log] = size, list(_lines_of(log))
                self._index = None
        for log in {*self._notes} - {*logs}:
            del self._notes[log]

    @property
    def index(self) -> _Index:
        """Where every record lies, as far as this process has looked."""
        if self._index is None:
            self._index = _Index({pack: rows[~self._distrusted(pack, rows)] for pack, rows in self._rows.items()})
        return self._index

    def _places(self, key: str) -> list[Place]:
        """Where the entries of a key lie, the first to be used first."""
        return self.index.places(key) or self._places_again(key)

    def _places_again(self, key: str) -> list[Place]:
        self.refresh()
        return self.index.places(key)

    # ------------------------------------------------------------------ writing and reading

    def write(self, record: Record) -> None:
        """Write a record.

        Raises
        ------
        RecordError
            If the disk does not take it; nothing is left behind then.
        """
        try:
            _writer_of(self.directory).append(record)
        except OSError as problem:
            raise RecordError(
                str(self.directory), expected="room for a record", got=problem.strerror or str(problem),
                hint="Nothing was written; run again when there is room.",
            ) from problem  # fmt: skip

    def read(self, key: str) -> Record:
        """Read a record.

        Raises
        ------
        RecordError
            If there is none or it is damaged.
        """
        wrong, tried = "none", set()
        for look in (self._places, self._places_again):
            for place in look(key):
                if place not in tried:
                    try:
                        return read_entry(place, key)
                    except RecordError as problem:
                        wrong = problem.got
                    tried.add(place)
        raise RecordError(str(self.directory), key, expected="a whole record", got=wrong)

    def content(self, key: str) -> str:
        """Hash of what the point determines: all but when, where and how fast the record was made."""
        return self._places(key)[0].content.hex()

    # ------------------------------------------------------------------ what went wrong

    def fail(self, key: str, reason: str, attempts: int = 1) -> None:
        """Note why a point has no record."""
        self._note({"key": key, "failed": reason, "attempts": attempts})

    def failures(self) -> dict[str, str]:
        """Key and reason of all points that failed and have no record."""
        self.refresh()
        notes = sorted((note for _, notes in self._notes.values() for note in notes), key=lambda note: note["when"])
        last = {note["key"]: note["failed"] for note in notes if "failed" in note}
        return {key: reason for key, reason in last.items() if not self.index.places(key)}

    def distrust(self, key: str) -> None:
        """Note which entries of a key are damaged, so that the record counts as missing and is made again."""
        for place in self._places(key):
            try:
                read_entry(place, key)
            except RecordError:
                self._note({"key": key, "damaged": [place.pack.name, place.offset]})
        self.refresh()

    def _note(self, note: dict[str, Any]) -> None:
        """Write a line to the log of this process; a disk that does not take it costs the note and nothing else."""
        with suppress(OSError):
            self.directory.mkdir(parents=True, exist_ok=True)
            _log_of(self.directory).write(json.dumps({**note, "when": time.time()}).encode() + b"\n")

    def _distrusted(self, pack: Path, rows: np.ndarray) -> np.ndarray:
        damaged = [note["damaged"][1] for _, notes in self._notes.values() for note in notes
                   if note.get("damaged", [None])[0] == pack.name]  # fmt: skip
        return np.isin(rows["offset"], np.array(damaged, np.uint64))

    # ------------------------------------------------------------------ care

    def verify(self) -> Iterator[Damage]:
        """Read every byte and say what is not a whole record, or where two records of one point differ."""
        contents: dict[bytes, bytes] = {}
        for path in sorted(self.directory.iterdir()) if self.directory.is_dir() else ():
            if path.suffix == ".log" or (path.suffix == ".index" and path.with_suffix(".pack").exists()):
                continue
            if path.suffix != ".pack":
                yield Damage(path, 0, "", "not a file of this store")
                continue
            for entry, problem in scan(path):
                if problem:
                    yield Damage(path, int(entry["offset"]), key_of(entry), problem)
                    continue
                try:
                    read_entry(place_of(path, entry), key_of(entry))
                except RecordError as wrong:
                    yield Damage(path, int(entry["offset"]), key_of(entry), wrong.got)
                    continue
                known = contents.setdefault(entry["key"].tobytes(), entry["content"].tobytes())
                if known != entry["content"].tobytes():
                    yield Damage(path, int(entry["offset"]), key_of(entry), "differs from another record of this point")

    def tidy(self) -> int:
        """Bring all whole records, each once, into as few packs as need be; how many bytes that gave back.

        Packs that have grown in the last minute are left alone: somebody may be writing.
        """
        close()
        quiet = [pack for pack in self.packs if time.time() - pack.stat().st_mtime > QUIET]
        before = sum(path.stat().st_size for pack in quiet for path in (pack, index_of(pack)) if path.exists())
        writer = Writer(self.directory)
        written: set[bytes] = set()
        for pack in quiet:
            for entry, problem in scan(pack):
                key = entry["key"].tobytes()
                if problem or key in written:
                    continue
                try:
                    writer.append(read_entry(place_of(pack, entry), key.hex()))
                except RecordError:
                    continue
                written.add(key)
        writer.close()
        for pack in quiet:
            index_of(pack).unlink(missing_ok=True)
            pack.unlink()
        after = sum(path.stat().st_size for pack in writer.packs for path in (pack, index_of(pack)) if path.exists())
        self._tidy_logs()
        self.refresh()
        return before - after

    def _tidy_logs(self) -> None:
        """Keep the last reason of every point that still has no record, in one log."""
        failures = self.failures()
        for log in [path for path in self.directory.glob("*.log") if time.time() - path.stat().st_mtime > QUIET]:
            for note in _lines_of(log):
                if "failed" in note and failures.get(note["key"]) == note["failed"]:
                    self.fail(note["key"], note["failed"], note["attempts"])
                    del failures[note["key"]]
            log.unlink()


class _Index:
    """All rows of all packs, in the order of their keys and, for one key, of their packs."""

    def __init__(self, rows: dict[Path, np.ndarray]) -> None:
        self._packs = sorted(rows)
        joined = np.concatenate([np.zeros(0, ROW), *(rows[pack] for pack in self._packs)])
        of_pack = np.repeat(np.arange(len(self._packs)), [len(rows[pack]) for pack in self._packs])
        order = np.argsort(_comparable(joined["key"]), kind="stable")
        self._of_row, self._rows, self._pack_of = _comparable(joined["key"])[order], joined[order], of_pack[order]
        self.keys = np.unique(self._of_row)

    def places(self, key: str) -> list[Place]:
        """Where the entries of a key lie."""
        wanted = _comparable(np.frombuffer(bytes.fromhex(key), np.uint8))[0]
        first, last = (int(np.searchsorted(self._of_row, wanted, side)) for side in ("left", "right"))
        return [place_of(self._packs[self._pack_of[k]], self._rows[k]) for k in range(first, last)]


# ---------------------------------------------------------------------- the files of this process


_writers: dict[Path, Writer] = {}
_logs: dict[tuple[Path, int], FileIO] = {}


def _log_of(directory: Path) -> FileIO:
    """The log of this process."""
    key = directory.absolute(), os.getpid()
    if key not in _logs:
        _logs[key] = open(directory / f"{unique_name()}.log", "ab", buffering=0)  # noqa: SIM115
    return _logs[key]


def _lines_of(log: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a log."""
    try:
        lines = log.read_bytes().split(b"\n")
    except OSError:
        return
    for line in lines:
        with suppress(ValueError, TypeError):
            note = json.loads(line)
            if isinstance(note.get("key"), str) and isinstance(note.get("when"), float):
                yield note


def _writer_of(directory: Path) -> Writer:
    """The writer of this process."""
    writer = _writers.get(directory.absolute())
    if writer is None or writer.pid != os.getpid():  # a forked process must not write into its parent's pack
        writer = _writers[directory.absolute()] = Writer(directory.absolute())
    return writer


@atexit.register
def close() -> None:
    """Bring all that this process has written safely to disk."""
    for writer in list(_writers.values()):
        if writer.pid == os.getpid():
            writer.close()
    _writers.clear()
    for _, log in list(_logs.items()):
        log.close()
    _logs.clear()


def _comparable(keys: np.ndarray) -> np.ndarray:
    """Keys of 32 bytes as text, which NumPy can sort; all have one length, so that closing zeros do no harm."""
    return np.ascontiguousarray(keys).view("S32").ravel()
