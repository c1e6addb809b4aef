"""What a case of the public suite is: a request, and the answers that it takes. Facts only, as tables."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from cid_store.car import open_car
from cid_store.cid import CID
from tests.conformance.published import Published

RAW, CAR = "application/vnd.ipld.raw", "application/vnd.ipld.car"

Pairs = tuple[tuple[str, str], ...]
"""Names and values, of a query or of headers."""

Part = Callable[[Published], Iterable[CID]]
"""Blocks of a fixture."""

Rule = Callable[[str], bool]
"""What the value of a header must be."""

Body = Callable[[Published, bytes], str]
"""What of a body is otherwise than it must be; nothing where it is right."""


@dataclass(frozen=True)
class Answer:
    """One answer that a case takes."""

    status: int
    headers: tuple[tuple[str, Rule], ...] = ()
    body: Body | None = None


@dataclass(frozen=True)
class Case:
    """A request of the suite. `start`: the CID that its path begins with; `answers`: one of them must fit."""

    group: str
    name: str
    fixture: str
    start: Part
    answers: tuple[Answer, ...]
    path: str = ""
    query: Pairs = ()
    headers: Pairs = ()

    def url(self, fixture: Published) -> str:
        """The path and query to ask for."""
        (cid,) = self.start(fixture)
        return f"/ipfs/{cid}{self.path}" + (f"?{urlencode(self.query)}" if self.query else "")


def at(*names: str) -> Part:
    """The block that names lead to."""
    return lambda fixture: (fixture.at(*names),)


def below(*names: str, part: slice = slice(None)) -> Part:
    """Blocks below that."""
    return lambda fixture: fixture.below(*names)[part]


def way(name: str) -> Part:
    """The nodes of a HAMT that lead to an entry."""
    return lambda fixture: fixture.way(name)


def shards() -> Part:
    """All nodes of a HAMT below its root."""
    return lambda fixture: fixture.shards()


def named(*cids: str) -> Part:
    """Blocks that the suite names by their CIDs."""
    return lambda _: [CID(cid) for cid in cids]


def equals(expected: str) -> Rule:
    return lambda value: value == expected


def contains(expected: str) -> Rule:
    return lambda value: expected in value


def matches(pattern: str) -> Rule:
    return lambda value: re.search(pattern, value) is not None


def present() -> Rule:
    return lambda value: value != ""


def immutable() -> Rule:
    """Cache-Control as the suite reads it: public, immutable, and for 29,030,400 seconds at least."""

    def rule(value: str) -> bool:
        given = dict(one.partition("=")[::2] for one in value.replace(" ", "").split(","))
        return {"public", "immutable"} <= given.keys() and int(given.get("max-age", "0")) >= 29_030_400

    return rule


def block(*names: str, part: slice = slice(None)) -> Body:
    """The bytes of a block, or a part of them."""

    def body(fixture: Published, data: bytes) -> str:
        expected = fixture.blocks[fixture.at(*names)][part]
        return "" if data == expected else f"{data!r} for {expected!r}"

    return body


def car(*parts: Part) -> Body:
    """A CAR of exactly these blocks in this order. The suite leaves its roots open."""

    def body(fixture: Published, data: bytes) -> str:
        given, expected = _blocks(data), _all(fixture, parts)
        return "" if given == expected else f"blocks {given} for {expected}"

    return body


def car_in_any_order(*parts: Part) -> Body:
    """A CAR of exactly these blocks."""

    def body(fixture: Published, data: bytes) -> str:
        given, expected = set(_blocks(data)), set(_all(fixture, parts))
        return "" if given == expected else f"blocks {given} for {expected}"

    return body


def car_with(*parts: Part) -> Body:
    """A CAR with these blocks, and perhaps others."""

    def body(fixture: Published, data: bytes) -> str:
        lacking = set(_all(fixture, parts)) - set(_blocks(data))
        return f"blocks {lacking} are not there" if lacking else ""

    return body


def in_both_forms(*cases: Case) -> Iterator[Case]:
    """Each case as the suite asks it for CARs: by `format=car` and by Accept, with what every CAR has."""
    for case in cases:
        answers = tuple(_as_car(answer) if answer.status == 200 else answer for answer in case.answers)
        query = (("format", "car"), *case.query)
        yield replace(case, name=f"{case.name} (format=car)", query=query, answers=answers)
        yield replace(case, name=f"{case.name} (Accept Header)", headers=(("Accept", CAR),), answers=answers)


def counted(cases: Iterable[Case]) -> tuple[Case, ...]:
    """The cases of a table, no two of one name in a group."""
    found = tuple(cases)
    twice = [key for key, n in Counter((case.group, case.name) for case in found).items() if n > 1]
    assert not twice
    return found


def _as_car(answer: Answer) -> Answer:
    every = (
        ("X-Content-Type-Options", equals("nosniff")),
        ("Accept-Ranges", equals("none")),
        ("Content-Type", contains(CAR)),
        ("Content-Disposition", matches(r'attachment; filename=".*\.car"')),
    )
    return replace(answer, headers=(*answer.headers, *every))


def _all(fixture: Published, parts: Iterable[Part]) -> list[CID]:
    return [cid for part in parts for cid in part(fixture)]


def _blocks(data: bytes) -> list[CID]:
    with open_car(io.BytesIO(data)) as opened:
        return [found.cid for found in opened.blocks()]
