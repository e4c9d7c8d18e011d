"""A store of records: many writers, damage of every kind, killed writers, a full disk."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from hashlib import sha256

import numpy as np
import pytest

from brian2learn.core.errors import RecordError
from brian2learn.runs import packs
from brian2learn.runs import store as store_module
from brian2learn.runs.record import Record, Spikes, States, encode
from brian2learn.runs.store import Store, close

INFO = {
    "experiment": {"task": {"class": "Given", "rate": {"si": 10.0, "as": "10. Hz"}}},
    "equations": {"cells": "dv/dt = -v/tau : 1\n" * 30},
    "outputs": ["cells"],
    "record": {"cells.v": 0.001},
    "dt": 1e-4,
    "period": 1.0,
    "duration": 1.0,
    "merged_spikes": {"afferents": 3},
    "versions": {"brian2": "2"},
    "host": "somewhere",
    "commit": None,
    "dirty": False,
    "mode": "standalone",
}


def name_of(k):
    return sha256(b"%d" % k).hexdigest()


def record_of(k, *, run=0.1):
    """Record k of a sweep: what it holds follows from k, how long it took does not."""
    rng = np.random.default_rng(k)
    info = {**INFO, "seed": k, "wall_time": {"run": run}, "written": f"at {run}"}
    return Record(
        name_of(k),
        info,
        {"cells": Spikes(np.sort(rng.random(5)), rng.integers(0, 3, 5).astype(np.int32))},
        {"cells.v": States(np.arange(4) * 1e-3, rng.random((4, 2)).astype(np.float32))},
        {"plastic.w": rng.random(6)},
        {"onset": rng.random(2), "found": np.array(True)},
    )


def same(one, other):
    assert one.key == other.key
    assert one.info == other.info
    for part in ("final", "truth"):
        for name, array in getattr(one, part).items():
            np.testing.assert_array_equal(array, getattr(other, part)[name])
    for part in ("spikes", "states"):
        for name, arrays in getattr(one, part).items():
            for array, wanted in zip(arrays, getattr(other, part)[name], strict=True):
                np.testing.assert_array_equal(array, wanted)


def filled(directory, n=20):
    store = Store(directory)
    for k in range(n):
        store.write(record_of(k))
    close()
    return Store(directory)


def test_records_come_back(tmp_path):
    store = filled(tmp_path)
    assert list(store.keys()) == sorted(name_of(k) for k in range(20))
    for k in range(20):
        assert name_of(k) in store
        same(store.read(name_of(k)), record_of(k))
    assert name_of(20) not in store
    assert list(store.verify()) == []
    with pytest.raises(RecordError, match="expected a whole record, got none"):
        store.read(name_of(20))


def test_an_empty_store(tmp_path):
    store = Store(tmp_path / "none")
    assert len(store) == 0
    assert list(store.keys()) == list(store.verify()) == []
    assert store.tidy() == 0
    assert not (tmp_path / "none").exists()


def test_another_process_is_seen_at_once(tmp_path):
    reader, writer = Store(tmp_path), Store(tmp_path)
    assert name_of(1) not in reader
    writer.write(record_of(1))
    assert name_of(1) in reader
    writer.write(record_of(2))
    same(reader.read(name_of(2)), record_of(2))


def test_missing_of_many(tmp_path):
    store = filled(tmp_path, 5)
    keys = np.array([list(bytes.fromhex(name_of(k))) for k in (7, 3, 9, 0)], np.uint8)
    assert store.missing(keys).tolist() == [True, False, True, False]


def test_text_and_arrays_only_and_little_of_it(tmp_path):
    n = 500
    filled(tmp_path, n)
    assert {path.suffix for path in tmp_path.iterdir()} == {".pack", ".index"}
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    arrays = sum(array.nbytes for array in encode(record_of(0))[2:3] for array in [np.frombuffer(array, "u1")])
    assert size / n - arrays < 500


def test_equal_content_whatever_the_circumstances(tmp_path):
    one, other = Store(tmp_path / "one"), Store(tmp_path / "other")
    one.write(record_of(0, run=0.1))
    other.write(record_of(1))
    other.write(record_of(0, run=7.0))
    assert one.content(name_of(0)) == other.content(name_of(0)) != other.content(name_of(1))


def test_two_records_of_one_point_are_one(tmp_path):
    store = Store(tmp_path)
    store.write(record_of(0))
    store.write(record_of(0, run=2.0))
    assert len(store) == 1
    same(store.read(name_of(0)), record_of(0))  # the first
    assert list(store.verify()) == []


def test_two_different_records_of_one_point_are_reported(tmp_path):
    store = Store(tmp_path)
    store.write(record_of(0))
    other = record_of(1)
    store.write(Record(name_of(0), other.info, other.spikes, other.states, other.final, other.truth))
    (damage,) = store.verify()
    assert (damage.key, damage.what) == (name_of(0), "differs from another record of this point")


# ---------------------------------------------------------------------- damage


def only(directory, suffix):
    (path,) = directory.glob(f"*{suffix}")
    return path


def test_an_index_is_made_again_from_the_records(tmp_path):
    keys = list(filled(tmp_path).keys())
    index = only(tmp_path, ".index")
    whole = index.read_bytes()
    for content in (b"", whole[:130], whole[:200] + b"\xff" + whole[201:], b"foreign" * 100, whole + whole[:56]):
        index.write_bytes(content)
        store = Store(tmp_path)
        assert list(store.keys()) == keys
        same(store.read(keys[7]), Store(tmp_path).read(keys[7]))
    index.unlink()
    assert list(Store(tmp_path).keys()) == keys


@pytest.mark.parametrize("lost", [1, 60, 200])
def test_a_truncated_pack(tmp_path, lost):
    filled(tmp_path)
    pack = only(tmp_path, ".pack")
    with open(pack, "r+b") as file:
        file.truncate(pack.stat().st_size - lost)
    store = Store(tmp_path)
    assert name_of(19) not in store
    assert len(store) == 19
    (damage,) = store.verify()
    assert damage.path == pack
    store.write(record_of(19))
    same(store.read(name_of(19)), record_of(19))


def test_any_changed_byte_is_found_and_no_other_record_suffers(tmp_path):
    filled(tmp_path, 4)
    pack = only(tmp_path, ".pack")
    whole = pack.read_bytes()
    places = [int(place) for place in np.linspace(0, len(whole) - 1, 97)]
    for place in places:
        pack.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        store = Store(tmp_path)
        damages = list(store.verify())
        assert damages, place
        bad = 0
        for k in range(4):
            try:
                same(store.read(name_of(k)), record_of(k))
            except RecordError:
                bad += 1
        in_beginning = place < whole.index(b"B2L:")
        assert bad <= (4 if in_beginning else 1), place
    pack.write_bytes(whole)
    assert list(Store(tmp_path).verify()) == []


def test_a_damaged_record_is_replaced_by_a_whole_one(tmp_path):
    filled(tmp_path, 3)
    pack = only(tmp_path, ".pack")
    whole = bytearray(pack.read_bytes())
    whole[-10] ^= 1
    pack.write_bytes(whole)
    store = Store(tmp_path)
    with pytest.raises(RecordError, match="got changed bytes"):
        store.read(name_of(2))
    store.write(record_of(2))
    same(store.read(name_of(2)), record_of(2))


def test_foreign_files_are_reported_and_left_alone(tmp_path):
    filled(tmp_path, 3)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "photo.pack").write_bytes(b"\x89PNG" * 50)
    (tmp_path / "empty.pack").touch()
    store = Store(tmp_path)
    assert len(store) == 3
    assert {damage.path.name for damage in store.verify()} == {"notes.txt", "photo.pack", "empty.pack"}


def test_tidying_keeps_each_whole_record_once(tmp_path, monkeypatch):
    filled(tmp_path)
    store = filled(tmp_path)  # all of them again, in another pack
    pack = store.packs[0]
    with open(pack, "r+b") as file:
        file.truncate(pack.stat().st_size - 30)
    assert store.tidy() == 0  # somebody may be writing
    monkeypatch.setattr(store_module, "QUIET", -1.0)
    assert store.tidy() > 0
    assert len(list(tmp_path.iterdir())) == 2
    assert list(store.verify()) == []
    for k in range(20):
        same(store.read(name_of(k)), record_of(k))


# ---------------------------------------------------------------------- writers


def write_some(directory, first, last):
    store = Store(directory)
    for k in range(first, last):
        store.write(record_of(k))


def test_many_writers_at_once(tmp_path):
    context = multiprocessing.get_context("spawn")
    spans = [(0, 60), (30, 90), (60, 120)]
    writers = [context.Process(target=write_some, args=(tmp_path, *span)) for span in spans]
    for writer in writers:
        writer.start()
    reader = Store(tmp_path)
    while any(writer.is_alive() for writer in writers):
        for key in list(reader.keys())[-3:]:
            reader.read(key)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    assert list(reader.keys()) == sorted(name_of(k) for k in range(120))
    assert list(reader.verify()) == []


def test_a_forked_process_has_a_pack_of_its_own(tmp_path):
    store = Store(tmp_path)
    store.write(record_of(0))
    child = multiprocessing.get_context("fork").Process(target=write_some, args=(tmp_path, 1, 2))
    child.start()
    child.join()
    store.write(record_of(2))
    assert len(store.packs) == 2
    assert len(store) == 3
    assert list(store.verify()) == []


ENDLESS = """
import sys
sys.path.insert(0, {tests!r})
from test_store import Store, record_of
store = Store({directory!r})
k = int(sys.argv[1])
print("ready", flush=True)
while True:
    store.write(record_of(k))
    k += 1
