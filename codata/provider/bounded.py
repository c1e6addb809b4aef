"""What one route may take of the process: places for requests, and patience with slow clients."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import anyio
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cid_store.errors import CidStoreError
from codata.provider.errors import Busy, refusal

_log = logging.getLogger("codata.provider")


class Places:
    """How many requests are served at once. Counted on the event loop's one thread: no lock."""

    def __init__(self, what: str, limit: int) -> None:
        self.what = what
        self.limit = limit
        self.taken = 0


@dataclass(frozen=True, slots=True)
class Bounded:
    """An application of which no more than so many requests run, each until its last byte is sent.

    Who finds no place is told to come again: nothing waits without bound. A client that takes nothing for
    `patience` seconds loses its answer. `tell` makes the refusal.
    """

    app: ASGIApp
    places: Places
    patience: float
    tell: Callable[[CidStoreError], Response] = refusal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse with `Busy`."""
        places = self.places
        if places.taken >= places.limit:
            busy = Busy(f"{places.limit} {places.what} are served at once, and all places are taken")
            await self.tell(busy)(scope, receive, send)
            return

        async def patiently(message: Message) -> None:
            with anyio.fail_after(self.patience):
                await send(message)

        places.taken += 1
        try:
            await self.app(scope, receive, patiently)
        except TimeoutError:
            # Returning before the last message breaks the answer off.
            _log.warning("broken off", extra={"fields": {"kind": "SlowClient", "seconds": self.patience}})
        finally:
            places.taken -= 1
