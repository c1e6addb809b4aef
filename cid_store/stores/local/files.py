"""Whole files: taking their bytes in once, contiguous, and naming them on the way.

Bytes are hashed as they are kept, never as the source showed them at another moment: a source that changes
while it is read gives some content or other, but never content under a wrong name.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import BinaryIO, Final

from cid_store.block import Block
from cid_store.cid import CID, RAW
from cid_store.hashing import BATCH, hash_blocks, hash_file, read_block
from cid_store.stores.local.entries import Row
from cid_store.stores.local.folder import write_all
from cid_store.unixfs.build import FileBuilder, leaf
from cid_store.unixfs.profiles import V1_2025

SMALL: Final = 64 * 1024
"""Bytes. A file below this size is one block of a pack: an inode and a slack page would cost more than it
holds.
"""

CHUNK: Final = V1_2025.chunk

_SHA256: Final = b"\x12\x20"  # what makes a multihash of its digest
_SEGMENT: Final = 64 * CHUNK  # copied ahead of the hashing: long enough to keep two threads busy
_NO_COPY: Final = (
    errno.EXDEV,
    errno.ENOSYS,
    errno.EOPNOTSUPP,
    errno.EINVAL,
    errno.EBADF,
    errno.ETXTBSY,
    errno.EPERM,
)


@dataclass(frozen=True, slots=True)
class Outline:
    """All of a file's DAG but the bytes: `leaves` are digests of consecutive chunks, `nodes` the blocks above
    them.
    """

    root: CID
    size: int
    leaves: list[bytes]
    nodes: list[Block]

    def rows(self) -> Iterator[Row]:
        """The leaves' rows in the index."""
        for i, digest in enumerate(self.leaves):
            start = i * CHUNK
            yield Row(_SHA256 + digest, start, min(CHUNK, self.size - start), RAW)


def outline(leaves: Iterable[tuple[bytes, int]]) -> Outline:
    """From digest and length of each chunk in order to the DAG over them. There is at least one chunk."""
    nodes: list[Block] = []
    builder = FileBuilder(V1_2025, nodes.append)
    digests = []
    for digest, size in leaves:
        builder.add(leaf(V1_2025, digest, size))
        digests.append(digest)
    built = builder.finish()
    return Outline(built.cid, built.size, digests, nodes)


def outline_buffer(view: memoryview) -> Outline:
    """The outline of a buffer."""
    return outline((digest, len(chunk)) for digest, chunk in hash_blocks(view, CHUNK))


def outline_file(fd: int) -> Outline:
    """The outline of an open file that is not empty."""
    return outline(hash_file(fd, CHUNK))


def take(source: BinaryIO, head: bytes, target: int) -> Outline:
    """Write `head`, which has been read from `source`, and the rest of it to the file `target`.

    A regular file is copied by the kernel where it can be, and the copy is hashed behind the copying.
    """
    begin = _position(source)
    if begin is None:
        return outline(_written(_Resumed(source, head), target))
    return outline(_copied(source.fileno(), begin - len(head), target))


def recognise(source: BinaryIO, head: bytes, held: Callable[[bytes], bool]) -> Outline | None:
    """The outline of a regular file whose first chunk is `held` (asked by multihash); None for any other.

    Such a file is likely here whole, and hashing it where it lies costs less than another copy.
    """
    begin = _position(source)
    if begin is None:
        return None
    fd, begin = source.fileno(), begin - len(head)
    length = min(CHUNK, os.fstat(fd).st_size - begin)
    if length < SMALL:
        return None  # it has shrunk since its head was read
    ((digest, _),) = hash_file(fd, CHUNK, offset=begin, length=length)
    if not held(_SHA256 + digest):
        return None
    return outline(hash_file(fd, CHUNK, offset=begin, length=os.fstat(fd).st_size - begin))


def _position(source: BinaryIO) -> int | None:
    """How far a regular file has been read; None for any other stream."""
    try:
        if isinstance(source, io.BufferedReader | io.FileIO) and stat.S_ISREG(
            os.fstat(source.fileno()).st_mode
        ):
            return source.tell()
    except (OSError, ValueError):
        pass
    return None


def _written(source: _Resumed, target: int) -> Iterator[tuple[bytes, int]]:
    at = 0
    for digest, chunk in hash_blocks(source, CHUNK):
        write_all(target, chunk, at)
        at += len(chunk)
        yield digest, len(chunk)


class _Resumed:
    """A stream whose first bytes have been read already."""

    def __init__(self, source: BinaryIO, head: bytes) -> None:
        self._source = source
        self._head = head

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""
        if not self._head:
            return self._source.read(size)
        head, self._head = self._head[:size], self._head[size:]
        return head


def head_of(source: BinaryIO) -> bytes:
    """The first bytes of a stream: all of it if they are fewer than `SMALL`."""
    return read_block(source, SMALL)


def _copied(source: int, begin: int, target: int) -> Iterator[tuple[bytes, int]]:
    """Copy until the source ends; yields digest and length of each chunk of the copy.

    A segment is copied while the one before it is hashed.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="copy") as copier:
        at, length = 0, copier.submit(_copy_range, source, begin, target, 0).result()
        while length:
            following = copier.submit(_copy_range, source, begin, target, at + length)
            yield from hash_file(target, CHUNK, offset=at, length=length)
            at += length
            length = following.result() if length == _SEGMENT else 0


def _copy_range(source: int, begin: int, target: int, at: int) -> int:
    """Copy at most a segment from `begin + at` of `source` to `at` of `target`; returns its length.

    The kernel copies, or shares the extents where the file system can; else the bytes pass through here.
    """
    done = 0
    by_kernel = hasattr(os, "copy_file_range")
    while done < _SEGMENT:
        if by_kernel:
            try:
                count = os.copy_file_range(source, target, _SEGMENT - done, begin + at + done, at + done)
            except OSError as e:
                if e.errno not in _NO_COPY:
                    raise
                by_kernel = False
                continue
        else:
            data = os.pread(source, min(BATCH, _SEGMENT - done), begin + at + done)
            write_all(target, data, at + done)
            count = len(data)
        if not count:
            break
        done += count
    return done
