"""`check`: whatever is damaged is found, named and mended as far as it can be; nothing good is lost."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cid_store.block import Block
from cid_store.car import open_car
from cid_store.cid import CID, RAW
from cid_store.errors import BlockNotFound, CorruptBlock, StoreError, UsageError
from cid_store.pins import Pin
from cid_store.stores.local import LocalStore
from cid_store.testing import MIB, numbered, sample

FILE = sample(3 * MIB + 7, "file")
LEAVES = [CID.make(RAW, FILE[i : i + MIB]) for i in range(0, len(FILE), MIB)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    with LocalStore(tmp_path / "store") as store:
        yield store


def where(store: LocalStore, cid: CID) -> tuple[Path, int]:
    (place, *_) = store._places(cid)
    return store._path(place), place.start


def flip(store: LocalStore, cid: CID) -> Path:
    path, at = where(store, cid)
    path.chmod(0o644)
    with path.open("r+b") as f:
        byte = os.pread(f.fileno(), 1, at)[0]
        os.pwrite(f.fileno(), bytes([byte ^ 1]), at)
    return path


def kinds(store: LocalStore, *, repair: bool = True) -> tuple[list[tuple[str, CID | None]], list[str]]:
    report = store.check(repair=repair)
    return [(f.kind, f.cid) for f in report.damage], [f.kind for f in report.leftovers]


def test_a_good_store(store: LocalStore) -> None:
    root = store.put_file(FILE)
    store.put_many(numbered(100))
    report = store.check()
    assert report.ok
    assert report.leftovers == ()
    assert report.blocks == 100 + 5
    assert report.bytes == sum(len(store.get(cid)) for cid in store.cids())
    assert store.has(root)


def test_a_corrupt_block_in_a_pack(store: LocalStore) -> None:
    blocks = numbered(50)
    store.put_many(blocks)
    bad = blocks[20]
    flip(store, bad.cid)
    assert kinds(store, repair=False) == ([("corrupt-block", bad.cid)], [])
    assert kinds(store) == ([("corrupt-block", bad.cid)], [])
    (kept,) = (store.folder.root / "quarantine").iterdir()
    assert kept.name.startswith(bad.cid)
    with pytest.raises(BlockNotFound):
        store.get(bad.cid)
    assert [bytes(store.get(b.cid)) for b in blocks if b != bad] == [b.data for b in blocks if b != bad]
    store.put_many([bad])
    assert bytes(store.get(bad.cid)) == bad.data
    assert kinds(store) == ([], [])


def test_a_broken_frame_in_a_pack(store: LocalStore) -> None:
    """The data are all right, but the pack would not be read without the index: it is written anew."""
    blocks = numbered(50)
    store.put_many(blocks)
    path, at = where(store, blocks[3].cid)
    with path.open("r+b") as f:
        os.pwrite(f.fileno(), b"\xff\xff", at - 37)
    assert kinds(store) == ([], ["broken-frame"])
    assert kinds(store) == ([], [])
    store.close()
    store.folder.index.unlink()
    assert kinds(store)[0] == [("index", None)]
    assert sorted(store.cids()) == sorted(b.cid for b in blocks)


def test_a_corrupt_block_in_a_file(store: LocalStore) -> None:
    """The other blocks are kept, in packs; the file can be put again."""
    root = store.put_file(FILE)
    bad = LEAVES[1]
    path = flip(store, bad)
    assert kinds(store) == ([("corrupt-block", bad)], [])
    assert not path.exists()
    assert store.has_many([root, *LEAVES]) == [True, True, False, True, True]
    with pytest.raises(BlockNotFound) as caught:
        store.open_file(root).read()
    assert caught.value.cid == bad
    assert store.open_file(root).read(2 * MIB) == FILE[2 * MIB :]
    assert store.put_file(FILE) == root
    assert store.open_file(root).view() == FILE
    assert kinds(store) == ([], [])


@pytest.mark.parametrize("change", [lambda d: d[:-1], lambda d: d + b"x", lambda d: b"", lambda d: d[:MIB]])
def test_a_file_of_the_wrong_length(store: LocalStore, change: Callable[[bytes], bytes]) -> None:
    root = store.put_file(FILE)
    path = store.folder.file(root)
    path.chmod(0o644)
    path.write_bytes(change(FILE))
    with pytest.raises(CorruptBlock):
        store.open_file(root).view()
    assert not store.check().ok
    assert kinds(store) == ([], [])
    held = [cid for cid in LEAVES if store.has(cid)]
    assert [bytes(store.get(cid)) for cid in held] == [
        FILE[i * MIB :][:MIB] for i, c in enumerate(LEAVES) if c in held
    ]


def test_a_missing_file_and_a_missing_pack(store: LocalStore) -> None:
    root = store.put_file(FILE)
    block = store.put(b"block")
    store.folder.file(root).unlink()
    pack, _ = where(store, block)
    pack.unlink()
    with pytest.raises(CorruptBlock):
        store.get(LEAVES[0])
    damage, _ = kinds(store)
    assert sorted(damage, key=str) == sorted(
        [("missing-file", cid) for cid in LEAVES] + [("missing-pack", root), ("missing-pack", block)], key=str
    )
    assert list(store.cids()) == []
    assert store.put_file(FILE) == root
    assert kinds(store) == ([], [])


@pytest.mark.parametrize("loss", ["gone", "garbage", "torn", "empty"])
def test_a_lost_index_is_rebuilt(store: LocalStore, loss: str) -> None:
    """From files and packs; pins stay, and so does every block."""
    root = store.put_file(FILE)
    store.put_many(numbered(3000))
    store.pin(root, note="wanted")
    before = sorted(store.cids())
    store.close()
    index = store.folder.index
    data = index.read_bytes()
    for suffix in ("-wal", "-shm"):
        index.with_name(index.name + suffix).unlink(missing_ok=True)
    if loss == "gone":
        index.unlink()
    else:
        index.write_bytes({"garbage": b"x" * 8192, "torn": data[: len(data) // 2], "empty": b""}[loss])
    with pytest.raises(StoreError) as caught:
        list(store.cids())
    assert "check" in caught.value.next_step
    assert not store.check(repair=False).ok
    damage, leftovers = kinds(store)
    assert damage == [("index", None)]
    assert set(leftovers) == {"unlisted-pack", "unlisted-file"}
    assert sorted(store.cids()) == before
    assert list(store.pins()) == [Pin(root, "recursive", "wanted")]
    assert store.open_file(root).view() == FILE
    assert kinds(store) == ([], [])


def test_another_process_sees_a_rebuilt_index(store: LocalStore) -> None:
    store.put_many(numbered(10))
    with LocalStore(store.folder.root) as other:
        store.close()
        store.folder.index.unlink()
        assert kinds(store)[0] == [("index", None)]
        new = other.put(b"by the other")
        assert store.has(new)
        assert len(list(store.cids())) == 11
        assert kinds(store) == ([], [])


def test_nodes_of_a_file_are_made_again(store: LocalStore) -> None:
    """They follow from the file's bytes."""
    root = store.put_file(FILE)
    store.delete([root, LEAVES[2]])
    assert store.check().ok
    assert store.has_many([root, *LEAVES]) == [True] * 5


