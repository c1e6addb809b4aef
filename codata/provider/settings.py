"""A provider's settings: the table `[provider]` of the home's config.toml, and flags over it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from codata.provider.errors import BadSettings
from codata.provider.pins.settings import PinSettings
from codata.provider.tables import read
from codata.provider.work.settings import TaskSettings

DEFAULT_PORT: Final = 8080
_LOOPBACK_HOSTS: Final = ("localhost", "127.0.0.1", "::1")


class Address(NamedTuple):
    """Where to listen; port 0 for one that is free."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address of HOST:PORT, [HOST]:PORT or HOST; raises `BadSettings`."""
        try:
            parts = urlsplit(f"//{text}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host = port = None
        if not host or parts.netloc != text or "@" in text:
            raise BadSettings(f"{text[:80]!r} is no address to listen at", next_step="write HOST:PORT")
        return cls(host, DEFAULT_PORT if port is None else port)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """What may be set."""

    listen: str = f"127.0.0.1:{DEFAULT_PORT}"
    announce: tuple[str, ...] = ()
    """URLs under which others reach this process: what routing answers. Default: where it listens."""
    hosts: tuple[str, ...] = ()
    """Values of the Host header that are answered. Default: on loopback this machine's names, else all."""
    page: bool = True
    """Whether `/` shows names, datasets and runs."""
    max_connections: int = 1024
    max_requests: int = 256
    """Requests to `/ipfs/` served at once, streams included."""
    max_have: int = 4
    """Requests to `/have` served at once."""
    client_patience: int = 60
    """Seconds that a client may take nothing of a stream."""
    shutdown_patience: int = 30
    """Seconds that running answers get to end when the process is told to stop."""
    pins: PinSettings = field(default_factory=PinSettings)
    tasks: TaskSettings = field(default_factory=TaskSettings)

    @classmethod
    def load(cls, config: Mapping[str, Any], flags: Mapping[str, Any]) -> Settings:
        """The settings of a home's configuration, under the flags that are not None; raises `BadSettings`."""
        table = config.get("provider", {})
        given = {key: value for key, value in flags.items() if value is not None}
        return read(cls, {**table, **given} if isinstance(table, Mapping) else table, "provider")

    @property
    def address(self) -> Address:
        """Where to listen."""
        return Address.parse(self.listen)

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """The hosts that are answered; empty for all.

        A page from anywhere could reach a loopback process under a name of its own; so that is not answered.
        """
        return tuple(host.lower() for host in self.hosts) or (
            _LOOPBACK_HOSTS if self.address.is_loopback else ()
        )
