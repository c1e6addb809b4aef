"""What of a root is held apart: its records, which every holder needs, and its files."""

from __future__ import annotations

from dataclasses import dataclass

from cid_store import Store
from cid_store.cid import CID, DAG_CBOR
from cid_store.unixfs import stat
from codata.closure import is_record, roots_of
from codata.records import pages
from codata.records.base import kind_of
from codata.records.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Piece:
    """A file or folder that is held in full or not at all: its root, and its bytes as its record has them."""

    cid: CID
    size: int


@dataclass(frozen=True)
class Parts:
    """A root, its records and its files; each file once."""

    root: CID
    records: tuple[CID, ...]
    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(piece.size for piece in self.pieces)


def parts(store: Store, root: CID) -> Parts:
    """The parts of what `root` names: a dataset's are its shards. Raises `BlockNotFound`, `BadRecord`."""
    if kind_of(store, root) == Manifest.kind:
        manifest = Manifest.load(store, root)
        records = [root, *pages.cids(store, manifest.shards)]
        found = [Piece(shard.cid, shard.size) for shard in manifest.refs(store)]
    elif is_record(store, root):
        belonging = list(dict.fromkeys(roots_of(store, root)))
        records = [cid for cid in belonging if cid.codec == DAG_CBOR]
        found = [_piece(store, cid) for cid in belonging if cid.codec != DAG_CBOR]
    else:
        records, found = [root], [_piece(store, root)]
    unique = {piece.cid: piece for piece in found}
    return Parts(root, tuple(dict.fromkeys(records)), tuple(unique.values()))


def _piece(store: Store, cid: CID) -> Piece:
    return Piece(cid, max(stat(store, cid).size, 1))
