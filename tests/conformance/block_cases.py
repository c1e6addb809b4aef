"""The suite's cases for single blocks: tests/trustless_gateway_raw_test.go."""

from __future__ import annotations

from tests.conformance.case import (
    RAW,
    Answer,
    Case,
    Pairs,
    at,
    block,
    contains,
    counted,
    equals,
    immutable,
    present,
)

_CAR = "gateway-raw-block"
_TEXT = "bafkreihhpc5y2pqvl5rbe5uuyhqjouybfs3rvlmisccgzue2kkt5zq6upq"  # dir/ascii.txt, 31 bytes
_ACCEPT = (("Accept", RAW),)


def _of_text(name: str, answer: Answer, query: Pairs = ()) -> Case:
    return Case(
        "TestTrustlessRaw", name, _CAR, at("dir", "ascii.txt"), (answer,), query=query, headers=_ACCEPT
    )


_BLOCKS = (
    Case(
        "TestTrustlessRaw",
        "GET with format=raw param returns a raw block",
        _CAR,
        at("dir"),
        (Answer(200, body=block("dir")),),
        query=(("format", "raw"),),
    ),
    Case(
        "TestTrustlessRaw",
        "GET with application/vnd.ipld.raw header returns a raw block",
        _CAR,
        at("dir"),
        (Answer(200, body=block("dir")),),
        headers=_ACCEPT,
    ),
    _of_text(
        "GET with application/vnd.ipld.raw header returns expected response headers",
        Answer(
            200,
            (
                ("Content-Type", equals(RAW)),
                ("Content-Length", equals("31")),
                ("Content-Disposition", contains("attachment;")),
                ("X-Content-Type-Options", equals("nosniff")),
            ),
            block("dir", "ascii.txt"),
        ),
    ),
    _of_text(
        "GET with application/vnd.ipld.raw header and filename param returns expected Content-Disposition "
        "header with custom filename",
        Answer(
            200,
            (
                ("Content-Disposition", contains("attachment;")),
                ("Content-Disposition", contains('filename="foobar.bin')),
            ),
        ),
        query=(("filename", "foobar.bin"),),
    ),
    _of_text(
        "GET with application/vnd.ipld.raw header returns expected caching headers",
        Answer(
            200,
            (
                ("Etag", present()),
                ("X-IPFS-Path", equals(f"/ipfs/{_TEXT}")),
                ("X-IPFS-Roots", contains(_TEXT)),
                ("Cache-Control", immutable()),
            ),
        ),
    ),
)


def _ranges(header: str, start: int, stop: int) -> Case:
    """A range, or several of which the first is `start` to `stop`.

    Versions of the suite differ in which ranges they ask for, and in whether the whole block may come; a part
    of the block with status 206 is what all of them take.
    """
    kind = "multi" if "," in header else "single"
    answer = Answer(
        206,
        (("Content-Type", contains(RAW)), ("Content-Range", equals(f"bytes {start}-{stop - 1}/31"))),
        block("dir", "ascii.txt", part=slice(start, stop)),
    )
    name = f"GET with application/vnd.ipld.raw with range request includes correct bytes - {kind} range"
    return Case(
        "TestTrustlessRawRanges",
        f"{name} ({header})",
        _CAR,
        at("dir", "ascii.txt"),
        (answer,),
        headers=(*_ACCEPT, ("Range", header)),
    )


_RANGES = (
    _ranges("bytes=6-16", 6, 17),
    _ranges("bytes=6-16,0-4", 6, 17),
    _ranges("bytes=7-9", 7, 10),
    _ranges("bytes=7-9,1-3", 7, 10),
)

BLOCK_CASES = counted((*_BLOCKS, *_RANGES))
"""Spec `trustless-block-gateway`."""
