"""Bodies of signed requests: bounded, and proven to be the ones that were signed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import Any, Final

from anyio import to_thread
from starlette.requests import Request

from cid_store.cid import CID
from codata.provider.body import chunks
from codata.provider.errors import BadRequest, BodyTooLarge, WrongMediaType
from codata.provider.work.gate import Asker, headers_of
from codata.signing import check_digest

JSON_TYPE: Final = "application/json"
MAX_JSON: Final = 1 << 20
"""Bytes."""

_IN_MEMORY: Final = 1 << 20  # bytes of a body; more goes to a temporary file


@asynccontextmanager
async def spooled(
    request: Request, asker: Asker, limit: int, patience: float
) -> AsyncIterator[SpooledTemporaryFile[bytes]]:
    """A body, at its beginning, once it is whole and proven to be the one that was signed.

    Raises `BodyTooLarge`, `SlowClient` where nothing comes for `patience` seconds, `BadSignature`.
    """
    stated = request.headers.get("content-length", "0")
    if stated.isdigit() and int(stated[:20]) > limit:
        raise _too_large(limit)
    digest, size = hashlib.sha256(), 0
    with SpooledTemporaryFile(_IN_MEMORY) as file:
        async for chunk in chunks(request, patience):
            size += len(chunk)
            if size > limit:
                raise _too_large(limit)
            digest.update(chunk)
            await to_thread.run_sync(file.write, chunk)
        if asker.signed:
            check_digest(headers_of(request), digest.digest())
        file.seek(0)
        yield file


async def json_body(request: Request, asker: Asker, patience: float) -> Any:
    """A body of JSON; raises `BadRequest`, `WrongMediaType` too."""
    kind = media_type(request)
    if kind != JSON_TYPE:
        raise WrongMediaType(f"a body of {kind[:80]!r} is not read here", next_step=f"send {JSON_TYPE}")
    async with spooled(request, asker, MAX_JSON, patience) as file:
        try:
            return json.loads(file.read())
        except (ValueError, RecursionError):
            raise BadRequest("the body is not JSON") from None


def media_type(request: Request) -> str:
    """The type that the request states for its body."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def task_cids(value: Any, limit: int) -> list[CID]:
    """`{"tasks": [CID, …]}` of at most `limit`, each once; raises `BadRequest`, `InvalidCID`."""
    tasks = value.get("tasks") if isinstance(value, dict) else None
    if not isinstance(tasks, list) or not all(isinstance(task, str) for task in tasks):
        raise BadRequest('the body is not {"tasks": [CID, …]}')
    if len(tasks) > limit:
        raise BadRequest(f"a request names at most {limit} tasks", next_step="send several requests")
    return [CID(task) for task in dict.fromkeys(tasks)]


def _too_large(limit: int) -> BodyTooLarge:
    return BodyTooLarge(f"the body is over {limit} bytes", next_step="send it in several requests")
