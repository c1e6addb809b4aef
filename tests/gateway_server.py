"""A trustless gateway over a store, small and in this process, that can be made to misbehave."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

from cid_store.car import export_car
from cid_store.cid import CID
from cid_store.errors import BlockNotFound
from cid_store.store import Store
from tests.listening import SilentHandler, listening


@dataclass(frozen=True)
class Answer:
    """What is sent. `cut`: bytes of the body before the connection is closed; `stall`: hang after the
    headers.
    """

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    cut: int | None = None
    stall: bool = False
    lengthless: bool = False


Twist = Callable[[str, Answer], Answer]
"""From a request's path with query and the right answer to the one that is sent."""


@dataclass
class TestGateway:
    """A running gateway: what it was asked, and how it misbehaves."""

    __test__ = False

    url: str
    store: Store
    twist: Twist = lambda path, answer: answer
    seen: list[str] = field(default_factory=list)


@contextmanager
def gateway_server(store: Store) -> Iterator[TestGateway]:
    """Serve `store` on this machine."""
    gateway = TestGateway("", store)
    release = threading.Event()

    class Handler(_Handler):
        running, released = gateway, release

    with listening(Handler) as address:
        gateway.url = f"http://{address}/"
        try:
            yield gateway
        finally:
            release.set()


class _Handler(SilentHandler):
    protocol_version = "HTTP/1.1"
    running: TestGateway
    released: threading.Event

    def _serve(self) -> None:
        self.running.seen.append(self.path)
        answer = self.running.twist(self.path, _right(self.running.store, self.path))
        self.send_response_only(answer.status)
        for key, value in answer.headers:
            self.send_header(key, value)
        if answer.lengthless:
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        try:
            if answer.stall:
                self.wfile.write(answer.body[:1])
                self.released.wait()
            elif self.command == "GET":
                self.wfile.write(answer.body[: answer.cut])
        except OSError:
            self.close_connection = True  # the client gave up first
        if answer.cut is not None or answer.stall:
            self.close_connection = True

    do_GET = do_HEAD = _serve


def _right(store: Store, path: str) -> Answer:
    parts = urlsplit(path)
    cid = CID(parts.path.removeprefix("/ipfs/"))
    try:
        if parse_qs(parts.query)["format"] == ["raw"]:
            return Answer(body=bytes(store._read(cid)))
        return Answer(body=car_of(store, cid))
    except BlockNotFound:
        return Answer(404)


def car_of(store: Store, root: CID) -> bytes:
    """The DAG under `root` as a CAR."""
    file = BytesIO()
    export_car(store, [root], file)
    return file.getvalue()
