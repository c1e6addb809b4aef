"""The application: which path is answered by what."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, asynccontextmanager
from importlib.metadata import version
from typing import Final

from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from cid_store.errors import CidStoreError, UsageError
from cid_store.stores.local import LocalStore
from codata.home import Home
from codata.provider.authority import Authorities
from codata.provider.bounded import Bounded, Places
from codata.provider.cors import ForEverybody
from codata.provider.errors import headers_of, refusal, status_of, to_value
from codata.provider.gateway import Gateway
from codata.provider.have import Have
from codata.provider.health import Health
from codata.provider.metrics import Metrics
from codata.provider.openapi import Document
from codata.provider.page.overview import Clients
from codata.provider.page.serve import Page
from codata.provider.pins.errors import failure, is_pins
from codata.provider.pins.service import Pins
from codata.provider.routing import Routing, delegates, peer
from codata.provider.settings import Settings
from codata.provider.watch import Watch
from codata.provider.work.service import Whereabouts, Work

_log = logging.getLogger("codata.provider")

_MAX_PINS: Final = 64  # requests about pins at once: each takes a thread for a moment
_MAX_PAGES: Final = 8  # looked at at once: they are made one after another

_READ: Final = [Middleware(ForEverybody, methods="GET, HEAD, OPTIONS")]


def application(home: Home, settings: Settings, urls: Sequence[str]) -> ASGIApp:
    """The ASGI application of a provider on `home`, reached at `urls`. Raises `BadSettings`."""
    store, metrics, did = home.store, Metrics(), home.identity.did
    installed = version("codata-pipeline")
    gateway, have = Gateway(store), Have(store, settings.client_patience)
    blocks = Places("requests for blocks", settings.max_requests)
    questions = Places("requests about what is held", settings.max_have)
    routing = Routing(store, peer(did, urls))
    authorities = Authorities(urls, settings.hosts)

    def bounded(places: Places, tell: Callable[[CidStoreError], Response] = refusal) -> Middleware:
        return Middleware(Bounded, places=places, patience=settings.client_patience, tell=tell)

    read = ["GET", "OPTIONS"]  # HEAD comes with GET
    routes = [
        Route("/ipfs/{path:path}", gateway.answer, methods=read, middleware=[*_READ, bounded(blocks)]),
        Route("/routing/v1/providers/{cid}", routing.answer, methods=read, middleware=_READ),
        Route("/have", have.answer, methods=["POST"], middleware=[bounded(questions)]),
        Route("/health", Health(home.identity, installed, authorities).answer),
        Route("/metrics", metrics.answer),
        Route("/openapi.json", Document(installed).answer),
    ]
    patience = settings.client_patience
    pins = Pins(home, settings.pins, delegates(routing.peer), patience, metrics.registry)
    routes += pins.routes(middleware=[bounded(Places("requests about pins", _MAX_PINS), failure)])
    behind: list[AbstractContextManager[object]] = [pins]
    clients: Callable[[], Clients] = dict
    leave: Callable[[], None] = _nobody_waits
    if settings.tasks.enabled and isinstance(store, LocalStore):
        where = Whereabouts(authorities, settings.address.is_loopback, patience)
        work = Work(home, settings.tasks, where, installed, metrics.registry)
        routes += work.routes()
        behind.append(work)
        clients = work.clients
        leave = work.leave
    if settings.page:
        places = Places("pages", _MAX_PAGES)
        routes += Page(home, installed, did, clients, pins.totals).routes(bounded(places))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        """What works beside the answers begins before the first and ends after the last."""
        stack = ExitStack()
        try:
            for service in behind:
                await to_thread.run_sync(stack.enter_context, service)
            yield
        finally:
            await to_thread.run_sync(stack.close)

    handlers = {CidStoreError: _refused, HTTPException: _not_here, Exception: _fault}
    app = Starlette(routes=routes, exception_handlers=handlers, lifespan=lifespan)
    app.router.redirect_slashes = False  # a path is what the documents say, or nothing
    return Watch(app, metrics, settings.allowed_hosts, leave)


def _nobody_waits() -> None:
    """Without tasks there is nothing to wait for."""


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, CidStoreError)
    if status_of(error) >= 500:
        _log.error("failed", extra={"fields": {"kind": error.kind, "message": error.message}})
    return refusal(error)


async def _not_here(request: Request, error: Exception) -> Response:
    """No such path, or no such method on it."""
    assert isinstance(error, HTTPException)
    told = UsageError(f"{request.method[:20]} of this path: {error.detail}")
    if is_pins(request.url.path):
        return failure(told, error.status_code)
    return JSONResponse(to_value(told), error.status_code, {**(error.headers or {}), **headers_of(told)})


async def _fault(request: Request, error: Exception) -> Response:
    """What nobody foresaw; it is raised again for the log."""
    told = CidStoreError("a fault in the provider")
    return failure(told) if is_pins(request.url.path) else refusal(told)
