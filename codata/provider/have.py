"""POST `/have`: for a dataset's shards or a list of CIDs, which are held here in full."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cid_store import Store
from cid_store.cid import CID
from cid_store.codecs import dag_cbor
from cid_store.errors import CidStoreError
from codata.provider.body import chunks, whole
from codata.provider.errors import BadRequest, BodyTooLarge, WrongMediaType
from codata.provider.held import Bits, held
from codata.records.manifest import Manifest

MAX_BODY: Final = 8 * 1024 * 1024
"""Bytes of a body that is in memory as a whole: JSON or DAG-CBOR."""

MAX_CIDS: Final = 1 << 24
"""CIDs in one request: the answer's bits are 2 MiB."""

JSON_TYPE: Final = "application/json"
CBOR_TYPE: Final = "application/vnd.ipld.dag-cbor"
LINES_TYPE: Final = "text/plain"

_MAX_LINE: Final = 2048


@dataclass(frozen=True, slots=True)
class Have:
    """What serves `/have`. `patience`: seconds that a client may send nothing of its body."""

    store: Store
    patience: float

    async def answer(self, request: Request) -> Response:
        """The answer; raises `CidStoreError` for what is refused."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == LINES_TYPE:
            bits = await self._lines(request)
        elif kind in (JSON_TYPE, CBOR_TYPE):
            bits = await to_thread.run_sync(
                _answer, self.store, kind, await whole(request, MAX_BODY, self.patience)
            )
        else:
            raise WrongMediaType(
                f"a body of {kind[:80]!r} is not read here", next_step=f"send {JSON_TYPE} or {LINES_TYPE}"
            )
        return _response(bits, CBOR_TYPE in request.headers.get("accept", ""))

    async def _lines(self, request: Request) -> Bits:
        """Line by line: of the request no more than a batch of CIDs is in memory."""
        bits, known, rest, count = Bits(), dict[CID, bool](), b"", 0
        async for chunk in chunks(request, self.patience):
            *lines, rest = (rest + chunk).split(b"\n")
            count += len(lines)
            if len(rest) > _MAX_LINE or count > 2 * MAX_CIDS:
                raise BadRequest(f"a line is over {_MAX_LINE} bytes, or there are over {2 * MAX_CIDS} lines")
            if lines:
                await to_thread.run_sync(_add_lines, self.store, bits, known, lines)
        await to_thread.run_sync(_add_lines, self.store, bits, known, [rest])
        return bits


def _add_lines(store: Store, bits: Bits, known: dict[CID, bool], lines: list[bytes]) -> None:
    _add(store, bits, (CID(_ascii(line)) for line in lines if line.strip()), known)


def _add(store: Store, bits: Bits, cids: Iterable[CID], known: dict[CID, bool] | None = None) -> None:
    bits.add(held(store, _counted(cids, MAX_CIDS - bits.count), known))


def _counted(cids: Iterable[CID], limit: int) -> Iterator[CID]:
    for at, cid in enumerate(cids):
        if at >= limit:
            raise BodyTooLarge(
                f"one request asks for at most {MAX_CIDS} CIDs", next_step="ask in several requests"
            )
        yield cid


def _ascii(line: bytes) -> str:
    return line.strip().decode("ascii", "replace")


def _answer(store: Store, kind: str, body: bytes) -> Bits:
    asked = _decode(kind, body)
    bits = Bits()
    if "manifest" in asked:
        _add(store, bits, (shard.cid for shard in Manifest.load(store, asked["manifest"]).refs(store)))
    else:
        _add(store, bits, asked["cids"])
    return bits


def _decode(kind: str, body: bytes) -> dict[str, Any]:
    """`{"manifest": CID}` or `{"cids": [CID…]}`; raises `BadRequest`, `InvalidCID`."""
    try:
        value = json.loads(body) if kind == JSON_TYPE else dag_cbor.decode(body)
    except (ValueError, RecursionError, CidStoreError):
        raise BadRequest(f"the body is not {kind}") from None
    match value:
        case {"manifest": str(cid), **rest} if not rest:
            return {"manifest": CID(cid)}
        case {"cids": list(cids), **rest} if not rest and all(isinstance(cid, str) for cid in cids):
            return {"cids": [CID(cid) for cid in cids]}
    raise BadRequest("the body is neither {manifest: CID} nor {cids: [CID, …]}")


def _response(bits: Bits, as_cbor: bool) -> Response:
    value: dict[str, Any] = {"count": bits.count, "held": bits.set}
    headers = {"cache-control": "no-store"}
    if as_cbor:
        encoded = dag_cbor.encode(value | {"bits": bytes(bits.data)})
        return Response(encoded, headers=headers, media_type=CBOR_TYPE)
    return JSONResponse(value | {"bits": base64.b64encode(bits.data).decode()}, headers=headers)
