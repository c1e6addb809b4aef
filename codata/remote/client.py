"""One provider: signed requests, answers that are checked for form here and for truth where they are used."""

from __future__ import annotations

import base64
import binascii
import io
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import httpx
import numpy as np

from cid_store.block import Block
from cid_store.car import write_car
from cid_store.cid import CID
from cid_store.errors import CorruptBlock, DecodeError, LimitExceeded, StoreError
from cid_store.stores.gateway import GatewayStore
from cid_store.stores.gateway.client import Limits, tls_context
from cid_store.stores.gateway.origin import Origin
from codata import introduction, signing
from codata.errors import FalseClaim
from codata.identity import Identity
from codata.placement.problem import Array
from codata.remote.answers import body_of, lines_of, object_of, refused
from codata.remote.errors import (
    ProviderBusy,
    ProviderError,
    ProviderLied,
    ProviderStalled,
    ProviderUnreachable,
)
from codata.remote.offer import Offer
from codata.remote.state import State

MAX_TASKS: Final = 1000
"""Tasks in one request."""

_WAIT: Final = 20  # seconds of a long poll
_LEAST: Final = 0.2  # seconds between two questions about tasks that are not final
_PAUSES: Final = (0.2, 0.5, 1.3)  # seconds before a request is tried again
_IN_FLIGHT: Final = 16
_PIECE: Final = 1 << 20  # bytes of a body, of whose way something is told
_CAR_HEAD: Final = 256  # bytes of a CAR before its blocks, at most


