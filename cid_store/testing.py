"""The contract of a store, as tests. Ships with the package: whoever writes a backend subclasses
`StoreContract`.

    class TestMemory(StoreContract):
        @pytest.fixture
        def store(self) -> Iterator[Store]:
            yield MemoryStore()

        def corrupt(self, store: Store, cid: CID) -> None:
            ...  # flip a bit of what the backend keeps of this block

A backend that can't be written to, or does not delete, says so by overriding the tests concerned with a skip.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest

from cid_store import multihash
from cid_store.block import Block
from cid_store.cid import CID, DAG_CBOR, DAG_PB, RAW
from cid_store.errors import BlockNotFound, CorruptBlock, LimitExceeded, UsageError
from cid_store.pins import GcReport, Keeper, Pin
from cid_store.store import MAX_BLOCK, Store

MIB = 1024 * 1024


def sample(size: int, seed: str = "") -> bytes:
    """`size` bytes that look random and are the same everywhere."""
    return hashlib.shake_128(seed.encode()).digest(size)


def numbered(count: int) -> list[Block]:
    """`count` small blocks, all different."""
    return [Block.of(b"block %d" % i) for i in range(count)]


class StoreContract(ABC):
    """What every store does."""

    @pytest.fixture
    @abstractmethod
    def store(self) -> Iterable[Store]:
        """An empty store."""

    @abstractmethod
    def corrupt(self, store: Store, cid: CID) -> None:
        """Change what the backend keeps of a block, behind the store's back."""

    # -- blocks --

    @pytest.mark.parametrize("size", [0, 1, 100, MIB, MAX_BLOCK])
    def test_a_block_comes_back(self, store: Store, size: int) -> None:
        """Of any size, empty and largest included."""
        data = sample(size)
        cid = store.put(data)
        assert cid == CID.make(RAW, data)
        assert bytes(store.get(cid)) == data
        assert store.has(cid)

    def test_a_view_is_kept_as_it_was(self, store: Store) -> None:
        """What the caller does to a buffer after `put` does not matter."""
        data = bytearray(b"before")
        cid = store.put(memoryview(data))
        data[:] = b"after!"
        assert bytes(store.get(cid)) == b"before"

    def test_an_absent_block_is_named(self, store: Store) -> None:
        """The error carries the CID, and a way on."""
        cid = CID.make(RAW, b"absent")
        assert not store.has(cid)
        with pytest.raises(BlockNotFound) as caught:
            store.get(cid)
        assert caught.value.cid == cid
        assert caught.value.next_step

    def test_wrong_bytes_do_not_enter(self, store: Store) -> None:
        """`put_many` proves each block."""
        cid = CID.make(RAW, b"right")
        with pytest.raises(CorruptBlock) as caught:
            store.put_many([Block(cid, b"wrong")])
        assert caught.value.cid == cid
        assert not store.has(cid)

    def test_wrong_bytes_do_not_leave(self, store: Store) -> None:
        """`get` proves each block."""
        cid = store.put(sample(1000))
        self.corrupt(store, cid)
        with pytest.raises(CorruptBlock) as caught:
            store.get(cid)
        assert caught.value.cid == cid

    def test_too_large_a_block_is_refused(self, store: Store) -> None:
        """One byte over the limit, however it comes."""
        data = sample(MAX_BLOCK + 1)
        with pytest.raises(LimitExceeded):
            store.put(data)
        with pytest.raises(LimitExceeded):
            store.put_many([Block.of(data)])
        assert not store.has(CID.make(RAW, data))

    def test_identity_blocks_need_no_store(self, store: Store) -> None:
        """They are their own CID, always held and never listed."""
        cid = CID.make(RAW, b"in the name", multihash.IDENTITY)
        assert store.has(cid)
        assert bytes(store.get(cid)) == b"in the name"
        assert store.put_many([Block(cid, b"in the name")]) == 1
        assert list(store.cids()) == []

    def test_codec_and_version_do_not_matter(self, store: Store) -> None:
        """Blocks are keyed by multihash."""
        data = sample(200)
        cid = store.put(data, DAG_PB)
        for name in (cid.to_v0(), CID.make(RAW, data), CID.make(DAG_CBOR, data)):
            assert store.has(name)
            assert bytes(store.get(name)) == data
        store.put(data, RAW)
        assert len(list(store.cids())) == 1

    def test_other_hashes(self, store: Store) -> None:
        """A block keeps the hash that it came with."""
        blocks = [Block(CID.make(RAW, b"x", code), b"x") for code in (multihash.SHA2_512, 0xB220)]
        store.put_many(blocks)
        assert [bytes(store.get(b.cid)) for b in blocks] == [b"x", b"x"]
        assert not store.has(CID.make(RAW, b"x"))

    def test_many_blocks(self, store: Store) -> None:
        """More than any batch, one of them twice."""
        blocks = numbered(3000)
        assert store.put_many(iter([*blocks, blocks[0]])) == 3001
        wanted = blocks[::7]
        assert [(b.cid, bytes(b.data)) for b in store.get_many(b.cid for b in wanted)] == [
            (b.cid, b.data) for b in wanted
        ]
        assert sorted(store.cids()) == sorted(b.cid for b in blocks)

    def test_has_many_answers_in_order(self, store: Store) -> None:
        """With absent ones and repetitions among them."""
        blocks = numbered(1200)
        store.put_many(blocks[::2])
        asked = [b.cid for b in blocks] + [blocks[0].cid, blocks[1].cid]
        assert store.has_many(asked) == [i % 2 == 0 for i in range(1200)] + [True, False]
        assert store.has_many([]) == []

    def test_sizes_come_in_order(self, store: Store) -> None:
        """None stands for what is not held; an identity block has its bytes in its name."""
        cids = [store.put(bytes(size)) for size in (3, 0, 70_000)]
        identity = CID.build(RAW, multihash.IDENTITY, b"four")
        absent = CID.make(RAW, b"never put")
        assert store.sizes([cids[2], absent, *cids, identity]) == [70_000, None, 3, 0, 70_000, 4]
        assert store.sizes([]) == []

    def test_delete_forgets(self, store: Store) -> None:
        """What it is told, and nothing else; then the block can come again."""
        blocks = numbered(3)
        store.put_many(blocks)
        store.delete([blocks[1].cid, CID.make(RAW, b"absent")])
        assert store.has_many([b.cid for b in blocks]) == [True, False, True]
        with pytest.raises(BlockNotFound):
            store.get(blocks[1].cid)
        store.put_many(blocks)
        assert bytes(store.get(blocks[1].cid)) == blocks[1].data

    def test_threads(self, store: Store) -> None:
        """Eight at once, writing the same and different blocks, and reading."""
        common = numbered(40)

        def work(number: int) -> None:
            own = [Block.of(b"%d of %d" % (i, number)) for i in range(40)]
            for mine, ours in zip(own, common, strict=True):
                store.put_many([mine, ours])
                assert bytes(store.get(mine.cid)) == mine.data
            assert all(store.has_many([b.cid for b in own + common]))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        assert len(set(store.cids())) == 9 * 40

    # -- files --

    @pytest.mark.parametrize("size", [0, 1, MIB, MIB + 1, 5 * MIB])
    def test_a_file_comes_back(self, store: Store, size: int) -> None:
        """From a buffer and from a stream alike, at any place."""
        data = sample(size)
        root = store.put_file(data)
        assert store.put_file(BytesIO(data)) == root
        reader = store.open_file(root)
        assert reader.size == size
        assert bytes(reader.view()) == data
        assert reader.view().readonly
        for offset in {0, 1, size // 2, MIB - 1, MIB, max(size - 1, 0), size, size + 1}:
            for length in (0, 1, 4096, 2 * MIB, None):
                assert reader.read(offset, length) == data[offset:][:length]

    def test_known_file_names(self, store: Store) -> None:
        """Names that every implementation gives."""
        assert store.put_file(b"") == "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
        assert store.put_file(b"hello world") == "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"

    def test_a_file_from_disk(self, store: Store, tmp_path: Path) -> None:
        """By its path; a path that is no file is refused."""
        data = sample(3 * MIB + 5)
        (tmp_path / "file").write_bytes(data)
        root = store.put_file(tmp_path / "file")
        assert root == store.put_file(data)
        assert store.open_file(root).read() == data
        for path in (tmp_path, tmp_path / "absent"):
            with pytest.raises(UsageError):
                store.put_file(path)

    def test_the_blocks_of_a_file_are_blocks(self, store: Store) -> None:
        """Each can be fetched on its own."""
        data = sample(2 * MIB + 9)
        store.put_file(data)
        for at in range(0, len(data), MIB):
            leaf = data[at : at + MIB]
            assert bytes(store.get(CID.make(RAW, leaf))) == leaf

    def test_a_corrupt_block_does_not_leave_a_file(self, store: Store) -> None:
        """Neither by `read` nor by `view`; the other blocks do."""
        data = sample(3 * MIB)
        root = store.put_file(data)
        bad = CID.make(RAW, data[MIB : 2 * MIB])
        self.corrupt(store, bad)
        reader = store.open_file(root)
        assert reader.read(0, MIB) == data[:MIB]
        assert reader.read(2 * MIB) == data[2 * MIB :]
        for read in (lambda: reader.read(MIB + 5, 1), reader.view):
            with pytest.raises(CorruptBlock) as caught:
                read()
            assert caught.value.cid == bad

    def test_a_file_lacking_a_block(self, store: Store) -> None:
        """The block is named."""
        root = store.put_file(sample(2 * MIB))
        store.delete([root])
        with pytest.raises(BlockNotFound) as caught:
            store.open_file(root)
        assert caught.value.cid == root


class KeeperContract(ABC):
    """What a store with pins and garbage collection does besides."""

    @pytest.fixture
    @abstractmethod
    def store(self) -> Iterable[Store]:
        """An empty store that is a `Keeper` too."""

    def test_pins(self, store: Store) -> None:
        """Set, replaced, listed in order, dropped."""
        keeper = _keeper(store)
        one, two = sorted(CID.make(RAW, b"%d" % i) for i in range(2))
        keeper.pin(two, "direct")
        keeper.pin(one, note="first")
        keeper.pin(one, note="because ünïcode")
        assert list(keeper.pins()) == [Pin(one, "recursive", "because ünïcode"), Pin(two, "direct", "")]
        assert keeper.unpin(two)
        assert not keeper.unpin(two)
        assert [pin.cid for pin in keeper.pins()] == [one]

    def test_a_wrong_pin_is_refused(self, store: Store) -> None:
        """An unknown kind, a note without end."""
        cid = CID.make(RAW, b"x")
        with pytest.raises(UsageError):
            _keeper(store).pin(cid, "sometimes")  # type: ignore[arg-type]
        with pytest.raises(UsageError):
            _keeper(store).pin(cid, note="x" * 5000)
        assert list(_keeper(store).pins()) == []

    def test_gc_deletes_what_is_not_kept(self, store: Store) -> None:
        """Exactly that; a dry run only counts."""
        blocks = numbered(1000)
        store.put_many(blocks)
        keep = [b.cid for b in blocks[::3]]
        dead = [b for b in blocks if b.cid not in set(keep)]
        expected = GcReport(len(dead), sum(len(b.data) for b in dead))
        assert _keeper(store).gc(iter(keep), dry_run=True) == expected
        assert all(store.has_many([b.cid for b in blocks]))
        assert _keeper(store).gc(iter(keep)) == expected
        assert sorted(store.cids()) == sorted(keep)
        assert [bytes(b.data) for b in store.get_many(keep)] == [b.data for b in blocks[::3]]
        assert _keeper(store).gc(keep) == GcReport(0, 0)

    def test_gc_goes_by_multihash(self, store: Store) -> None:
        """A block named under another codec or version is kept."""
        cid = store.put(b"node", DAG_PB)
        assert _keeper(store).gc([cid.to_v0()]) == GcReport(0, 0)
        assert _keeper(store).gc([CID.make(RAW, b"node")]) == GcReport(0, 0)
        assert store.has(cid)

    def test_gc_spares_what_comes_meanwhile(self, store: Store) -> None:
        """A block put, or put again, while `keep` is read was reported as stored to somebody."""
        old, again = store.put(b"old"), store.put(b"again")

        def keep() -> Iterable[CID]:
            store.put(b"new")
            store.put(b"again")
            yield from ()

        assert _keeper(store).gc(keep()).blocks == 1
        assert not store.has(old)
        assert store.has(CID.make(RAW, b"new"))
        assert store.has(again)

    def test_gc_of_files(self, store: Store) -> None:
        """A file goes whole, and blocks that another one shares stay."""
        head, tail = sample(2 * MIB, "head"), sample(MIB, "tail")
        gone, kept = store.put_file(head + tail), store.put_file(head)
        leaves = [CID.make(RAW, head[:MIB]), CID.make(RAW, head[MIB:])]
        report = _keeper(store).gc([kept, *leaves])
        assert report.blocks == 2
        assert not store.has(gone)
        assert not store.has(CID.make(RAW, tail))
        assert store.open_file(kept).read() == head
        assert [bytes(store.get(leaf)) for leaf in leaves] == [head[:MIB], head[MIB:]]


def _keeper(store: Store) -> Keeper:
    assert isinstance(store, Keeper)
    return store
