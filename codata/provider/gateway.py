"""The trustless gateway: GET and HEAD of `/ipfs/`, as single blocks and as CARs.

Source: the trustless gateway and path gateway specifications.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from cid_store import Store
from cid_store.cid import CID
from codata.provider import path as content_path
from codata.provider.accept import RAW_TYPE
from codata.provider.ask import Ask, understand
from codata.provider.blocks import wanted
from codata.provider.byte_range import slice_of
from codata.provider.car_options import CarOptions
from codata.provider.car_stream import car_pieces
from codata.provider.errors import BadRequest, NotCached
from codata.provider.filename import disposition
from codata.provider.path import ContentPath
from codata.provider.resolve import Resolved, resolve
from codata.provider.streaming import Pieces, Slices

_ALWAYS: Final = {
    "cache-control": "public, max-age=29030400, immutable",
    "vary": "Accept",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class Gateway:
    """What serves `/ipfs/` from a store."""

    store: Store

    async def answer(self, request: Request) -> Response:
        """The answer; raises `CidStoreError` for what is refused."""
        path = content_path.parse(request.scope["raw_path"])
        _refuse_worker(request)
        ask = understand(path, request.scope["query_string"], request.headers.getlist("accept"))
        await to_thread.run_sync(_require_root, self.store, path.root, _only_if_cached(request))
        if ask.car is None:
            return await self._block(request, ask)
        return await self._car(request, ask, ask.car)

    async def _car(self, request: Request, ask: Ask, car: CarOptions) -> Response:
        tag = car_etag(ask.path, car)
        found, pieces = await to_thread.run_sync(_begin_car, self.store, ask.path, car)
        if _matches(request, tag):
            return _not_modified(ask, tag)
        headers = _headers(ask, found, tag) | {"content-type": car.media_type, "accept-ranges": "none"}
        if request.method == "HEAD":
            head = Response(headers=headers)
            del head.headers["content-length"]  # of a CAR it is known at its end
            return head
        return Pieces(pieces, headers)

    async def _block(self, request: Request, ask: Ask) -> Response:
        found, data = await to_thread.run_sync(_read_end, self.store, ask.path)
        tag = block_etag(found.end)
        if _matches(request, tag):
            return _not_modified(ask, tag)
        headers = _headers(ask, found, tag) | {"content-type": RAW_TYPE, "accept-ranges": "bytes"}
        part = slice_of(_range(request, tag), len(data))
        if part is None:
            return Slices(data, headers=headers)
        if part.start >= part.stop:
            return Response(status_code=416, headers={**_ALWAYS, "content-range": f"bytes */{len(data)}"})
        headers["content-range"] = f"bytes {part.start}-{part.stop - 1}/{len(data)}"
        return Slices(data[part], 206, headers)


def block_etag(cid: CID) -> str:
    """The Etag of a block."""
    return f'"{cid}.raw"'


def car_etag(path: ContentPath, car: CarOptions) -> str:
    """The Etag of a CAR: its root, and all that chose its blocks.

    Weak: the blocks and their order are fixed, but another version may write another header.
    """
    choice = hashlib.sha256(f"{path}?{car.query}".encode()).hexdigest()[:16]
    return f'W/"{path.root}.car.{car.scope}-{choice}"'


def _matches(request: Request, tag: str) -> bool:
    """Whether If-None-Match names this Etag, by weak comparison."""
    given = ",".join(request.headers.getlist("if-none-match"))
    known = {entry.strip().removeprefix("W/") for entry in given.split(",")}
    return tag.removeprefix("W/") in known or "*" in known


def _range(request: Request, tag: str) -> str | None:
    """The Range header, where it counts: it has a meaning for GET only, and If-Range may take it back."""
    if request.method != "GET" or request.headers.get("if-range", tag) != tag:
        return None
    return request.headers.get("range")


def _refuse_worker(request: Request) -> None:
    """A script of one root must not take hold of its neighbours in a browser: a whole root is no scope."""
    whole = b"/" not in request.scope["raw_path"].removeprefix(b"/ipfs/")
    if whole and request.headers.get("service-worker", "").strip() == "script":
        raise BadRequest("no service worker is registered for a whole root")


def _only_if_cached(request: Request) -> bool:
    directives = ",".join(request.headers.getlist("cache-control")).lower().split(",")
    return any(directive.strip() == "only-if-cached" for directive in directives)


def _require_root(store: Store, root: CID, only_if_cached: bool) -> None:
    if not store.has(root):
        if only_if_cached:
            raise NotCached(f"block {root} is not held here", cid=root)
        store.get(root)  # raises in the store's own words; a block that came meanwhile is served


def _not_modified(ask: Ask, tag: str) -> Response:
    return Response(status_code=304, headers={**_ALWAYS, **_location(ask), "etag": tag})


def _read_end(store: Store, path: ContentPath) -> tuple[Resolved, bytes | memoryview]:
    found = resolve(store, path)
    return found, store.get(found.end)


def _begin_car(store: Store, path: ContentPath, car: CarOptions) -> tuple[Resolved, Iterator[bytes]]:
    """The way to the end of the path, and the CAR. What fails up to the end's own block has a status."""
    found = resolve(store, path)
    blocks = wanted(store, found.end, car)
    first = next(blocks, None)
    below = chain(found.passed, () if first is None else (first,), blocks)
    return found, car_pieces(found.end, below, repeat=car.repeat)


def _headers(ask: Ask, found: Resolved, tag: str) -> dict[str, str]:
    name = ask.filename or f"{found.end}.{'car' if ask.car else 'bin'}"
    headers = {
        **_ALWAYS,
        "etag": tag,
        "x-ipfs-path": str(ask.path),
        "x-ipfs-roots": ",".join(found.roots),
        "content-disposition": disposition(name),
    }
    return headers | _location(ask)


def _location(ask: Ask) -> dict[str, str]:
    return {"content-location": ask.location} if ask.location else {}
