"""Where a CAR's bytes come from: a file with random access, or a stream that is read once.

No claimed length is ever asked of the system at once: bytes are gathered in pieces of `CHUNK`, so a lie
costs no memory.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from cid_store.car.errors import TruncatedCar
from cid_store.errors import StoreError

CHUNK: Final = 1 << 20


class Source(Protocol):
    """Bytes with random access. Thread-safe."""

    size: int

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`; fewer only at the end."""

    def close(self) -> None:
        """Release what was opened."""


class PathSource:
    """A file by its path, read without a shared position."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        self.size = os.fstat(self._fd).st_size

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`."""
        try:
            return os.pread(self._fd, size, offset)
        except OSError as e:
            raise StoreError(
                f"{self._path} can't be read: {e.strerror}", next_step="check the file"
            ) from None

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


class FileSource:
    """A seekable file object of the caller, who closes it. Offsets count from where it stood."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._start = file.tell()
        self.size = file.seek(0, os.SEEK_END) - self._start

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`."""
        with self._lock:
            self._file.seek(self._start + offset)
            return self._file.read(size)

    def close(self) -> None:
        """Nothing: the caller's file stays open."""


class Input:
    """Forward reading with look-ahead. `position` counts the bytes consumed, from 0 where the input began."""

    def __init__(self, read: Callable[[int], bytes], jump: Callable[[int], None] | None = None) -> None:
        self._read = read
        self._jump = jump
        self._buffer = b""
        self._at = 0
        self.position = 0

    def peek(self, size: int) -> bytes:
        """The next `size` bytes, left in place; fewer only at the end."""
        if len(self._buffer) - self._at < size:
            self._fill(size)
        return self._buffer[self._at : self._at + size]

    def take(self, size: int, what: str) -> bytes:
        """The next `size` bytes; raises `TruncatedCar` naming `what` when the input ends before."""
        data = self.peek(size)
        if len(data) < size:
            raise TruncatedCar(
                f"{what} at {self.position} has {len(data)} of {size} bytes: the CAR is cut short"
            )
        self._at += size
        self.position += size
        return data

    def skip(self, size: int) -> None:
        """Pass over `size` bytes without looking at them; past the end where the input can jump."""
        buffered = len(self._buffer) - self._at
        if size <= buffered:
            self._at += size
        elif self._jump is not None:
            self._jump(size - buffered)
            self._buffer, self._at = b"", 0
        else:
            self._drain(size - buffered)
        self.position += size

    def _fill(self, size: int) -> None:
        pieces = [self._buffer[self._at :]]
        have = len(pieces[0])
        while have < size and (piece := self._read(CHUNK)):
            pieces.append(piece)
            have += len(piece)
        self._buffer, self._at = b"".join(pieces), 0

    def _drain(self, size: int) -> None:
        self._buffer, self._at = b"", 0
        while size:
            piece = self._read(min(size, CHUNK))
            if not piece:
                raise TruncatedCar(f"{size} bytes are missing at the end: the CAR is cut short")
            size -= len(piece)


def cursor(source: Source, offset: int, end: int, chunk: int = CHUNK) -> Input:
    """An input over bytes `offset` to `end` of `source` that reads `chunk` bytes ahead, at most."""
    at = offset

    def read(size: int) -> bytes:
        nonlocal at
        if at >= end:
            return b""
        piece = source.read_at(at, min(size, chunk, end - at))
        at += len(piece)
        return piece

    def jump(size: int) -> None:
        nonlocal at
        at += size

    return Input(read, jump)


def once(file: BinaryIO) -> Input:
    """An input over a stream that can't seek."""
    return Input(file.read)
