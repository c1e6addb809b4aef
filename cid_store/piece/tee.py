"""Hash a piece while it is written, so that no byte is read back."""

from __future__ import annotations

import io
from typing import BinaryIO

from cid_store.piece.cid import PieceInfo
from cid_store.piece.commp import PieceHasher


class TeePieceWriter(io.RawIOBase):
    """A file object for writing only: passes all bytes to `out` and hashes them. It does not close `out`."""

    def __init__(self, out: BinaryIO, threads: int | None = None) -> None:
        super().__init__()
        self._out = out
        self._hasher = PieceHasher(threads)
        self._size = 0

    def writable(self) -> bool:
        """True."""
        return True

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        """Write and hash all of `data`."""
        view = memoryview(data).cast("B")
        written = 0
        while written < len(view):
            written += self._out.write(view[written:])
        self._hasher.update(view)
        self._size += len(view)
        return len(view)

    def tell(self) -> int:
        """Bytes written so far."""
        return self._size

    def flush(self) -> None:
        """Flush `out`."""
        if not self.closed:
            self._out.flush()

    def close(self) -> None:
        """End the hashing threads."""
        self._hasher.close()
        super().close()

    def info(self) -> PieceInfo:
        """The piece of what has been written."""
        return self._hasher.digest()
