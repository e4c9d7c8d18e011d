"""Records in packs: one file per writer that only grows, and an index that can be made from it again."""

from __future__ import annotations

import atexit
import json
import os
import socket
import struct
import time
import uuid
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from brian2learn.core.errors import RecordError
from brian2learn.core.folders import published

from .record import Record, decode, encode

PACK_SIZE = 10**9
"""Bytes after which a writer begins another pack."""
SYNC_EVERY = 1.0  # s; what a power cut may cost a writer
QUIET = 60.0  # s; a pack that has not grown for so long has lost its writer

_PACK = struct.Struct("<8sI")  # magic, length of the dictionary; the dictionary and its checksum follow
_PACK_MAGIC = b"B2L-PACK"
# magic, key, hash of the content, lengths of the two texts and of the arrays, checksum of the payload, of the header
_ENTRY = struct.Struct("<4s32s32sIIQII")
_ENTRY_MAGIC = b"B2L:"
_ROW = np.dtype(
    [("key", "V32"), ("content", "V32"), ("offset", "<u8"), ("size", "<u8"), ("checksum", "<u4")]
)  # one line of an index


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


@dataclass(frozen=True)
class _Place:
    """Where a record lies."""

    pack: Path
    offset: int
    size: int
    content: bytes


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
            sizes = _size(pack), _size(_index_of(pack))
            if self._sizes.get(pack) != sizes:
                self._rows[pack], self._sizes[pack] = _rows_of(pack), sizes
                self._index = None
        for pack in {*self._rows} - {*packs}:
            del self._rows[pack], self._sizes[pack]
            self._index = None
        logs = sorted(self.directory.glob("*.log"))
        for log in logs:
            size = _size(log)
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

    def _places(self, key: str) -> list[_Place]:
        """Where the entries of a key lie, the first to be used first."""
        return self.index.places(key) or self._places_again(key)

    def _places_again(self, key: str) -> list[_Place]:
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
                        return _read(place, key)
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
                _read(place, key)
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
            for entry, problem in _scan(path):
                if problem:
                    yield Damage(path, int(entry["offset"]), _name(entry), problem)
                    continue
                try:
                    _read(_place(path, entry), _name(entry))
                except RecordError as wrong:
                    yield Damage(path, int(entry["offset"]), _name(entry), wrong.got)
                    continue
                known = contents.setdefault(entry["key"].tobytes(), entry["content"].tobytes())
                if known != entry["content"].tobytes():
                    yield Damage(path, int(entry["offset"]), _name(entry), "differs from another record of this point")

    def tidy(self) -> int:
        """Bring all whole records, each once, into as few packs as need be; how many bytes that gave back.

        Packs that have grown in the last minute are left alone: somebody may be writing.
        """
        close()
        quiet = [pack for pack in self.packs if time.time() - pack.stat().st_mtime > QUIET]
        before = sum(path.stat().st_size for pack in quiet for path in (pack, _index_of(pack)) if path.exists())
        writer = _Writer(self.directory)
        written: set[bytes] = set()
        for pack in quiet:
            for entry, problem in _scan(pack):
                key = entry["key"].tobytes()
                if problem or key in written:
                    continue
                try:
                    writer.append(_read(_place(pack, entry), key.hex()))
                except RecordError:
                    continue
                written.add(key)
        writer.close()
        for pack in quiet:
            _index_of(pack).unlink(missing_ok=True)
            pack.unlink()
        after = sum(path.stat().st_size for pack in writer.packs for path in (pack, _index_of(pack)) if path.exists())
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
        joined = np.concatenate([np.zeros(0, _ROW), *(rows[pack] for pack in self._packs)])
        of_pack = np.repeat(np.arange(len(self._packs)), [len(rows[pack]) for pack in self._packs])
        order = np.argsort(_comparable(joined["key"]), kind="stable")
        self._of_row, self._rows, self._pack_of = _comparable(joined["key"])[order], joined[order], of_pack[order]
        self.keys = np.unique(self._of_row)

    def places(self, key: str) -> list[_Place]:
        """Where the entries of a key lie."""
        wanted = _comparable(np.frombuffer(bytes.fromhex(key), np.uint8))[0]
        first, last = (int(np.searchsorted(self._of_row, wanted, side)) for side in ("left", "right"))
        return [_place(self._packs[self._pack_of[k]], self._rows[k]) for k in range(first, last)]


# ---------------------------------------------------------------------- packs


