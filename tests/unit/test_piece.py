"""Piece commitments and their CIDs, against published vectors."""

import csv
import hashlib
import io
import json
from pathlib import Path
from random import Random

import pytest

from cid_store import varint
from cid_store.cid import CID, RAW
from cid_store.errors import InvalidCID, LimitExceeded, UsageError
from cid_store.piece import (
    PieceHasher,
    PieceInfo,
    commp,
    parse_v1,
    parse_v2,
    piece_cid_v1,
    piece_cid_v2,
    piece_info,
    to_v1,
)
from cid_store.piece.cid import FR32_TREE
from cid_store.piece.tree import ZERO_ROOTS, InvalidPieceSize, piece_size_of
from tests.fixtures import shared

ROOT = bytes(31) + b"\x3f"


def piece(data: bytes, threads: int = 1) -> PieceInfo:
    return commp(io.BytesIO(data), threads)


def sha512_chain(size: int) -> bytes:
    """The data of the vectors: each 64 bytes are the SHA-512 of the 64 before."""
    out, last = bytearray(), b""
    while len(out) < size:
        last = hashlib.sha512(last).digest()
        out += last
    return bytes(out[:size])


def test_published_commitments_of_a_hash_chain() -> None:
    rows = list(
        csv.DictReader(shared("storacha-data-segment/test/commp/vector.csv").read_text().splitlines())
    )
    data = sha512_chain(max(int(row["contentSize"]) for row in rows))
    for row in rows:
        info = piece(data[: int(row["contentSize"])])
        assert (info.piece_cid, info.piece_size) == (row["commP"], int(row["pieceSize"]))
    assert len(rows) >= 40


def test_published_commitments_of_zeros() -> None:
    lines = shared("go-fil-commp-hashhash/testdata/zero.txt").read_text().split()
    for line in lines:
        size, piece_size, cid = line.split(",")
        info = piece(bytes(int(size)))
        assert (info.piece_size, info.piece_cid) == (int(piece_size), cid)
    assert lines


def frc_0069_data(text: str) -> bytes:
    if text == "empty":
        return b""
    terms = [term.split("*") for term in text.replace("then ", "").split()]
    return b"".join(bytes([int(byte, 16)]) * int(count) for count, byte in terms)


def test_frc_0069_cases() -> None:
    for case in json.loads(shared("vectors/frc-0069.json").read_text())["cases"]:
        parsed = parse_v2(CID(case["v2"]))
        assert parsed.payload_size == case["size"]
        assert parsed.piece_cid_v2 == case["v2"]
        if "v1" in case:
            assert to_v1(CID(case["v2"])) == case["v1"]
        if not case["data"].startswith("zeros filling"):
            assert piece(frc_0069_data(case["data"])).piece_cid_v2 == case["v2"]


def test_zero_roots_are_the_published_ones() -> None:
    data = shared("go-data-segment/merkletree/zerocomm.bin").read_bytes()
    published = [data[i : i + 32] for i in range(0, len(data), 32)]
    assert len(published) == 64
    assert list(ZERO_ROOTS) == published[: len(ZERO_ROOTS)]


@pytest.mark.parametrize(
    "size", [0, 1, 126, 127, 128, 130_048, 130_049, 5 * 130_048 + 1, 2_080_768, 4_300_000]
)
def test_cutting_and_threads_do_not_matter(size: int) -> None:
    data = Random(size).randbytes(size)
    whole = piece(data)
    for threads, cut in ((1, 1009), (2, 65_537), (3, 3_000_000)):
        with PieceHasher(threads) as hasher:
            for at in range(0, size, cut):
                hasher.update(data[at : at + cut])
            assert hasher.digest() == whole
    assert (whole.payload_size, whole.piece_size) == (size, piece_size_of(size))


def test_digest_may_be_taken_along_the_way() -> None:
    data = Random(1).randbytes(3_000_000)
    with PieceHasher(2) as hasher:
        for at in range(0, len(data), 500_000):
            hasher.update(data[at : at + 500_000])
            assert hasher.digest() == piece(data[: at + 500_000])


def test_a_reused_buffer_is_not_read_late() -> None:
    buffer, whole = bytearray(2_500_000), bytearray()
    with PieceHasher(2) as hasher:
        for byte in range(4):
            buffer[:] = bytes([byte]) * len(buffer)
            whole += buffer
            hasher.update(buffer)
        assert hasher.digest() == piece(bytes(whole))


