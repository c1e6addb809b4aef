"""The endpoints of the pinning service API 1.0.0: `/pins` and `/pins/{requestid}`.

Source: the IPFS Pinning Service API, OpenAPI document 1.0.0.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Sequence
from functools import wraps
from typing import Any, Final, Self

from anyio import to_thread
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cid_store.errors import CidStoreError
from codata.database import connect
from codata.home import DATABASE, Home
from codata.provider import body
from codata.provider.pins import filters, pin
from codata.provider.pins.errors import NoSuchPin, NoToken, failure
from codata.provider.pins.fetcher import Fetcher
from codata.provider.pins.origins import Origins
from codata.provider.pins.pin import Pin
from codata.provider.pins.settings import PinSettings
from codata.provider.pins.table import Requests, Row
from codata.provider.pins.tally import tally
from codata.provider.pins.tokens import Accounts

_MAX_ID: Final = 64  # characters of an identifier that are looked up
_FRESH: Final = {"cache-control": "no-store"}

_Endpoint = Callable[["Pins", Request, str], Awaitable[Response]]


def _answered(endpoint: _Endpoint) -> Callable[[Pins, Request], Awaitable[Response]]:
    """An endpoint for accounts alone, whose errors are told in the form of the API."""

    @wraps(endpoint)
    async def answer(self: Pins, request: Request) -> Response:
        try:
            account = await to_thread.run_sync(self._account, request.headers.get("authorization", ""))
            return await endpoint(self, request, account)
        except CidStoreError as e:
            return failure(e)

    return answer


class Pins:
    """What serves `/pins`, between being entered and left.

    `delegates`: multiaddrs of this process, as pin objects name them. `patience`: seconds that a client may
    send nothing of its body. What is counted goes to the `registry`.
    """

    def __init__(
        self,
        home: Home,
        settings: PinSettings,
        delegates: Sequence[str],
        patience: float,
        registry: CollectorRegistry,
    ) -> None:
        """Raises `BadSettings`."""
        self._delegates, self._patience = list(delegates), patience
        self._accounts = Accounts(connect(home.path / DATABASE))
        self._requests = Requests(connect(home.path / DATABASE), settings.max_pins)
        self._fetcher = Fetcher(home.store_url, self._requests, Origins(settings.origins), settings)
        self._looking = threading.Lock()
        self.totals = self._requests.totals
        """What there is for all accounts together."""
        tally(registry, self.totals)

    def __enter__(self) -> Self:
        self._fetcher.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self._fetcher.__exit__(*exc)

    def routes(self, **options: Any) -> list[Route]:
        """The routes of the service."""
        return [
            Route("/pins", self.list, methods=["GET"], **options),
            Route("/pins", self.add, methods=["POST"], **options),
            Route("/pins/{requestid}", self.get, methods=["GET"], **options),
            Route("/pins/{requestid}", self.replace, methods=["POST"], **options),
            Route("/pins/{requestid}", self.remove, methods=["DELETE"], **options),
        ]

    @_answered
    async def list(self, request: Request, account: str) -> Response:
        """The pins that fit the query, newest first."""
        wanted = filters.parse(request.scope["query_string"])
        count, rows = await to_thread.run_sync(self._requests.list, account, wanted)
        return _told({"count": count, "results": [self._status(row) for row in rows]})

    @_answered
    async def add(self, request: Request, account: str) -> Response:
        """Accept a pin."""
        asked = pin.parse(await body.whole(request, pin.MAX_BODY, self._patience))
        return await self._accept(account, asked, None)

    @_answered
    async def replace(self, request: Request, account: str) -> Response:
        """Accept a pin in the place of another."""
        replaced = _id(request)
        asked = pin.parse(await body.whole(request, pin.MAX_BODY, self._patience))
        return await self._accept(account, asked, replaced)

    @_answered
    async def get(self, request: Request, account: str) -> Response:
        """How a request is getting on."""
        return _told(self._status(await to_thread.run_sync(self._requests.find, account, _id(request))))

    @_answered
    async def remove(self, request: Request, account: str) -> Response:
        """Drop a pin, or a request for one: what was being fetched for it is broken off."""
        await to_thread.run_sync(self._requests.remove, account, _id(request))
        return Response(status_code=202, headers=_FRESH)

    async def _accept(self, account: str, asked: Pin, replaced: str | None) -> Response:
        row = await to_thread.run_sync(self._requests.add, account, asked, replaced)
        self._fetcher.wake()
        return _told(self._status(row), 202)

    def _account(self, header: str) -> str:
        scheme, _, token = header.partition(" ")
        with self._looking:
            account = self._accounts.holder(token.strip()) if scheme.lower() == "bearer" else None
        if account is None:
            raise NoToken("the access token is missing or counts for nothing here")
        return account

    def _status(self, row: Row) -> dict[str, Any]:
        """A PinStatus object."""
        details = {
            "queued": f"{self._requests.ahead(row)} before it",
            "pinning": f"{row.bytes} bytes so far",
        }
        return {
            "requestid": row.id,
            "status": row.status,
            "created": row.time,
            "pin": row.pin.to_value(),
            "delegates": self._delegates,
            "info": {"status_details": details.get(row.status, row.details)},
        }


def _id(request: Request) -> str:
    text: str = request.path_params["requestid"]
    if len(text) > _MAX_ID:
        raise NoSuchPin("this account has no such request")
    return pin.storable(text)


def _told(value: dict[str, Any], status: int = 200) -> Response:
    return JSONResponse(value, status, _FRESH)