def test_strange_files_are_set_aside(store: LocalStore) -> None:
    root = store.put_file(FILE)
    files = store.folder.root / "files"
    shelf = store.folder.file(root).parent
    (shelf / "not-a-cid").write_bytes(b"x")
    (shelf / LEAVES[0]).write_bytes(FILE[:MIB])  # right content, wrong place, unless both share the shelf
    (files / "zz").mkdir(exist_ok=True)
    (files / "zz" / CID.make(RAW, b"name")).write_bytes(b"other")
    (store.folder.root / "packs" / "strange").write_bytes(b"x")
    (store.folder.root / "tmp" / "123-abc").write_bytes(b"torn")
    damage, leftovers = kinds(store)
    assert [kind for kind, _ in damage] == ["misnamed-file"] * 4
    assert leftovers == ["temp-file"]
    assert len(list((store.folder.root / "quarantine").iterdir())) == 4
    assert kinds(store) == ([], [])


def test_unlisted_files_and_packs_are_taken_in(store: LocalStore, tmp_path: Path) -> None:
    """Copied from another store, or named and not yet committed when the writer was killed."""
    with LocalStore(tmp_path / "other") as other:
        root = other.put_file(FILE)
        other.put_many(numbered(10))
    store.put(b"own")
    shutil.copytree(other.folder.root / "files", store.folder.root / "files", dirs_exist_ok=True)
    for pack in (other.folder.root / "packs").iterdir():
        (store.folder.root / "packs" / pack.name).write_bytes(pack.read_bytes() + b"\x30torn")
    assert kinds(store) == ([], ["unlisted-pack", "unlisted-file"])
    assert store.open_file(root).view() == FILE
    assert len(list(store.cids())) == 10 + 5 + 1
    (tail,) = (store.folder.root / "quarantine").iterdir()
    assert tail.read_bytes() == b"\x30torn"
    assert kinds(store) == ([], [])


