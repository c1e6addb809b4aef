"""Filecoin pieces: commitments, their CIDs, aggregation of small pieces, and manifests for deals."""

from cid_store.piece.cid import PieceInfo, parse_v1, parse_v2, piece_cid_v1, piece_cid_v2, piece_info, to_v1
from cid_store.piece.commp import PieceHasher, commp

__all__ = [
    "PieceHasher",
    "PieceInfo",
    "commp",
    "parse_v1",
    "parse_v2",
    "piece_cid_v1",
    "piece_cid_v2",
    "piece_info",
    "to_v1",
]
