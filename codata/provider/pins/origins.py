"""Origins: whom the settings allow to be asked, and what multiaddrs say in the form of URLs.

A request can choose among the origins of the settings, and put none beside them. Source: the multiaddr
protocol table; of it what names an HTTP server.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

from cid_store.errors import UsageError
from cid_store.stores.gateway.origin import MAX_GATEWAYS, Origin
from codata.provider.errors import BadSettings

_HOSTS: Final = ("ip4", "ip6", "dns", "dns4", "dns6")
_MAX_ADDRESS: Final = 1024  # characters
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


def url_of(address: str) -> str | None:
    """The URL of a multiaddr like `/dns/data.example/tcp/443/https/p2p/PEER`; None where it names no HTTP
    server."""
    parts = address.split("/")
    if len(address) > _MAX_ADDRESS or len(parts) < 6 or parts[0] or parts[1] not in _HOSTS:
        return None
    _, kind, host, transport, port, *rest = parts
    if "p2p" in rest:
        rest = rest[: rest.index("p2p")]
    scheme = {("http",): "http", ("https",): "https", ("tls", "http"): "https"}.get(tuple(rest))
    if scheme is None or transport != "tcp" or not _is_port(port) or not _is_host(kind, host):
        return None
    return f"{scheme}://[{host}]:{port}/" if kind == "ip6" else f"{scheme}://{host}:{port}/"


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) < 65536


def _is_host(kind: str, host: str) -> bool:
    if kind in ("ip4", "ip6"):
        try:
            return f"ip{ipaddress.ip_address(host).version}" == kind and "%" not in host
        except ValueError:
            return False
    return host.isascii() and host.replace("-", "").replace(".", "").isalnum()


def _server(address: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of a multiaddr or URL."""
    url = url_of(address) if address.startswith("/") else address
    if url is None or len(url) > _MAX_ADDRESS:
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
