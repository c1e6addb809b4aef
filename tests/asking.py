"""One who asks a provider for work: signed requests, as a test wants them."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cid_store.block import Block
from cid_store.car import write_car
from cid_store.cid import CID
from cid_store.codecs import dag_cbor
from cid_store.stores.memory import MemoryStore
from codata.identity import Identity
from codata.provider.settings import Settings
from codata.records.receipt import Receipt
from codata.signing import sign
from tests.unit.gateway_serving import Running, serving

CAR_TYPE = "application/vnd.ipld.car"


@contextmanager
def providing(folder: Path, **table: Any) -> Iterator[Running]:
    """A provider in this process, with this table `[provider.tasks]`."""
    tasks = {"keep_free": 1, "workers": 1, **table}
    with serving(folder, Settings.load({"provider": {"tasks": tasks}}, {"listen": "127.0.0.1:0"})) as running:
        yield running


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

    def record(self, *tasks: Block) -> list[CID]:
        """Push records of tasks; their CIDs."""
        assert self.push(tasks).status_code == 200
        return [task.cid for task in tasks]

    def done(self, task: Block) -> dict[str, Any]:
        """Push a task, submit it, and wait for its end."""
        (cid,) = self.record(task)
        assert self.submit([cid])[cid]["state"] != "refused"
        return self.wait(cid)

    def said(self, told: dict[str, Any]) -> Any:
        """What a task of `tests.hostile_ops` said."""
        assert told["state"] == "done", told
        receipt = Receipt.decode(self.get(told["receipt"]))
        return dag_cbor.decode(self.get(receipt.out["out"].cid))["said"]

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
