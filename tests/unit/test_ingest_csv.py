"""CSV: RFC 4180, types that lose nothing, and that no split changes anything."""

from __future__ import annotations

import datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cid_store.errors import LimitExceeded, UsageError
from codata.errors import LossyInteger, MalformedInput, UnfitValue
from codata.ingest.base import Memory, Options
from codata.ingest.csv import split
from codata.ingest.types import MAX_COLUMNS
from tests.unit.ingest_reading import declared, ingest, rows, types


def one(*texts: str) -> dict[str, Any]:
    """A column's type and values."""
    table = ingest("csv", "\n".join(["a", *texts]).encode() + b"\n")
    return {str(table.schema.field("a").type): table["a"].to_pylist()}


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1", '""'], {"large_string": ["1", ""]}),
        (["1", "-20", "0"], {"int64": [1, -20, 0]}),
        (["9223372036854775807", "-9223372036854775808"], {"int64": [2**63 - 1, -(2**63)]}),
        (["007"], {"large_string": ["007"]}),
        (["1", "00"], {"large_string": ["1", "00"]}),
        (["-0", "1"], {"double": [-0.0, 1.0]}),
        (["1", "2.5", "1e-3", "-4E+2"], {"double": [1.0, 2.5, 0.001, -400.0]}),
        (["00.5"], {"large_string": ["00.5"]}),
        ([".5"], {"large_string": [".5"]}),
        (["1", "5."], {"large_string": ["1", "5."]}),
        (["1.", "5"], {"large_string": ["1.", "5"]}),
        (["1", "+1"], {"large_string": ["1", "+1"]}),
        (["1", " 1"], {"large_string": ["1", " 1"]}),
        (["1", "0x10"], {"large_string": ["1", "0x10"]}),
        (["1", "-"], {"large_string": ["1", "-"]}),
        (["1.5", "nan"], {"large_string": ["1.5", "nan"]}),
        (["1.5", "1e999"], {"large_string": ["1.5", "1e999"]}),
        (["true", "False", "TRUE"], {"bool": [True, False, True]}),
        (["true", "yes"], {"large_string": ["true", "yes"]}),
        (["true", "1"], {"large_string": ["true", "1"]}),
        (["2020-01-01"], {"large_string": ["2020-01-01"]}),
        (["NA", "null"], {"large_string": ["NA", "null"]}),
        (["9223372036854775808", "x"], {"large_string": ["9223372036854775808", "x"]}),
        (["9007199254740993", "0.5", "x"], {"large_string": ["9007199254740993", "0.5", "x"]}),
    ],
)
def test_types(texts: list[str], expected: dict[str, list[Any]]) -> None:
    assert repr(one(*texts)) == repr(expected)


@pytest.mark.parametrize("target", [1, 1000])
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a,b\n0.5,1\n9007199254740993,2\n", 3),
        ("a,b\n9007199254740993,1\n\n0.5,2\n", 2),
        ('a,b\n1,"\n\n"\n18446744073709551616,2\n', 5),
    ],
)
def test_integers_that_doubles_change_are_refused(text: str, line: int, target: int) -> None:
    with pytest.raises(LossyInteger, match=f"column 'a' .* at file0:{line} "):
        ingest("csv", text.encode(), target=target)


def test_only_empty_unquoted_fields_are_null() -> None:
    assert rows("csv", b'a,b\n,""\r\n1,x\n') == [{"a": None, "b": ""}, {"a": 1, "b": "x"}]
    assert rows("csv", b"a\n1\n\n\r\n2\n") == [{"a": 1}, {"a": 2}]
    assert types("csv", b"a,b\n,\n") == {"a": "null", "b": "null"}
    assert types("csv", b"a,b\n") == {"a": "null", "b": "null"}


def test_headers_and_dialects() -> None:
    assert rows("csv", b'\xef\xbb\xbf"a ""x""","b,c"\n1,2\n') == [{'a "x"': 1, "b,c": 2}]
    for target in (1, 1000):
        bare = [Options("f", header=False)]
        assert rows("csv", b"1,x\n2,y\n", target=target, options=bare) == [
            {"f0": 1, "f1": "x"},
            {"f0": 2, "f1": "y"},
        ]
        tabs = [Options("f.TSV.gz")]
        assert rows("csv", b"a\tb\n1,5\t2\n", target=target, options=tabs) == [{"a": "1,5", "b": 2}]
        plain = [Options("f", quote="", delimiter=";")]
        assert rows("csv", b'a;b\n"x;1\n', target=target, options=plain) == [{"a": '"x', "b": 1}]
    with pytest.raises(UsageError, match="delimiter is one ASCII character"):
        ingest("csv", b"a\n", options=[Options(delimiter="||")])


