"""An overlay: a fresh store in front of another. Reads reach both, writes and deletions only the front."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Self
from urllib.parse import parse_qs, urlencode

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import BlockNotFound, UsageError
from cid_store.store import FileSource, Store
from cid_store.unixfs import FileReader


def overlay_url(*, front: str, back: str) -> str:
    """The URL of an overlay over two stores' URLs."""
    return f"overlay:?{urlencode({'front': front, 'back': back})}"


class OverlayStore(Store):
    """Reads from `front`, then from `back`; writes to `front` alone, so that `back` stays as it is."""

    scheme = "overlay"

    def __init__(self, front: Store, back: Store) -> None:
        self.front, self.back = front, back

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The overlay of `overlay:?front=URL&back=URL`."""
        from cid_store.stores import open_store

        query = parse_qs(url.partition("?")[2])
        if not query.get("front") or not query.get("back"):
            raise UsageError(
                f"{url!r} does not name a front and a back", next_step="write overlay:?front=URL&back=URL"
            )
        return cls(open_store(query["front"][0]), open_store(query["back"][0]))

    def __str__(self) -> str:
        return f"{self.front} over {self.back}"

    def relax(self) -> None:
        """Relax the front; the back is not written."""
        self.front.relax()

    def persist(self, cids: object) -> None:
        """Nothing: what is in front of a store for a while is not meant to last."""

    def _read(self, cid: CID) -> bytes | memoryview:
        try:
            return self.front._read(cid)
        except BlockNotFound:
            return self.back._read(cid)

    def _write(self, blocks: Sequence[Block]) -> None:
        self.front._write(blocks)

    def _has(self, cids: Sequence[CID]) -> list[bool]:
        pairs = zip(self.front._has(cids), self.back._has(cids), strict=True)
        return [front or back for front, back in pairs]

    def _delete(self, cids: Sequence[CID]) -> None:
        self.front._delete(cids)

    def _cids(self) -> Iterator[CID]:
        seen: set[bytes] = set()
        for store in (self.front, self.back):
            for cid in store._cids():
                if cid.multihash not in seen:
                    seen.add(cid.multihash)
                    yield cid

    def put_file(self, source: FileSource) -> CID:
        """As the front keeps files."""
        return self.front.put_file(source)

    def open_file(self, root: CID) -> FileReader:
        """As the store that holds the file reads it."""
        try:
            return self.front.open_file(root)
        except BlockNotFound:
            return self.back.open_file(root)

    def close(self) -> None:
        """Close both."""
        self.front.close()
        self.back.close()
