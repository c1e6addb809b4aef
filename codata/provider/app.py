"""The application: which path is answered by what."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from cid_store.errors import CidStoreError, UsageError
from codata.home import Home
from codata.provider.cors import ForEverybody
from codata.provider.errors import headers_of, to_value
from codata.provider.gateway import Gateway
from codata.provider.have import Have
from codata.provider.metrics import Metrics
from codata.provider.page import Page
from codata.provider.routing import Routing, peer
from codata.provider.settings import Settings
from codata.provider.slots import Slots
from codata.provider.watch import Watch, refusal

_READ: Final = [Middleware(ForEverybody, methods="GET, HEAD, OPTIONS")]


def application(home: Home, settings: Settings, urls: Sequence[str]) -> ASGIApp:
    """The ASGI application of a provider on `home`, reached at `urls`. Raises `BadSettings`."""
    store, metrics, did = home.store, Metrics(), home.identity.did
    installed = version("codata-pipeline")
    gateway = Gateway(store, Slots("requests for blocks", settings.max_requests), settings.client_patience)
    have = Have(store, Slots("requests about what is held", settings.max_have), settings.client_patience)
    routing = Routing(store, peer(did, urls))

    async def health(request: Request) -> Response:
        return JSONResponse(
            {"status": "ok", "version": installed, "did": did}, headers={"cache-control": "no-store"}
        )

    read = ["GET", "OPTIONS"]  # HEAD comes with GET
    routes = [
        Route("/ipfs/{path:path}", gateway.answer, methods=read, middleware=_READ),
        Route("/routing/v1/providers/{cid}", routing.answer, methods=read, middleware=_READ),
        Route("/have", have.answer, methods=["POST"]),
        Route("/health", health),
        Route("/metrics", metrics.answer),
    ]
    if settings.page:
        routes.append(Route("/", Page(home, installed, did).answer))
    app = Starlette(routes=routes, exception_handlers={CidStoreError: _refused, HTTPException: _not_here})
    return Watch(app, metrics, settings.allowed_hosts)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, CidStoreError)
    return refusal(error)


async def _not_here(request: Request, error: Exception) -> Response:
    """No such path, or no such method on it."""
    assert isinstance(error, HTTPException)
    told = UsageError(f"{request.method[:20]} of this path: {error.detail}")
    return JSONResponse(to_value(told), error.status_code, {**(error.headers or {}), **headers_of(told)})
