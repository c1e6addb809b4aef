"""GET `/health`: that this process answers, and who it is, with a proof for who asks for one."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from codata import introduction
from codata.identity import Identity
from codata.provider.authority import Authorities
from codata.provider.errors import BadRequest


@dataclass(frozen=True, slots=True)
class Health:
    """What serves `/health`. `version`: of this package."""

    me: Identity
    version: str
    authorities: Authorities

    async def answer(self, request: Request) -> Response:
        """Status, version and DID; for a `nonce`, asked under an authority of its own, also `proof`."""
        value = {"status": "ok", "version": self.version, "did": self.me.did}
        nonce, authority = request.query_params.get("nonce"), request.headers.get("host", "").lower()
        if nonce is not None:
            if not introduction.is_nonce(nonce):
                raise BadRequest("`nonce` is 16 bytes in base64url without padding")
            if self.authorities.mine(authority, request.scope.get("server")):
                value["proof"] = introduction.prove(self.me, authority, nonce)
        return JSONResponse(value, headers={"cache-control": "no-store"})
