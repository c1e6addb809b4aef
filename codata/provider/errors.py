"""What can go wrong with a request, and which status tells it."""

from __future__ import annotations

from typing import Any, Final

from starlette.responses import JSONResponse

from cid_store.errors import (
    BlockNotFound,
    CidStoreError,
    DecodeError,
    InvalidCID,
    LimitExceeded,
    UnsupportedCodec,
    UnsupportedHash,
    UsageError,
)
from cid_store.unixfs.errors import NotADirectory, PathNotFound
from codata.errors import NotCheckable
from codata.signing import BadSignature, NotSigned

RETRY_SECONDS: Final = 1


class BadRequest(UsageError):
    """A request that can't be read."""

    default_next = "docs/spec/provider.md says what a provider answers"


class NotAcceptable(UsageError):
    """A form of answer that is not given here."""

    default_next = "ask with ?format=raw or ?format=car"


class NotCached(BlockNotFound):
    """Only what is held was asked for, and it is not."""

    default_next = "ask without only-if-cached, or ask another provider"


class PathTooLong(LimitExceeded):
    """A path of more characters or names than are followed."""

    default_next = "resolve the path in parts: ask for a CID on the way"


class BodyTooLarge(LimitExceeded):
    """A request's body over its limit."""

    default_next = "send CIDs as lines of text/plain, which has no limit on bytes, or name a manifest"


class SlowClient(CidStoreError):
    """A client that takes or sends nothing for too long."""

    default_next = "ask again over a better connection, or for less"


class WrongMediaType(UsageError):
    """A request's body in a form that is not read here."""


class Busy(CidStoreError):
    """As many requests of this kind as are served at once."""

    default_next = "ask again after the seconds that Retry-After states"


class WrongHost(UsageError):
    """A request for a host that this process does not answer for."""

    default_next = "name the host in `hosts` of the provider's settings"


class BadSettings(UsageError):
    """Settings that can't be used."""

    default_next = "docs/guides/run-a-provider.md lists the settings"


_STATUS: Final[tuple[tuple[type[CidStoreError], int], ...]] = (
    # The first kind that fits decides: special kinds stand before general ones.
    (NotSigned, 401),
    (BadSignature, 401),
    (NotCheckable, 422),
    (NotCached, 412),
    (NotAcceptable, 406),
    (UnsupportedCodec, 406),
    (PathTooLong, 414),
    (BodyTooLarge, 413),
    (WrongMediaType, 415),
    (WrongHost, 421),
    (Busy, 429),
    (SlowClient, 408),
    (BlockNotFound, 404),
    (PathNotFound, 404),
    (NotADirectory, 404),
    # A node on the way that follows no format can't be traversed: for who asks, nothing is there.
    (DecodeError, 404),
    (LimitExceeded, 404),
    (InvalidCID, 400),
    (UnsupportedHash, 400),
    (UsageError, 400),
)


def status_of(error: CidStoreError) -> int:
    """The HTTP status of an error: the one that its kind names itself, else by the table."""
    own: int | None = getattr(error, "status", None)
    return own or next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def to_value(error: CidStoreError) -> dict[str, Any]:
    """The body of an answer that is an error: the same object as on the command line.

    Where something lies on this machine is nobody's business: the store's own words stay in the log.
    """
    message, next_step = error.message, error.next_step
    if status_of(error) >= 500 and not hasattr(error, "status"):
        message, next_step = "the provider failed at this; its log says why", "ask another provider"
    elif isinstance(error, BlockNotFound) and error.cid:
        message, next_step = f"block {error.cid} is not held here", "ask another provider"
    value = {"kind": error.kind, "message": message, "cid": error.cid, "next": next_step or None}
    return {"error": value | getattr(error, "more", {})}


def headers_of(error: CidStoreError) -> dict[str, str]:
    """The headers of an answer that is an error: no cache keeps it."""
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    if isinstance(error, Busy):
        headers["retry-after"] = str(RETRY_SECONDS)
    if status_of(error) == 401:
        headers["www-authenticate"] = "Signature"
    return headers


def refusal(error: CidStoreError) -> JSONResponse:
    """An error as an answer."""
    return JSONResponse(to_value(error), status_of(error), headers_of(error))
