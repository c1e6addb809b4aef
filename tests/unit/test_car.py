from __future__ import annotations

import io
import random
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cid_store import multihash, varint
from cid_store.block import Block
from cid_store.car import (
    INDEX_SORTED,
    MAX_SECTION,
    MULTIHASH_INDEX_SORTED,
    BadCarHeader,
    BadIndex,
    BadSection,
    Index,
    IndexEntry,
    NotSeekable,
    SectionTooLarge,
    TruncatedCar,
    ZeroLengthSection,
    car_size,
    open_car,
    read_index,
    split_car,
    verify_car,
    write_car,
    write_car_v2,
    write_index,
)
from cid_store.car.format import PRAGMA, HeaderV2, encode_header, section_head
from cid_store.car.source import FileSource
from cid_store.cid import CID, DAG_CBOR, DAG_PB, RAW
from cid_store.codecs import dag_cbor
from cid_store.errors import (
    BlockNotFound,
    CidStoreError,
    CorruptBlock,
    DecodeError,
    LimitExceeded,
    StoreError,
    UnsupportedHash,
    UsageError,
)

HASHES = st.sampled_from([0x12, 0x13, 0xB220, 0xB214])
BLOCKS = st.builds(
    lambda data, codec, function: Block(CID.make(codec, data, function), data),
    st.binary(max_size=200),
    st.sampled_from([RAW, DAG_PB, DAG_CBOR, 0x78]),
    HASHES,
) | st.binary(max_size=20).map(lambda data: Block(CID.make(DAG_PB, data).to_v0(), data))
BLOCK_LISTS = st.lists(BLOCKS, max_size=12, unique_by=lambda block: block.cid.multihash)

Writer = Callable[..., object]
Opener = Callable[[bytes], BinaryIO]


class Stream(io.RawIOBase):
    """A stream that can't seek and gives out few bytes at a time."""

    def __init__(self, data: bytes) -> None:
        self._inner = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(min(size, 7) if size >= 0 else 7)


def stream(data: bytes) -> BinaryIO:
    return Stream(data)  # type: ignore[return-value]


def raw(*contents: bytes) -> list[Block]:
    return [Block.of(content) for content in contents]


def car(
    blocks: list[Block], writer: Writer = write_car, roots: list[CID] | None = None, **options: object
) -> bytes:
    """A CAR whose root is its first block, or `roots`."""
    out = io.BytesIO()
    writer(out, [b.cid for b in blocks[:1]] if roots is None else roots, blocks, **options)
    return out.getvalue()


def sections(*parts: bytes) -> bytes:
    return encode_header([]) + b"".join(parts)


WRITERS = st.sampled_from([write_car, write_car_v2])


@given(BLOCK_LISTS, st.lists(BLOCKS.map(lambda block: block.cid), max_size=3), WRITERS)
def test_blocks_come_back(blocks: list[Block], roots: list[CID], writer: Writer) -> None:
    data = car(blocks, writer, roots)
    for source in (io.BytesIO(data), stream(data)):
        with open_car(source) as reader:
            assert reader.version == (1 if writer is write_car else 2)
            assert list(reader.roots) == roots
            assert list(reader.blocks()) == blocks
    with open_car(io.BytesIO(data)) as reader:
        assert all(reader.get(block.cid) == block.data for block in blocks)
    report = verify_car(io.BytesIO(data))
    assert (report.blocks, report.bytes) == (len(blocks), sum(len(b.data) for b in blocks))
    if writer is write_car:
        assert car_size(roots, [(b.cid, len(b.data)) for b in blocks]) == len(data)


@given(BLOCK_LISTS, st.sampled_from([INDEX_SORTED, MULTIHASH_INDEX_SORTED]))
def test_an_index_finds_every_block_where_it_lies(blocks: list[Block], codec: int) -> None:
    data = car(blocks, write_car_v2, index=codec)
    with open_car(io.BytesIO(data)) as reader:
        assert reader.header_v2 is not None
        assert reader.header_v2.fully_indexed
        index = Index(FileSource(io.BytesIO(data)), reader.header_v2.index_offset)
        assert index.codec == codec
        for section in reader.sections():
            assert section.offset in index.find(section.cid)
        entries = read_index(FileSource(io.BytesIO(data)), reader.header_v2.index_offset)
        assert sorted(e.offset for e in entries) == [s.offset for s in reader.sections()]


