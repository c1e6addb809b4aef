"""Aggregates and their inclusion proofs as JSON, to give to others and to check what they give."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from cid_store.cid import CID
from cid_store.errors import DecodeError, InvalidCID
from cid_store.piece.aggregate import Aggregate
from cid_store.piece.cid import PieceInfo, piece_info
from cid_store.piece.proof import InclusionProof, MerkleProof, verify_inclusion
from cid_store.piece.tree import InvalidPieceSize

FORMAT: Final = "aggregate/1"
MAX_DOCUMENT: Final = 256 << 20
"""Bytes. A proof is about 5 KB of JSON; the largest deals list a few hundred thousand pieces in principle."""


def to_document(aggregate: Aggregate, names: Sequence[str]) -> dict[str, Any]:
    """An aggregate as JSON values: the deal, and for each segment its place and proof."""
    segments = [
        {
            "name": name,
            "piece_cid": piece.piece_cid,
            "piece_cid_v2": piece.piece_cid_v2,
            "piece_size": piece.piece_size,
            "payload_size": piece.payload_size,
            "offset": entry.offset,
            "proof": {"data": _merkle(proof.data), "index": _merkle(proof.index)},
        }
        for name, piece, entry, proof in zip(
            names,
            aggregate.pieces,
            aggregate.entries,
            map(aggregate.inclusion_proof, range(len(aggregate.pieces))),
            strict=True,
        )
    ]
    deal = aggregate.info
    return {
        "format": FORMAT,
        "piece_cid": deal.piece_cid,
        "piece_cid_v2": deal.piece_cid_v2,
        "piece_size": deal.piece_size,
        "segments": segments,
    }


def verify_document(data: bytes) -> tuple[PieceInfo, list[PieceInfo]]:
    """Check every proof of a document; returns the deal and its pieces, in order.

    Raises `InvalidProof` for one that does not hold, `DecodeError` for what is no such document. That the
    deal itself is on chain is not known here.
    """
    value = _parse(data)
    try:
        deal = _piece(value)
        segments = value["segments"]
        if not isinstance(segments, list):
            raise TypeError("segments")
        read = [(_piece(s), _proof(s["proof"])) for s in segments]
    except (KeyError, TypeError, ValueError, InvalidCID, InvalidPieceSize) as e:
        raise DecodeError(f"this is no aggregate with proofs: {type(e).__name__}: {e}") from None
    for piece, proof in read:
        verify_inclusion(proof, piece, deal)
    return deal, [piece for piece, _ in read]


def _merkle(proof: MerkleProof) -> dict[str, Any]:
    return {"index": proof.index, "path": [node.hex() for node in proof.path]}


def _parse(data: bytes) -> Mapping[str, Any]:
    if len(data) > MAX_DOCUMENT:
        raise DecodeError(f"a document of {len(data)} bytes is over the limit of {MAX_DOCUMENT}")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise DecodeError("this is no JSON") from None
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise DecodeError(f"this is no document of the format {FORMAT}")
    return value


def _piece(value: Mapping[str, Any]) -> PieceInfo:
    size = value["piece_size"]
    if type(size) is not int:
        raise TypeError("piece_size")
    return piece_info(CID(value["piece_cid"]), size)


def _proof(value: Mapping[str, Any]) -> InclusionProof:
    return InclusionProof(*(_path(value[name]) for name in ("data", "index")))


def _path(value: Mapping[str, Any]) -> MerkleProof:
    index, path = value["index"], value["path"]
    if type(index) is not int or not isinstance(path, list):
        raise TypeError("proof")
    return MerkleProof(index, tuple(bytes.fromhex(node) for node in path))
