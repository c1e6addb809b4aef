"""Answers that pages from anywhere may read: they are named by their content, or say who has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_EXPOSED: Final = "Accept-Ranges, Content-Length, Content-Range, Etag, Retry-After, X-Ipfs-Path, X-Ipfs-Roots"
_ALLOWED: Final = "Accept, Cache-Control, Content-Type, If-None-Match, Range"


@dataclass(frozen=True, slots=True)
class ForEverybody:
    """An application whose answers any page may read. OPTIONS is answered here."""

    app: ASGIApp
    methods: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the headers that tell a browser so."""

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"access-control-allow-origin", b"*"),
                    (b"access-control-allow-methods", self.methods.encode()),
                    (b"access-control-allow-headers", _ALLOWED.encode()),
                    (b"access-control-expose-headers", _EXPOSED.encode()),
                ]
            await send(message)

        app = Response(status_code=204) if scope["method"] == "OPTIONS" else self.app
        await app(scope, receive, told)
