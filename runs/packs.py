"""A pack: a file of records that only grows, and the index beside it, which can be made from it again."""

from __future__ import annotations

import os
import socket
import struct
import time
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from io import FileIO
from pathlib import Path
from typing import BinaryIO

import numpy as np

from brian2learn.core.errors import RecordError

from .record import Record, decode, encode

PACK_SIZE = 10**9
"""Bytes after which a writer begins another pack."""
SYNC_EVERY = 1.0  # s; what a power cut may cost a writer

_PACK = struct.Struct("<8sI")  # magic, length of the dictionary; the dictionary and its checksum follow
_PACK_MAGIC = b"B2L-PACK"
# magic, key, hash of the content, lengths of the two texts and of the arrays, checksum of the payload, of the header
_ENTRY = struct.Struct("<4s32s32sIIQII")
_ENTRY_MAGIC = b"B2L:"
ROW = np.dtype(
    [("key", "V32"), ("content", "V32"), ("offset", "<u8"), ("size", "<u8"), ("checksum", "<u4")]
)  # one line of an index


@dataclass(frozen=True)
class Place:
    """Where a record lies."""

    pack: Path
    offset: int
    size: int
    content: bytes


class Writer:
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
            row = np.zeros((), ROW)
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
        pack = self.directory / f"{unique_name()}.pack"
        self._dictionary = dictionary[-30_000:]  # as far back as the method looks
        body = zlib.compress(self._dictionary)
        try:
            with open(pack, "xb", buffering=0) as file:
                _write_all(file, _PACK.pack(_PACK_MAGIC, len(body)) + body + struct.pack("<I", zlib.crc32(body)))
        except BaseException:
            pack.unlink(missing_ok=True)
            raise
        # without buffers, so that nothing of an entry that was taken back can follow later
        self._pack, self._index = (open(path, "ab", buffering=0) for path in (pack, index_of(pack)))  # noqa: SIM115
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


def unique_name() -> str:
    """A name that no other process uses."""
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    return f"{stamp}-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def index_of(pack: Path) -> Path:
    return pack.with_suffix(".index")


def rows_of(pack: Path) -> np.ndarray:
    """The rows of a pack: from its index as far as that is whole, from the pack itself for the rest."""
    size = size_of(pack)
    try:
        raw = index_of(pack).read_bytes()
    except OSError:
        raw = b""
    rows = np.frombuffer(raw[: len(raw) // ROW.itemsize * ROW.itemsize], ROW)
    good = _good(rows) & (rows["offset"] + rows["size"] <= size)
    rows = rows[: len(rows) if good.all() else int(np.argmin(good))]
    done = int(rows["offset"][-1] + rows["size"][-1]) if len(rows) else 0
    if done < size:
        more = [entry for entry, problem in scan(pack, done) if not problem]
        rows = np.concatenate([rows, np.array(more, ROW)]) if more else rows
    return rows


def scan(pack: Path, start: int = 0) -> Iterator[tuple[np.ndarray, str]]:
    """Every entry of a pack from some place on, with what is wrong with it ("" for nothing)."""

    def nothing(offset: int, what: str) -> tuple[np.ndarray, str]:
        row = np.zeros((), ROW)
        row["offset"] = offset
        return row, what

    try:
        with open(pack, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if start == 0:
                head = file.read(_PACK.size)
                if not head.startswith(_PACK_MAGIC[: len(head)]):
                    yield nothing(0, "not a pack of this store")
                    return
                start = _PACK.size + (_PACK.unpack(head)[1] + 4 if len(head) == _PACK.size else 0)
                if size < start:
                    yield nothing(0, f"ends {start - size} bytes too early")
                    return
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
    row = np.zeros((), ROW)
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


def read_entry(place: Place, key: str) -> Record:
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


def place_of(pack: Path, row: np.ndarray) -> Place:
    return Place(pack, int(row["offset"]), int(row["size"]), row["content"].tobytes())


def key_of(row: np.ndarray) -> str:
    name = row["key"].tobytes().hex()
    return name if name.strip("0") else ""


def _write_all(file: FileIO, data: bytes) -> None:
    """Write every byte, however many the disk takes at a time."""
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _checksum(row: np.ndarray) -> int:
    return zlib.crc32(row.tobytes()[: -ROW["checksum"].itemsize])


def _good(rows: np.ndarray) -> np.ndarray:
    """Whether each row is as it was written."""
    raw, width = rows.tobytes(), ROW.itemsize
    own = ROW["checksum"].itemsize
    found = [zlib.crc32(raw[k : k + width - own]) for k in range(0, len(raw), width)]
    return np.array(found, np.uint32) == rows["checksum"]


def size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # not there, or tidied away by another process
        return -1


def _deflated(text: bytes, dictionary: bytes) -> bytes:
    packer = zlib.compressobj(9, zdict=dictionary)
    return packer.compress(text) + packer.flush()


def _inflated(packed: bytes, dictionary: bytes) -> bytes:
    return zlib.decompressobj(zdict=dictionary).decompress(packed)
