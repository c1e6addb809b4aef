"""Questions to workers, over connections of their own that give up soon on who has left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from distributed.core import ConnectionPool

CONNECT: Final = 3.0
"""Seconds that a worker may take to answer a connection. Dask's own 30 are for workers still to come."""

_AVOIDED: Final = 20.0  # seconds that a worker which did not answer is not asked again


class Gone(OSError):
    """A worker that does not answer."""


class Peers:
    """Asks workers. Lives on one event loop."""

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._pool = ConnectionPool(connection_args=dict(connection), timeout=CONNECT)
        self._gone: dict[str, float] = {}

    async def start(self) -> None:
        """Be ready."""
        await self._pool.start()

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close()

    async def ask(self, address: str, answer: str, asked: Mapping[str, Any]) -> Any:
        """What this worker answers; raises what it raised, or `Gone`."""
        if time.monotonic() < self._gone.get(address, 0):
            raise Gone(f"{address} does not answer")
        try:
            return await getattr(self._pool(address), answer)(**asked)
        except OSError as e:
            self._gone[address] = time.monotonic() + _AVOIDED
            raise Gone(f"{address} does not answer: {e}") from None
