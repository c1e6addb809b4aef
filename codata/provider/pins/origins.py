"""Origins: whom the settings allow to be asked.

A request can choose among the origins of the settings, and put none beside them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

from cid_store.errors import UsageError
from cid_store.stores.gateway.origin import MAX_GATEWAYS, Origin
from codata.multiaddr import url_of
from codata.provider.errors import BadSettings

_MAX_URL: Final = 1024  # characters
_PLAIN: Final = "?plain_http=yes"  # what is fetched is proven; who may be asked is for the settings to say


class Origins:
    """The gateways of the settings."""

    def __init__(self, urls: Sequence[str]) -> None:
        """Raises `BadSettings`."""
        if len(urls) > MAX_GATEWAYS:
            raise BadSettings(f"pins are fetched from at most {MAX_GATEWAYS} origins, not {len(urls)}")
        try:
            self._allowed = {Origin.parse(url): url for url in urls}
        except UsageError as e:
            raise BadSettings(f"`origins` of [provider.pins]: {e.message}", next_step=e.next_step) from None

    def choose(self, named: Sequence[str]) -> list[str]:
        """The URLs to fetch from: those allowed, and of them first those that a request names."""
        asked = {key for address in named if (key := _server(address))}
        return sorted(self._allowed.values(), key=lambda url: _key(Origin.parse(url)) not in asked)


def _server(address: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of a multiaddr or URL."""
    url = url_of(address) if address.startswith("/") else address
    if url is None or len(url) > _MAX_URL:
        return None
    try:
        return _key(Origin.parse(url + _PLAIN if "?" not in url else url))
    except UsageError:
        return None


def _key(origin: Origin) -> tuple[str, str, int]:
    try:
        host = ipaddress.ip_address(origin.host).compressed
    except ValueError:
        host = origin.host.rstrip(".")
    return origin.scheme, host, origin.port
