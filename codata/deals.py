"""A dataset in Filecoin deals: what belongs to a root, in CARs that each fill one piece at most."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from threading import Event
from typing import BinaryIO, Final

from cid_store import Store
from cid_store.block import Block
from cid_store.car import SectionTooLarge
from cid_store.car.format import encode_header
from cid_store.car.split import runs
from cid_store.car.writer import PayloadWriter
from cid_store.cid import CID
from cid_store.piece.deal import DealManifest, WriteCar
from cid_store.piece.deal import prepare as prepare_pieces
from cid_store.piece.tree import InvalidPieceSize, capacity, check_piece_size
from codata.closure import closure

_LARGER: Final = "take a larger piece size"


def prepare(
    store: Store, root: CID, folder: Path, piece_size: int, *, name: str, threads: int | None = None
) -> DealManifest:
    """Write the closure of `root` to `folder` as CARs that fit pieces of `piece_size` padded bytes, with
    `pieces.json` and `pieces.csv` beside them.

    Every leaf is read once, and proven, written and hashed on the way; nodes above are read twice, to find
    what belongs to the root. Where CARs are cut depends on the blocks and `piece_size` alone, so that files
    and pieces are the same for any number of `threads` that hash. Every CAR names `root`.

    Raises `InvalidPieceSize`, also when one block does not fit a piece, and what reading raises.
    """
    room = capacity(check_piece_size(piece_size)) - len(encode_header([root]))
    if room <= 0:
        raise InvalidPieceSize(f"a piece of {piece_size} bytes has no room for a CAR", next_step=_LARGER)
    blocks = store.get_many(closure(store, [root]))
    parts = _Parts(root, runs(iter(blocks), room))
    try:
        return prepare_pieces(name, parts.sources(), folder, piece_size=piece_size, threads=threads)
    except SectionTooLarge as e:
        raise InvalidPieceSize(e.message, cid=e.cid, next_step=_LARGER) from None


class _Parts:
    """Runs of blocks as sources of CARs, each handed out once the one before is written."""

    def __init__(self, root: CID, parts: Iterable[Iterator[Block]]) -> None:
        self._root = root
        self._parts = iter(parts)
        self._failed = False

    def sources(self) -> Iterator[tuple[str, WriteCar]]:
        """The CARs by name. Where the next one begins is known when the last one has ended."""
        for number, blocks in enumerate(self._parts):
            written = Event()
            yield f"{self._root}-{number:05d}.car", partial(self._write, blocks, written)
            written.wait()
            if self._failed:
                return

    def _write(self, blocks: Iterator[Block], written: Event, out: BinaryIO) -> CID:
        try:
            payload = PayloadWriter(out, [self._root])
            for block in blocks:
                payload.add(block)
        except BaseException:
            self._failed = True
            raise
        finally:
            written.set()
        return self._root
