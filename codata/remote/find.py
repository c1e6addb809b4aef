"""Which providers there are: named by their URLs, in the home's configuration, or found through routing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import httpx

from cid_store.cid import CID
from cid_store.errors import CidStoreError, UsageError
from cid_store.stores.gateway.client import tls_context
from cid_store.stores.gateway.origin import Origin
from codata.multiaddr import url_of
from codata.remote.answers import body_of, object_of
from codata.remote.errors import ProviderUnreachable

CONFIGURED: Final = "configured"
ROUTED: Final = "routed"

_MAX_URLS: Final = 1000
_MAX_ASKED: Final = 16  # CIDs that each routing endpoint is asked about
_TIMEOUT: Final = 10.0  # seconds


def providers_of(on: Sequence[str], config: Mapping[str, Any], cids: Sequence[CID]) -> list[str]:
    """The URLs that `--on` stands for, each once: `configured` for `[providers] urls` of config.toml,
    `routed` for who the endpoints in `[routing] urls` say holds `cids`. Raises `UsageError`.
    """
    urls: list[str] = []
    for text in on:
        if text == CONFIGURED:
            urls += _listed(config, "providers")
        elif text == ROUTED:
            urls += _routed(_listed(config, "routing"), cids)
        else:
            urls.append(text)
    found = list(dict.fromkeys(Origin.parse(url).url.rstrip("/") for url in urls))
    if not found:
        raise UsageError("no provider was found", next_step="name one with --on URL")
    if len(found) > _MAX_URLS:
        raise UsageError(f"at most {_MAX_URLS} providers take part", next_step="name fewer")
    return found


def _listed(config: Mapping[str, Any], name: str) -> list[str]:
    table = config.get(name)
    urls = table.get("urls") if isinstance(table, Mapping) else None
    if not isinstance(urls, list) or not urls or not all(isinstance(url, str) for url in urls):
        raise UsageError(
            f"config.toml has no URLs in [{name}]", next_step=f'write [{name}] and urls = ["https://…"]'
        )
    return urls


def _routed(endpoints: Sequence[str], cids: Sequence[CID]) -> list[str]:
    """What Delegated Routing V1 answers; an endpoint that fails is passed over, unless all do."""
    found: list[str] = []
    failed: list[CidStoreError] = []
    with httpx.Client(
        timeout=_TIMEOUT,
        follow_redirects=False,
        verify=tls_context(),
        headers={"User-Agent": "codata"},
    ) as client:
        for url in endpoints:
            base = str(Origin.parse(url))
            try:
                for cid in cids[:_MAX_ASKED]:
                    found += _ask(client, base, cid)
            except CidStoreError as e:
                failed.append(e)
    if not found and failed:
        raise failed[0]
    return found


def _ask(client: httpx.Client, base: str, cid: CID) -> list[str]:
    path = f"{base}routing/v1/providers/{quote(cid)}?filter-protocols=transport-ipfs-gateway-http"
    try:
        with client.stream("GET", path, headers={"Accept": "application/json"}) as answer:
            body = body_of(base, answer)
            if answer.status_code != 200:
                raise ProviderUnreachable(f"{base} answers {answer.status_code} when asked who holds {cid}")
    except httpx.HTTPError as e:
        raise ProviderUnreachable(f"{base} does not answer: {type(e).__name__}") from None
    peers = object_of(base, body).get("Providers")
    addresses = [
        address
        for peer in (peers if isinstance(peers, list) else ())
        if isinstance(peer, dict) and isinstance(peer.get("Addrs"), list)
        for address in peer["Addrs"]
    ]
    return [url for address in addresses if (url := _allowed(address)) is not None]


def _allowed(address: object) -> str | None:
    """The URL of an address; None where it names no HTTP server, or one that may not be asked."""
    url = url_of(address)
    try:
        return None if url is None else str(Origin.parse(url))
    except UsageError:
        return None  # plain HTTP to another machine