"""


def test_a_killed_writer_leaves_whole_records(tmp_path):
    script = ENDLESS.format(tests=os.path.dirname(__file__), directory=str(tmp_path / "store"))
    rng = np.random.default_rng(0)
    for n in range(5):
        writer = subprocess.Popen([sys.executable, "-c", script, str(10**6 * n)], stdout=subprocess.PIPE)
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0.02, 0.3))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    store = Store(tmp_path / "store")
    assert len(store) > 20
    for key in list(store.keys()):
        record = store.read(key)
        same(record, record_of(record.info["seed"]))
    assert all("too early" in damage.what or "no record" in damage.what for damage in store.verify())


def test_a_writer_killed_while_it_begins_a_pack_leaves_nothing_in_the_way(tmp_path):
    store = filled(tmp_path, 1)
    whole = only(tmp_path, ".pack").read_bytes()
    begun = tmp_path / "begun.pack"
    for size in (*range(12), 13, 100):
        begun.write_bytes(whole[:size])
        os.utime(begun, (0, 0))
        assert list(Store(tmp_path).keys()) == [name_of(0)]
        assert [damage.path for damage in store.verify() if "too early" in damage.what] == [begun]
        Store(tmp_path).tidy()
        assert not begun.exists()
        same(Store(tmp_path).read(name_of(0)), record_of(0))


def test_a_full_disk_takes_nothing_away(tmp_path, monkeypatch):
    store = filled(tmp_path / "old", 3)
    store.write(record_of(3))

    def no_room(file, data):
        file.write(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(packs, "_write_all", no_room)
        with pytest.raises(RecordError, match="No space left on device"):
            store.write(record_of(4))
        with pytest.raises(RecordError, match="No space left on device"):
            Store(tmp_path / "new").write(record_of(4))
    assert list(store.verify()) == []
    assert len(store) == 4
    assert list((tmp_path / "new").iterdir()) == []
    store.write(record_of(4))
    assert len(store) == 5
    same(store.read(name_of(4)), record_of(4))


def test_a_store_that_may_not_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RecordError, match="expected room for a record"):
        Store(tmp_path / "file").write(record_of(0))


# ---------------------------------------------------------------------- what went wrong


def test_reasons_are_kept_until_there_is_a_record(tmp_path):
    store = filled(tmp_path, 3)
    store.fail(name_of(3), "too slow")
    store.fail(name_of(4), "for once")
    store.fail(name_of(3), "too slow again", attempts=2)
    assert Store(tmp_path).failures() == {name_of(3): "too slow again", name_of(4): "for once"}
    assert list(Store(tmp_path).verify()) == []
    store.write(record_of(4))
    assert Store(tmp_path).failures() == {name_of(3): "too slow again"}
    log = only(tmp_path, ".log")
    log.write_bytes(log.read_bytes() + b'{"key": "torn')
    assert Store(tmp_path).failures() == {name_of(3): "too slow again"}


def test_a_distrusted_record_is_missing_until_it_is_made_again(tmp_path, monkeypatch):
    filled(tmp_path, 3)
    pack = only(tmp_path, ".pack")
    whole = bytearray(pack.read_bytes())
    whole[-10] ^= 1
    pack.write_bytes(whole)
    store, other = Store(tmp_path), Store(tmp_path)
    other.refresh()
    store.distrust(name_of(0))  # a whole one
    store.distrust(name_of(2))
    assert name_of(0) in store
    with pytest.raises(RecordError, match="changed bytes"):
        other.read(name_of(2))
    other.refresh()
    for each in (store, other, Store(tmp_path)):
        assert name_of(2) not in each
        assert len(each) == 2
    store.write(record_of(2))
    for each in (store, other, Store(tmp_path)):
        same(each.read(name_of(2)), record_of(2))
    store.fail(name_of(7), "for good")
    monkeypatch.setattr(store_module, "QUIET", -1.0)
    store.tidy()
    assert list(Store(tmp_path).verify()) == []
    assert len(Store(tmp_path)) == 3
    assert Store(tmp_path).failures() == {name_of(7): "for good"}
