"""A client of the IPFS pinning service API 1.0.0: ask a service to keep a DAG, and see how it is getting on.

The service fetches the blocks itself, from the network: nothing is uploaded here. The token is sent to the
service's own origin and nowhere else, redirects are not followed, and no error, text or log holds it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Literal, Self, cast, get_args
from urllib.parse import quote, urlsplit

import httpx

from cid_store.cid import CID
from cid_store.errors import InvalidCID, StoreError, UsageError

TOKEN_VARIABLE: Final = "CODATA_PINNING_TOKEN"  # noqa: S105 - the name of a variable
SCHEMES: Final = {"pinning+https": "https", "pinning+http": "http"}

Status = Literal["queued", "pinning", "pinned", "failed"]

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_MAX_ANSWER: Final = 16 << 20  # bytes; a page of a thousand pins takes about one
_MAX_WORDS: Final = 300  # characters of a service's own words that an error repeats
_MAX_ID: Final = 1024  # characters of a request's identifier
_PAGE: Final = 1000  # pins a request lists; the API's own maximum
_CIDS: Final = 10  # CIDs that a request may filter by, the same
_MAX_NAME: Final = 255  # characters, the same
_MANY: Final = 20  # delegates or origins, the same


class PinningError(StoreError):
    """A pinning service refused, failed, or answered against its specification."""

    default_next = "see the service's own status page or dashboard, then try again"


@dataclass(frozen=True, slots=True)
class RemotePin:
    """A pin at a service. `created` is an RFC 3339 time; `delegates` are the multiaddrs of its nodes."""

    request: str
    status: Status
    created: str
    cid: CID
    name: str
    delegates: tuple[str, ...]
    details: str


class PinningService:
    """A service at `pinning+https://host/path`. Without TLS only on this machine: a token would be seen."""

    def __init__(self, url: str, token: str | None = None) -> None:
        """`token` is by default what the environment variable `CODATA_PINNING_TOKEN` holds.

        Raises `UsageError`.
        """
        self.url = url
        self._token = os.environ.get(TOKEN_VARIABLE, "") if token is None else token
        if not self._token or not self._token.isascii() or not self._token.isprintable():
            raise UsageError(
                "a pinning service asks for an access token, and there is none that can be sent",
                next_step=f"set the environment variable {TOKEN_VARIABLE} to the one from the service",
            )
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        self._http = httpx.Client(base_url=_base(url), headers=headers, timeout=httpx.Timeout(30, connect=10))

    def __repr__(self) -> str:
        return f"PinningService({self.url!r})"

    def add(self, cid: CID, *, name: str = "", origins: Sequence[str] = ()) -> RemotePin:
        """Ask for a recursive pin of `cid`; `origins` are multiaddrs of who holds it. Returns at once."""
        return self._pin(self._send("POST", "pins", body=_body(cid, name, origins)))

    def replace(self, request: str, cid: CID, *, name: str = "", origins: Sequence[str] = ()) -> RemotePin:
        """Put another pin in the place of one, in one step."""
        return self._pin(self._send("POST", _path(request), body=_body(cid, name, origins)))

    def status(self, request: str) -> RemotePin:
        """How a request is getting on."""
        return self._pin(self._send("GET", _path(request)))

    def remove(self, request: str) -> None:
        """Drop a pin, or a request for one."""
        self._send("DELETE", _path(request))

    def pins(
        self, cids: Sequence[CID] = (), *, status: Sequence[Status] = get_args(Status)
    ) -> Iterator[RemotePin]:
        """The pins at the service, newest first: all, or those of at most ten `cids`."""
        if len(cids) > _CIDS:
            raise UsageError(f"a service is asked about at most {_CIDS} CIDs at once, not {len(cids)}")
        filters = {"status": ",".join(status), "limit": str(_PAGE)}
        if cids:
            filters["cid"] = ",".join(cids)
        before: str | None = None
        while True:
            page = self._send("GET", "pins", query=filters | ({"before": before} if before else {}))
            count, results = page.get("count"), page.get("results")
            if type(count) is not int or not isinstance(results, list) or len(results) > _PAGE:
                raise self._wrong("a list of pins")
            found = [self._pin(item) for item in results]
            yield from found
            if count <= len(found) or not found or found[-1].created == before:
                return
            before = found[-1].created

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None
    ) -> Mapping[str, Any]:
        try:
            with self._http.stream(method, path, params=query, json=body) as answer:
                content = self._gather(answer)
        except httpx.HTTPError as e:
            raise PinningError(f"{self.url} can't be reached: {self._words(e) or type(e).__name__}") from None
        if not answer.is_success:
            raise self._refused(answer.status_code, content)
        if method == "DELETE":
            return {}
        value = _object(content)
        if value is None:
            raise self._wrong("a JSON object")
        return value

    def _gather(self, answer: httpx.Response) -> bytes:
        content = bytearray()
        for piece in answer.iter_bytes():
            content += piece
            if len(content) > _MAX_ANSWER:
                raise PinningError(f"{self.url} answered with over {_MAX_ANSWER} bytes")
        return bytes(content)

    def _refused(self, code: int, content: bytes) -> PinningError:
        failure = (_object(content) or {}).get("error")
        if isinstance(failure, dict):
            words = ": ".join(self._words(failure[k]) for k in ("reason", "details") if failure.get(k))
        else:
            words = self._words(content.decode(errors="replace"))
        next_step = f"see that {TOKEN_VARIABLE} holds the service's token" if code in (401, 403) else None
        return PinningError(f"{self.url} refused with {code}: {words or 'no reason'}", next_step=next_step)

    def _wrong(self, what: str) -> PinningError:
        return PinningError(f"the answer of {self.url} is not {what} as the pinning service API has it")

    def _words(self, text: object) -> str:
        # A service may repeat what it was sent.
        return str(text).replace(self._token, "…")[:_MAX_WORDS]

    def _pin(self, value: object) -> RemotePin:
        try:
            item = cast("dict[str, Any]", value)
            pin, info = item["pin"], item.get("info") or {}
            found = RemotePin(
                request=_text(item["requestid"], _MAX_ID),
                status=item["status"],
                created=_text(item["created"], 64),
                cid=CID(_text(pin["cid"], _MAX_ID)),
                name=_text(pin.get("name") or "", _MAX_NAME),
                delegates=tuple(_text(d, _MAX_ID) for d in item["delegates"][:_MANY]),
                details=self._words(info.get("status_details") or ""),
            )
        except (KeyError, TypeError, AttributeError, ValueError, InvalidCID):
            raise self._wrong("a pin") from None
        if found.status not in get_args(Status) or not found.request:
            raise self._wrong("a pin")
        return found


def is_service(url: str) -> bool:
    """Whether a URL names a pinning service."""
    return url.partition(":")[0] in SCHEMES


def _base(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in SCHEMES or parts.username or parts.query or parts.fragment:
        raise UsageError(
            "this is no URL of a pinning service",
            next_step="write pinning+https://host/path, without a token",
        )
    if SCHEMES[parts.scheme] == "http" and host not in _LOOPBACK:
        raise UsageError(
            f"a token would go to {host} in the open", next_step="write pinning+https://, or use this machine"
        )
    return f"{SCHEMES[parts.scheme]}://{parts.netloc}{parts.path.rstrip('/')}/"


def _path(request: str) -> str:
    if not 0 < len(request) <= _MAX_ID or request in (".", ".."):
        raise UsageError(f"{request[:_MAX_WORDS]!r} is no identifier of a pin request")
    return f"pins/{quote(request, safe='')}"


def _body(cid: CID, name: str, origins: Sequence[str]) -> dict[str, object]:
    if len(name) > _MAX_NAME or len(origins) > _MANY:
        raise UsageError(f"a pin has a name of at most {_MAX_NAME} characters and at most {_MANY} origins")
    body: dict[str, object] = {"cid": cid}
    if name:
        body["name"] = name
    if origins:
        body["origins"] = list(origins)
    return body


def _object(content: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _text(value: object, limit: int) -> str:
    if not isinstance(value, str) or len(value) > limit:
        raise TypeError("text")
    return value