def test_duplicates_and_identity_blocks_are_written_on_request() -> None:
    a, b = raw(b"a", b"b")
    identity = Block(CID.make(RAW, b"i", multihash.IDENTITY), b"i")
    given_blocks = [a, identity, b, a, identity]

    def kept(**options: bool) -> list[Block]:
        with open_car(io.BytesIO(car(given_blocks, **options))) as reader:
            return list(reader.blocks())

    assert kept() == [a, b]
    assert kept(duplicates=True) == [a, b, a]
    assert kept(identity=True) == [a, identity, b]
    assert kept(duplicates=True, identity=True) == given_blocks
    data = car(given_blocks, write_car_v2, identity=True)
    with open_car(io.BytesIO(data)) as reader:
        assert reader.header_v2 is not None
        assert not reader.header_v2.fully_indexed
        assert reader.get(identity.cid) == b"i"
        assert len(read_index(FileSource(io.BytesIO(data)), reader.header_v2.index_offset)) == 2
    assert verify_car(io.BytesIO(car(given_blocks, duplicates=True))).duplicates == 1


def test_a_v2_may_follow_other_bytes_and_needs_no_index() -> None:
    out = io.BytesIO(b"before")
    out.seek(6)
    summary = write_car_v2(out, [], raw(b"a"), index=None)
    out.seek(6)
    assert summary.bytes == len(out.getvalue()) - 6
    with open_car(out) as reader:
        assert [b.data for b in reader.blocks()] == [b"a"]
        assert reader.get(Block.of(b"a").cid) == b"a"


def test_a_v2_is_not_written_to_a_stream() -> None:
    class Pipe(io.RawIOBase):
        def writable(self) -> bool:
            return True

    with pytest.raises(NotSeekable):
        write_car_v2(Pipe(), [], [])  # type: ignore[arg-type]


def test_files_that_take_little_at_a_time_get_everything() -> None:
    class Narrow(io.BytesIO):
        def write(self, data: object) -> int:
            return super().write(bytes(data)[:5])  # type: ignore[call-overload]

    out = Narrow()
    write_car_v2(out, [], raw(b"a" * 100))
    assert out.getvalue() == car(raw(b"a" * 100), write_car_v2, [])


def test_a_stream_is_read_once() -> None:
    reader = open_car(stream(car(raw(b"a"))))
    assert len(list(reader.sections())) == 1
    with pytest.raises(NotSeekable):
        list(reader.blocks())
    with pytest.raises(NotSeekable):
        reader.get(Block.of(b"a").cid)


@pytest.mark.parametrize("opened", [io.BytesIO, stream])
def test_every_truncation_of_a_v1_is_named_or_between_sections(opened: Opener) -> None:
    blocks = raw(b"one", b"", b"three" * 30)
    data = car(blocks)
    with open_car(io.BytesIO(data)) as reader:
        starts = [s.offset for s in reader.sections()]
    for size in range(len(data)):
        if size in starts:
            assert verify_car(opened(data[:size])).blocks == starts.index(size)
            continue
        with pytest.raises(TruncatedCar):
            verify_car(opened(data[:size]))
        with pytest.raises(TruncatedCar), open_car(opened(data[:size])) as reader:
            list(reader.sections())


@pytest.mark.parametrize("opened", [io.BytesIO, stream])
def test_every_truncation_of_a_v2_payload_is_named(opened: Opener) -> None:
    data = car(raw(b"one", b"", b"three" * 30), write_car_v2)
    header = HeaderV2.decode(data[len(PRAGMA) : len(PRAGMA) + 40])
    for size in range(header.data_offset + header.data_size):
        with pytest.raises(TruncatedCar):
            verify_car(opened(data[:size]))


def test_blocks_before_a_cut_are_still_given_out() -> None:
    blocks = raw(*(bytes([i]) * 200_000 for i in range(5)))
    with open_car(stream(car(blocks)[:-1])) as reader:
        found = reader.blocks()
        assert [next(found) for _ in range(4)] == blocks[:4]
        with pytest.raises(TruncatedCar):
            next(found)


