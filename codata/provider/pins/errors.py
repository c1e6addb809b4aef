"""What can go wrong with a request for pins, told in the form of the pinning service API."""

from __future__ import annotations

from typing import Final

from starlette.responses import JSONResponse

from cid_store.errors import CidStoreError
from codata.provider.errors import headers_of, status_of, to_value

_REASONS: Final = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "TOO_MANY_PINS",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "REQUEST_TIMEOUT",
    413: "CONTENT_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "TOO_MANY_REQUESTS",
}


class NoToken(CidStoreError):
    """A request without a token that counts here."""

    default_next = "send `Authorization: Bearer TOKEN`, with a token from who runs this provider"


class NoSuchPin(CidStoreError):
    """A pin request that this account does not have."""

    default_next = "GET /pins lists the requests of this account"


class TooManyPins(CidStoreError):
    """An account with as many requests as it may have."""

    default_next = "remove pins that are not needed, or those that failed"


_STATUS: Final[dict[type[CidStoreError], int]] = {NoToken: 401, NoSuchPin: 404, TooManyPins: 403}


def is_pins(path: str) -> bool:
    """Whether a path belongs to the pinning service."""
    return path == "/pins" or path.startswith("/pins/")


def failure(error: CidStoreError, status: int | None = None) -> JSONResponse:
    """An error as an answer of the pinning service."""
    code = status or _STATUS.get(type(error)) or status_of(error)
    told = to_value(error)["error"] if code >= 500 else {"message": error.message, "next": error.next_step}
    details = f"{told['message']}: {told['next']}" if told["next"] else told["message"]
    reason = _REASONS.get(code, "INTERNAL_SERVER_ERROR" if code >= 500 else "REFUSED")
    headers = headers_of(error) | ({"www-authenticate": "Bearer"} if code == 401 else {})
    return JSONResponse({"error": {"reason": reason, "details": details}}, code, headers)
