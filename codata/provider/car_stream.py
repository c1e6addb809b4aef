"""A CAR as pieces of bytes, made while it is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from cid_store import multihash
from cid_store.block import Block
from cid_store.car.format import encode_header, section_head
from cid_store.cid import CID
from cid_store.errors import CidStoreError, LimitExceeded

PIECE: Final = 256 * 1024
"""Bytes that a piece has at least, but for the last: one crossing between threads for many small blocks."""

MAX_REPEATS: Final = 1 << 20
"""Blocks that were met before: a small DAG can lead to one block more often than anybody can wait for."""


def car_pieces(root: CID, blocks: Iterable[Block], *, repeat: bool) -> Iterator[bytes]:
    """The CARv1 with this root; blocks met before are left out unless `repeat`, identity blocks always.

    What was read before an error is given out before the error is raised.
    """
    parts: list[bytes | memoryview] = [encode_header([root])]
    size = len(parts[0])
    try:
        for block in _chosen(blocks, repeat):
            head = section_head(block.cid, len(block.data))
            parts += (head, block.data)
            size += len(head) + len(block.data)
            if size >= PIECE:
                yield b"".join(parts)
                parts, size = [], 0
    except CidStoreError:
        if parts:
            yield b"".join(parts)
        raise
    if parts:
        yield b"".join(parts)


def _chosen(blocks: Iterable[Block], repeat: bool) -> Iterator[Block]:
    seen: set[bytes] = set()
    repeats = 0
    for block in blocks:
        if block.cid.hash_code == multihash.IDENTITY:
            continue
        key = block.cid.multihash
        if key not in seen:
            seen.add(key)
            yield block
            continue
        repeats += 1
        if repeats > MAX_REPEATS:
            raise LimitExceeded(f"the DAG leads to blocks again more than {MAX_REPEATS} times", cid=block.cid)
        if repeat:
            yield block