@pytest.mark.parametrize("size", [10, 300_000])
def test_a_wrong_block_is_found(size: int) -> None:
    blocks = raw(*(bytes([i]) * size for i in range(12)))
    wrong = Block(blocks[7].cid, b"x" * size)
    data = car([*blocks[:7], wrong, *blocks[8:]])
    with open_car(io.BytesIO(data)) as reader:
        found = reader.blocks()
        assert [next(found) for _ in range(7)] == blocks[:7]
        with pytest.raises(CorruptBlock, match=wrong.cid):
            next(found)
        assert len(list(reader.blocks(verify=False))) == 12
        with pytest.raises(CorruptBlock):
            reader.get(wrong.cid)


def header(value: object) -> bytes:
    body = dag_cbor.encode(value)
    return varint.encode(len(body)) + body


BAD_HEADERS = {
    "zero length": b"\x00",
    "padded length": b"\x81\x00",
    "endless length": b"\xff" * 10,
    "no CBOR": b"\x01\xff",
    "no map": b"\x01\x80",
    "unknown version": header({"roots": [], "version": 3}),
    "version as text": header({"roots": [], "version": "1"}),
    "version as boolean": header({"roots": [], "version": True}),
    "no roots": header({"version": 1}),
    "roots null": header({"roots": None, "version": 1}),
    "roots text": header({"roots": ["bafkqaaa"], "version": 1}),
    "extra key": header({"a": 1, "roots": [], "version": 1}),
    "v2 in v2": PRAGMA + HeaderV2(51, 62, 0).encode() + PRAGMA + bytes(51),
    "payload over header": PRAGMA + struct.pack("<16sQQQ", bytes(16), 50, 1, 0),
    "payload beyond files": PRAGMA + struct.pack("<16sQQQ", bytes(16), 51, 2**64 - 1, 0),
    "index over payload": PRAGMA + struct.pack("<16sQQQ", bytes(16), 51, 100, 60) + bytes(200),
}


@pytest.mark.parametrize("data", BAD_HEADERS.values(), ids=BAD_HEADERS.keys())
@pytest.mark.parametrize("opened", [io.BytesIO, stream])
def test_bad_headers(data: bytes, opened: Opener) -> None:
    with pytest.raises(BadCarHeader):
        open_car(opened(data))


A_LINK = Block.of(b"a").cid.binary
BAD_SECTIONS = {
    "zero length": (b"\x00", ZeroLengthSection),
    "padded length": (b"\x81\x00", BadSection),
    "endless length": (b"\xff" * 10, BadSection),
    "too large": (varint.encode(MAX_SECTION + 1) + A_LINK, SectionTooLarge),
    "no room for the CID": (varint.encode(20) + A_LINK, BadSection),
    "CID version 2": (varint.encode(37) + b"\x02" + A_LINK[1:] + b"a", BadSection),
    "CID version 0 in long form": (varint.encode(37) + b"\x00" + A_LINK[1:] + b"a", BadSection),
    "huge digest": (varint.encode(40) + b"\x01\x55\x12\xff\xff\x7f" + bytes(34), BadSection),
}


@pytest.mark.parametrize(("data", "kind"), BAD_SECTIONS.values(), ids=BAD_SECTIONS.keys())
@pytest.mark.parametrize("opened", [io.BytesIO, stream])
def test_bad_sections(data: bytes, kind: type[CidStoreError], opened: Opener) -> None:
    good = section_head(Block.of(b"a").cid, 1) + b"a"
    with open_car(opened(sections(good, data, good))) as reader:
        blocks = reader.blocks()
        assert next(blocks).data == b"a"
        with pytest.raises(kind):
            list(blocks)


def test_zeros_at_the_end_are_taken_for_padding_on_request() -> None:
    data = car(raw(b"a")) + bytes(100)
    assert verify_car(io.BytesIO(data), zero_is_end=True).blocks == 1


def test_padding_around_a_v2_payload_is_passed_over() -> None:
    payload = car(raw(b"a", b"b"))
    header = HeaderV2(151, len(payload), 0)
    data = PRAGMA + header.encode() + b"\xff" * 100 + payload + b"\xff" * 100
    for source in (io.BytesIO(data), stream(data)):
        assert verify_car(source).blocks == 2


