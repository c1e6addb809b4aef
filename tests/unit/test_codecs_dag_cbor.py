from __future__ import annotations

import tracemalloc
from typing import Any

import dag_cbor as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cid_store.cid import CID, DAG_CBOR, RAW
from cid_store.codecs import cbor_shape, dag_cbor
from cid_store.errors import CidStoreError, DecodeError, EncodeError, LimitExceeded

LINK = CID.make(RAW, b"linked")
LINK_BYTES = b"\xd8\x2a\x58\x25\x00" + LINK.binary

CIDS = st.binary(max_size=40).map(lambda data: CID.make(RAW, data)) | st.binary(max_size=40).map(
    lambda data: CID.make(DAG_CBOR, data, 0x00)
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 64), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary()
    | CIDS
)
VALUES = st.recursive(SCALARS, lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=30)


def same(a: Any, b: Any) -> bool:
    """Equality that also compares types and the sign of zero."""
    return repr(a) == repr(b) and type(a) is type(b)


def in_order(value: Any) -> Any:
    """`value` with its maps in the order of DAG-CBOR."""
    if type(value) is dict:
        return {k: in_order(value[k]) for k in sorted(value, key=lambda k: (len(k.encode()), k.encode()))}
    return [in_order(v) for v in value] if type(value) is list else value


@given(VALUES)
def test_values_come_back(value: Any) -> None:
    assert same(dag_cbor.decode(dag_cbor.encode(value)), in_order(value))


@given(VALUES)
def test_the_scan_accepts_what_the_encoder_writes(value: Any) -> None:
    cbor_shape._scan(dag_cbor.encode(value))


@given(st.binary(max_size=64) | VALUES.map(dag_cbor.encode), st.data())
def test_whatever_decodes_is_canonical(data: bytes, draw: st.DataObject) -> None:
    """Random bytes and mutated encodings: rejected by name, or the only encoding of their value."""
    if data:
        at = draw.draw(st.integers(0, len(data) - 1))
        data = data[:at] + bytes([draw.draw(st.integers(0, 255))]) + data[at + 1 :]
    try:
        value = dag_cbor.decode(data)
    except (DecodeError, LimitExceeded):
        return
    assert dag_cbor.encode(value) == data


@given(st.binary(max_size=24))
def test_no_laxer_than_the_oracle(data: bytes) -> None:
    try:
        value = dag_cbor.decode(data)
    except CidStoreError:
        return
    expected = oracle.decode(data)
    if not any(type(part) is CID for part in (value if isinstance(value, list) else [value])):
        assert same(value, expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1800",
        "190018",
        "1a0000ffff",
        "1b00000000ffffffff",
        "3800",
        "5800",
        "7801" + "61",
        "9800",
        "b800",
        "5f4100ff",
        "7f6100ff",
        "9fff",
        "bfff",
        "a261620161610" + "2",
        "a2616101616102",
        "a262616101616202",
        "a10000",
        "a1f600",
        "a1410000",
        "f7",
        "f800",
        "f818",
        "f93c00",
        "fa3f800000",
        "fb7ff0000000000000",
        "fbfff0000000000000",
        "fb7ff8000000000000",
        "fc",
        "ff",
        "61ff",
        "63eda080",
        "c0",
        "c100",
        "c249010000000000000000",
        "d82b4100",
        "d9002a4100",
        "d82a40",
        "d82a4100",
        "d82a00",
        "d82a6100",
        "d82a",
        "d82ad82a4100",
        "0000",
        "8100" + "00",
        "81",
        "a1",
        "a16161",
        "41",
    ],
)
def test_rejected(text: str) -> None:
    with pytest.raises(DecodeError):
        dag_cbor.decode(bytes.fromhex(text))


@pytest.mark.parametrize(
    "body",
    [
        LINK.binary,  # no 0x00 before it
        b"\x01" + LINK.binary,
        b"\x00" + LINK.binary[:-1],
        b"\x00" + LINK.binary + b"\x00",
        b"\x00\x02" + LINK.binary[1:],
        b"\x00\x81\x00" + LINK.binary[1:],
        b"\x00" + LINK.encode(),
        b"\x00\x12\x20" + bytes(31),
    ],
)
def test_bad_links_are_rejected(body: bytes) -> None:
    with pytest.raises(DecodeError):
        dag_cbor.decode(b"\xd8\x2a\x58" + bytes([len(body)]) + body)


def test_links_and_texts_are_told_apart() -> None:
    value = [LINK, str(LINK), LINK.binary]
    data = dag_cbor.encode(value)
    assert data.startswith(b"\x83" + LINK_BYTES + b"\x78")
    assert [type(v) for v in dag_cbor.decode(data)] == [CID, str, bytes]
    assert list(dag_cbor.links(data)) == [LINK]


def test_links_come_in_order_with_repeats() -> None:
    other = CID.make(DAG_CBOR, b"other")
    data = dag_cbor.encode({"b": [LINK, other], "a": LINK, "ccc": {"x": other}})
    assert list(dag_cbor.links(data)) == [LINK, LINK, other, other]


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        1 << 64,
        -(1 << 64) - 1,
        {1: 2},
        {LINK: 1},
        {b"k": 1},
        "\ud800",
        {"\ud800": 1},
        (1, 2),
        {1, 2},
        object(),
        bytearray(b"x"),
    ],
)
def test_values_that_have_no_encoding(value: Any) -> None:
    with pytest.raises(EncodeError):
        dag_cbor.encode(value)
    with pytest.raises(EncodeError):
        dag_cbor.encode([{"inside": value}])


def nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_depth_has_one_limit_for_both_ways() -> None:
    deepest = dag_cbor.encode(nested(dag_cbor.MAX_DEPTH))
    assert dag_cbor.encode(dag_cbor.decode(deepest)) == deepest
    with pytest.raises(EncodeError, match="deeper"):
        dag_cbor.encode(nested(dag_cbor.MAX_DEPTH + 1))
    for data in (b"\x81" + deepest, b"\x81" * 100_000 + b"\x00", b"\xa1\x61a" * 100_000 + b"\x00"):
        with pytest.raises(LimitExceeded):
            dag_cbor.decode(data)


def test_a_value_inside_itself_ends_in_an_error() -> None:
    loop: list[Any] = []
    loop += [loop, loop]
    with pytest.raises(EncodeError, match="contains itself"):
        dag_cbor.encode(loop)


@pytest.mark.parametrize(
    "claim", ["9a001fffff", "9b00000000ffffffff", "bb7fffffffffffffff", "98ff", "997fff"]
)
def test_claimed_lengths_are_not_allocated(claim: str) -> None:
    data = (bytes.fromhex(claim) * 1000).ljust(1 << 21, b"\x00")
    tracemalloc.start()
    with pytest.raises((DecodeError, LimitExceeded)):
        dag_cbor.decode(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 48 << 20
