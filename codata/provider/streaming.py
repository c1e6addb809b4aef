"""Answers that are sent piece by piece: a client that is slow holds one piece, and not all of its answer."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Final

from anyio import to_thread
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from cid_store.errors import CidStoreError

SLICE: Final = 128 * 1024
"""Bytes of a block that are handed to the connection at once: it takes the next when it has sent these."""

_END: Final = b""

_log = logging.getLogger("codata.provider")


class Slices(Response):
    """Bytes that are in memory."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, and slices unless only the head was asked for."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        body = memoryview(self.body if scope["method"] != "HEAD" else b"")
        for at in range(0, len(body), SLICE):
            await send({"type": "http.response.body", "body": body[at : at + SLICE], "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Pieces(StreamingResponse):
    """Bytes that are made while they are sent, each piece in a thread.

    An error of the iterator breaks the answer off: its receiver sees that it is not whole.
    """

    def __init__(self, pieces: Iterator[bytes], headers: Mapping[str, str]) -> None:
        super().__init__((), headers=headers, media_type=headers["content-type"])
        self._pieces = pieces

    async def stream_response(self, send: Send) -> None:
        """Piece by piece. Returning before the last message is what breaks an answer off."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            while (piece := await to_thread.run_sync(next, self._pieces, _END)) is not _END:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except CidStoreError as e:
            _log.warning("broken off", extra={"fields": {"kind": e.kind, "message": e.message, "cid": e.cid}})
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})
