from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cid_store.cid import CID, RAW
from cid_store.codecs import dag_json
from cid_store.codecs.depth import MAX_DEPTH
from cid_store.errors import DecodeError, EncodeError, LimitExceeded

LINK = CID.make(RAW, b"linked")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 64), (1 << 64) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary()
    | st.just(LINK)
)
KEYS = st.text(max_size=4) | st.sampled_from(["/", "bytes", "!"])
VALUES = st.recursive(SCALARS, lambda v: st.lists(v) | st.dictionaries(KEYS, v), max_leaves=30)


def in_order(value: Any) -> Any:
    if type(value) is dict:
        return {k: in_order(value[k]) for k in sorted(value, key=str.encode)}
    return [in_order(v) for v in value] if type(value) is list else value


@given(VALUES)
def test_values_come_back_or_are_refused(value: Any) -> None:
    try:
        data = dag_json.encode(value)
    except EncodeError as e:
        assert '"/"' in e.message  # nothing else in these values is without an encoding
        return
    back = dag_json.decode(data)
    assert repr(back) == repr(in_order(value))
    assert dag_json.encode(back) == data


@given(VALUES, st.data())
def test_mutations_end_in_a_named_error_or_a_value(value: Any, draw: st.DataObject) -> None:
    try:
        data = bytearray(dag_json.encode(value))
    except EncodeError:
        return
    data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        found = dag_json.decode(bytes(data))
    except DecodeError:
        return
    assert repr(dag_json.decode(dag_json.encode(found))) == repr(found)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (1e-7, "1e-7"),
        (1e16, "1e+16"),
        (1, "1"),
        ("é\n\u2028", '"é\\n\u2028"'),
        (b"", '{"/":{"bytes":""}}'),
        (b"\xff\xff", '{"/":{"bytes":"//8"}}'),
        (LINK, f'{{"/":"{LINK}"}}'),
        ({"": {}, "a": [], "b": 1}, '{"":{},"a":[],"b":1}'),
        ({"/": 1}, '{"/":1}'),
        ({"/": {"bytes": 1}}, '{"/":{"bytes":1}}'),
        ({"!": 1, "/": "text"}, '{"!":1,"/":"text"}'),
    ],
)
def test_text_of_values(value: Any, text: str) -> None:
    assert dag_json.encode(value).decode() == text
    assert repr(dag_json.decode(text.encode())) == repr(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "[1, 2]",
        '{"a": 1}',
        "1\n",
        "01",
        "+1",
        "-",
        "1.",
        ".5",
        "1e",
        "-0",
        "1e999",
        "NaN",
        "Infinity",
        str(1 << 64),
        str(-(1 << 64) - 1),
        "9" * 100_000,
        "nul",
        "truefalse",
        "1,2",
        "[1,]",
        "[,1]",
        "[1",
        "[",
        "]",
        "{",
        "[}",
        '{"a"}',
        '{"a":}',
        '{"a":1,}',
        '{"a":1]',
        "{1:2}",
        "[1:2]",
        '{"b":1,"a":2}',
        '{"a":1,"a":2}',
        '"a',
        '"\n"',
        '"\\x"',
        '"\\ud800"',
        '{"\\udc00":1}',
        '{"/":"text"}',
        '{"/":"bafkqaaa","a":1}',
        '{"/":{"bytes":"AQ","a":1}}',
        '{"/":{"bytes":"AQ","z":1}}',
        '{"/":{"bytes":"AQ"},"a":1}',
        '{"/":{"bytes":"AQ=="}}',
        '{"/":{"bytes":"A"}}',
        '{"/":{"bytes":"AR"}}',
        '{"/":{"bytes":"A_"}}',
        '{"/":{"bytes":"é"}}',
        '{"/":"zb2rhe5P4gXftAwvA4eXQ5HJwsER2owDyS9sKaQRRVQPn93bA"}',  # a CIDv1 in base58
    ],
)
def test_rejected(text: str) -> None:
    with pytest.raises(DecodeError):
        dag_json.decode(text.encode())


def test_invalid_utf8_is_rejected() -> None:
    with pytest.raises(DecodeError, match="UTF-8"):
        dag_json.decode(b'"\xff"')


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("-inf"),
        1 << 64,
        "\ud800",
        {"\ud800": 1},
        {1: 1},
        {LINK: 1},
        (1,),
        {"/": "text"},
        {"/": "text", "a": 1},
        {"/": {"bytes": "AQ"}},
        {"/": {"bytes": "AQ", "c": 1}},
    ],
)
def test_values_that_have_no_encoding(value: Any) -> None:
    with pytest.raises(EncodeError):
        dag_json.encode(value)


def test_links_come_in_order_with_repeats() -> None:
    other = CID("bafkqaaa")
    data = dag_json.encode([LINK, {"a": other, "b": [LINK]}, str(LINK)])
    assert list(dag_json.links(data)) == [LINK, other, LINK]


def test_depth_has_one_limit_for_both_ways() -> None:
    deepest = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert dag_json.encode(dag_json.decode(deepest)) == deepest
    for data in (b"[" + deepest + b"]", b"[" * 100_000, b'{"a":' * 100_000):
        with pytest.raises(LimitExceeded):
            dag_json.decode(data)
    with pytest.raises(EncodeError, match="deeper"):
        dag_json.encode([dag_json.decode(deepest)])
