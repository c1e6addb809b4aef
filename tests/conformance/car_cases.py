"""The suite's cases for CARs: tests/trustless_gateway_car_test.go, but for those of order and repetition."""

from __future__ import annotations

from tests.conformance.case import (
    CAR,
    RAW,
    Answer,
    Body,
    Case,
    Part,
    at,
    below,
    car,
    car_in_any_order,
    contains,
    counted,
    equals,
    in_both_forms,
    named,
    present,
    shards,
    way,
)

_TWO = "trustless_gateway_car/subdir-with-two-single-block-files"
_HAMT = "trustless_gateway_car/single-layer-hamt-with-multi-block-files"
_CBOR = "trustless_gateway_car/dir-with-dag-cbor-with-links"
_MIXED = "trustless_gateway_car/subdir-with-mixed-block-files"
_HOLE = "trustless_gateway_car/file-3k-and-3-blocks-missing-block"
_BLOCK = "gateway-raw-block"


def _pathing(name: str, fixture: str, path: str, *parts: Part, start: Part | None = None) -> Case:
    answers = (Answer(200, body=car(*parts)),)
    return Case("TestTrustlessCarPathing", name, fixture, start or at(), answers, path)


_PATHING = (
    _pathing(
        "GET default CAR response with pathing through UnixFS Directory",
        _TWO,
        "/subdir/ascii.txt",
        at(),
        at("subdir"),
        at("subdir", "ascii.txt"),
    ),
    _pathing(
        "GET default CAR response of UnixFS file on a path with HAMT-sharded directory",
        _HAMT,
        "/685.txt",
        at(),
        way("685.txt"),
        at("685.txt"),
        below("685.txt"),
    ),
    _pathing(
        "GET default CAR response of UnixFS file on a path with DAG-CBOR as root CID",
        _CBOR,
        "/files/single",
        at("document"),
        at("document", "files", "single"),
        start=at("document"),
    ),
    Case(
        "TestTrustlessCarPathing",
        "GET default CAR response for non-existing file",
        _TWO,
        at(),
        (
            Answer(404),
            Answer(200, body=car(at(), at("subdir"))),
            Answer(200, (("X-Stream-Error", present()),)),
        ),
        "/subdir/i-do-not-exist",
    ),
)


def _scope(scope: str, name: str, fixture: str, path: str, *parts: Part) -> Case:
    return Case(
        f"TestTrustlessCarDagScope{scope.capitalize()}",
        f"GET CAR with dag-scope={scope} of {name}",
        fixture,
        at(),
        (Answer(200, body=car(*parts)),),
        path,
        query=(("dag-scope", scope),),
    )


_MULTI = ("subdir", "multiblock.txt")

_SCOPES = (
    _scope("block", "UnixFS directory on a path", _TWO, "/subdir", at(), at("subdir")),
    _scope(
        "block",
        "UnixFS file on a path",
        _TWO,
        "/subdir/ascii.txt",
        at(),
        at("subdir"),
        at("subdir", "ascii.txt"),
    ),
    _scope(
        "block",
        "UnixFS file on a path with sharded directory",
        _HAMT,
        "/1.txt",
        at(),
        way("1.txt"),
        at("1.txt"),
    ),
    _scope("entity", "a UnixFS directory", _TWO, "", at()),
    _scope("entity", "a UnixFS sharded directory", _HAMT, "", at(), shards()),
    _scope(
        "entity",
        "a UnixFS file",
        _MIXED,
        "/subdir/ascii.txt",
        at(),
        at("subdir"),
        at("subdir", "ascii.txt"),
    ),
    _scope(
        "entity",
        "a chunked UnixFS file",
        _MIXED,
        "/subdir/multiblock.txt",
        at(),
        at("subdir"),
        at(*_MULTI),
        below(*_MULTI),
    ),
    _scope("entity", "DAG-CBOR with Links", _CBOR, "/document", at(), at("document")),
    _scope(
        "all",
        "UnixFS directory with multiple files",
        _MIXED,
        "/subdir",
        at(),
        at("subdir"),
        below("subdir"),
    ),
    _scope(
        "all",
        "a chunked UnixFS file",
        _MIXED,
        "/subdir/multiblock.txt",
        at(),
        at("subdir"),
        at(*_MULTI),
        below(*_MULTI),
    ),
)


def _bytes(name: str, fixture: str, asked: str, body: Body, start: Part, path: str = "") -> Case:
    return Case(
        "TestTrustlessCarEntityBytes",
        f"GET CAR with entity-bytes {name}",
        fixture,
        start,
        (Answer(200, body=body),),
        path,
        query=(("dag-scope", "entity"), ("entity-bytes", asked)),
    )


def _multi(name: str, asked: str, part: slice) -> Case:
    """Bytes of a file of 1,026 bytes in four blocks of 256 and one of 2: its root and some of the five."""
    return _bytes(name, _MIXED, asked, car(at(*_MULTI), below(*_MULTI, part=part)), at(*_MULTI))


_ENTITY_BYTES = (
    _bytes(
        "succeeds even if the gateway is missing a block after the requested range",
        _HOLE,
        "0:1000",
        car_in_any_order(at(), named("QmPKt7ptM2ZYSGPUc8PmPT2VBkLDK3iqpG9TBJY7PCE9rF")),
        at(),
    ),
    _bytes(
        "succeeds even if the gateway is missing a block before the requested range",
        _HOLE,
        "2200:*",
        car_in_any_order(at(), named("QmWXY482zQdwecnfBsj78poUUuPXvyw2JAFAEMw4tzTavV")),
        at(),
    ),
    _bytes(
        "of a full UnixFS file",
        _MIXED,
        "0:*",
        car(at(), at("subdir"), at(*_MULTI), below(*_MULTI)),
        at(),
        "/subdir/multiblock.txt",
    ),
    _bytes("of a UnixFS directory", _HAMT, "0:*", car(at(), shards()), at()),
    _multi(
        "equivalent to a HTTP Range Request from the middle of a file to the end", "512:*", slice(2, None)
    ),
    _multi("equivalent to a HTTP Range Request for the middle of a file", "512:1023", slice(2, 4)),
    _multi(
        "equivalent to a HTTP Range Request for the middle of a file (negative ending)",
        "512:-256",
        slice(2, 4),
    ),
    _multi("equivalent to HTTP Suffix Range Request for part of a file", "-5:*", slice(3, None)),
    _multi("requesting a negative range bigger than the length of a file", "-9999:*", slice(None)),
    _multi(
        "requesting a range from the end of a file that is bigger than a file itself",
        "-9999:-3",
        slice(0, 4),
    ),
    _multi("requesting only the blocks for the first byte of a file", "0:0", slice(0, 1)),
)


def _precedence(form: str, other: str, answer: Answer) -> Case:
    return Case(
        "TestTrustlessCarFormatPrecedence",
        f"GET with format={form} query parameter takes precedence over Accept header",
        _BLOCK,
        at("dir"),
        (answer,),
        query=(("format", form),),
        headers=(("Accept", other),),
    )


_PRECEDENCE = (
    _precedence("car", RAW, Answer(200, (("Content-Type", contains(CAR)),))),
    _precedence("raw", CAR, Answer(200, (("Content-Type", equals(RAW)),))),
)

CAR_CASES = counted((*in_both_forms(*_PATHING, *_SCOPES, *_ENTITY_BYTES), *_PRECEDENCE))
"""Spec `trustless-car-gateway`."""
