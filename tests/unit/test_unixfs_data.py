"""The UnixFS message: canonical out, careful in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cid_store.unixfs import Metadata, Mtime
from cid_store.unixfs.data import Data, Kind, decode, encode
from cid_store.unixfs.errors import BadUnixFS

SIZES = st.integers(0, 2**63 - 1)
MTIMES = st.builds(Mtime, st.integers(-(2**63), 2**63 - 1), st.integers(0, 999_999_999))
MESSAGES = st.builds(
    Data,
    kind=st.sampled_from(Kind),
    data=st.binary(max_size=40),
    filesize=st.none() | SIZES,
    blocksizes=st.lists(SIZES, max_size=5).map(tuple),
    hash_type=st.none() | SIZES,
    fanout=st.none() | SIZES,
    metadata=st.builds(Metadata, st.none() | st.integers(0, 2**32 - 1), st.none() | MTIMES),
)


@given(MESSAGES)
def test_round_trip(value: Data) -> None:
    assert decode(encode(value)) == value


@given(st.binary(max_size=60))
def test_any_bytes_decode_or_are_refused_by_name(data: bytes) -> None:
    try:
        decode(data)
    except BadUnixFS:
        return


@given(MESSAGES, st.data())
def test_truncation_is_never_misread(value: Data, data: st.DataObject) -> None:
    whole = encode(value)
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    try:
        assert decode(cut) != value
    except BadUnixFS:
        return


def test_packed_blocksizes_any_order_and_unknown_fields_are_read() -> None:
    unknown = b"\x78\x01" + b"\x7a\x02hi" + b"\x79" + bytes(8) + b"\x7d" + bytes(4)
    data = b"\x22\x03\x05\x87\x01" + b"\x18\x8c\x01" + unknown + b"\x08\x02"
    assert decode(data) == Data(Kind.FILE, filesize=140, blocksizes=(5, 135))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "what it is"),
        (b"\x08\x09", "type 9"),
        (b"\x08\x02\x08\x02", "doubled"),
        (b"\x08\x02\x10\x01", "wrong type"),
        (b"\x08\x02\x21" + bytes(8), "wrong type"),
        (b"\x08\x02\x12\xff\xff\xff\xff\x0f", "cut short"),
        (b"\x08\x02\x18" + b"\xff" * 9 + b"\x7f", "64 bits"),
        (b"\x08\x02\x18" + b"\xff" * 9 + b"\x01", "63 bits"),
        (b"\x08\x02\x20" + b"\xff" * 9 + b"\x01", "63 bits"),
        (b"\x08\x02\x0b", "wire type 3"),
        (b"\x08\x02\x18\x80", "cut short"),
        (b"\x08\x02\x38\x80\x80\x80\x80\x10", "32 bits"),
        (b"\x08\x02\x42\x00", "no seconds"),
        (b"\x08\x02\x42\x07\x08\x01\x15\x00\x00\x00\x00", "0 nanoseconds"),
        (b"\x08\x02\x42\x07\x08\x01\x15\x00\xca\x9a\x3b", "1000000000 nanoseconds"),
        (b"\x08\x02\x42\x04\x08\x01\x08\x01", "malformed"),
    ],
)
def test_contradictions_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(BadUnixFS, match=why):
        decode(data)
