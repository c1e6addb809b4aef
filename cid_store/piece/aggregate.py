"""Many small pieces in one deal, each provable on its own (FRC-0058).

The deal's commitment is computed from the pieces' roots: no byte is read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from cid_store.errors import CorruptBlock, UsageError
from cid_store.piece import fr32
from cid_store.piece.cid import PieceInfo
from cid_store.piece.commp import PieceHasher
from cid_store.piece.index import ENTRY, Entry, entries_of, index_start
from cid_store.piece.proof import InclusionProof, MerkleProof
from cid_store.piece.sparse import Place, SparseTree
from cid_store.piece.tree import NODE, capacity, check_piece_size, level_of

_COPY: Final = 1024 * 1024
_ZEROS: Final = bytes(_COPY)
_ENTRY_LEVEL: Final = 1


class TooManyPieces(UsageError):
    """More pieces than the index of the deal has entries."""

    default_next = "take a larger deal, or fewer pieces"


class DoesNotFit(UsageError):
    """The pieces and the index together are larger than the deal."""

    default_next = "take a larger deal, or order the pieces by size, largest first, to lose less to alignment"


class CorruptPiece(CorruptBlock):
    """Bytes that are not those of the piece they are given for."""

    default_next = "make the piece again from its source"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Pieces placed in a deal: `entries` in the order given, `info` of the whole deal."""

    pieces: tuple[PieceInfo, ...]
    entries: tuple[Entry, ...]
    info: PieceInfo
    _tree: SparseTree

    @classmethod
    def of(cls, pieces: Sequence[PieceInfo], deal_size: int) -> Aggregate:
        """Place each piece at the next multiple of its own size, and the index at the end.

        Raises `InvalidPieceSize`, `TooManyPieces`, `DoesNotFit`.
        """
        room = entries_of(check_piece_size(deal_size))
        if len(pieces) > room:
            raise TooManyPieces(f"{len(pieces)} pieces; a deal of {deal_size} bytes lists at most {room}")
        entries = _placed(pieces)
        end = entries[-1].offset + entries[-1].size if entries else 0
        if end > index_start(deal_size):
            raise DoesNotFit(
                f"the pieces take {end} bytes and the index {room * ENTRY}; the deal has {deal_size}"
            )
        tree = SparseTree.build(level_of(deal_size), _known(entries, deal_size))
        return cls(tuple(pieces), entries, PieceInfo(tree.root, capacity(deal_size), deal_size), tree)

    @property
    def index_info(self) -> PieceInfo:
        """The index as a piece of its own."""
        size = self.info.piece_size - index_start(self.info.piece_size)
        level = level_of(size)
        last = (self.info.piece_size // size) - 1
        root = self._tree.levels[level].get(last)
        return PieceInfo(root or SparseTree.build(level, []).root, capacity(size), size)

    def index_payload(self) -> bytes:
        """The index as it stands in the aggregate file: without FR32 padding."""
        size = self.info.piece_size - index_start(self.info.piece_size)
        return fr32.unpad(b"".join(entry.encode() for entry in self.entries).ljust(size, b"\0")).tobytes()

    def inclusion_proof(self, position: int) -> InclusionProof:
        """That the piece at `position` is in the deal and in its index."""
        if not 0 <= position < len(self.entries):
            raise UsageError(f"piece {position} is not one of the {len(self.entries)} in this aggregate")
        data = _data_place(self.entries[position])
        index = (_ENTRY_LEVEL, index_start(self.info.piece_size) // ENTRY + position)
        return InclusionProof(
            MerkleProof(data[1], self._tree.path(data)), MerkleProof(index[1], self._tree.path(index))
        )

    def write(self, out: BinaryIO, payloads: Sequence[BinaryIO], threads: int | None = None) -> int:
        """Stream the deal's bytes: every payload at its place, zeros between, the index last.

        Each payload is hashed as it passes. Raises `CorruptPiece` where it is not its piece's (what was
        written until then is of no use). Returns the bytes written.
        """
        if len(payloads) != len(self.pieces):
            raise UsageError(f"{len(payloads)} payloads for {len(self.pieces)} pieces")
        at = 0
        for piece, entry, payload in zip(self.pieces, self.entries, payloads, strict=True):
            at += _write_zeros(out, capacity(entry.offset) - at)
            at += _copy(out, payload, piece, threads)
        at += _write_zeros(out, capacity(index_start(self.info.piece_size)) - at)
        index = self.index_payload()
        out.write(index)
        return at + len(index)


def _placed(pieces: Sequence[PieceInfo]) -> tuple[Entry, ...]:
    entries: list[Entry] = []
    end = 0
    for piece in pieces:
        offset = -(-end // piece.piece_size) * piece.piece_size
        entries.append(Entry.of(piece, offset))
        end = offset + piece.piece_size
    return tuple(entries)


def _data_place(entry: Entry) -> Place:
    return level_of(entry.size), entry.offset // entry.size


def _known(entries: Sequence[Entry], deal_size: int) -> list[tuple[Place, bytes]]:
    """The roots of the pieces, and the leaves of the index."""
    first = index_start(deal_size) // NODE
    known = [(_data_place(entry), entry.root) for entry in entries]
    leaves = [leaf for entry in entries for leaf in entry.nodes]
    return known + [((0, first + i), leaf) for i, leaf in enumerate(leaves)]


def _copy(out: BinaryIO, payload: BinaryIO, piece: PieceInfo, threads: int | None) -> int:
    """Copy a payload of at most the piece's capacity, and prove it."""
    room, size = capacity(piece.piece_size), 0
    with PieceHasher(threads) as hasher:
        while data := payload.read(min(_COPY, room - size + 1)):
            size += len(data)
            if size > room:
                raise CorruptPiece(f"more than the {room} bytes of {piece.piece_cid}", cid=piece.piece_cid)
            hasher.update(data)
            out.write(data)
        found = hasher.digest()
    if found.piece_size > piece.piece_size or found.padded_to(piece.piece_size).root != piece.root:
        raise CorruptPiece(
            f"{size} bytes given for {piece.piece_cid} are {found.piece_cid}", cid=piece.piece_cid
        )
    return size


def _write_zeros(out: BinaryIO, count: int) -> int:
    for at in range(0, count, _COPY):
        out.write(_ZEROS[: min(_COPY, count - at)])
    return count