def test_files_and_streams(tmp_path: Path) -> None:
    data = Random(2).randbytes(300_000)
    path = tmp_path / "a.car"
    path.write_bytes(data)

    class OnlyRead:
        read = io.BytesIO(data).read

    assert commp(path) == commp(str(path), threads=1) == commp(OnlyRead()) == piece(data)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"missing\.car"):
        commp(tmp_path / "missing.car")
    with pytest.raises(UsageError, match="threads"):
        PieceHasher(0)


def test_padding_to_a_larger_piece_appends_zeros() -> None:
    small = piece(b"x" * 300)
    large = small.padded_to(8192)
    assert large.root == piece(b"x" * 300 + bytes(8192 // 128 * 127 - 300)).root
    assert (large.payload_size, large.piece_size) == (300, 8192)
    assert parse_v2(large.piece_cid_v2) == PieceInfo(large.root, 8128, 8192)
    for size in (256, 8191, 0):
        with pytest.raises(InvalidPieceSize):
            small.padded_to(size)


def test_cids_go_both_ways() -> None:
    v1, v2 = piece_cid_v1(ROOT), piece_cid_v2(ROOT, 1000)
    assert parse_v1(v1) == ROOT
    assert parse_v2(v2) == piece_info(v2) == piece_info(v2, 1024) == PieceInfo(ROOT, 1000, 1024)
    assert to_v1(v2) == to_v1(v1) == v1
    assert piece_info(v1, 1024) == PieceInfo(ROOT, 1016, 1024)
    with pytest.raises(InvalidPieceSize, match="does not say"):
        piece_info(v1)
    with pytest.raises(InvalidPieceSize, match="1024"):
        piece_info(v2, 2048)


def v2(padding: bytes, height: int, root: bytes = ROOT) -> CID:
    return CID.build(RAW, FR32_TREE, padding + bytes([height]) + root)


@pytest.mark.parametrize(
    "cid",
    [
        v2(b"\x00", 1),
        v2(b"\x00", 59),
        v2(b"\x80\x01", 2),  # 128 bytes of padding in a piece of 127
        v2(b"\x7f", 3),  # 127 bytes in 254: the smaller tree holds them
        v2(b"\x80\x00", 4),  # the varint is not minimal
        v2(b"\xff" * 9, 4),
        v2(b"\x00", 4, ROOT[1:]),
        v2(b"\x00", 4, ROOT + b"\x00"),
        v2(b"\x00", 4, b"\xff" * 32),
        CID.build(RAW, FR32_TREE, b""),
        CID.make(RAW, b"no piece"),
    ],
)
def test_malformed_v2_is_refused(cid: CID) -> None:
    with pytest.raises(InvalidCID):
        parse_v2(cid)
    with pytest.raises(InvalidCID):
        to_v1(cid)


def test_malformed_v1_is_refused() -> None:
    for root in (ROOT[1:], b"\xff" * 32):
        with pytest.raises(InvalidCID):
            parse_v1(CID.build(0xF101, 0x1012, root))
        with pytest.raises(InvalidCID):
            piece_cid_v1(root)


def test_sizes_beyond_a_piece_cid_are_refused() -> None:
    largest = 127 << 56
    assert piece_size_of(largest) == 32 << 58
    assert varint.encode(largest)
    with pytest.raises(LimitExceeded):
        piece_size_of(largest + 1)
    with pytest.raises(InvalidPieceSize):
        PieceInfo(ROOT, 128, 128)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty", b""),
        ("127 zeros", bytes(127)),
        ("127 each of 00 01 02 03", bytes(i // 127 for i in range(508))),
        ("the 508 bytes above and 4 zeros", bytes(i // 127 for i in range(508)) + bytes(4)),
    ],
)
def test_the_specification_repeats_what_is_computed(name: str, data: bytes) -> None:
    page = Path(__file__).resolve().parents[2] / "docs" / "spec" / "piece.md"
    row = next(line for line in page.read_text().splitlines() if line.startswith(f"| {name} |"))
    _, _, v1, v2, _ = (cell.strip() for cell in row.split("|"))
    info = piece(data)
    assert info.piece_cid_v2 == v2
    assert v1 in ("", info.piece_cid)
