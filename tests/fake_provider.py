"""A provider in this process that speaks the task protocol, performs tasks truly, and can be made to lie."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from cid_store.car import import_car
from cid_store.cid import CID
from cid_store.errors import CidStoreError
from codata import ops, seals, signing
from codata.execute.context import StoreContext
from codata.execute.needs import need_of
from codata.execute.perform import perform
from codata.home import Home
from codata.provider.app import application
from codata.provider.held import held
from codata.provider.server import bind, server, url_of
from codata.provider.settings import Settings
from codata.records.receipt import Output, Receipt
from codata.records.task import Task

_FINAL = ("done", "failed", "cancelled", "refused")


@dataclass
class Behaviour:
    """How it behaves. Everything false is off by default."""

    seconds: float = 0
    """How long each task takes at least."""
    fetches: Sequence[int] = ()
    """Bytes that it says it fetched for its first task, one after another, half a second apart."""
    takes: int | None = None
    """Tasks that it ends before it says nothing more of any."""
    falsify: Callable[[Task], bool] = lambda task: False
    """Which tasks it gives another result of than the right one, duly signed."""
    swap_receipts: bool = False
    """Whether a task's receipt is that of another task."""
    garbage: bool = False
    """Whether the blocks of files that it sends are other bytes."""
    refuse: str = ""
    """The rule by which it refuses tasks."""
    full: bool = False
    dies_at: str = ""
    """The beginning of a path: when that is asked for, it is gone, with half an answer."""
    silent_events: bool = False
    """Whether it has no events, so that its client must ask."""
    offer: dict[str, Any] = field(default_factory=dict)
    """What its offer says besides."""


