"""Multiaddrs of HTTP servers, read as URLs. Source: the multiaddr protocol table."""

from __future__ import annotations

import ipaddress
from typing import Final

_HOSTS: Final = ("ip4", "ip6", "dns", "dns4", "dns6")
_SCHEMES: Final = {("http",): "http", ("https",): "https", ("tls", "http"): "https"}
_MAX_ADDRESS: Final = 1024  # characters


def url_of(address: object) -> str | None:
    """The URL of a multiaddr like `/dns/data.example/tcp/443/https`, with or without a peer behind it; None
    for whatever names no HTTP server. It says nothing of whether that server may be asked.
    """
    if not isinstance(address, str) or len(address) > _MAX_ADDRESS:
        return None
    parts = address.split("/")
    if len(parts) < 6 or parts[0]:
        return None
    _, kind, host, transport, port, *rest = parts
    if "p2p" in rest:
        rest = rest[: rest.index("p2p")]
    scheme = _SCHEMES.get(tuple(rest))
    if scheme is None or transport != "tcp" or not _is_port(port) or not _is_host(kind, host):
        return None
    return f"{scheme}://[{host}]:{port}/" if kind == "ip6" else f"{scheme}://{host}:{port}/"


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) < 65536


def _is_host(kind: str, host: str) -> bool:
    if kind not in _HOSTS:
        return False
    if kind in ("ip4", "ip6"):
        try:
            return f"ip{ipaddress.ip_address(host).version}" == kind and "%" not in host
        except ValueError:
            return False
    return host.isascii() and host.replace("-", "").replace(".", "").isalnum()
