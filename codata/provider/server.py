"""The process: a listening socket, the server on it, and its end."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from codata.home import Home
from codata.provider import logs
from codata.provider.app import application
from codata.provider.errors import BadSettings
from codata.provider.settings import Address, Settings
from codata.provider.watch import Watch

MAX_HEAD: Final = 32 * 1024
"""Bytes of a request's line and headers together."""

_BACKLOG: Final = 512


def serve(home: Home, settings: Settings, listening: Callable[[str], None]) -> None:
    """Answer until the process is told to stop; then let running answers end. `listening` is told the URL.

    Raises `BadSettings` where it can't listen.
    """
    with bind(settings.address) as listener:
        url = url_of(listener, settings.address)
        app = application(home, settings, settings.announce or _reachable(settings.address, url))
        logs.set_up()
        # The server ends with the signal that it was told to stop by; that is the ordinary way here.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: sys.exit(0))
        listening(url)
        server(app, settings).run(sockets=[listener])


def bind(address: Address) -> socket.socket:
    """A listening socket; raises `BadSettings`."""
    try:
        family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((address.host, address.port), family=family, backlog=_BACKLOG)
    except OSError as e:
        raise BadSettings(
            f"can't listen at {address}: {e.strerror}", next_step="choose another with --listen"
        ) from None
    # Connections inherit it. Without it an answer's second packet waits for the receipt of the first, which
    # clients hold back for 40 ms. asyncio sets it on sockets that state their protocol; this one does not.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket, address: Address) -> str:
    """The URL of a listening socket."""
    return f"http://{Address(address.host, listener.getsockname()[1])}"


def server(app: ASGIApp, settings: Settings) -> uvicorn.Server:
    """The server for an application. Its parser is h11: the one that bounds a request's head."""
    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=settings.max_connections,
        timeout_graceful_shutdown=settings.shutdown_patience,
        h11_max_incomplete_event_size=MAX_HEAD,
    )
    return _Server(config)


class _Server(uvicorn.Server):
    """A server that tells its application when it is told to stop."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let running answers end, and those first that would wait."""
        if isinstance(self.config.app, Watch):
            self.config.app.leave()
        await super().shutdown(sockets)


def _reachable(address: Address, url: str) -> tuple[str, ...]:
    """Where others reach a process that was not told; at all of a machine's addresses, none can be named."""
    return () if address.host in ("0.0.0.0", "::") else (url,)  # noqa: S104 - compared, not bound
