"""Holds, garbage collection and compaction in the local store; files, URLs, durability."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pytest

from cid_store.block import Block
from cid_store.cid import CID, RAW
from cid_store.errors import CorruptBlock, UsageError
from cid_store.stores import BACKENDS, open_store
from cid_store.stores.local import LocalStore, files
from cid_store.stores.local.mapped import MappedReader
from cid_store.stores.memory import MemoryStore
from cid_store.testing import MIB, numbered, sample


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    with LocalStore(tmp_path / "store") as store:
        yield store


@pytest.fixture
def other(store: LocalStore) -> Iterator[LocalStore]:
    """The same store, as another process would have it."""
    with LocalStore(store.folder.root) as other:
        yield other


def disk(store: LocalStore) -> int:
    return sum(
        p.stat().st_size
        for name in ("files", "packs")
        for p in (store.folder.root / name).rglob("*")
        if p.is_file()
    )


def test_gc_spares_what_an_open_store_has_put(store: LocalStore, other: LocalStore) -> None:
    """Until it is settled or closed: a job pins at its end."""
    cids = [other.put(b"small"), other.put_file(sample(2 * MIB))]
    assert store.gc([]).blocks == 0
    assert all(store.has_many(cids))
    other.settle()
    assert store.gc([]).blocks == 4
    assert not any(store.has_many(cids))


def test_gc_spares_what_is_pinned_and_settled_while_it_reads_the_pins(
    store: LocalStore, other: LocalStore
) -> None:
    cid = other.put(b"a result")

    def pins() -> Iterator[CID]:
        yield from [pin.cid for pin in store.pins()]
        other.pin(cid)
        other.settle()

    store.gc(pins())
    assert store.has(cid)


def test_gc_spares_what_an_open_store_has_put_again(store: LocalStore, other: LocalStore) -> None:
    """A block that was there already was reported as stored no less."""
    data = sample(2 * MIB)
    with LocalStore(store.folder.root) as first:
        small, root, old = first.put(b"small"), first.put_file(data), first.put(b"old")
    other.put(b"small")
    other.put_file(data)
    assert store.gc([]).blocks == 1
    assert store.has_many([small, root, old]) == [True, True, False]
    other.close()
    assert store.gc([]).blocks == 4


def test_gc_spares_what_was_touched(store: LocalStore, other: LocalStore) -> None:
    with LocalStore(store.folder.root) as first:
        one, two = first.put(b"one"), first.put(b"two")
    assert other.touch([one, CID.make(RAW, b"absent")]) == [True, False]
    assert store.gc([]).blocks == 1
    assert store.has_many([one, two]) == [True, False]


def test_gc_frees_the_disk(store: LocalStore) -> None:
    """Files at once, packs by writing anew what is left in them."""
    store.put_file(sample(5 * MIB))
    kept = numbered(2000)[::10]
    store.put_many(Block.of(sample(1000, str(i))) for i in range(2000))
    store.put_many(kept)
    assert disk(store) > 7_000_000
    store.gc([b.cid for b in kept])
    assert disk(store) < 20_000
    assert [bytes(store.get(b.cid)) for b in kept] == [b.data for b in kept]
    store.put(b"goes on")
    assert store.check().leftovers == ()
    store.gc([])
    assert disk(store) == 0


def test_gc_leaves_a_pack_with_a_corrupt_block(store: LocalStore) -> None:
    """No copy of the bad block is made; `check` is what repairs."""
    blocks = numbered(100)
    store.put_many(blocks)
    (place,) = store._places(blocks[0].cid)
    with store._path(place).open("r+b") as f:
        os.pwrite(f.fileno(), b"?", place.start)
    assert store.gc([b.cid for b in blocks[:10]]).blocks == 90
    with pytest.raises(CorruptBlock):
        store.get(blocks[0].cid)
    report = store.check()
    assert [f.cid for f in report.damage] == [blocks[0].cid]
    assert sorted(store.cids()) == sorted(b.cid for b in blocks[1:10])


def test_gc_while_reading(store: LocalStore, other: LocalStore) -> None:
    """A view stays valid, and a block that was moved is found where it is now."""
    data = sample(2 * MIB)
    view = store.open_file(store.put_file(data)).view()
    blocks = numbered(100)
    store.put_many(blocks)
    places = store._places(blocks[0].cid)
    store.settle()
    other.gc([b.cid for b in blocks[:10]])
    assert view == data
    assert store._read_place(places[0]) is None
    assert [bytes(b.data) for b in store.get_many(b.cid for b in blocks[:10])] == [
        b.data for b in blocks[:10]
    ]


def test_the_hold_of_a_dead_process_does_not_count(store: LocalStore) -> None:
    cid = store.put(b"x")
    stale = store.folder.root / "holds" / "1-99999-abcd"
    stale.touch()
    assert store.gc([]).blocks == 1
    assert not store.has(cid)
    assert not stale.exists()


def test_content_is_stored_once(store: LocalStore, tmp_path: Path) -> None:
    data = sample(3 * MIB)
    (tmp_path / "file").write_bytes(data)
    root = store.put_file(data)
    added = store.bytes_stored
    assert len(data) < added < len(data) + 1000
    sources = [
        data,
        bytearray(data),
        memoryview(data),
        pa.py_buffer(data),
        BytesIO(data),
        tmp_path / "file",
        str(tmp_path / "file"),
    ]
    assert {store.put_file(source) for source in sources} == {root}
    with (tmp_path / "file").open("rb") as f:
        assert store.put_file(f) == root
    assert store.bytes_stored == added
    assert len(list((store.folder.root / "files").rglob("baf*"))) == 1
    assert list((store.folder.root / "tmp").iterdir()) == []


def test_files_that_begin_alike(store: LocalStore, tmp_path: Path) -> None:
    """A first chunk that is known says nothing certain about the rest."""
    head = sample(MIB)
    store.put_file(head + b"one")
    for data in (head + b"two", head):
        (tmp_path / "file").write_bytes(data)
        assert store.open_file(store.put_file(tmp_path / "file")).view() == data


def test_blocks_that_came_singly_make_a_file(store: LocalStore) -> None:
    """As from a CAR: nothing is stored again, and the file reads the same."""
    data = sample(2 * MIB + 1)
    memory = MemoryStore()
    root = memory.put_file(data)
    store.put_many(memory.get_many(memory.cids()))
    added = store.bytes_stored
    assert store.put_file(data) == root
    assert store.bytes_stored == added
    assert store.open_file(root).read(MIB - 1, 3) == data[MIB - 1 : MIB + 2]


def test_small_files_lie_in_packs(store: LocalStore) -> None:
    roots = [store.put_file(sample(size)) for size in (0, 100, files.SMALL - 1, files.SMALL)]
    assert [p.name for p in (store.folder.root / "files").rglob("baf*")] == [roots[3]]


def test_an_open_file_is_put_from_where_it_stands(store: LocalStore, tmp_path: Path) -> None:
    data = sample(MIB)
    (tmp_path / "file").write_bytes(data)
    with (tmp_path / "file").open("rb") as f:
        f.seek(1000)
        assert store.open_file(store.put_file(f)).read() == data[1000:]


def test_a_file_system_that_can_not_copy_by_itself(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_SEGMENT", 2 * MIB)
    data = sample(5 * MIB + 3)
    (tmp_path / "file").write_bytes(data)

    def refuse(*_: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    assert store.open_file(store.put_file(tmp_path / "file")).view() == data


def test_a_view_is_the_file_itself(store: LocalStore) -> None:
    """Read-only, and Arrow takes it without a copy."""
    data = sample(3 * MIB)
    reader = store.open_file(store.put_file(data))
    assert isinstance(reader, MappedReader)
    assert reader.view().readonly
    assert pa.py_buffer(reader.view()).address == pa.py_buffer(reader.view()).address
    assert b"".join(reader.chunks(5, 2 * MIB)) == data[5 : 5 + 2 * MIB]
    with pytest.raises(UsageError):
        reader.read(-1)


def test_each_block_is_proven_once(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from cid_store.stores.local import mapped

    proven: list[int] = []
    monkeypatch.setattr(mapped, "sha256_many", lambda blocks: proven.append(len(blocks)) or hash_many(blocks))
    hash_many = files.hash_blocks.__globals__["sha256_many"]
    root = store.put_file(sample(3 * MIB))
    for _ in range(3):
        reader = store.open_file(root)
        reader.read(MIB, 10)
        reader.read(MIB - 1, 2)
    assert proven == [1, 1]
    reader.view()
    store.open_file(root).view()
    assert proven == [1, 1, 1]


def test_a_store_is_pickled_as_its_place(store: LocalStore) -> None:
    cid = store.put(b"x")
    copy = pickle.loads(pickle.dumps(store))
    with copy:
        assert copy.fsync == store.fsync
        assert bytes(copy.get(cid)) == b"x"


def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is synced from now on."""
    names: list[str] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        names.append(Path(os.readlink(f"/proc/self/fd/{fd}")).name)
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    return names


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="descriptors are named by /proc")
def test_what_is_synced(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relaxed store syncs nothing until asked; one that is not, also what a relaxed one left."""
    names = synced(monkeypatch)
    with LocalStore(store.folder.root, fsync=False) as relaxed:
        root = relaxed.put_file(sample(2 * MIB))
        small = relaxed.put(b"small")
        assert names == []
        relaxed.persist([root])
        pack = store._path(store._places(small)[0]).name
        assert {root, pack, "files", "packs"} <= set(names)
        names.clear()
        second = relaxed.put_file(sample(2 * MIB, "second"))
    assert names == []
    store.put_file(sample(2 * MIB, "second"))
    assert {second, pack} <= set(names)
    names.clear()
    store.put(b"new")
    assert pack in names or any(name.endswith(".car") for name in names)


def test_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a b").mkdir()
    for url in ("a b", f"{tmp_path}/a b", f"local:{tmp_path}/a b", "local:a b", f"file://{tmp_path}/a%20b"):
        with open_store(url) as store:
            assert isinstance(store, LocalStore)
            assert store.folder.root == tmp_path / "a b"
    assert isinstance(open_store("memory:"), MemoryStore)
    for wrong in ("file://host/a", "local:", "memory:x", "file:///a%00b"):
        with pytest.raises(UsageError):
            open_store(wrong)
    with pytest.raises(UsageError) as caught:
        open_store("gopher://x")
    assert all(scheme in caught.value.next_step for scheme in BACKENDS)
