"""What the gateway tests share: a home with published blocks, a provider on it, requests as they are sent."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from cid_store.car import import_car, open_car
from cid_store.cid import CID
from codata.home import Home
from codata.provider.app import application
from codata.provider.server import bind, server, url_of
from codata.provider.settings import Settings
from tests.fixtures import shared

FIXTURES = "gateway-conformance"


@dataclass(frozen=True)
class Running:
    """A provider that answers, and its home."""

    url: str
    home: Home
    client: httpx.Client

    def get(self, path: str, **headers: str) -> httpx.Response:
        """GET; underscores in header names are hyphens."""
        return self.client.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})

    def send(self, data: bytes) -> bytes:
        """Whatever comes back for bytes on a connection, until it is closed or nothing more comes."""
        host, port = self.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 10) as connection:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            received = b""
            while piece := connection.recv(65536):
                received += piece
            return received


@contextmanager
def serving(folder: Path, settings: Settings | None = None) -> Iterator[Running]:
    """A provider in a thread, on a free port, over a new home."""
    chosen = settings or Settings(listen="127.0.0.1:0")
    with Home(folder) as home, bind(chosen.address) as listener:
        url = url_of(listener, chosen.address)
        running = server(application(home, chosen, (url,)), chosen)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not running.started:
                time.sleep(0.005)
            with httpx.Client(base_url=url, timeout=30, headers={"accept": "*/*"}) as client:
                yield Running(url, home, client)
        finally:
            running.should_exit = True
            thread.join()


def load_fixtures(home: Home) -> None:
    """Every published CAR of the gateway's suite into the store; skips the test where they are absent."""
    for path in sorted(shared(FIXTURES).rglob("*.car")):
        import_car(home.store, path)


def fixture_roots(name: str) -> tuple[CID, ...]:
    """The roots of a published CAR."""
    with open_car(shared(f"{FIXTURES}/{name}")) as car:
        return car.roots


def blocks_of(body: bytes) -> list[CID]:
    """The CIDs in a CAR, in order, each block proven."""
    with open_car(io.BytesIO(body)) as car:
        return [block.cid for block in car.blocks()]
