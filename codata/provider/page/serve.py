"""What serves the pages: `/`, `/runs/{cid}`, `/datasets/{cid}`."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from anyio import to_thread
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata.home import Home
from codata.provider.errors import status_of, to_value
from codata.provider.page.details import dataset_details, run_details
from codata.provider.page.overview import Clients, Collector
from codata.provider.page.render import POLICY, render
from codata.provider.pins.table import Totals

_FRESH: Final = 5.0  # seconds that a page is sent again as it is: looking costs the same for one and for all
_KEPT: Final = 64  # pages
_HEADERS: Final = {
    "cache-control": "no-cache",
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class _Made:
    """A page as it was sent at a time."""

    at: float
    text: str
    status: int


class Page:
    """The pages of a home. `clients`: whose tasks are here, and in which states; `pins`: what there is of the
    pinning service's requests."""

    def __init__(
        self,
        home: Home,
        version: str,
        did: str,
        clients: Callable[[], Clients] = dict,
        pins: Callable[[], Totals] = Totals,
    ) -> None:
        self._home = home
        self._collector = Collector(home, clients, pins)
        self._about = {"version": version, "did": did}
        self._lock = threading.Lock()
        self._pages: OrderedDict[str, _Made] = OrderedDict()

    def routes(self, bounds: Middleware) -> list[Route]:
        """What answers, each within `bounds`."""
        answers = {"/": self.overview, "/runs/{cid}": self.run, "/datasets/{cid}": self.dataset}
        return [Route(path, answer, middleware=[bounds]) for path, answer in answers.items()]

    async def overview(self, request: Request) -> Response:
        """`/`."""
        return await self._answer("/", self._overview)

    async def run(self, request: Request) -> Response:
        """`/runs/{cid}`."""
        text = request.path_params["cid"]

        def make() -> str:
            return render("run.html", run=run_details(self._home, CID(text)))

        return await self._answer(f"/runs/{text}", make)

    async def dataset(self, request: Request) -> Response:
        """`/datasets/{cid}`."""
        text = request.path_params["cid"]

        def make() -> str:
            return render("dataset.html", dataset=dataset_details(self._home, CID(text)))

        return await self._answer(f"/datasets/{text}", make)

    def _overview(self) -> str:
        return render("overview.html", facts=self._collector.collect(), **self._about)

    async def _answer(self, key: str, make: Callable[[], str]) -> Response:
        made = await to_thread.run_sync(self._current, key, make)
        return HTMLResponse(made.text, made.status, _HEADERS)

    def _current(self, key: str, make: Callable[[], str]) -> _Made:
        with self._lock:
            made = self._pages.get(key)
            if made is None or time.monotonic() - made.at >= _FRESH:
                made = self._pages[key] = self._make(make)
            self._pages.move_to_end(key)
            while len(self._pages) > _KEPT:
                self._pages.popitem(last=False)
            return made

    def _make(self, make: Callable[[], str]) -> _Made:
        try:
            text, status = make(), 200
        except CidStoreError as e:
            text, status = render("error.html", error=to_value(e)["error"]), status_of(e)
        return _Made(time.monotonic(), text, status)