class Client:
    """A provider at a URL, asked in the name of `me`. Thread-safe.

    `silence`: seconds without a byte after which it counts as gone; it sends at least a comment every ten.
    """

    def __init__(self, url: str, me: Identity, *, silence: float = 30, connect: float = 5) -> None:
        self.origin = Origin.parse(url)
        self.url = str(self.origin).rstrip("/")
        self._me, self._did = me, ""
        self._http = httpx.Client(
            timeout=httpx.Timeout(silence, connect=connect, pool=None),
            limits=httpx.Limits(max_connections=_IN_FLIGHT, max_keepalive_connections=_IN_FLIGHT),
            follow_redirects=False,
            verify=tls_context(),
            headers={"Accept-Encoding": "identity", "User-Agent": "codata"},
        )
        limits = Limits(connect=connect, read=silence, rounds=2, pause=_PAUSES[0])
        self.blocks = GatewayStore(self.origin.url, limits=limits)
        """What it holds, each block proven as it comes."""

    def close(self) -> None:
        """Close the connections."""
        self._http.close()
        self.blocks.close()

    # -- what it is and has ----------------------------------------------------------------------------------

    def offer(self) -> Offer:
        """What it offers. Raises `ProviderLied` where it does not prove to be who offers."""
        offer = Offer.parse(self.url, object_of(self.url, self._ask("GET", "/offer")))
        if self.did() != offer.did:
            raise ProviderLied(f"{self.url} offers as {offer.did} and does not prove to be that")
        return offer

    def did(self) -> str:
        """The DID that it has proven to be, once for this client; "" where it states none, or proves none.

        Raises `ProviderLied` where the proof is another's, or an old one.
        """
        if not self._did:
            nonce = introduction.drawn()
            said = object_of(self.url, self._ask("GET", f"/health?nonce={nonce}"))
            did, proof = said.get("did"), said.get("proof")
            if not isinstance(did, str) or proof is None:
                return ""
            try:
                introduction.check(did, signing.target_of(self.url).authority, nonce, proof)
            except FalseClaim as e:
                raise ProviderLied(f"{self.url}: {e.message}") from None
            self._did = did
        return self._did

    def have(self, cids: Sequence[CID]) -> Array:
        """A bit for each CID that it says it holds in full: uint8, the first the highest of a byte."""
        lines = "".join(f"{cid}\n" for cid in cids).encode()
        value = object_of(self.url, self._ask("POST", "/have", lines, "text/plain"))
        try:
            bits = base64.b64decode(value["bits"], validate=True)
        except (KeyError, TypeError, ValueError, binascii.Error):
            bits = b""
        if value.get("count") != len(cids) or len(bits) != -(-len(cids) // 8):
            raise ProviderLied(f"{self.url} was asked about {len(cids)} CIDs and answers for others")
        return np.frombuffer(bits, np.uint8)

    # -- what goes there -------------------------------------------------------------------------------------

    def upload(
        self,
        blocks: Iterable[Block],
        limit: int,
        copy_of: CID | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> int:
        """Send blocks, in requests of at most `limit` bytes each, or of one block; returns the bytes of all
        blocks. `progress` is told bytes as they go, and again where they are sent again.

        They are kept for a while, or as a copy of the root `copy_of` until `release` is told that.
        """
        batch: list[Block] = []
        size, total = _CAR_HEAD, 0
        for block in blocks:
            section = len(block.data) + len(block.cid.binary) + 10
            if batch and size + section > limit:
                self._upload(batch, copy_of, progress)
                batch, size = [], _CAR_HEAD
            batch.append(block)
            size += section
            total += len(block.data)
        if batch:
            self._upload(batch, copy_of, progress)
        return total

    def release(self, root: CID) -> bool:
        """Let go of the copy of a root; False where there is none."""
        return object_of(self.url, self._ask("DELETE", f"/blocks/{root}")).get("released") is True

    def _upload(
        self, blocks: Sequence[Block], copy_of: CID | None, progress: Callable[[int], None] | None
    ) -> None:
        file = io.BytesIO()
        write_car(file, [blocks[0].cid], blocks)
        path = "/blocks" if copy_of is None else f"/blocks?keep={copy_of}"
        self._ask("POST", path, file.getvalue(), "application/vnd.ipld.car", progress)

    def submit(self, tasks: Sequence[CID], sources: Sequence[str] = ()) -> dict[CID, State]:
        """Hand over tasks whose records are there; what became of each at once."""
        body: dict[str, Any] = {"tasks": [str(cid) for cid in tasks]}
        if sources:
            body["sources"] = list(sources)
        value = object_of(self.url, self._ask("POST", "/tasks", _json(body), "application/json"))
        told = value.get("tasks")
        if not isinstance(told, dict):
            raise ProviderLied(f"{self.url} says nothing of the tasks that it was given")
        states: dict[CID, State] = {}
        for cid in tasks:
            one = told.get(str(cid))
            if not isinstance(one, dict):
                raise ProviderLied(f"{self.url} says nothing of task {cid}", cid=cid)
            states[cid] = self._state(one, cid)
        return states

    def cancel(self, task: CID) -> None:
        """Take a task back, or let go of what it gave."""
        self._ask("DELETE", f"/tasks/{task}")

    # -- following -------------------------------------------------------------------------------------------

    def follow(self, tasks: Sequence[CID]) -> Iterator[State | None]:
        """Each change of these tasks' states, from what they are now until all are final; None where nothing
        changed for some seconds. By events where the provider sends them, else by asking.
        """
        left = dict.fromkeys(tasks)
        try:
            for state in self._events(tasks):
                if state is not None and state.task in left:
                    if state.final:
                        del left[state.task]
                    yield state
                elif state is None:
                    yield None
        except ProviderLied:
            raise
        except ProviderError:
            pass  # no events, or they broke off: what a task is can still be asked
        while left:
            task = next(iter(left))
            state = self.ask(task, wait=_WAIT)
            if state.final:
                del left[task]
                yield state
            else:
                yield None
                time.sleep(_LEAST)  # it may answer at once, whatever it is asked

    def ask(self, task: CID, wait: int = 0) -> State:
        """What a task is now, or once it changes within `wait` seconds."""
        path = f"/tasks/{task}" + (f"?wait={wait}" if wait else "")
        return self._state(object_of(self.url, self._ask("GET", path)), task)

    def _events(self, tasks: Sequence[CID]) -> Iterator[State | None]:
        body = _json({"tasks": [str(cid) for cid in tasks]})
        with self._answer("POST", "/tasks/events", body, "application/json") as answer:
            if answer.status_code != 200:
                raise refused(self.url, answer.status_code, body_of(self.url, answer))
            for line in lines_of(self.url, answer):
                if line.startswith(":"):
                    yield None
                elif line.startswith("data:"):
                    yield self._state(object_of(self.url, line[5:]))

    def _state(self, value: Mapping[str, Any], task: CID | None = None) -> State:
        return State.parse(self.url, value, task)

    # -- requests --------------------------------------------------------------------------------------------

    def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        kind: str = "",
        progress: Callable[[int], None] | None = None,
    ) -> bytes:
        """The body of an answer with a status of 2xx; a provider that is busy, or out of reach for a moment,
        is asked again. Every request may be sent twice: what it asks for is named by its content.
        """
        for pause in _PAUSES:
            try:
                return self._once(method, path, body, kind, progress)
            except (ProviderBusy, ProviderUnreachable):
                time.sleep(pause)
        return self._once(method, path, body, kind, progress)

    def _once(
        self,
        method: str,
        path: str,
        body: bytes | None,
        kind: str,
        progress: Callable[[int], None] | None,
    ) -> bytes:
        with self._answer(method, path, body, kind, progress) as answer:
            said = body_of(self.url, answer)
            if answer.is_success:
                return said
            raise refused(self.url, answer.status_code, said)

    @contextmanager
    def _answer(
        self,
        method: str,
        path: str,
        body: bytes | None,
        kind: str,
        progress: Callable[[int], None] | None = None,
    ) -> Iterator[httpx.Response]:
        url = self.url + path
        headers = signing.sign(self._me, method, url, body)
        if kind:
            headers["content-type"] = kind
        content: bytes | Iterator[bytes] | None = body
        if body is not None and progress is not None:
            headers["content-length"] = str(len(body))
            content = _pieces(body, progress)
        try:
            with self._http.stream(method, url, content=content, headers=headers) as answer:
                yield answer
        except httpx.TimeoutException:
            raise ProviderStalled(f"{self.url} says nothing any more") from None
        except httpx.HTTPError as e:
            raise ProviderUnreachable(f"{self.url} does not answer: {type(e).__name__}") from None


@contextmanager
def blaming(client: Client) -> Iterator[None]:
    """Errors of a provider's blocks as what they say of the provider."""
    try:
        yield
    except ProviderError:
        raise
    except (CorruptBlock, LimitExceeded, DecodeError) as e:
        raise ProviderLied(f"{client.url} sends wrong bytes: {e.message}", cid=e.cid) from e
    except StoreError as e:
        raise ProviderUnreachable(f"{client.url}: {e.message}", cid=e.cid) from e


def _pieces(body: bytes, progress: Callable[[int], None]) -> Iterator[bytes]:
    """A body piece by piece; `progress` hears of each that is gone."""
    for at in range(0, len(body), _PIECE):
        piece = body[at : at + _PIECE]
        yield piece
        progress(len(piece))


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
