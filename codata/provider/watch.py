"""Around every request: which hosts are answered, what is logged and counted, and how errors are told."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cid_store.errors import CidStoreError
from codata.provider.errors import WrongHost, refusal
from codata.provider.metrics import Metrics

_log = logging.getLogger("codata.provider")

_ROUTES: Final = (
    "ipfs",
    "routing",
    "have",
    "pins",
    "tasks",
    "blocks",
    "offer",
    "health",
    "metrics",
    "openapi.json",
)
_PAGES: Final = ("", "runs", "datasets")
_LOGGED: Final = 300  # characters of a path


@dataclass(slots=True)
class _Sent:
    """What has gone out of an answer."""

    head: bool
    status: int = 0
    bytes: int = 0
    whole: bool = False
    began: float = field(default_factory=time.perf_counter)

    def see(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif message["type"] == "http.response.body":
            self.bytes += 0 if self.head else len(message.get("body", b""))
            self.whole = not message.get("more_body", False)


@dataclass(frozen=True, slots=True)
class Watch:
    """An application around `app`. `hosts`: the Host headers that are answered; empty for all.

    `leave` is called when the process is told to stop: answers that only wait for something end then.
    """

    app: ASGIApp
    metrics: Metrics
    hosts: Collection[str]
    leave: Callable[[], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, log, count. A fault is told as status 500, and its traceback goes to the log alone."""
        if scope["type"] != "http":  # the server's own start and end
            await self.app(scope, receive, send)
            return
        sent = _Sent(scope["method"] == "HEAD")

        async def seen(message: Message) -> None:
            sent.see(message)
            await send(message)

        with self.metrics.active.track_inprogress():
            try:
                await self._answer(scope, receive, seen)
            except Exception:  # noqa: BLE001 - whatever it is, the next request is answered
                _log.exception("a fault", extra={"fields": {"path": scope["path"][:_LOGGED]}})
                if not sent.status:
                    await refusal(CidStoreError("a fault in the provider"))(scope, receive, seen)
            finally:
                self._record(scope, sent)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        if self.hosts and _name(host) not in self.hosts:
            refused = WrongHost(f"the host {host[:100]!r} is not answered here")
            await refusal(refused)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _record(self, scope: Scope, sent: _Sent) -> None:
        first = scope["path"].split("/", 2)[1] if scope["path"].startswith("/") else ""
        route = first if first in _ROUTES else "page" if first in _PAGES else "other"
        seconds = time.perf_counter() - sent.began
        self.metrics.requests.labels(route, str(sent.status)).inc()
        self.metrics.bytes.labels(route).inc(sent.bytes)
        self.metrics.seconds.labels(route).observe(seconds)
        if not sent.whole:
            self.metrics.broken.labels(route).inc()
        fields = {
            "method": scope["method"],
            "path": scope["path"][:_LOGGED],
            "query": scope["query_string"][:_LOGGED].decode("latin-1"),
            "status": sent.status,
            "bytes": sent.bytes,
            "seconds": round(seconds, 6),
            "whole": sent.whole,
            "client": scope["client"][0] if scope.get("client") else None,
        }
        _log.info("request", extra={"fields": fields})


def _name(host: str) -> str:
    """The host of a Host header without its port; empty where there is none."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
