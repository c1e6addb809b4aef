"""CommP: the commitment of a payload, in one pass and bounded memory.

The payload is cut in chunks of `CHUNK_QUADS`·127 bytes, each a complete subtree. A kernel gives a chunk's
root; above them a stack holds at most one finished subtree per level, as a binary counter holds its digits.
"""

from __future__ import annotations

import os
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, Final, Self

from cid_store.errors import StoreError, UsageError
from cid_store.piece import kernels
from cid_store.piece.cid import PieceInfo
from cid_store.piece.tree import NODE, QUAD, QUAD_LEVEL, QUAD_PADDED, grow, level_of, node, piece_size_of

CHUNK_QUADS: Final = 1024
"""Quads per chunk, a power of two: scratch memory of 128 KiB stays in a core's second-level cache."""

_CHUNK: Final = CHUNK_QUADS * QUAD
_CHUNK_LEVEL: Final = QUAD_LEVEL + CHUNK_QUADS.bit_length() - 1

_GROUP: Final = 16 * _CHUNK
"""Bytes handed to a thread at once: 2 MiB, two milliseconds of work."""


class PieceHasher:
    """CommP of bytes as they come: `update` any number of times, then `digest`.

    The result depends on the bytes alone, not on how they were cut, nor on `threads`: how many threads hash
    (default: the CPUs of this process). One thread means the caller's own. Memory: `threads` + 2 groups of
    2 MiB. Not to be shared between threads. `expected` bytes are a hint for choosing a kernel. Close it, or
    use it in a `with`, to end its threads early.
    """

    def __init__(self, threads: int | None = None, expected: int = 0) -> None:
        self._threads = _cpus() if threads is None else threads
        if self._threads < 1:
            raise UsageError(f"{threads} threads can't hash", next_step="ask for one thread or more")
        self._expected = expected
        self._pool: ThreadPoolExecutor | None = None
        self._pending: deque[tuple[Future[bytes], bytearray]] = deque()
        self._free: list[bytearray] = []
        self._group = bytearray(_GROUP)
        self._filled = 0
        self._size = 0
        self._stack: list[tuple[int, bytes]] = []

    def update(self, data: bytes | bytearray | memoryview) -> None:
        """Append bytes; they may be reused as soon as this returns."""
        view = memoryview(data).cast("B")
        while view:
            space = self._space()
            count = min(len(space), len(view))
            space[:count] = view[:count]
            self._advance(count)
            view = view[count:]

    def read_from(self, stream: BinaryIO) -> None:
        """Append all that `stream` still gives. Raises `StoreError` where reading fails."""
        while count := _read_into(stream, self._space()):
            self._advance(count)

    def digest(self) -> PieceInfo:
        """The piece of all bytes so far; more may follow."""
        self._collect(0)
        piece_size = piece_size_of(self._size)
        quads = piece_size // QUAD_PADDED
        if quads <= CHUNK_QUADS:
            return PieceInfo(self._rest_roots(quads), self._size, piece_size)
        stack = self._stack.copy()
        _push_all(stack, self._rest_roots(CHUNK_QUADS))
        level, root = stack.pop()
        while stack:
            at, left = stack.pop()
            root = node(left, grow(root, level, at))
            level = at + 1
        return PieceInfo(grow(root, level, level_of(piece_size)), self._size, piece_size)

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _space(self) -> memoryview:
        """The free part of the current group, never empty."""
        if self._filled == _GROUP:
            self._flush()
        return memoryview(self._group)[self._filled :]

    def _advance(self, count: int) -> None:
        self._filled += count
        self._size += count

    def _flush(self) -> None:
        """Hash the full group, here or in a thread."""
        tree_roots = kernels.choose(max(self._size, self._expected))
        if self._threads == 1:
            _push_all(self._stack, tree_roots(memoryview(self._group), CHUNK_QUADS))
        else:
            self._pool = self._pool or ThreadPoolExecutor(self._threads, "commp")
            task = self._pool.submit(tree_roots, memoryview(self._group), CHUNK_QUADS)
            self._pending.append((task, self._group))
            self._collect(self._threads)
            self._group = self._free.pop() if self._free else bytearray(_GROUP)
        self._filled = 0

    def _collect(self, leave: int) -> None:
        """Take results in the order of their bytes until at most `leave` groups are on their way."""
        while len(self._pending) > leave:
            task, group = self._pending.popleft()
            _push_all(self._stack, task.result())
            self._free.append(group)

    def _rest_roots(self, quads: int) -> bytes:
        """Roots of the bytes not yet hashed, the last chunk filled with zeros; of one chunk if there
        are none at all."""
        chunk = quads * QUAD
        chunks = -(-self._filled // chunk) if self._size else 1
        rest = bytes(memoryview(self._group)[: self._filled]).ljust(chunks * chunk, b"\0")
        return kernels.choose(max(self._size, self._expected))(memoryview(rest), quads)


def commp(source: str | Path | BinaryIO, threads: int | None = None) -> PieceInfo:
    """The piece of a file, or of what a file object still gives. Raises `UsageError` where it can't be
    read."""
    if not isinstance(source, (str, Path)):
        return _commp(source, threads, 0)
    try:
        with Path(source).open("rb", buffering=0) as stream:
            return _commp(stream, threads, os.fstat(stream.fileno()).st_size)
    except OSError as e:
        raise UsageError(f"{source} can't be read: {e.strerror}", next_step="name a file") from e


def _commp(stream: BinaryIO, threads: int | None, expected: int) -> PieceInfo:
    with PieceHasher(threads, expected) as hasher:
        hasher.read_from(stream)
        return hasher.digest()


def _push_all(stack: list[tuple[int, bytes]], roots: bytes) -> None:
    """Add chunks to the finished subtrees: equal levels join, so that levels fall from bottom to top."""
    for at in range(0, len(roots), NODE):
        level, root = _CHUNK_LEVEL, roots[at : at + NODE]
        while stack and stack[-1][0] == level:
            root = node(stack.pop()[1], root)
            level += 1
        stack.append((level, root))


def _read_into(stream: BinaryIO, space: memoryview) -> int:
    """Read up to `len(space)` bytes; 0 at the end."""
    try:
        if hasattr(stream, "readinto"):
            count: int | None = stream.readinto(space)
        else:
            data = stream.read(len(space))
            count = len(data)
            space[:count] = data
    except OSError as e:
        raise StoreError(f"reading a payload failed: {e}") from e
    if count is None:
        raise StoreError("the stream has no bytes ready", next_step="open it in blocking mode")
    return count


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