@pytest.mark.parametrize("opened", [io.BytesIO, stream])
def test_claimed_lengths_are_not_allocated(opened: Opener) -> None:
    liars = [
        varint.encode(32 << 20) + b"\xa2",
        sections(varint.encode(MAX_SECTION) + A_LINK),
        PRAGMA + HeaderV2(51, 1 << 60, 0).encode() + sections(),
    ]
    for data in liars:
        tracemalloc.start()
        with pytest.raises(TruncatedCar):
            verify_car(opened(data))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4 << 20


def _with_index(data: bytes, index: bytes) -> bytes:
    payload = HeaderV2.decode(data[len(PRAGMA) : 51])
    return data[: payload.data_offset + payload.data_size] + index


def test_a_lying_index_misleads_nobody() -> None:
    blocks = raw(*(bytes([i]) * 50 for i in range(20)))
    data = car(blocks, write_car_v2)
    with open_car(io.BytesIO(data)) as reader:
        places = [s.offset for s in reader.sections()]
    lies: list[list[int]] = [
        [*places[1:], places[0]],
        [0] * 20,
        [1 << 40] * 20,
        [place + 1 for place in places],
        [place + 3 for place in places],
    ]
    for offsets in lies:
        out = io.BytesIO()
        write_index(out, [IndexEntry(0x12, b.cid.digest, at) for b, at in zip(blocks, offsets, strict=True)])
        with open_car(io.BytesIO(_with_index(data, out.getvalue()))) as reader:
            assert all(reader.get(b.cid) == b.data for b in blocks)
            with pytest.raises(BlockNotFound):
                reader.get(Block.of(b"absent").cid)


BAD_INDEXES = {
    "empty": b"",
    "endless format": b"\xff" * 10,
    "unknown format": varint.encode(0x0402) + bytes(20),
    "negative count": varint.encode(0x0400) + struct.pack("<i", -1),
    "a billion buckets": varint.encode(0x0400) + struct.pack("<i", 10**9) + bytes(100),
    "width below an offset": varint.encode(0x0400) + struct.pack("<iIQ", 1, 7, 7) + bytes(7),
    "width beyond digests": varint.encode(0x0400) + struct.pack("<iIQ", 1, 2**32 - 1, 0),
    "size no multiple": varint.encode(0x0400) + struct.pack("<iIQ", 1, 40, 41) + bytes(41),
    "size beyond the file": varint.encode(0x0400) + struct.pack("<iIQ", 1, 40, 40 << 40),
    "cut in the frame": varint.encode(0x0401) + struct.pack("<i", 1) + b"\x12",
    "a billion functions": varint.encode(0x0401) + struct.pack("<i", 10**9) + bytes(100),
}


@pytest.mark.parametrize("index", BAD_INDEXES.values(), ids=BAD_INDEXES.keys())
def test_bad_indexes_are_named_and_not_needed(index: bytes) -> None:
    with pytest.raises(BadIndex):
        read_index(FileSource(io.BytesIO(index)))
    (block,) = raw(b"a")
    with open_car(io.BytesIO(_with_index(car([block], write_car_v2), index))) as reader:
        assert reader.get(block.cid) == b"a"


@pytest.mark.parametrize("offset", [1 << 20, (1 << 63) - 1, (1 << 64) - 1])
def test_an_index_said_to_lie_beyond_the_file_is_not_needed(offset: int) -> None:
    (block,) = raw(b"a")
    data = bytearray(car([block], write_car_v2))
    data[43:51] = struct.pack("<Q", offset)
    with open_car(io.BytesIO(bytes(data))) as reader:
        assert reader.get(block.cid) == b"a"


def test_an_index_out_of_order_is_rejected() -> None:
    entries = b"".join(bytes([i]) * 32 + struct.pack("<Q", 60) for i in (2, 1))
    data = varint.encode(0x0400) + struct.pack("<iIQ", 1, 40, len(entries)) + entries
    with pytest.raises(BadIndex, match="sorted"):
        read_index(FileSource(io.BytesIO(data)))
    with pytest.raises(UsageError):
        write_index(io.BytesIO(), [], 0x0402)


def test_links_inside_identity_roots_are_followed() -> None:
    gone = Block.of(b"gone").cid
    root = CID.make(DAG_CBOR, dag_cbor.encode([gone]), multihash.IDENTITY)
    report = verify_car(io.BytesIO(car([], roots=[root])))
    assert (report.missing_roots, report.missing, report.complete) == ((), (gone,), False)


