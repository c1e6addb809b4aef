"""Delegated routing: who holds a block, for routers and clients that ask before they fetch.

Source: the Delegated Routing V1 HTTP API. This process speaks for itself alone: it is the one
provider of what it holds.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from anyio import to_thread
from multiformats import multibase
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cid_store import Store, multihash
from cid_store.cid import CID
from cid_store.errors import InvalidCID
from codata.identity import public_key
from codata.provider.errors import BadSettings, refusal

PROTOCOL: Final = "transport-ipfs-gateway-http"

_LIBP2P_KEY: Final = 0x72
_ED25519_KEY: Final = bytes.fromhex("08011220")  # protobuf: type Ed25519, 32 bytes of key
_HELD: Final = "public, max-age=300"
_ABSENT: Final = "public, max-age=15"  # it may come at any time
_MAX_DELEGATES: Final = 20  # as the pinning service API has it
_LINES: Final = "application/x-ndjson"


@dataclass(frozen=True, slots=True)
class Routing:
    """`/routing/v1/providers/{cid}` for whatever the store holds. `peer` is what is answered then."""

    store: Store
    peer: dict[str, Any]

    async def answer(self, request: Request) -> Response:
        """This process, or nobody. Status 422 for what is no CID."""
        try:
            cid = CID(request.path_params["cid"])
        except InvalidCID as e:
            answer = refusal(e)
            answer.status_code = 422
            return answer
        wanted = request.query_params.get("filter-protocols", PROTOCOL).lower().split(",")
        held = PROTOCOL in wanted and await to_thread.run_sync(self.store.has, cid)
        peers = [self.peer] if held else []
        headers = {"cache-control": _HELD if held else _ABSENT, "vary": "Accept"}
        if _LINES in request.headers.get("accept", ""):
            lines = "".join(json.dumps(peer) + "\n" for peer in peers)
            return Response(lines, headers=headers, media_type=_LINES)
        return JSONResponse({"Providers": peers}, headers=headers)


def peer(did: str, urls: Sequence[str]) -> dict[str, Any]:
    """The peer record of an identity that is reached at these URLs; raises `BadSettings`."""
    key = _ED25519_KEY + public_key(did).public_bytes_raw()
    return {
        "Schema": "peer",
        "ID": str(CID.build(_LIBP2P_KEY, multihash.IDENTITY, key)),
        "Addrs": [multiaddr(url) for url in urls],
        "Protocols": [PROTOCOL],
    }


def delegates(peer: Mapping[str, Any]) -> list[str]:
    """The addresses of a peer record, each naming the peer; the peer alone where it has no address."""
    key = multibase.encode(CID(peer["ID"]).multihash, "base58btc").removeprefix("z")
    return [f"{address}/p2p/{key}" for address in peer["Addrs"] or ("",)][:_MAX_DELEGATES]


def multiaddr(url: str) -> str:
    """A URL of a gateway in the form of libp2p; raises `BadSettings` for one with more than a host."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
        parts = urlsplit("")
    if (
        parts.scheme not in ("http", "https")
        or not host
        or parts.path.strip("/")
        or parts.query
        or "@" in url
    ):
        raise BadSettings(
            f"{url[:200]!r} can't be announced", next_step="write https://HOST or http://HOST:PORT"
        )
    return f"{_host(host)}/tcp/{port or (443 if parts.scheme == 'https' else 80)}/{parts.scheme}"


def _host(host: str) -> str:
    try:
        return f"/ip{ipaddress.ip_address(host).version}/{host}"
    except ValueError:
        return f"/dns/{host}"
