"""FRC-0058: deals of many pieces, and proofs that a piece is in one."""

import io
import json
from dataclasses import replace

import pytest

from cid_store.cid import CID
from cid_store.errors import DecodeError, UsageError
from cid_store.piece import PieceInfo, commp, piece_info
from cid_store.piece.aggregate import Aggregate, CorruptPiece, DoesNotFit, TooManyPieces
from cid_store.piece.index import Entry, entries_of, index_start, valid_entries
from cid_store.piece.proof import InclusionProof, InvalidProof, MerkleProof, deal_of, verify_inclusion
from cid_store.piece.sparse import SparseTree
from cid_store.piece.tree import InvalidPieceSize, capacity
from tests.fixtures import shared

GIB = 1 << 30
SAMPLE = "go-data-segment/datasegment/testdata/sample_aggregate"


def small_pieces(count: int) -> list[tuple[bytes, PieceInfo]]:
    payloads = [bytes([i + 1]) * (100 * (i + 1)) for i in range(count)]
    return [(payload, commp(io.BytesIO(payload), 1)) for payload in payloads]


def small_aggregate(count: int = 5, deal_size: int = 1 << 20) -> Aggregate:
    return Aggregate.of([info for _, info in small_pieces(count)], deal_size)


def test_the_published_sample_is_reproduced() -> None:
    folder = shared(SAMPLE)
    cars = [folder / name for name in ("cat.png.car", "Verifiable Data Aggregation.png.car")]
    pieces = [commp(car, 1) for car in cars]
    aggregate = Aggregate.of(pieces, 1 << 20)
    out = io.BytesIO()
    written = aggregate.write(out, [io.BytesIO(car.read_bytes()) for car in cars], threads=1)
    assert out.getvalue() == (folder / "deal.data").read_bytes()
    assert written == len(out.getvalue())
    assert aggregate.index_payload() == (folder / "index.data").read_bytes()
    assert aggregate.index_info.piece_cid in (folder / "index.data.commp").read_text()
    assert aggregate.info.piece_cid == commp(io.BytesIO(out.getvalue()), 1).piece_cid
    for entry, row in zip(aggregate.entries, json.loads((folder / "index.json").read_text()), strict=True):
        assert (list(entry.root), entry.offset, entry.size) == (row["CommDs"], row["Offset"], row["Size"])
        assert list(entry.encode()[48:]) == row["Checksum"]


def test_published_aggregates() -> None:
    cases = json.loads(shared("vectors/frc-0058.json").read_text())
    for case in cases["aggregates"]:
        if "pieces" in case:
            pieces = [piece_info(CID(cid), size) for cid, size in case["pieces"]]
        else:
            sizes = [mib << 20 for mib in case["sizes_MiB"]]
            pieces = [PieceInfo(numbered_root(i), capacity(s), s) for i, s in enumerate(sizes)]
        aggregate = Aggregate.of(pieces, case["deal_size"])
        assert aggregate.info.piece_cid == case["piece_cid"]
        if "index_piece_cid" in case:
            assert aggregate.index_info.piece_cid == case["index_piece_cid"]
            assert aggregate.index_info.piece_size == case["index_size"]
    first, second = cases["must_fail"]
    with pytest.raises(DoesNotFit):
        Aggregate.of([piece_info(CID(cid), size) for cid, size in first["pieces"]], first["deal_size"])
    with pytest.raises(InvalidPieceSize):
        Aggregate.of([], second["deal_size"])


def numbered_root(i: int) -> bytes:
    return (bytes.fromhex("0d0e0a0100") + bytes(int(digit) for digit in str(i))).ljust(32, b"\0")


def test_index_sizes_are_those_of_the_text() -> None:
    assert (entries_of(32 * GIB), entries_of(64 * GIB)) == (256 * 1024, 512 * 1024)
    assert 32 * GIB - index_start(32 * GIB) == 16 << 20
    assert entries_of(1 << 10) == 4


def test_pieces_lie_at_multiples_of_their_size() -> None:
    aggregate = small_aggregate()
    end = 0
    for entry in aggregate.entries:
        assert entry.offset % entry.size == 0
        assert end <= entry.offset < end + entry.size
        end = entry.offset + entry.size


