"""Who sends a request: its signature, whether it is meant for this process, and whether it came before."""

from __future__ import annotations

import time
from dataclasses import dataclass

from anyio import to_thread
from starlette.requests import Request

from codata.provider.authority import Authorities
from codata.provider.work.errors import WrongAuthority
from codata.provider.work.full import full_disks_named
from codata.provider.work.policy import Allowed, Policy
from codata.provider.work.seen import Seen
from codata.signing import NotSigned, Signed, check_head


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is let in: the DID, what a rule gives it, and whether the body is signed too."""

    did: str
    allowed: Allowed
    signed: bool


class Gate:
    """Lets requests in that are signed for this process: else one provider could pass those that it gets on
    to another.

    `unsigned`: whose requests without a signature are taken to be, if they are taken at all.
    """

    def __init__(self, policy: Policy, seen: Seen, authorities: Authorities, unsigned: str | None) -> None:
        self._policy, self._seen, self._authorities = policy, seen, authorities
        self._unsigned = unsigned

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
        if not self._authorities.mine(authority, scope.get("server")):
            raise WrongAuthority(f"the request is signed for {authority[:100]!r}, which is not this provider")
        return signed


def headers_of(request: Request) -> dict[str, str]:
    """The headers by lower-case name; several of one name are joined, as RFC 9110 (5.3) has it."""
    joined: dict[str, str] = {}
    for name, value in request.headers.items():
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined
