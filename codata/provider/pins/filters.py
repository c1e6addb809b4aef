"""Which pins a listing asks for: the query of GET `/pins`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, cast, get_args
from urllib.parse import parse_qsl

from cid_store.cid import CID
from cid_store.pinning import Status
from codata.provider.errors import BadRequest
from codata.provider.pins.pin import MAX_NAME, cid_of, json_object, meta_of, storable

MAX_PAGE: Final = 1000
_PAGE: Final = 10
_MAX_CIDS: Final = 10
_MAX_QUERY: Final = 16 * 1024  # bytes
_MAX_FIELDS: Final = 32
# RFC 3339, 5.6. Years begin at 1970, as what was created here does; seconds of a minute end at 59.
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,32})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

Match = Literal["exact", "iexact", "partial", "ipartial"]


@dataclass(frozen=True, slots=True)
class Filters:
    """A listing. `before` and `after`: microseconds since 1970, not included. None: not asked for."""

    cids: tuple[CID, ...] = ()
    name: str | None = None
    match: Match = "exact"
    statuses: tuple[Status, ...] = ("pinned",)
    before: int | None = None
    after: int | None = None
    limit: int = _PAGE
    meta: tuple[tuple[str, str], ...] = ()


def parse(query: bytes) -> Filters:
    """The filters of a query string. What else is in it is passed over. Raises `BadRequest`, `InvalidCID`."""
    given = _fields(query)
    return Filters(
        cids=tuple(cid_of(text) for text in _list(given, "cid", _MAX_CIDS)),
        name=_name(given.get("name")),
        match=cast("Match", _one_of("match", given.get("match", "exact"), get_args(Match))),
        statuses=_statuses(_list(given, "status", len(get_args(Status)))),
        before=_time("before", given.get("before")),
        after=_time("after", given.get("after")),
        limit=_limit(given.get("limit")),
        meta=meta_of(json_object(given["meta"], "meta")) if "meta" in given else (),
    )


def _fields(query: bytes) -> Mapping[str, str]:
    if len(query) > _MAX_QUERY:
        raise BadRequest(f"a query of {len(query)} bytes is over the limit of {_MAX_QUERY}")
    try:
        pairs = parse_qsl(query.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError:
        raise BadRequest(f"the query is not UTF-8, or has over {_MAX_FIELDS} parts") from None
    given = dict(pairs)
    if len(given) < len(pairs):
        raise BadRequest("the query gives a parameter twice", next_step="join values with commas")
    return given


def _list(given: Mapping[str, str], name: str, most: int) -> list[str]:
    if name not in given:
        return []
    values = given[name].split(",")
    if len(values) > most or len(set(values)) < len(values):
        raise BadRequest(f"{name} is a list of at most {most} different values")
    return values


def _name(text: str | None) -> str | None:
    if text is not None and len(text) > MAX_NAME:
        raise BadRequest(f"a name has at most {MAX_NAME} characters")
    return None if text is None else storable(text)


def _statuses(values: list[str]) -> tuple[Status, ...]:
    known = get_args(Status)
    return tuple(cast("Status", _one_of("status", value, known)) for value in values) or ("pinned",)


def _one_of(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise BadRequest(f"there is no {name} {value[:40]!r}", next_step=f"use one of {', '.join(known)}")
    return value


def _limit(text: str | None) -> int:
    if text is None:
        return _PAGE
    if not (text.isascii() and text.isdigit() and len(text) < 10 and 1 <= int(text) <= MAX_PAGE):
        raise BadRequest(f"limit is a number from 1 to {MAX_PAGE}, not {text[:40]!r}")
    return int(text)


def _time(name: str, text: str | None) -> int | None:
    """Microseconds since 1970; finer parts of a second are dropped."""
    if text is None:
        return None
    try:
        if not _TIME.fullmatch(text):
            raise ValueError
        moment = datetime.fromisoformat(text.upper())
        since = moment - _EPOCH
    except (ValueError, OverflowError):
        raise BadRequest(
            f"{name} is {text[:60]!r}, which is no time", next_step="write 2026-01-31T12:00:00.000Z"
        ) from None
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
