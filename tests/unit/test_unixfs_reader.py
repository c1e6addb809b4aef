"""Reading files: any range of any tree, and no byte from a tree that lies."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cid_store.block import Block
from cid_store.cid import CID, DAG_PB, RAW
from cid_store.codecs import dag_pb
from cid_store.codecs.dag_pb import PBLink, PBNode
from cid_store.errors import BlockNotFound, CorruptBlock, LimitExceeded, UsageError
from cid_store.unixfs import V0_2015, V1_2025, Profile, add_file, open_file, stream_file
from cid_store.unixfs import data as message
from cid_store.unixfs.data import Data, Kind
from cid_store.unixfs.errors import BadUnixFS, NotAFile
from cid_store.unixfs.reader import MAX_DEPTH, DagReader, FileReader
from tests.stores import spoil
from tests.unit.unixfs_blocks import BlockStore, load_car, tiny

PROFILES = st.builds(
    tiny, st.sampled_from([V0_2015, V1_2025]), st.integers(1, 12), st.integers(2, 5), st.just(0)
)


@given(PROFILES, st.binary(max_size=300), st.integers(0, 310), st.none() | st.integers(0, 310))
def test_a_range_is_the_slice(profile: Profile, content: bytes, offset: int, length: int | None) -> None:
    store = BlockStore()
    root = add_file(store, content, profile)
    reader = open_file(store, root)
    assert reader.size == len(content)
    assert reader.read(offset, length) == content[offset : None if length is None else offset + length]
    assert reader.view() == content
    assert reader.view().readonly


@given(PROFILES, st.binary(max_size=300))
def test_tsize_counts_every_block(profile: Profile, content: bytes) -> None:
    total = 0

    def count(block: Block) -> None:
        nonlocal total
        total += len(block.data)

    assert stream_file(profile, count, content).tsize == total


def test_only_needed_blocks_are_fetched() -> None:
    store, content = BlockStore(), random.Random(1).randbytes(10_000)
    reader = open_file(store, add_file(store, content, tiny(chunk=10, links=10)))
    store.reads.clear()
    assert reader.read(5555, 3) == content[5555:5558]
    assert len(store.reads) == 3  # two interior nodes and a leaf; the root was there
    store.reads.clear()
    assert reader.read(5556, 3) == content[5556:5559]
    assert len(store.reads) == 1


def test_the_blocks_of_a_range_come_depth_first() -> None:
    store, content = BlockStore(), bytes(range(40))
    root = add_file(store, content, tiny())
    reader = DagReader(store, root)
    blocks = [block for block, _ in reader.blocks(10, 11)]
    assert blocks[0].cid == root
    assert b"".join(bytes(b.data) for b in blocks if b.cid.codec == RAW) == content[10:30]
    assert [block.cid for block, _ in reader.blocks(40)] == [root]


@pytest.mark.parametrize("length", [0, 5, 1000])
def test_reading_past_the_end_gives_what_is_there(length: int) -> None:
    store = BlockStore()
    assert open_file(store, add_file(store, b"abc")).read(2, length) == b"c"[:length]


@pytest.mark.parametrize(("offset", "length"), [(-1, None), (0, -1)])
def test_negative_ranges_are_refused(offset: int, length: int | None) -> None:
    store = BlockStore()
    with pytest.raises(UsageError):
        open_file(store, add_file(store, b"abc")).read(offset, length)


def test_inline_bytes_come_before_the_children() -> None:
    store = BlockStore()
    leaf = store.put(b"world")
    links = [PBLink(leaf, None, 5)]
    root = store.node(Data(Kind.FILE, b"hello ", filesize=11, blocksizes=(5,)), links)
    reader = open_file(store, root)
    assert (reader.read(), reader.read(4, 4), reader.read(7)) == (b"hello world", b"o wo", b"orld")


def test_identity_leaves_are_read_inline() -> None:
    store = BlockStore()
    leaf = CID.make(RAW, b"tiny", 0)
    assert open_file(store, store.file([(leaf, 4), (leaf, 4)])).read(2, 4) == b"nyti"
    assert open_file(store, CID("bafkqaaa")).size == 0


def test_empty_children_hold_nothing_and_cost_nothing() -> None:
    store = BlockStore()
    missing = CID.make(RAW, b"")
    leaf = store.put(b"ab")
    root = store.file([(missing, 0), (leaf, 2), (missing, 0), (leaf, 2), (missing, 0)])
    assert open_file(store, root).read() == b"abab"


def _wrong_blocksize(store: BlockStore) -> CID:
    return store.file([(store.put(b"abc"), 4)])


def _wrong_inner_size(store: BlockStore) -> CID:
    return store.file([(store.file([(store.put(b"abc"), 3)]), 2)])


def _too_few_blocksizes(store: BlockStore) -> CID:
    links = [PBLink(store.put(b"abc"), "", 3)] * 2
    return store.node(Data(Kind.FILE, filesize=3, blocksizes=(3,)), links)


def _wrong_filesize(store: BlockStore) -> CID:
    return store.file([(store.put(b"abc"), 3)], filesize=4)


def _no_filesize(store: BlockStore) -> CID:
    return store.node(Data(Kind.FILE, b"abc"))


def _overflow(store: BlockStore) -> CID:
    leaf = store.put(b"abc")
    return store.file([(leaf, 2**62), (leaf, 2**62)], filesize=0)


def _directory_below(store: BlockStore) -> CID:
    return store.file([(store.node(Data(Kind.DIRECTORY)), 3)])


def _named_links(store: BlockStore) -> CID:
    return store.node(Data(Kind.FILE, filesize=1, blocksizes=(1,)), [PBLink(store.put(b"a"), "a", 1)])


def _no_message(store: BlockStore) -> CID:
    return store.put(dag_pb.encode(PBNode()), DAG_PB)


def _garbage(store: BlockStore) -> CID:
    return store.put(b"\xff\xff\xff", DAG_PB)


@pytest.mark.parametrize(
    "build",
    [
        _wrong_blocksize,
        _wrong_inner_size,
        _too_few_blocksizes,
        _wrong_filesize,
        _no_filesize,
        _overflow,
        _directory_below,
        _named_links,
        _no_message,
        _garbage,
    ],
)
def test_a_tree_that_contradicts_itself_is_refused(build: Callable[[BlockStore], CID]) -> None:
    store = BlockStore()
    root = build(store)
    with pytest.raises(BadUnixFS) as e:
        open_file(store, root).read()
    assert e.value.cid is not None


def test_a_chain_without_end_is_bounded() -> None:
    store = BlockStore()
    cid = store.put(b"x")
    for _ in range(MAX_DEPTH + 1):
        cid = store.file([(cid, 1)])
    with pytest.raises(LimitExceeded):
        open_file(store, cid).read()


def test_a_small_dag_that_claims_exabytes_is_read_in_part() -> None:
    store = BlockStore()
    cid, size = store.put(b"0123456789"), 10
    for _ in range(17):
        cid, size = store.file([(cid, size)] * 10), size * 10
    reader = open_file(store, cid)
    assert reader.size == 10**18
    store.reads.clear()
    assert reader.read(10**17 + 3, 14) == b"34567890123456"
    assert len(store.reads) < 50


@pytest.mark.parametrize("kind", [Kind.DIRECTORY, Kind.SYMLINK, Kind.HAMT, Kind.METADATA])
def test_other_nodes_are_no_files(kind: Kind) -> None:
    store = BlockStore()
    root = store.node(Data(kind))
    with pytest.raises(NotAFile, match=root):
        open_file(store, root)


def test_other_codecs_are_no_files() -> None:
    store = BlockStore()
    with pytest.raises(NotAFile, match="dag-cbor"):
        open_file(store, store.put(b"\xa0", 0x71))


def test_absent_and_corrupt_blocks_are_named() -> None:
    store, content = BlockStore(), bytes(range(40))
    root = add_file(store, content, tiny())
    leaf = CID.make(RAW, content[20:30])
    spoil(store, leaf)
    with pytest.raises(CorruptBlock, match=leaf):
        open_file(store, root).read()
    store.delete([leaf])
    with pytest.raises(BlockNotFound, match=leaf):
        open_file(store, root).read()
    assert open_file(store, root).read(0, 20) == content[:20]
    store.put(content[20:30])
    assert open_file(store, root).read() == content


def test_a_view_of_one_block_is_not_copied() -> None:
    store = BlockStore()
    root = add_file(store, b"abc" * 1000)
    assert open_file(store, root).view().obj is store.get(root)


def test_a_buffer_may_be_written_to_after_it_was_added() -> None:
    store, content = BlockStore(), bytearray(b"before")
    roots = [add_file(store, content), add_file(store, memoryview(content))]
    content[:] = b"after!"
    assert [open_file(store, root).read() for root in roots] == [b"before", b"before"]


def test_a_reader_of_ones_own_needs_read_and_size_only() -> None:
    class Fixed(FileReader):
        size = 3 * 1024 * 1024 + 1

        def read(self, offset: int = 0, length: int | None = None) -> bytes:
            stop = self.size if length is None else min(self.size, offset + length)
            return bytes(max(stop - offset, 0))

    assert [len(piece) for piece in Fixed().chunks(5)] == [1024 * 1024] * 2 + [1024 * 1024 - 4]
    assert len(Fixed().view()) == Fixed.size


def test_a_published_multi_block_file() -> None:
    store, root = load_car("gateway-conformance/trustless_gateway_car/subdir-with-mixed-block-files.car")
    files = 0
    for cid in [root, *store.cids()]:
        if (
            cid.codec == DAG_PB
            and message.decode(dag_pb.decode(store.get(cid)).data or b"").kind is Kind.FILE
        ):
            reader = open_file(store, cid)
            whole = reader.read()
            assert len(whole) == reader.size > 256
            assert reader.read(200, 600) == whole[200:800]
            files += 1
    assert files
