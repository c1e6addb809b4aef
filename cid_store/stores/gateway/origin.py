"""Which servers may be asked: their addresses, as configured and never as a server says."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import parse_qsl, urljoin, urlsplit

from cid_store.errors import UsageError

MAX_GATEWAYS: Final = 16
_PORTS: Final = {"http": 80, "https": 443}
_FORM: Final = (
    "write https://gateway.example/, several joined by commas; http:// only for this machine, or with "
    "?plain_http=yes"
)


@dataclass(frozen=True, slots=True)
class Origin:
    """A gateway: scheme, host, port, and the path below which it serves `/ipfs/`, ending with `/`."""

    scheme: str
    host: str
    port: int
    path: str = "/"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The gateway of a URL. Raises `UsageError`, which never repeats a URL with credentials in it."""
        try:
            parts = urlsplit(text)
            port = parts.port or _PORTS.get(parts.scheme, 0)
            query = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
        except ValueError:
            raise UsageError("a gateway's URL can't be read", next_step=_FORM) from None
        if "@" in parts.netloc:
            raise UsageError("a gateway's URL holds no credentials", next_step=_FORM)
        plain = query.pop("plain_http", "no") == "yes"
        if parts.scheme not in _PORTS or not parts.hostname or query or parts.fragment:
            raise UsageError(f"{text[:200]!r} is no gateway", next_step=_FORM)
        if parts.scheme == "http" and not plain and not _is_loopback(parts.hostname):
            raise UsageError(f"{text[:200]!r} is read by everybody on the way", next_step=_FORM)
        return cls(parts.scheme, parts.hostname, port, parts.path.rstrip("/") + "/")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def url(self) -> str:
        """The URL that `parse` reads as this, with leave for plain HTTP where it has it."""
        plain = self.scheme == "http" and not _is_loopback(self.host)
        return f"{self}?plain_http=yes" if plain else str(self)

    def holds(self, url: str) -> bool:
        """Whether a URL is of this server."""
        try:
            parts = urlsplit(url)
            port = parts.port or _PORTS.get(parts.scheme)
        except ValueError:
            return False
        here = (self.scheme, self.host, self.port)
        return (parts.scheme, parts.hostname, port) == here and "@" not in parts.netloc


def parse_origins(url: str) -> tuple[Origin, ...]:
    """The gateways of URLs joined by commas, each once; raises `UsageError`."""
    origins = tuple(dict.fromkeys(Origin.parse(part.strip()) for part in url.split(",")))
    if len(origins) > MAX_GATEWAYS:
        raise UsageError(f"at most {MAX_GATEWAYS} gateways are asked", next_step="name fewer")
    return origins


def redirected(url: str, location: str, origins: tuple[Origin, ...]) -> str | None:
    """Where a redirect from `url` leads; None where that is none of `origins`, so that nobody is sent
    elsewhere.
    """
    try:
        target = urljoin(url, location)
    except ValueError:
        return None
    return target if any(origin.holds(target) for origin in origins) else None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
