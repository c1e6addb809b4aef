"""What a request to `/ipfs/` asks for, out of its path, query and headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from codata.provider import accept, car_options, filename
from codata.provider.accept import CAR_TYPE, RAW_TYPE, MediaRange
from codata.provider.car_options import CarOptions
from codata.provider.errors import BadRequest, NotAcceptable
from codata.provider.path import ContentPath

_MAX_QUERY: Final = 4096  # bytes
_MAX_FIELDS: Final = 32
_KNOWN: Final = ("format", "filename", "dag-scope", "entity-bytes", "car-version", "car-order", "car-dups")
_OTHER_FORMATS: Final = ("tar", "json", "cbor", "dag-json", "dag-cbor")
_OTHER_TYPES: Final = (
    "application/x-tar",
    "application/json",
    "application/cbor",
    "application/vnd.ipld.dag-json",
    "application/vnd.ipld.dag-cbor",
)
_RECORD_TYPE: Final = "application/vnd.ipfs.ipns-record"
_VARIANT: Final = "accept application/vnd.ipld.car;version=1;order=dfs, with dups=y or dups=n"


@dataclass(frozen=True, slots=True)
class Ask:
    """A request understood. `car` is None where one block is asked for.

    `location` is the URL that names this form, where the request's own URL does not, or its Accept header
    says otherwise.
    """

    path: ContentPath
    car: CarOptions | None
    filename: str | None
    location: str | None


def understand(path: ContentPath, query_string: bytes, accepts: Sequence[str]) -> Ask:
    """What is asked; `accepts` are the Accept headers. Raises `BadRequest`, `NotAcceptable`."""
    query = _query(query_string)
    ranges = accept.parse(accepts)
    car = _choose(query, ranges)
    location = None
    if "format" not in query or _says_more(ranges, CAR_TYPE if car else RAW_TYPE):
        location = f"{path}?format=car&{car.query}" if car else f"{path}?format=raw"
    return Ask(path, car, filename.clean(query.get("filename", "")) or None, location)


def _says_more(ranges: Sequence[MediaRange], given: str) -> bool:
    """Whether an Accept header names another form than the one given, or parameters of it."""
    known = (RAW_TYPE, CAR_TYPE, _RECORD_TYPE, *_OTHER_TYPES)
    return any(entry.type in known and (entry.type != given or entry.parameters) for entry in ranges)


def _choose(query: Mapping[str, str], ranges: Sequence[MediaRange]) -> CarOptions | None:
    """The CAR that is asked for, or None for a block. The URL counts before the Accept header."""
    form = query.get("format")
    if form == "raw":
        return None
    if form in _OTHER_FORMATS:
        raise NotAcceptable(f"format={form} is not given here: only what its receiver can verify")
    if form == "ipns-record":
        raise _no_record()
    if form not in (None, "car"):
        raise BadRequest(f"format={form[:40]!r} is not known", next_step=NotAcceptable.default_next)
    asked = car_options.variant(query)
    for entry in ranges:
        if entry.type == RAW_TYPE and form is None:
            return None
        if entry.type == CAR_TYPE and car_options.is_given({**entry.parameters, **asked}):
            return car_options.options(query, {**entry.parameters, **asked})
    if any(entry.type == CAR_TYPE for entry in ranges):
        raise BadRequest("no CAR of that version, order or repetition is given here", next_step=_VARIANT)
    if form == "car":
        return car_options.options(query, asked)
    if any(entry.type == _RECORD_TYPE for entry in ranges):
        raise _no_record()
    if not ranges or any(entry.is_wildcard for entry in ranges):
        raise BadRequest("the request does not say what it wants", next_step=NotAcceptable.default_next)
    raise NotAcceptable(f"{ranges[0].type[:80]!r} is not given here: only blocks and CARs")


def _no_record() -> BadRequest:
    return BadRequest("IPNS records belong to names under /ipns/, which are not served here")


def _query(raw: bytes) -> dict[str, str]:
    if len(raw) > _MAX_QUERY:
        raise BadRequest(f"a query of {len(raw)} bytes is over the limit of {_MAX_QUERY}")
    try:
        text = raw.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError:
        raise BadRequest("the query can't be read: it has too many fields or is not UTF-8") from None
    query: dict[str, str] = {}
    for name, value in pairs:
        if name in _KNOWN and query.setdefault(name, value) != value:
            raise BadRequest(f"{name} is given twice, and not the same")
    return query
