"""Cut a file, a stream or a buffer in blocks and hash them on all cores.

hashlib lets go of the interpreter while it hashes, so threads are enough. A block may be hashed inside a
*frame*, the bytes that its encoding puts around it, so that a framed leaf costs no copy.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Final, Protocol, TypeVar

from cid_store import sha256
from cid_store.errors import CidStoreError

Buffer = bytes | bytearray | memoryview
Frame = Callable[[int], tuple[bytes, bytes]]
"""The length of a block's data to the bytes before and after it."""

BATCH: Final = 1024 * 1024
"""Bytes that a thread reads and hashes at a time: they stay in a core's cache, and dwarf the hand-over."""

_INTERLEAVED: Final = 4 * 1024 * 1024
"""The same where a kernel hashes four blocks at once."""

_MAX_THREADS: Final = 16  # beyond this, memory bandwidth is what limits

_T = TypeVar("_T")


class Readable(Protocol):
    """A source of bytes that may return fewer than asked for; none at its end."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""


class SourceChanged(CidStoreError):
    """A file changed while it was read, so that no one content could be named."""

    default_next = "add it again when nothing writes to it"


def unframed(size: int) -> tuple[bytes, bytes]:
    """The frame of a raw block: nothing."""
    return b"", b""


def threads() -> int:
    """How many threads hash: the cores that this process may use, at most 16."""
    try:
        cores = len(os.sched_getaffinity(0))
    except AttributeError:
        cores = os.cpu_count() or 1
    return min(cores, _MAX_THREADS)


def sha256_many(blocks: Sequence[Buffer], frame: Frame = unframed) -> list[bytes]:
    """The sha2-256 digests of `blocks`, each inside its frame.

    Unframed blocks go to the kernel that hashes four at once, in a process that hashes enough for it to pay.
    """
    if frame is unframed:
        return sha256.sha256_many(blocks)
    return [_sha256(block, *frame(len(block))) for block in blocks]


def _sha256(block: Buffer, head: bytes, tail: bytes) -> bytes:
    if not head:
        return hashlib.sha256(block).digest()
    state = hashlib.sha256(head)
    state.update(block)
    state.update(tail)
    return state.digest()


def hash_file(
    fd: int, block_size: int, frame: Frame = unframed, *, offset: int = 0, length: int | None = None
) -> Iterator[tuple[bytes, int]]:
    """Digest and length of each block of an open regular file, in order, without keeping its bytes.

    Reads by position, so that the descriptor's own offset neither matters nor moves. Bytes go into a few
    reused buffers and not through a memory map, which would kill the process when the file shrinks. Raises
    `SourceChanged` when the file ends before `offset + length` (default: its length now).
    """
    end = os.fstat(fd).st_size if length is None else offset + length
    batch = _INTERLEAVED if sha256.expect(end - offset) else BATCH
    step = max(1, batch // block_size) * block_size
    count = threads()
    buffers: SimpleQueue[memoryview] = SimpleQueue()
    for _ in range(count):
        buffers.put(memoryview(bytearray(min(step, max(end - offset, 0)))))

    def run(at: int) -> list[tuple[bytes, int]]:
        buffer = buffers.get()
        try:
            part = buffer[: min(step, end - at)]
            _read_at(fd, part, at)
            blocks = _cut(part, block_size)
            return list(zip(sha256_many(blocks, frame), map(len, blocks), strict=True))
        finally:
            buffers.put(buffer)

    for results in _in_order(run, range(offset, end, step), count):
        yield from results


def hash_blocks(
    source: Readable | Buffer, block_size: int, frame: Frame = unframed
) -> Iterator[tuple[bytes, Buffer]]:
    """Digest and bytes of each block of a stream or buffer, in order.

    Blocks of a buffer are views of it. Of a stream, about two blocks a thread are held at a time.
    """
    batch = _INTERLEAVED if sha256.expect(0) else BATCH
    groups: Iterator[Sequence[Buffer]]
    if isinstance(source, Buffer):
        groups = _grouped(_cut(memoryview(source).cast("B"), block_size), max(1, batch // block_size))
    else:
        groups = ([block] for block in _cut_stream(source, block_size))

    def run(blocks: Sequence[Buffer]) -> list[tuple[bytes, Buffer]]:
        return list(zip(sha256_many(blocks, frame), blocks, strict=True))

    for results in _in_order(run, groups, threads()):
        yield from results


def read_block(source: Readable, size: int) -> bytes:
    """`size` bytes of `source`, fewer only where it ends."""
    data = source.read(size)
    if len(data) == size or not data:
        return data
    parts, missing = [data], size - len(data)
    while missing and (more := source.read(missing)):
        parts.append(more)
        missing -= len(more)
    return b"".join(parts)


def _cut_stream(source: Readable, block_size: int) -> Iterator[bytes]:
    while block := read_block(source, block_size):
        yield block
        if len(block) < block_size:
            return


def _cut(view: memoryview, block_size: int) -> list[memoryview]:
    return [view[at : at + block_size] for at in range(0, len(view), block_size)]


def _grouped(blocks: list[memoryview], count: int) -> Iterator[list[memoryview]]:
    return (blocks[at : at + count] for at in range(0, len(blocks), count))


def _read_at(fd: int, buffer: memoryview, at: int) -> None:
    done = 0
    while done < len(buffer):
        count = os.preadv(fd, [buffer[done:]], at + done)
        if not count:
            raise SourceChanged(
                f"the file ends at byte {at + done}, before the length it had when it was opened"
            )
        done += count


_In = TypeVar("_In")


def _in_order(run: Callable[[_In], _T], items: Iterable[_In], count: int) -> Iterator[_T]:
    """`run` of every item, in the order of the items, on `count` threads, with a bounded number under way."""
    source = iter(items)
    first = next(source, None)
    if first is None:
        return
    second = next(source, None)
    if second is None or count == 1:
        # One block is the common case by far among many small files: threads would cost more than they give.
        yield run(first)
        if second is not None:
            yield run(second)
            yield from map(run, source)
        return
    pool = ThreadPoolExecutor(count, thread_name_prefix="hash")
    try:
        waiting: deque[Future[_T]] = deque([pool.submit(run, first), pool.submit(run, second)])
        for item in source:
            if len(waiting) > 2 * count:
                yield waiting.popleft().result()
            waiting.append(pool.submit(run, item))
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
