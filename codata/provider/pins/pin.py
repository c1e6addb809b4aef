"""Pin objects: what is asked for, read from a request's body."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from cid_store.cid import CID
from cid_store.errors import InvalidCID
from codata.provider.errors import BadRequest

MAX_BODY: Final = 256 * 1024
"""Bytes of a request's body."""

MAX_NAME: Final = 255  # characters, as the API has it
MAX_META: Final = 1000  # pairs
_MAX_ORIGINS: Final = 20  # as the API has it


@dataclass(frozen=True, slots=True)
class Pin:
    """A request: keep `cid` and all that belongs to it, which `origins` (multiaddrs or URLs) may have."""

    cid: CID
    name: str = ""
    origins: tuple[str, ...] = ()
    meta: tuple[tuple[str, str], ...] = ()

    def to_value(self) -> dict[str, Any]:
        """The object as it is answered; what was not given is left out."""
        value: dict[str, Any] = {"cid": self.cid}
        if self.name:
            value["name"] = self.name
        if self.origins:
            value["origins"] = list(self.origins)
        if self.meta:
            value["meta"] = dict(self.meta)
        return value


def parse(body: bytes) -> Pin:
    """The Pin object of a body. Raises `BadRequest`, `InvalidCID`."""
    value = json_object(body, "the body")
    if not isinstance(value.get("cid"), str):
        raise BadRequest("a pin has a cid, and it is text")
    name = value.get("name", "")
    if not isinstance(name, str) or len(name) > MAX_NAME:
        raise BadRequest(f"a pin's name is text of at most {MAX_NAME} characters")
    origins = value.get("origins", [])
    if (
        not isinstance(origins, list)
        or len(origins) > _MAX_ORIGINS
        or not all(isinstance(origin, str) for origin in origins)
        or len(set(origins)) < len(origins)
    ):
        raise BadRequest(f"origins are a list of at most {_MAX_ORIGINS} different multiaddrs")
    return Pin(
        cid_of(value["cid"]), storable(name), tuple(map(storable, origins)), meta_of(value.get("meta", {}))
    )


def json_object(text: str | bytes, what: str) -> dict[str, Any]:
    """The object in `text`; raises `BadRequest`."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadRequest(f"{what} is no JSON object")
    return value


def meta_of(value: object) -> tuple[tuple[str, str], ...]:
    """The pairs of a `meta` object, sorted; raises `BadRequest`."""
    if (
        not isinstance(value, dict)
        or len(value) > MAX_META
        or not all(isinstance(text, str) for text in value.values())
    ):
        raise BadRequest(f"meta is an object of at most {MAX_META} texts")
    return tuple(sorted((storable(key), storable(text)) for key, text in value.items()))


def cid_of(text: str) -> CID:
    """The CID of a text from outside; raises `InvalidCID`."""
    if len(text) > 1024:
        raise InvalidCID("a text of over 1024 characters is no CID here")
    return CID(text)


def storable(text: str) -> str:
    """The text, if it is Unicode: JSON can name halves of characters. Raises `BadRequest`."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadRequest("a text holds half of a character (a lone surrogate)") from None
    if "\0" in text:
        raise BadRequest("a text holds a null character")
    return text
