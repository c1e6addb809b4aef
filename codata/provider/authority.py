"""Which authorities (host and port of a URL) name this process. What is signed for another is not for it."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from codata.signing import target_of


class Authorities:
    """Those of one process. `urls`: under which it is announced; `hosts`: its further names, at any port."""

    def __init__(self, urls: Sequence[str], hosts: Sequence[str]) -> None:
        self._announced = {target_of(url).authority for url in urls}
        self._hosts = {host.lower() for host in hosts}

    def mine(self, authority: str, server: Any) -> bool:
        """Whether an authority, in lower case, names this process. `server`: the address and port that the
        connection came to, None where that is not known.
        """
        if authority in self._announced:
            return True
        try:
            parts = urlsplit(f"//{authority}")
            host, port = parts.hostname or "", parts.port or 80
        except ValueError:
            return False
        return host in self._hosts or (server is not None and _is_socket(host, port, *server))


def _is_socket(host: str, port: int, here: str, my_port: int | None) -> bool:
    if port != my_port:
        return False
    try:
        return host == here or (host == "localhost" and ipaddress.ip_address(here).is_loopback)
    except ValueError:
        return False