def test_files_with_other_columns_are_joined_by_name() -> None:
    assert rows("csv", b"a,b\n1,x\n", b"b,c\ny,2.5\n") == [
        {"a": 1, "b": "x", "c": None},
        {"a": None, "b": "y", "c": 2.5},
    ]


@pytest.mark.parametrize("target", [3, 1000])
@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (b"a,b\n1\n", 2, "1 fields where the header has 2"),
        (b'a,b\n"\n\n",1\n2,3,4\n', 5, "3 fields where the header has 2"),
        (b"a\n1\n" + b'"x\n' + b"2\n" * 4, 3, "does not end"),
        (b'a\nx"y"\n', 2, "inside a field"),
        (b'a\n"x"y\n', 2, "inside a field"),
        (b'a\n1\n5" disk\n', 3, "inside a field"),
        (b"a\n1\r2\n", 2, "carriage return"),
        (b"a\n1\n\xff\n", 3, "UTF-8"),
        (b"a,a\n1,2\n", 1, "'a' occurs twice"),
    ],
)
def test_malformed_records_are_named(text: bytes, line: int, reason: str, target: int) -> None:
    with pytest.raises(MalformedInput, match=f"file0:{line}: .*{reason}"):
        ingest("csv", text, target=target)


def test_a_header_beyond_the_limit_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="first record"):
        ingest("csv", b"x" * (2 << 20))
    with pytest.raises(LimitExceeded, match="columns"):
        ingest("csv", b"a," * 20_000 + b"a\n")


def test_as_many_columns_as_a_table_may_have() -> None:
    names = [f"c{i}" for i in range(MAX_COLUMNS)]
    text = ",".join(names) + "\n" + ",".join(map(str, range(MAX_COLUMNS))) + "\n"
    assert rows("csv", text.encode()) == [{name: i for i, name in enumerate(names)}]


def test_declared_columns_override() -> None:
    options = declared(d=pa.date32(), s=pa.large_string(), u=pa.uint64())
    data = b"d,s,u,x\n2020-01-02,1,18446744073709551615,1\n,,,\n"
    for target in (1, 1000):
        assert rows("csv", data, target=target, options=options) == [
            {"d": datetime.date(2020, 1, 2), "s": "1", "u": 2**64 - 1, "x": 1},
            {"d": None, "s": None, "u": None, "x": None},
        ]
    for target in (1, 1000):
        with pytest.raises(UnfitValue, match="file0:4: column 'a' holds 'x', which is no int32"):
            ingest("csv", b"a\n1\n\nx\n2\n", target=target, options=declared(a=pa.int32()))


def test_cuts_never_stand_within_quotes() -> None:
    record = b'"' + b"\n" * 40 + b'""' + b'\n",1\n'
    data = b"a,b\n" + record * 50
    cuts = [r.end for r in split(Memory(data), Options(), 64)]
    assert len(cuts) > 20
    assert all((cut - 4) % len(record) == 0 for cut in cuts)


TEXT = st.text(st.sampled_from('ab01.,-"\n\r;é'), max_size=4) | st.integers().map(str) | st.just("true")
FIELD = st.tuples(TEXT, st.booleans())
RECORDS = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.lists(FIELD, min_size=width, max_size=width), min_size=1, max_size=8)
)


def is_quoted(text: str, wished: bool) -> bool:
    return wished or any(c in text for c in ',"\r\n')


def write(text: str, wished: bool) -> str:
    return '"' + text.replace('"', '""') + '"' if is_quoted(text, wished) else text


@settings(max_examples=300, deadline=None)
@given(RECORDS, st.integers(1, 80), st.sampled_from(["\n", "\r\n"]))
def test_any_split_gives_the_same_rows(records: list[list[tuple[str, bool]]], target: int, end: str) -> None:
    names = [f"c{i}" for i in range(len(records[0]))]
    text = [",".join(names), *(",".join(write(*field) for field in record) for record in records)]
    data = end.join(text).encode()
    options = declared(**dict.fromkeys(names, pa.large_string()))
    kept = [r for r in records if ",".join(write(*field) for field in r)]  # a blank line is no record
    expected = [[t if t or is_quoted(t, q) else None for t, q in record] for record in kept]
    cut = ingest("csv", data, target=target, options=options)
    assert [list(row.values()) for row in cut.to_pylist()] == expected
    try:
        whole = ingest("csv", data)
    except LossyInteger:
        with pytest.raises(LossyInteger):
            ingest("csv", data, target=target)
    else:
        again = ingest("csv", data, target=target)
        assert again.schema == whole.schema
        assert repr(again.to_pylist()) == repr(whole.to_pylist())
