"""Request bodies: bounded in size, in how long a client may send nothing, and in how long it may drip."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Final

import anyio
from starlette.requests import Request

from codata.provider.errors import BodyTooLarge, SlowClient

_RATE: Final = 4096
"""Bytes a second that a body comes with at least, on the whole: else one now and then would hold a place."""

_SECONDS: Final = 3600.0
"""Seconds that a whole body is waited for, at most. What this process does meanwhile is not the client's."""


async def chunks(request: Request, patience: float) -> AsyncIterator[bytes]:
    """The body as it comes; raises `SlowClient` where nothing comes for `patience` seconds, or it drips."""
    stream = request.stream()
    waited, received = 0.0, 0
    while True:
        left = min(_SECONDS, patience + received / _RATE) - waited
        began = time.monotonic()
        try:
            with anyio.fail_after(min(patience, max(left, 0))):
                chunk = await anext(stream, None)
        except TimeoutError:
            if left < patience:
                raise SlowClient(f"the client sent {received} bytes in {waited:.0f} seconds") from None
            raise SlowClient(f"the client sent nothing for {patience} seconds") from None
        if chunk is None:
            return
        waited += time.monotonic() - began
        received += len(chunk)
        yield chunk


async def whole(request: Request, limit: int, patience: float) -> bytes:
    """The body, in memory; raises `BodyTooLarge` over `limit` bytes, `SlowClient`."""
    body = bytearray()
    async for chunk in chunks(request, patience):
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(f"the body is over {limit} bytes")
    return bytes(body)
