"""Who sends a request: its signature, whether it is meant for this process, and whether it came before."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from anyio import to_thread
from starlette.requests import Request

from codata.provider.work.errors import WrongAuthority
from codata.provider.work.full import full_disks_named
from codata.provider.work.policy import Allowed, Policy
from codata.provider.work.seen import Seen
from codata.signing import NotSigned, Signed, check_head, target_of


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is let in: the DID, what a rule gives it, and whether the body is signed too."""

    did: str
    allowed: Allowed
    signed: bool


class Gate:
    """Lets requests in. `urls`: under which this process is announced; `hosts`: further names of it.

    `unsigned`: whose requests without a signature are taken to be, if they are taken at all.
    """

    def __init__(
        self, policy: Policy, seen: Seen, urls: Sequence[str], hosts: Sequence[str], unsigned: str | None
    ) -> None:
        self._policy, self._seen, self._unsigned = policy, seen, unsigned
        self._authorities = {target_of(url).authority for url in urls}
        self._hosts = {host.lower() for host in hosts}

    async def admit(self, request: Request, *, has_body: bool = False) -> Asker:
        """Who asks. Raises `NotSigned`, `BadSignature`, `WrongAuthority`, `Replayed`, `NotAllowed`."""
        try:
            signed = self._check(request, has_body)
        except NotSigned:
            if self._unsigned is None:
                raise
            return Asker(self._unsigned, self._policy.admit(self._unsigned), signed=False)
        # The rules are asked first: nobody else's nonces are worth a place.
        return await to_thread.run_sync(self._let_in, signed)

    def _let_in(self, signed: Signed) -> Asker:
        allowed = self._policy.admit(signed.did)
        with full_disks_named():
            self._seen.add(signed, time.time())
        return Asker(signed.did, allowed, signed=True)

    def _check(self, request: Request, has_body: bool) -> Signed:
        scope, headers = request.scope, headers_of(request)
        authority = headers.get("host", "").lower()
        path = scope.get("raw_path") or scope["path"].encode()
        query = scope["query_string"].decode("latin-1")
        signed = check_head(
            request.method, authority, path.decode("latin-1"), query, headers, has_body=has_body
        )
        if not self._is_mine(authority, scope.get("server")):
            raise WrongAuthority(f"the request is signed for {authority[:100]!r}, which is not this provider")
        return signed

    def _is_mine(self, authority: str, server: Any) -> bool:
        """Whether a signature for this authority is for this process: else one provider could pass requests
        that it gets on to another."""
        if authority in self._authorities:
            return True
        try:
            parts = urlsplit(f"//{authority}")
            host, port = parts.hostname or "", parts.port or 80
        except ValueError:
            return False
        return host in self._hosts or (server is not None and _is_socket(host, port, *server))


def _is_socket(host: str, port: int, here: str, my_port: int | None) -> bool:
    """Whether an authority is the address that the connection came to."""
    if port != my_port:
        return False
    try:
        return host == here or (host == "localhost" and ipaddress.ip_address(here).is_loopback)
    except ValueError:
        return False


def headers_of(request: Request) -> dict[str, str]:
    """The headers by lower-case name; several of one name are joined, as RFC 9110 (5.3) has it."""
    joined: dict[str, str] = {}
    for name, value in request.headers.items():
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
