"""The suite's cases for the order and repetition of a CAR's blocks: tests/trustless_gateway_car_test.go."""

from __future__ import annotations

from tests.conformance.case import (
    CAR,
    Answer,
    Body,
    Case,
    Pairs,
    Part,
    Rule,
    at,
    car,
    car_with,
    contains,
    counted,
    named,
)

_CAR = "trustless_gateway_car/dir-with-duplicate-files"
_CHUNKS = named(
    "bafkreie5noke3mb7hqxukzcy73nl23k6lxszxi5w3dtmuwz62wnvkpsscm",
    "bafkreih4ephajybraj6wnxsbwjwa77fukurtpl7oj7t7pfq545duhot7cq",
    "bafkreigu7buvm3cfunb35766dn7tmqyh2um62zcio63en2btvxuybgcpue",
    "bafkreicll3huefkc3qnrzeony7zcfo7cr3nbx64hnxrqzsixpceg332fhe",
    "bafkreifst3pqztuvj57lycamoi7z34b4emf7gawxs74nwrc2c7jncmpaqm",
)
_REST = (at("hello.txt"), at("multiblock.txt"), _CHUNKS)
_ONCE = (at(), at("ascii.txt"), *_REST)  # ascii-copy.txt is the same block as ascii.txt
_EACH = (at(), at("ascii.txt"), at("ascii-copy.txt"), *_REST)
_INLINE = named("bafkqaf3imvwgy3zaneqgc3janfxgy2lomvscay3jmqfa")  # a block inside its own CID


def _case(
    name: str,
    accept: str,
    says: tuple[str, ...],
    body: Body | None = None,
    query: Pairs = (),
    start: Part | None = None,
) -> Case:
    """A case whose answer's Content-Type has `says` in it."""
    headers: tuple[tuple[str, Rule], ...] = tuple(("Content-Type", contains(one)) for one in (CAR, *says))
    answers = (Answer(200, headers, body),)
    asked = (("Accept", f"{CAR}; {accept}"),)
    return Case(
        "TestTrustlessCarOrderAndDuplicates", name, _CAR, start or at(), answers, query=query, headers=asked
    )


_FORM = ("format", "car")

ORDER_CASES = counted(
    (
        _case(
            "GET CAR with order=dfs and dups=y of UnixFS Directory With Duplicate Files",
            "version=1; order=dfs; dups=y",
            ("order=dfs", "dups=y"),
            car(*_EACH),
        ),
        _case(
            "GET CAR with order=dfs and dups=n of UnixFS Directory With Duplicate Files",
            "version=1; order=dfs; dups=n",
            ("order=dfs", "dups=n"),
            car(*_ONCE),
        ),
        _case(
            "GET CAR smoke-test with order=unk of UnixFS Directory",
            "version=1; order=unk",
            ("order=",),
            car_with(*_EACH),
        ),
        _case(
            "GET CAR with order=dfs and dups=y of identity CID", "dups=y", ("dups=y",), car(), start=_INLINE
        ),
        _case(
            "GET CAR with ?format=car respects Accept header order and dups params",
            "version=1; order=dfs; dups=y",
            ("order=dfs", "dups=y"),
            car(*_EACH),
            query=(_FORM,),
        ),
        _case(
            "GET CAR with ?car-order=dfs takes precedence over order=unk in Accept",
            "order=unk",
            ("order=dfs",),
            query=(_FORM, ("car-order", "dfs")),
        ),
        _case(
            "GET CAR with ?car-dups=y takes precedence over dups=n in Accept",
            "dups=n",
            ("dups=y",),
            query=(_FORM, ("car-dups", "y")),
        ),
    )
)
"""Spec `trustless-car-gateway-optional`."""
