"""Proving blocks as they stream by, on more than one core where blocks are big enough for it to pay."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

from cid_store.block import Block
from cid_store.errors import CidStoreError

_THREADS: Final = 2
_WORTH_A_THREAD: Final = 128 * 1024  # bytes; below, handing over costs more than hashing
_AHEAD: Final = 8  # blocks in flight, at most: bounds memory at this many sections


def checked(blocks: Iterable[Block]) -> Iterator[Block]:
    """`blocks`, each proven, in their order. Raises `CorruptBlock` where the first wrong one lies."""
    flight: deque[Future[Block]] = deque()
    pool: ThreadPoolExecutor | None = None
    source = iter(blocks)
    fault: CidStoreError | None = None
    try:
        while True:
            try:
                block = next(source, None)
            except CidStoreError as e:
                fault = e  # what was read before it is still given out
                break
            if block is None:
                break
            if len(block.data) < _WORTH_A_THREAD and not flight:
                yield block.check()
                continue
            if pool is None:
                pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="check")
            flight.append(pool.submit(block.check))
            if len(flight) == _AHEAD:
                yield flight.popleft().result()
        while flight:
            yield flight.popleft().result()
        if fault is not None:
            raise fault
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)
