"""Proofs that a piece lies in a deal and is listed in the deal's index (FRC-0058)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from cid_store.errors import CidStoreError
from cid_store.piece.cid import PieceInfo
from cid_store.piece.index import ENTRY, Entry, index_start
from cid_store.piece.tree import MAX_LEVEL, NODE, capacity, level_of, node


class InvalidProof(CidStoreError):
    """A proof that does not prove what it is shown for."""

    exit_code: ClassVar[int] = 3
    default_next = "ask the aggregator for a proof of this very piece in this very deal"


@dataclass(frozen=True, slots=True)
class MerkleProof:
    """A node's index among those of its level, and its siblings up to the root."""

    index: int
    path: tuple[bytes, ...]

    def root_from(self, start: bytes) -> bytes:
        """The root of the tree in which `start` lies here. Raises `InvalidProof` for an impossible proof."""
        if len(self.path) > MAX_LEVEL:
            raise InvalidProof(f"a path of {len(self.path)} nodes is longer than any piece is high")
        if self.index < 0 or self.index >> len(self.path):
            raise InvalidProof(f"index {self.index} is outside a tree of {len(self.path)} levels")
        current, index = start, self.index
        for sibling in self.path:
            if len(sibling) != NODE or sibling[-1] > 0x3F:
                raise InvalidProof("a proof holds what is no node: 32 bytes, the top two bits zero")
            current = node(sibling, current) if index & 1 else node(current, sibling)
            index >>= 1
        return current


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """Where the piece's root lies in the deal, and where its index entry does."""

    data: MerkleProof
    index: MerkleProof


def deal_of(proof: InclusionProof, piece: PieceInfo) -> PieceInfo:
    """The deal in which this proof places the piece. Raises `InvalidProof`.

    Whether that deal is on chain, and active, is not known here: compare the result with the chain.
    """
    deal_size = piece.piece_size << min(len(proof.data.path), MAX_LEVEL)
    if level_of(deal_size) > MAX_LEVEL or ENTRY << min(len(proof.index.path), MAX_LEVEL) != deal_size:
        raise InvalidProof("the two paths lead to deals of different sizes")
    root = proof.data.root_from(piece.root)
    entry = Entry.of(piece, proof.data.index * piece.piece_size)
    if entry.offset + entry.size > index_start(deal_size):
        raise InvalidProof("the piece is claimed to lie where the deal's index is")
    if proof.index.index * ENTRY < index_start(deal_size):
        raise InvalidProof("the index entry lies outside the deal's index")
    if proof.index.root_from(node(*entry.nodes)) != root:
        raise InvalidProof("data and index entry are proven in different deals")
    return PieceInfo(root, capacity(deal_size), deal_size)


def verify_inclusion(proof: InclusionProof, piece: PieceInfo, deal: PieceInfo) -> None:
    """Raise `InvalidProof` unless `proof` shows `piece` in `deal`."""
    found = deal_of(proof, piece)
    if (found.root, found.piece_size) != (deal.root, deal.piece_size):
        raise InvalidProof(
            f"the proof is for the deal {found.piece_cid}, not {deal.piece_cid}", cid=deal.piece_cid
        )
