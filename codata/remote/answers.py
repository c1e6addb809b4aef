"""Reading what a provider answers: bounded in size and time, and taken for hostile."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, Final

import httpx

from cid_store.cid import CID
from cid_store.errors import CidStoreError, InvalidCID
from codata.remote.errors import (
    ProviderBusy,
    ProviderError,
    ProviderFull,
    ProviderLied,
    ProviderRefused,
    ProviderStalled,
    ProviderUnreachable,
)

MAX_ANSWER: Final = 8 * 1024 * 1024
"""Bytes of an answer that is in memory as a whole."""

_MAX_TEXT: Final = 500  # characters of a provider's words that are repeated
_SECONDS: Final = 120.0  # for a whole answer, however slowly it drips


def body_of(who: str, answer: httpx.Response, limit: int = MAX_ANSWER) -> bytes:
    """The body of an answer; raises `ProviderLied` past `limit`, `ProviderStalled`."""
    end = time.monotonic() + _SECONDS
    body = bytearray()
    for piece in answer.iter_raw():
        body += piece
        if len(body) > limit:
            raise ProviderLied(f"{who} answers with more than {limit} bytes")
        if time.monotonic() > end:
            raise ProviderStalled(f"{who} answers too slowly")
    return bytes(body)


def object_of(who: str, body: bytes | str) -> dict[str, Any]:
    """A JSON object; raises `ProviderLied`."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ProviderLied(f"{who} answers with something that is no JSON object")
    return value


def refused(who: str, status: int, body: bytes) -> ProviderError:
    """The error of an answer that is none of those expected."""
    try:
        told = object_of(who, body).get("error")
    except ProviderLied:
        told = None
    said = said_of(told) or f"status {status}"
    if status in (401, 403):
        return ProviderRefused(f"{who} refuses: {said}")
    if status in (413, 507):
        return ProviderFull(f"{who} has no room: {said}")
    if status in (408, 429, 503):
        return ProviderBusy(f"{who} is busy: {said}")
    if status >= 500:
        return ProviderUnreachable(f"{who} failed: {said}")
    return ProviderRefused(f"{who} can't do it: {said}")


def said_of(told: object) -> str:
    """The words of an error object, with the rule that refused; "" where it is none."""
    if not isinstance(told, dict) or not isinstance(told.get("message"), str):
        return ""
    rule = told.get("rule")
    text = told["message"] + (f" (rule: {rule})" if isinstance(rule, str) else "")
    return printable(text)


def printable(text: str) -> str:
    """A provider's words as they may be shown: no control characters, and not too many."""
    return "".join(c if c.isprintable() else " " for c in text[:_MAX_TEXT])


def cid_of(who: str, value: object) -> CID:
    """A CID in an answer; raises `ProviderLied`."""
    try:
        if isinstance(value, str) and len(value) <= 200:
            return CID(value)
    except (InvalidCID, CidStoreError):
        pass
    raise ProviderLied(f"{who} answers with something that is no CID")


def lines_of(who: str, answer: httpx.Response) -> Iterator[str]:
    """The lines of a stream as they come, each bounded; raises `ProviderLied`."""
    rest = b""
    for piece in answer.iter_raw():
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > MAX_ANSWER:
            raise ProviderLied(f"{who} sends a line of more than {MAX_ANSWER} bytes")
        for line in lines:
            yield line.rstrip(b"\r").decode("utf-8", "replace")
