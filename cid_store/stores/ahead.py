"""Fetching ahead of a reader, for stores whose every block is a request."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from itertools import islice

from cid_store.block import Block
from cid_store.cid import CID


def fetch_ahead(
    get: Callable[[CID], bytes | memoryview], cids: Iterable[CID], pool: Executor, limit: int
) -> Iterator[Block]:
    """The blocks in the order asked for, at most `limit` fetched or on their way.

    A reader that stops early leaves no request behind that has not begun. Raises what `get` raises.
    """
    todo = iter(cids)
    ahead: deque[tuple[CID, Future[bytes | memoryview]]] = deque()
    try:
        while True:
            ahead.extend((cid, pool.submit(get, cid)) for cid in islice(todo, limit - len(ahead)))
            if not ahead:
                return
            cid, block = ahead.popleft()
            yield Block(cid, block.result())
    finally:
        for _, block in ahead:
            block.cancel()