class _Writer:
    """The one process that appends to a pack."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.pid = directory, os.getpid()
        self.packs: list[Path] = []
        self._pack: FileIO | None = None
        self._index: FileIO | None = None
        self._dictionary = b""
        self._synced = 0.0

    def append(self, record: Record) -> None:
        what, how, arrays = encode(record)
        if self._pack is None or self._pack.tell() > PACK_SIZE:
            self._begin(what + how)
        assert self._pack is not None
        assert self._index is not None
        payload = [_deflated(what, self._dictionary), _deflated(how, self._dictionary), arrays]
        content = sha256(what + arrays).digest()
        checksum = zlib.crc32(b"".join(payload))
        head = _ENTRY.pack(
            _ENTRY_MAGIC, bytes.fromhex(record.key), content, *map(len, payload), checksum, 0
        )  # the last number is the header's own checksum
        head = head[:-4] + struct.pack("<I", zlib.crc32(head[:-4]))
        offset, end = self._pack.tell(), self._index.tell()
        try:
            _write_all(self._pack, b"".join([head, *payload]))
            row = np.zeros((), _ROW)
            row["key"], row["content"] = bytes.fromhex(record.key), content
            row["offset"], row["size"] = offset, self._pack.tell() - offset
            row["checksum"] = _checksum(row)
            _write_all(self._index, row.tobytes())
            self._sync()
        except BaseException:
            for file, size in ((self._pack, offset), (self._index, end)):
                os.ftruncate(file.fileno(), size)
                file.seek(size)
            raise

    def _begin(self, dictionary: bytes) -> None:
        """Open a new pack whose texts are told by their difference from the first one."""
        self.close()
        self.directory.mkdir(parents=True, exist_ok=True)
        pack = self.directory / f"{_unique_name()}.pack"
        self._dictionary = dictionary[-30_000:]  # as far back as the method looks
        body = zlib.compress(self._dictionary)
        # the file and its name are there at once or not at all; only then does it grow
        with published(pack.with_suffix(".beginning"), within=self.directory) as folder:
            (folder / "pack").write_bytes(
                _PACK.pack(_PACK_MAGIC, len(body)) + body + struct.pack("<I", zlib.crc32(body))
            )
        os.rename(pack.with_suffix(".beginning") / "pack", pack)
        pack.with_suffix(".beginning").rmdir()
        # without buffers, so that nothing of an entry that was taken back can follow later
        self._pack, self._index = (open(path, "ab", buffering=0) for path in (pack, _index_of(pack)))  # noqa: SIM115
        self.packs.append(pack)

    def _sync(self) -> None:
        if time.monotonic() - self._synced > SYNC_EVERY and self._pack is not None:
            os.fsync(self._pack.fileno())
            self._synced = time.monotonic()

    def close(self) -> None:
        for file in (self._pack, self._index):
            if file is not None:
                os.fsync(file.fileno())
                file.close()
        self._pack = self._index = None


_writers: dict[Path, _Writer] = {}
_logs: dict[tuple[Path, int], FileIO] = {}


def _log_of(directory: Path) -> FileIO:
    """The log of this process."""
    key = directory.absolute(), os.getpid()
    if key not in _logs:
        _logs[key] = open(directory / f"{_unique_name()}.log", "ab", buffering=0)  # noqa: SIM115
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


def _unique_name() -> str:
    """A name that no other process uses."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    return f"{stamp}-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def _writer_of(directory: Path) -> _Writer:
    """The writer of this process."""
    writer = _writers.get(directory.absolute())
    if writer is None or writer.pid != os.getpid():  # a forked process must not write into its parent's pack
        writer = _writers[directory.absolute()] = _Writer(directory.absolute())
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


def _index_of(pack: Path) -> Path:
    return pack.with_suffix(".index")