def test_torn_tails_and_dead_bytes(store: LocalStore) -> None:
    blocks = numbered(100)
    store.put_many(blocks)
    path, _ = where(store, blocks[0].cid)
    store.delete([blocks[1].cid])
    with path.open("ab") as f:
        f.write(b"torn")
    assert kinds(store, repair=False) == ([], ["torn-tail", "dead-bytes"])
    assert kinds(store) == ([], ["torn-tail", "dead-bytes"])
    assert kinds(store) == ([], [])
    assert not path.exists()
    assert len(list(store.cids())) == 99


def test_a_pack_is_a_car(store: LocalStore) -> None:
    blocks = numbered(20)
    store.put_many(blocks)
    path, _ = where(store, blocks[0].cid)
    with open_car(path) as car:
        assert car.roots == ()
        assert [Block(b.cid, bytes(b.data)) for b in car.blocks()] == blocks


def test_the_bytes_of_docs_spec_local_store(store: LocalStore) -> None:
    """The golden values of the page."""
    cid = store.put(b"hello")
    path, at = where(store, cid)
    assert path.read_bytes().hex() == (
        "11a265726f6f7473806776657273696f6e01"
        "29015512202cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b982468656c6c6f"
    )
    assert at == 55
    assert (store.folder.root / "FORMAT").read_bytes() == b"codata local store, format 1\n"
    root = store.put_file(bytes(2 * MIB))
    file = store.folder.root / "files" / root[-3:-1] / root
    assert root == "bafybeiam7fzx7ebtpwnfqb4tfhcthbgihdavyir433y6dd5jjy37dftd4e"
    assert file.read_bytes() == bytes(2 * MIB)
    store.pin(cid, "direct", "why")
    assert (store.folder.root / "pins" / cid).read_bytes() == b'{"kind": "direct", "note": "why"}'


def test_a_temp_file_in_use_stays(store: LocalStore) -> None:
    from cid_store.stores.local.locks import temp_file

    with temp_file(store.folder) as (_, path):
        assert kinds(store) == ([], [])
        assert path.exists()


def test_a_folder_with_other_things_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match="is not a store"):
        LocalStore(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_store_of_another_format_is_refused(store: LocalStore) -> None:
    (store.folder.root / "FORMAT").write_bytes(b"codata local store, format 2\n")
    with pytest.raises(StoreError, match="not known here"):
        LocalStore(store.folder.root)


def test_a_damaged_pin_stops_the_listing(store: LocalStore) -> None:
    cid = store.put(b"x")
    store.pin(cid)
    (store.folder.root / "pins" / cid).write_bytes(b"{")
    with pytest.raises(StoreError, match="damaged"):
        list(store.pins())