@dataclass
class FakeProvider:
    """A running one: its home, its URL, what it was asked."""

    home: Home
    behaviour: Behaviour
    url: str = ""
    states: dict[CID, dict[str, Any]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    """Paths of requests to tasks and blocks."""
    ended: int = 0

    @property
    def did(self) -> str:
        return self.home.identity.did

    def stop(self) -> None:
        """Be gone at once, as after kill -9."""
        self._running.force_exit = self._running.should_exit = True
        self._stopped.set()

    _running: Any = None
    _stopped: threading.Event = field(default_factory=threading.Event)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1))
    _last: CID | None = None

    def dying(self, app: ASGIApp) -> ASGIApp:
        """The application, which ends with the first request that it is to die at."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            path = scope.get("path", "")
            if not self.behaviour.dies_at or not path.startswith(self.behaviour.dies_at):
                await app(scope, receive, send)
                return
            await receive()
            await send(
                {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"99")]}
            )
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
            self.stop()

        return answer

    # -- endpoints -------------------------------------------------------------------------------------------

    async def _offer(self, request: Request) -> Response:
        self._signed(request, None)
        engines = {name: ops.engine_version(name) for name in ("pyarrow", "polars", "tiktoken", "tokenizers")}
        value = {"did": self.did, "version": "0", "cores": 1, "running": 0, "queued": 0, "engines": engines}
        value |= {
            "steps": ["*"],
            "price": {"cpu_second": "0", "gigabyte": "0"},
            "limits": {"upload": 1 << 26},
        }
        return JSONResponse(value | self.behaviour.offer)

    async def _blocks(self, request: Request) -> Response:
        body = await request.body()
        self._signed(request, body)
        if self.behaviour.full:
            return _refusal(507, "DiskFull", "the disk is full")
        report = await asyncio.to_thread(import_car, self.home.store, BytesIO(body))
        return JSONResponse({"blocks": report.blocks, "bytes": report.bytes})

    async def _submit(self, request: Request) -> Response:
        body = await request.body()
        self._signed(request, body)
        asked = json.loads(body)
        told = {}
        for text in asked["tasks"]:
            told[text] = await asyncio.to_thread(self._take, CID(text))
        return JSONResponse({"tasks": told}, 202)

    async def _state(self, request: Request) -> Response:
        self._signed(request, None)
        cid = CID(request.path_params["cid"])
        end = time.monotonic() + float(request.query_params.get("wait", 0))
        while self.states[cid]["state"] not in _FINAL and time.monotonic() < end:
            if self._stopped.is_set():
                break
            await asyncio.sleep(0.02)
        return JSONResponse(self.states[cid])

    async def _cancel(self, request: Request) -> Response:
        self._signed(request, None)
        cid = CID(request.path_params["cid"])
        if self.states[cid]["state"] != "done":
            self.states[cid] = {"task": str(cid), "state": "cancelled"}
        return JSONResponse(self.states[cid])

    async def _events(self, request: Request) -> Response:
        body = await request.body()
        self._signed(request, body)
        if self.behaviour.silent_events:
            return _refusal(404, "UsageError", "no such path")
        cids = [CID(text) for text in json.loads(body)["tasks"]]

        async def lines() -> AsyncIterator[str]:
            told: dict[CID, dict[str, Any]] = {}
            while len([c for c in told if told[c]["state"] in _FINAL]) < len(cids):
                if self._stopped.is_set():
                    return
                for cid in cids:
                    if told.get(cid) != self.states[cid]:
                        told[cid] = self.states[cid]
                        yield f"event: state\ndata: {json.dumps(told[cid])}\n\n"
                yield ": here\n\n"
                await asyncio.sleep(0.05)

        return StreamingResponse(lines(), media_type="text/event-stream")

    async def _garbage(self, request: Request) -> Response:
        cid = CID(request.path_params["cid"])
        data = bytes(self.home.store.get(cid))
        if request.query_params.get("format") != "raw":
            return _refusal(404, "UsageError", "no CAR")
        return Response(data if cid.codec == 0x71 else data[:-1] + bytes([data[-1] ^ 1]))

    def _signed(self, request: Request, body: bytes | None) -> None:
        self.seen.append(request.url.path)
        headers = {name.lower(): value for name, value in request.headers.items()}
        query = request.url.query
        signing.check(request.method, headers["host"], request.url.path, query, headers, body)

    # -- tasks -----------------------------------------------------------------------------------------------

    def _take(self, cid: CID) -> dict[str, Any]:
        known = self.states.get(cid)
        if known is not None and known["state"] in ("queued", "running", "done"):
            return known
        if self.behaviour.refuse:
            return self._tell(
                cid, "refused", error=_error("NotAllowed", "not allowed", self.behaviour.refuse)
            )
        need = need_of(self.home.store, cid)
        inputs = list(need.inputs)
        missing = [c for c, here in zip(inputs, held(self.home.store, inputs), strict=True) if not here]
        if missing:
            return self._tell(cid, "refused", error=_error("MissingInput", f"{missing[0]} is missing"))
        self._tell(cid, "queued")
        self._pool.submit(self._perform, cid)
        return self.states[cid]

    def _tell(self, cid: CID, state: str, **more: Any) -> dict[str, Any]:
        self.states[cid] = {"task": str(cid), "state": state, **more}
        return self.states[cid]

    def _perform(self, cid: CID) -> None:
        if self._stopped.is_set() or self.states[cid]["state"] != "queued":
            return
        if self.behaviour.takes is not None and self.ended >= self.behaviour.takes:
            return
        for came in self.behaviour.fetches if not self.ended else ():
            self._tell(cid, "fetching", fetched=came)
            self._stopped.wait(0.5)
        self._tell(cid, "running")
        self._stopped.wait(self.behaviour.seconds)
        store = self.home.store
        task = Task.load(store, cid)
        try:
            receipt = perform(task, store, self.did)
        except CidStoreError as e:
            self._tell(cid, "failed", error=_error(e.kind, e.message))
            return
        if self.behaviour.falsify(task):
            receipt = self._false(receipt)
        made = receipt.save(store)
        seals.make(self.home, [made])
        told, self._last = (self._last or made) if self.behaviour.swap_receipts else made, made
        sealed = self.home.ledger.sealed(told)
        assert sealed is not None
        proof = [base64.b64encode(step).decode() for step in sealed.proof]
        self.ended += 1
        if self.states[cid]["state"] == "running":
            self._tell(cid, "done", receipt=str(told), seal=str(sealed.seal), index=sealed.index, proof=proof)

    def _false(self, receipt: Receipt) -> Receipt:
        """A receipt of something else, which is there and whole: the first table lacks its first row."""
        context = StoreContext(self.home.store)

        def short(output: Output) -> Output:
            if output.hash is None:
                return output
            table: pa.Table = context.table(output.cid)
            return context.put_table(table.slice(1))

        return replace(receipt, out={name: short(output) for name, output in receipt.out.items()})


def _error(kind: str, message: str, rule: str | None = None) -> dict[str, Any]:
    return {"kind": kind, "message": message, "cid": None, "next": None} | ({"rule": rule} if rule else {})


def _refusal(status: int, kind: str, message: str) -> Response:
    return JSONResponse({"error": _error(kind, message)}, status)


@contextmanager
def fake_provider(path: Path, behaviour: Behaviour | None = None) -> Iterator[FakeProvider]:
    """Serve the home at `path` on this machine."""
    with Home(path) as home:
        fake = FakeProvider(home, behaviour or Behaviour())
        settings = Settings(listen="127.0.0.1:0")
        with bind(settings.address) as listener:
            fake.url = url_of(listener, settings.address)
            own = [
                Route("/offer", fake._offer),
                Route("/blocks", fake._blocks, methods=["POST"]),
                Route("/tasks", fake._submit, methods=["POST"]),
                Route("/tasks/events", fake._events, methods=["POST"]),
                Route("/tasks/{cid}", fake._state),
                Route("/tasks/{cid}", fake._cancel, methods=["DELETE"]),
            ]
            if fake.behaviour.garbage:
                own.append(Route("/ipfs/{cid}", fake._garbage))
            app = Starlette(routes=[*own, Mount("/", application(home, settings, [fake.url]))])
            running = server(fake.dying(app), settings)
            leave = running.shutdown

            async def cut(sockets: list[socket.socket] | None = None) -> None:
                """A process that is killed leaves no connection open."""
                for connection in list(running.server_state.connections):
                    connection.transport.abort()  # type: ignore[union-attr]
                await asyncio.sleep(0)
                await leave(sockets)

            running.shutdown = cut  # type: ignore[method-assign]
            running.config.lifespan = "off"  # the task service behind the real one does not begin
            fake._running = running

            def run() -> None:
                running.run(sockets=[listener])
                listener.close()  # else the system goes on to take connections for it

            thread = threading.Thread(target=run, daemon=True)
            thread.start()
            try:
                yield fake
            finally:
                fake.stop()
                thread.join(20)
                fake._pool.shutdown(cancel_futures=True)