def _rows_of(pack: Path) -> np.ndarray:
    """The rows of a pack: from its index as far as that is whole, from the pack itself for the rest."""
    size = _size(pack)
    try:
        raw = _index_of(pack).read_bytes()
    except OSError:
        raw = b""
    rows = np.frombuffer(raw[: len(raw) // _ROW.itemsize * _ROW.itemsize], _ROW)
    good = _good(rows) & (rows["offset"] + rows["size"] <= size)
    rows = rows[: len(rows) if good.all() else int(np.argmin(good))]
    done = int(rows["offset"][-1] + rows["size"][-1]) if len(rows) else 0
    if done < size:
        more = [entry for entry, problem in _scan(pack, done) if not problem]
        rows = np.concatenate([rows, np.array(more, _ROW)]) if more else rows
    return rows


def _scan(pack: Path, start: int = 0) -> Iterator[tuple[np.ndarray, str]]:
    """Every entry of a pack from some place on, with what is wrong with it ("" for nothing)."""

    def nothing(offset: int, what: str) -> tuple[np.ndarray, str]:
        row = np.zeros((), _ROW)
        row["offset"] = offset
        return row, what

    try:
        with open(pack, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if start == 0:
                head = file.read(_PACK.size)
                if len(head) < _PACK.size or not head.startswith(_PACK_MAGIC):
                    yield nothing(0, "not a pack of this store")
                    return
                start = _PACK.size + _PACK.unpack(head)[1] + 4
            at = start
            while at < size:
                file.seek(at)
                head = file.read(_ENTRY.size)
                row = _row_of(head, at)
                if row is not None and at + int(row["size"]) <= size:
                    yield row, ""
                    at += int(row["size"])
                    continue
                if row is not None:
                    yield row, f"ends {at + int(row['size']) - size} bytes too early"
                following = _next_entry(file, at + 1, size)
                if row is None:
                    yield nothing(at, f"{(following or size) - at} bytes that are no record")
                if following is None:
                    return
                at = following
    except OSError as problem:
        yield nothing(0, problem.strerror or str(problem))


def _row_of(head: bytes, at: int) -> np.ndarray | None:
    """What an entry's header says, None if it is none."""
    if len(head) < _ENTRY.size or not head.startswith(_ENTRY_MAGIC):
        return None
    _, key, content, *lengths, _, own = _ENTRY.unpack(head)
    if own != zlib.crc32(head[:-4]):
        return None
    row = np.zeros((), _ROW)
    row["key"], row["content"], row["offset"], row["size"] = key, content, at, _ENTRY.size + sum(lengths)
    row["checksum"] = _checksum(row)
    return row


def _next_entry(file: BinaryIO, at: int, size: int) -> int | None:
    """Where the next whole header begins."""
    file.seek(at)
    rest = file.read(size - at)
    found = rest.find(_ENTRY_MAGIC)
    while found >= 0:
        if _row_of(rest[found : found + _ENTRY.size], at + found) is not None:
            return at + found
        found = rest.find(_ENTRY_MAGIC, found + 1)
    return None


def _read(place: _Place, key: str) -> Record:
    """The record at a place, if it is whole."""

    def wrong(what: str) -> RecordError:
        return RecordError(str(place.pack), key, expected="a whole record", got=what)

    try:
        with open(place.pack, "rb") as file:
            _, length = _PACK.unpack(file.read(_PACK.size))
            body = file.read(length)
            if struct.unpack("<I", file.read(4))[0] != zlib.crc32(body):
                raise wrong("a damaged beginning of its pack")
            file.seek(place.offset)
            entry = file.read(place.size)
        head, payload = entry[: _ENTRY.size], entry[_ENTRY.size :]
        row = _row_of(head, place.offset)
        if row is None or row["key"].tobytes().hex() != key:
            raise wrong("bytes that are no record of this point")
        _, _, content, n_what, n_how, n_arrays, checksum, _ = _ENTRY.unpack(head)
        if len(payload) != n_what + n_how + n_arrays or zlib.crc32(payload) != checksum:
            raise wrong("changed bytes")
        dictionary = zlib.decompress(body)
        what, how = (_inflated(text, dictionary) for text in (payload[:n_what], payload[n_what : n_what + n_how]))
        arrays = payload[n_what + n_how :]
        if sha256(what + arrays).digest() != content:
            raise wrong("changed content")
        return decode(key, what, how, arrays)
    except RecordError:
        raise
    except (OSError, ValueError, KeyError, struct.error, zlib.error) as problem:
        raise wrong(f"{type(problem).__name__}: {problem}") from problem


def _place(pack: Path, row: np.ndarray) -> _Place:
    return _Place(pack, int(row["offset"]), int(row["size"]), row["content"].tobytes())


def _name(row: np.ndarray) -> str:
    name = row["key"].tobytes().hex()
    return name if name.strip("0") else ""


def _write_all(file: FileIO, data: bytes) -> None:
    """Write every byte, however many the disk takes at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _checksum(row: np.ndarray) -> int:
    return zlib.crc32(row.tobytes()[: -_ROW["checksum"].itemsize])


def _good(rows: np.ndarray) -> np.ndarray:
    """Whether each row is as it was written."""
    raw, width = rows.tobytes(), _ROW.itemsize
    own = _ROW["checksum"].itemsize
    found = [zlib.crc32(raw[k : k + width - own]) for k in range(0, len(raw), width)]
    return np.array(found, np.uint32) == rows["checksum"]


def _comparable(keys: np.ndarray) -> np.ndarray:
    """Keys of 32 bytes as text, which NumPy can sort; all have one length, so that closing zeros do no harm."""
    return np.ascontiguousarray(keys).view("S32").ravel()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # not there, or tidied away by another process
        return -1


def _deflated(text: bytes, dictionary: bytes) -> bytes:
    packer = zlib.compressobj(9, zdict=dictionary)
    return packer.compress(text) + packer.flush()


def _inflated(packed: bytes, dictionary: bytes) -> bytes:
    return zlib.decompressobj(zdict=dictionary).decompress(packed)
