"""One who asks a provider for work: signed requests, as a test wants them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cid_store.block import Block
from cid_store.car import write_car
from cid_store.cid import CID
from cid_store.stores.memory import MemoryStore
from codata.identity import Identity
from codata.signing import sign

CAR_TYPE = "application/vnd.ipld.car"


def somebody(number: int = 1) -> Identity:
    """An identity: the same one for the same number."""
    return Identity.of(Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big")))


@dataclass(frozen=True)
class Asker:
    """Signs as `who`, and asks at `url`."""

    url: str
    who: Identity
    client: httpx.Client

    def send(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json", **more: str
    ) -> httpx.Response:
        """A signed request. `more` headers replace those that were signed."""
        url = self.url + path
        headers = sign(self.who, method, url, body) | {"content-type": kind} | more
        return self.client.request(method, url, content=body, headers=headers)

    def post(self, path: str, value: Any) -> httpx.Response:
        """A signed body of JSON."""
        return self.send("POST", path, json.dumps(value).encode())

    def push(self, blocks: Iterable[Block]) -> httpx.Response:
        """Push blocks as a CAR."""
        return self.send("POST", "/blocks", car_of(blocks), CAR_TYPE)

    def submit(self, tasks: Sequence[CID], **more: Any) -> dict[str, Any]:
        """Submit tasks; what each is told."""
        answer = self.post("/tasks", {"tasks": list(tasks), **more})
        assert answer.status_code == 202, answer.text
        told: dict[str, Any] = answer.json()["tasks"]
        return told

    def wait(self, task: CID, seconds: float = 30) -> dict[str, Any]:
        """The state of a task once it is final."""
        answer = self.send("GET", f"/tasks/{task}?wait={seconds}")
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def get(self, cid: str) -> bytes:
        """A block through the gateway, proven."""
        answer = self.client.get(f"{self.url}/ipfs/{cid}?format=raw")
        assert answer.status_code == 200, answer.text
        CID(cid).check(answer.content)
        return answer.content

    def error(self, answer: httpx.Response, status: int) -> dict[str, Any]:
        """The error that an answer of this status is."""
        assert answer.status_code == status, answer.text
        error: dict[str, Any] = answer.json()["error"]
        return error


def car_of(blocks: Iterable[Block]) -> bytes:
    """A CARv1 without roots."""
    file = io.BytesIO()
    write_car(file, [], blocks, duplicates=True)
    return file.getvalue()


def blocks_of(store: MemoryStore, cids: Iterable[CID] | None = None) -> list[Block]:
    """Blocks of a store: these, or all."""
    return [Block(cid, store.get(cid)) for cid in (store.cids() if cids is None else cids)]
