"""Requests to gateways: bounded in size and time, redirected nowhere else, and a memory of who failed."""

from __future__ import annotations

import email.utils
import random
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Final

import httpx

from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CidStoreError, LimitExceeded, StoreError
from cid_store.store import MAX_BLOCK
from cid_store.stores.gateway.origin import Origin, redirected

IN_FLIGHT: Final = 32
"""Requests at once, at most."""

RAW_TYPE: Final = "application/vnd.ipld.raw"
CAR_TYPE: Final = "application/vnd.ipld.car"

_MAX_PAUSE: Final = 30.0  # seconds that a Retry-After is obeyed for, at most
_TRANSFER_SECONDS: Final = 120.0  # for a block, however slowly it drips
_ABSENT: Final = frozenset({404, 410, 412})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to connect and between two pieces of an answer; rounds over all gateways; first pause
    between rounds; redirects that are followed in one request, from gateway to gateway.
    """

    connect: float = 10
    read: float = 30
    rounds: int = 3
    pause: float = 0.5
    redirects: int = 3


@dataclass
class Standing:
    """What is known of a gateway: when it may be asked again, and how many wrong blocks it has sent."""

    origin: Origin
    not_before: float = 0
    lies: int = 0


class Unreachable(StoreError):
    """A gateway that did not answer, refused, or broke off."""

    default_next = "try again later, or name another gateway"


class Client:
    """The gateways, asked over shared connections. Thread-safe."""

    def __init__(self, origins: tuple[Origin, ...], limits: Limits) -> None:
        self.origins = origins
        self.limits = limits
        self.requests = 0
        """Requests made so far, redirects included."""
        self._standings = [Standing(origin) for origin in origins]
        self._lock = threading.Lock()
        self._http = httpx.Client(
            timeout=httpx.Timeout(limits.read, connect=limits.connect, pool=None),
            limits=httpx.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT),
            follow_redirects=False,
            verify=tls_context(),
            # Compressed answers could grow without bound, and blocks do not shrink much.
            headers={"Accept-Encoding": "identity", "User-Agent": "codata"},
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def standings(self) -> list[Standing]:
        """The gateways in the order to ask them: honest first, then those that may be asked now, then as
        configured.
        """
        now = time.monotonic()
        return sorted(self._standings, key=lambda s: (s.lies > 0, max(s.not_before - now, 0)))

    def lied(self, standing: Standing) -> None:
        """Remember a wrong block: this gateway is asked last from now on."""
        with self._lock:
            standing.lies += 1

    def rest(self, round_number: int) -> None:
        """Wait before another round: as long as the first gateway asks for, and longer each time."""
        asked = min(s.not_before for s in self._standings) - time.monotonic()
        jitter = random.uniform(0.5, 1) * self.limits.pause * 2**round_number  # noqa: S311 - jitter, no secret
        time.sleep(max(asked, jitter))

    def block(self, standing: Standing, cid: CID) -> bytes:
        """What a gateway sends for a block, unproven. Raises `BlockNotFound`, `LimitExceeded`,
        `Unreachable`.
        """
        end = time.monotonic() + _TRANSFER_SECONDS
        body = bytearray()
        with self.ask(standing, f"ipfs/{cid}?format=raw", cid, RAW_TYPE) as answer:
            for piece in answer.iter_raw():
                body += piece
                if len(body) > MAX_BLOCK:
                    raise LimitExceeded(
                        f"{standing.origin} sends more than {MAX_BLOCK} bytes for {cid}", cid=cid
                    )
                if time.monotonic() > end:
                    raise Unreachable(f"{standing.origin} sends {cid} too slowly", cid=cid)
        return bytes(body)

    def has(self, standing: Standing, cid: CID) -> bool:
        """Whether a gateway says that it has a block."""
        try:
            with self.ask(standing, f"ipfs/{cid}?format=raw", cid, RAW_TYPE, method="HEAD"):
                return True
        except BlockNotFound:
            return False

    @contextmanager
    def ask(
        self, standing: Standing, path: str, cid: CID, accept: str, method: str = "GET"
    ) -> Iterator[httpx.Response]:
        """An answer with status 200, its body not read yet; errors while it is read are named too."""
        try:
            with self._opened(standing, f"{standing.origin}{path}", cid, accept, method) as answer:
                self._check(standing, answer, cid)
                yield answer
        except httpx.HTTPError as e:
            self._pause(standing, self.limits.pause)
            raise Unreachable(f"{standing.origin}: {type(e).__name__}", cid=cid) from None

    @contextmanager
    def _opened(
        self, standing: Standing, url: str, cid: CID, accept: str, method: str
    ) -> Iterator[httpx.Response]:
        for _ in range(self.limits.redirects + 1):
            with self._lock:
                self.requests += 1
            with self._http.stream(method, url, headers={"Accept": accept}) as answer:
                if answer.status_code not in _REDIRECTS:
                    yield answer
                    return
                target = redirected(url, answer.headers.get("Location", ""), self.origins)
            if target is None:
                raise Unreachable(
                    f"{standing.origin} redirects to a server that is not configured",
                    cid=cid,
                    next_step="add that server to the gateways, if it is to be asked",
                )
            url = target
        raise Unreachable(f"{standing.origin} redirects more than {self.limits.redirects} times", cid=cid)

    def _check(self, standing: Standing, answer: httpx.Response, cid: CID) -> None:
        status = answer.status_code
        if status in _ABSENT:
            raise BlockNotFound(f"block {cid} is not at {standing.origin}", cid=cid)
        if status in (429, 503):
            self._pause(standing, _retry_after(answer.headers.get("Retry-After"), self.limits.pause))
        if status != 200:
            raise Unreachable(f"{standing.origin} answers {status} for {cid}", cid=cid)
        if answer.headers.get("Content-Encoding", "identity") != "identity":
            raise Unreachable(f"{standing.origin} compresses what it was asked to leave as it is", cid=cid)

    def _pause(self, standing: Standing, seconds: float) -> None:
        with self._lock:
            standing.not_before = max(standing.not_before, time.monotonic() + min(seconds, _MAX_PAUSE))


@cache
def tls_context() -> ssl.SSLContext:
    """Whom to believe behind https: one for the process, since reading the certificates takes 0.1 s."""
    return httpx.create_ssl_context()


def worst(errors: list[CidStoreError], cid: CID) -> CidStoreError:
    """The error that says most of what gateways did: a lie, then a failure, then absence."""
    for kind in (BlockNotFound, StoreError):
        rest = [e for e in errors if not isinstance(e, kind)]
        if not rest:
            break
        errors = rest
    return errors[0] if errors else BlockNotFound(f"no gateway was asked for {cid}", cid=cid)


def _retry_after(value: str | None, default: float) -> float:
    """Seconds of a Retry-After header: a number, or a date."""
    if value is None:
        return default
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, OverflowError):
        return default
