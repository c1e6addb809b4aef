"""An answer that is made while it is sent, and broken off where it can't be finished."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import anyio
from anyio import to_thread
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from cid_store.errors import CidStoreError

_log = logging.getLogger("codata.provider")

_END: Final = b""


class Pieces(StreamingResponse):
    """Pieces of bytes, one in memory at a time, each taken from the iterator in a thread.

    An error of the iterator, or a client that takes nothing for `patience` seconds, breaks the answer off:
    its receiver sees that it is not whole.
    """

    def __init__(self, pieces: Iterator[bytes], headers: Mapping[str, str], *, patience: float) -> None:
        super().__init__((), headers=headers, media_type=headers["content-type"])
        self._pieces = pieces
        self._patience = patience
        self._finally: Callable[[], None] = lambda: None

    def finally_(self, call: Callable[[], None]) -> None:
        """Call this at the end, however that comes."""
        self._finally = call

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; a client that goes away ends it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._finally()

    async def stream_response(self, send: Send) -> None:
        """Piece by piece. Returning without the last message is what breaks an answer off."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            while (piece := await to_thread.run_sync(next, self._pieces, _END)) is not _END:
                with anyio.fail_after(self._patience):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except CidStoreError as e:
            _log.warning("broken off", extra={"fields": {"kind": e.kind, "message": e.message, "cid": e.cid}})
            return
        except TimeoutError:
            _log.warning("broken off", extra={"fields": {"kind": "SlowClient", "seconds": self._patience}})
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