def test_blocks_whose_links_are_not_readable_are_counted() -> None:
    unknown = Block(CID.build(0x78, 0x12, Block.of(b"?").cid.digest), b"?")
    report = verify_car(io.BytesIO(car([unknown, Block.of(b"\xff", DAG_CBOR)])))
    assert (report.blocks, report.opaque, report.complete) == (2, 2, True)


def test_split_loses_nothing_and_fits(tmp_path: Path) -> None:
    blocks = raw(*(random.Random(i).randbytes(i * 37 % 900) for i in range(100)))
    blocks.append(blocks[3])
    source = tmp_path / "whole.car"
    source.write_bytes(car(blocks, duplicates=True))
    parts = split_car(source, 2500, tmp_path, headroom=500)
    assert len(parts) > 10
    found: list[Block] = []
    for path in parts:
        assert path.stat().st_size <= 2000
        with open_car(path) as reader:
            assert reader.roots == (blocks[0].cid,)
            found += reader.blocks()
    assert found == blocks
    again = tmp_path / "again"
    again.mkdir()
    repeated = split_car(source, 2500, again, headroom=500)
    assert [p.read_bytes() for p in repeated] == [p.read_bytes() for p in parts]
    assert not list(tmp_path.glob("*.part"))


def test_split_of_an_empty_car_is_one_empty_car(tmp_path: Path) -> None:
    (path,) = split_car(io.BytesIO(car([])), 1000, tmp_path)
    assert path.read_bytes() == car([])


def test_split_makes_no_endless_number_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cid_store.car.split.MAX_PARTS", 3)
    source = car(raw(*(bytes([i]) * 100 for i in range(4))))
    assert len(split_car(io.BytesIO(source), 500, tmp_path)) == 2
    with pytest.raises(UsageError, match="more than 3 files"):
        split_car(io.BytesIO(source), 250, tmp_path)


def test_split_refuses_what_can_not_fit(tmp_path: Path) -> None:
    source = car(raw(b"small", b"x" * 1000))
    with pytest.raises(SectionTooLarge, match="1038 bytes"):
        split_car(io.BytesIO(source), 1000, tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError):
        split_car(io.BytesIO(source), 50, tmp_path)


def test_files_that_can_not_be_opened(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        open_car(tmp_path / "absent.car")
    with pytest.raises((UsageError, StoreError)):
        open_car(tmp_path)


def test_a_section_over_the_limit_is_not_written() -> None:
    with pytest.raises(SectionTooLarge):
        write_car(io.BytesIO(), [], raw(bytes(MAX_SECTION)))


def _mutations(rounds: int, seed: int) -> None:
    """Damaged CARs end in a named error or in blocks that are proven."""
    rng = random.Random(seed)
    blocks = raw(*(rng.randbytes(rng.randrange(300)) for _ in range(6)))
    blocks.append(Block.of(dag_cbor.encode([b.cid for b in blocks]), DAG_CBOR))
    originals = [car(blocks), car(blocks, write_car_v2), car(blocks, write_car_v2, index=INDEX_SORTED)]
    for _ in range(rounds):
        data = bytearray(rng.choice(originals))
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(data))
            match rng.randrange(4):
                case 0:
                    data[at] = rng.randrange(256)
                case 1:
                    del data[at : at + rng.randrange(1, 40)]
                case 2:
                    data[at:at] = rng.randbytes(rng.randrange(1, 12))
                case _:
                    data[at : at + 8] = rng.choice([b"\xff" * 8, bytes(8), b"\x7f" * 8])
            if not data:
                data = bytearray(1)
        opened = rng.choice([io.BytesIO, stream])
        try:
            with open_car(opened(bytes(data))) as reader:
                if reader.header_v2 and opened is io.BytesIO:
                    for block in blocks:
                        block.cid.check(reader.get(block.cid))
                for block in reader.blocks():
                    block.check()
        except (DecodeError, LimitExceeded, CorruptBlock, BlockNotFound, UnsupportedHash):
            continue


def test_mutations() -> None:
    _mutations(1500, seed=1)


@pytest.mark.slow
def test_many_mutations() -> None:
    _mutations(100_000, seed=2)
