"""Request bodies: bounded in size, and in how long a client may send nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

import anyio
from starlette.requests import Request

from codata.provider.errors import BodyTooLarge, SlowClient


async def chunks(request: Request, patience: float) -> AsyncIterator[bytes]:
    """The body as it comes; raises `SlowClient` where nothing comes for `patience` seconds."""
    stream = request.stream()
    while True:
        try:
            with anyio.fail_after(patience):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise SlowClient(f"the client sent nothing for {patience} seconds") from None
        if chunk is None:
            return
        yield chunk


async def whole(request: Request, limit: int, patience: float) -> bytes:
    """The body, in memory; raises `BodyTooLarge` over `limit` bytes, `SlowClient`."""
    body = bytearray()
    async for chunk in chunks(request, patience):
        body += chunk
        if len(body) > limit:
            raise BodyTooLarge(f"the body is over {limit} bytes")
    return bytes(body)