def test_the_index_reads_back_and_skips_what_does_not_hold() -> None:
    entries = small_aggregate().entries
    area = bytearray(b"".join(entry.encode() for entry in entries) + bytes(64))
    assert list(valid_entries(bytes(area))) == list(entries)
    area[70] ^= 1
    assert list(valid_entries(bytes(area))) == [entries[0], *entries[2:]]
    with pytest.raises(DecodeError, match="64 bytes"):
        Entry.decode(bytes(63))
    with pytest.raises(DecodeError, match="between groups"):
        Entry.decode(Entry(bytes(32), 64, 128).encode())


def test_every_piece_is_provable() -> None:
    aggregate = small_aggregate()
    for position, info in enumerate(aggregate.pieces):
        proof = aggregate.inclusion_proof(position)
        verify_inclusion(proof, info, aggregate.info)
        assert deal_of(proof, info) == aggregate.info
    with pytest.raises(UsageError):
        aggregate.inclusion_proof(5)


def broken_proofs() -> list[InclusionProof]:
    proof = small_aggregate().inclusion_proof(2)
    data, index = proof.data, proof.index
    flipped = (bytes([data.path[0][0] ^ 1]) + data.path[0][1:], *data.path[1:])
    return [
        replace(proof, data=replace(data, index=data.index ^ 1)),
        replace(proof, data=replace(data, index=-1)),
        replace(proof, data=replace(data, index=1 << 70)),
        replace(proof, data=replace(data, path=flipped)),
        replace(proof, data=replace(data, path=data.path[:-1])),
        replace(proof, data=MerkleProof(0, (bytes(32),) * 10_000)),
        replace(proof, data=replace(data, path=(b"\xff" * 32, *data.path[1:]))),
        replace(proof, data=replace(data, path=(b"short", *data.path[1:]))),
        replace(proof, index=replace(index, index=index.index - 1)),
        replace(proof, index=replace(index, index=0)),
        replace(proof, index=replace(index, path=())),
    ]


@pytest.mark.parametrize("case", range(11))
def test_broken_proofs_are_refused(case: int) -> None:
    aggregate = small_aggregate()
    with pytest.raises(InvalidProof):
        verify_inclusion(broken_proofs()[case], aggregate.pieces[2], aggregate.info)


def test_a_proof_holds_for_its_piece_and_deal_alone() -> None:
    aggregate, other = small_aggregate(), small_aggregate(4)
    proof = aggregate.inclusion_proof(0)
    with pytest.raises(InvalidProof, match="different deals"):
        verify_inclusion(proof, replace(aggregate.pieces[0], root=bytes(32)), aggregate.info)
    with pytest.raises(InvalidProof, match="not"):
        verify_inclusion(proof, aggregate.pieces[0], other.info)


def test_an_entry_outside_the_index_proves_nothing() -> None:
    info = small_pieces(1)[0][1]
    entry = Entry.of(info, 0)
    leaves = entry.nodes
    tree = SparseTree.build(9, [((2, 0), info.root), ((0, 8), leaves[0]), ((0, 9), leaves[1])])
    proof = InclusionProof(MerkleProof(0, tree.path((2, 0))), MerkleProof(4, tree.path((1, 4))))
    with pytest.raises(InvalidProof, match="outside the deal's index"):
        deal_of(proof, info)


def test_limits_have_names() -> None:
    info = small_pieces(1)[0][1]
    with pytest.raises(TooManyPieces):
        Aggregate.of([info] * 5, 8192)
    with pytest.raises(DoesNotFit):
        Aggregate.of([info.padded_to(4096)] * 2, 8192)
    with pytest.raises(ValueError, match="overlap"):
        SparseTree.build(2, [((1, 0), bytes(32)), ((0, 1), bytes(32))])


def test_payloads_are_proven_as_they_are_written() -> None:
    pieces = small_pieces(3)
    aggregate = Aggregate.of([info for _, info in pieces], 16_384)
    good = [payload for payload, _ in pieces]
    for bad in (good[1][:-1] + b"!", good[1] + b"\1" * 400, b""):
        with pytest.raises(CorruptPiece):
            aggregate.write(io.BytesIO(), [io.BytesIO(p) for p in (good[0], bad, good[2])], threads=1)
    with pytest.raises(UsageError, match="2 payloads for 3"):
        aggregate.write(io.BytesIO(), [io.BytesIO(good[0]), io.BytesIO(good[1])])
    out = io.BytesIO()
    aggregate.write(out, [io.BytesIO(payload) for payload in good], threads=1)
    assert commp(io.BytesIO(out.getvalue()), 1).root == aggregate.info.root
