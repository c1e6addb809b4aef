"""JSON Lines: the lattice, the traps of the fast parser, and that no split changes anything."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cid_store.errors import CidStoreError, LimitExceeded
from codata.errors import LossyInteger, MalformedInput, TypeConflict, UnfitValue, UnknownColumn
from codata.ingest import json_exact, json_fast, ranges
from codata.ingest.base import Memory, Options, Range
from codata.ingest.json_lines import lines_of
from codata.ingest.jsonl import scan, split
from codata.ingest.types import MAX_COLUMNS, plain_schema
from tests.unit.ingest_reading import declared, ingest, rows, types


def lines(*values: Any) -> bytes:
    return b"".join(json.dumps(v).encode() + b"\n" for v in values)


@pytest.mark.parametrize("target", [1, 1000])
def test_types_widen_over_the_whole_input(target: int) -> None:
    data = lines({"a": None, "b": [1]}, {"a": 1, "b": []}, {"a": 2.5, "c": {"x": None}}, {"c": {"y": True}})
    assert types("jsonl", data, target=target) == {
        "a": "double",
        "b": "large_list<item: int64>",
        "c": "struct<x: null, y: bool>",
    }
    assert rows("jsonl", data, target=target)[2] == {"a": 2.5, "b": None, "c": {"x": None, "y": None}}


def test_dates_stay_text_wherever_they_first_appear() -> None:
    late = b'{"b": 1}\n' * 20_000 + lines({"a": "2020-01-01", "n": {"t": "2020-01-01T00:00:00Z", "u": 1}})
    assert types("jsonl", late) == {
        "b": "int64",
        "a": "large_string",
        "n": "struct<t: large_string, u: int64>",
    }
    early = lines({"b": 1, "a": "2020-01-01"}, {"b": 2.5, "a": "no date"})
    assert rows("jsonl", early) == [{"b": 1.0, "a": "2020-01-01"}, {"b": 2.5, "a": "no date"}]


@pytest.mark.parametrize("target", [1, 1000])
@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([{"a": 0.5}, {"a": 2**53 + 1}], 2),
        ([{"a": 2**53 + 1}, {"a": 0.5}], 1),
        ([{"a": 1}, {"a": 2**63}], 2),
        ([{"a": -(2**63) - 1}], 1),
        ([{"a": [0.5, {}.get("x"), 2**53 + 1]}], 1),
        ([{"s": {"a": [{"d": 0.5}]}}, {"s": {"a": [{"d": 2**53 + 1}]}}], 2),
    ],
)
def test_integers_that_doubles_change_are_refused(values: list[Any], line: int, target: int) -> None:
    with pytest.raises(LossyInteger, match=f"file0:{line};|file0:{line} ") as caught:
        ingest("jsonl", lines(*values), target=target)
    assert "--schema" in caught.value.next_step


def test_large_integers_that_doubles_keep_are_accepted() -> None:
    assert rows("jsonl", lines({"a": 0.5}, {"a": 2**53}, {"a": 2**62}, {"a": 1e300})) == [
        {"a": 0.5},
        {"a": 2.0**53},
        {"a": 2.0**62},
        {"a": 1e300},
    ]
    assert rows("jsonl", lines({"a": 2**63 - 1}, {"a": -(2**63)})) == [{"a": 2**63 - 1}, {"a": -(2**63)}]


@pytest.mark.parametrize("target", [1, 1000])
@pytest.mark.parametrize(
    "values", [(1, "x"), (1, True), (True, 0.5), ("x", []), ([], {}), ([1], ["x"]), ({"x": 1}, {"x": ""})]
)
def test_a_mix_names_both_lines(values: tuple[Any, Any], target: int) -> None:
    data = b"\n" + lines({"a": None}, {"a": values[0]}) + b" \r\n" + lines({"a": values[1]})
    with pytest.raises(TypeConflict, match=r"file0:3 and .* at file0:5"):
        ingest("jsonl", data, target=target)


def test_a_mix_between_files_names_both_files() -> None:
    with pytest.raises(TypeConflict, match=r"int64 at file0:2 and string at file1:1"):
        ingest("jsonl", b'{"b": 1}\n{"a": 1}\n', b'{"a": "x"}')


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("target", [1, 1000])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b'{"a":1}{"a":2}', "Extra data"),
        (b'{"a":\n1}', "Expecting value"),
        (b'{"a":1},', "Extra data"),
        (b"[1]", "not a JSON object"),
        (b"7", "not a JSON object"),
        (b'{"a":1', "Expecting"),
        (b'{"a":01}', "Expecting"),
        (b'{"a":1,"a":2}', "occurs twice"),
        (b'{"a":{"b":1,"b":2}}', "occurs twice"),
        (b'{"a":1e400}', "beyond float64"),
        (b'{"a":Inf}', "Expecting"),
        (b'{"a":"\xff"}', "UTF-8"),
        (b'{"\xff":1}', "UTF-8"),
        (b'{"a":"\\ud800"}', "surrogate"),
        (b'{"a":"\x01"}', "control character"),
        (b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}", "nested deeper"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "nested deeper"),
        (b'{"a":' + b"1" * 5000 + b"}", "5000 digits"),
    ],
)
def test_malformed_lines_are_named(bad: bytes, reason: str, before: int, target: int) -> None:
    data = b'{"a": 1}\n' * before + bad + b'\n{"a": 2}\n'
    with pytest.raises(MalformedInput, match=f"file0:{before + 1}: .*{reason}"):
        ingest("jsonl", data, target=target)


def test_brackets_in_text_are_no_nesting() -> None:
    value = "[{" * 5000 + '"\\'
    assert rows("jsonl", lines({"a": value})) == [{"a": value}]


def test_nesting_beyond_the_table_limit_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="nested deeper than 32"):
        ingest("jsonl", b'{"a":' + b"[" * 40 + b"]" * 40 + b"}\n")


def test_lists_of_nulls_keep_their_lengths() -> None:
    values = [{"a": [None, None]}, {"a": [None]}, {"a": None}]
    assert rows("jsonl", lines(*values)) == values


def test_what_is_accepted() -> None:
    data = b'\xef\xbb\xbf{"a": NaN}\r\n\r\n  {"a": -Infinity}  \n\t\n{"a": -0}\n{"a": 1}'
    found = [row["a"] for row in rows("jsonl", data)]
    assert math.isnan(found[0]) and found[1:] == [-math.inf, 0.0, 1.0]
    assert math.copysign(1, found[2]) == -1
    assert ingest("jsonl", b"").num_rows == ingest("jsonl", b"\n \n").num_rows == 0
    assert [s.table.num_rows for s in scan(Memory(b"{}\n{}"), Range(0, 5), Options())] == [2]


def test_a_line_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "MAX_RECORD", 1 << 16)
    long = Memory(b'{"a": 1}\n' + lines({"a": "x" * (1 << 18)}))
    with pytest.raises(LimitExceeded, match="file: a record near byte"):
        split(long, Options("file"), 16)


def test_as_many_columns_as_a_table_may_have() -> None:
    names = [f"c{i}" for i in range(MAX_COLUMNS - 1)]
    table = ingest("jsonl", lines(dict.fromkeys(names, 1), {"last": "2020-01-02"}))
    assert table.column_names == [*names, "last"]
    assert table.to_pylist()[1] == {**dict.fromkeys(names), "last": "2020-01-02"}


@pytest.mark.parametrize("wrap", [lambda one: one, lambda one: {"a": one}, lambda one: {"a": [{"b": one}]}])
def test_more_columns_are_refused_before_they_are_looked_at(wrap: Callable[[Any], Any]) -> None:
    data = memoryview(lines(wrap({f"c{i}": i for i in range(MAX_COLUMNS + 1)})))
    with pytest.raises(LimitExceeded, match=f"more than {MAX_COLUMNS} columns"):
        json_fast.infer(data, pa.schema([]))


def test_declared_columns_override() -> None:
    data = b'{"n": 18446744073709551615, "t": 1.50, "d": "2020-01-02", "x": 1}\n{"t": "a"}\n'
    options = declared(n=pa.uint64(), t=pa.large_string(), d=pa.date32())
    for target in (1, 1000):
        assert rows("jsonl", data, target=target, options=options) == [
            {"n": 2**64 - 1, "t": "1.50", "d": datetime.date(2020, 1, 2), "x": 1},
            {"n": None, "t": "a", "d": None, "x": None},
        ]
    assert rows("jsonl", lines({"a": 2**53 + 1}), options=declared(a=pa.float64())) == [{"a": 2.0**53}]


@pytest.mark.parametrize(
    ("value", "target"),
    [
        (1.5, pa.int64()),
        (300, pa.int8()),
        ("1", pa.int64()),
        (True, pa.large_string()),
        (5, pa.date32()),
        ("no", pa.timestamp("us", "UTC")),
        ("2020-01-01T00:00:00", pa.timestamp("us", "UTC")),
        ([1], pa.int64()),
        ({"x": 1, "y": 2}, pa.struct([("x", pa.int64())])),
        (12.345, pa.decimal128(10, 2)),
    ],
)
def test_values_that_do_not_fit_a_declaration_are_named(value: Any, target: pa.DataType) -> None:
    data = lines({"a": None}, {"a": value})
    with pytest.raises(UnfitValue, match="file0:2: column 'a"):
        ingest("jsonl", data, options=declared(a=target))


def test_a_declared_column_must_exist() -> None:
    with pytest.raises(UnknownColumn, match="'b' is declared, but the input has a"):
        ingest("jsonl", lines({"a": 1}), options=declared(b=pa.int64()))


LEAVES = {
    "null": st.none(),
    "bool": st.booleans(),
    "int": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(allow_nan=False) | st.integers(-(2**53), 2**53),
    "text": st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.dates().map(str),
}


@st.composite
def columns(draw: st.DrawFn, depth: int = 2) -> st.SearchStrategy[Any]:
    """A strategy for the values of one column: all of one type of the lattice, nulls among them."""
    kind = draw(st.sampled_from([*LEAVES, "list", "struct"] if depth else list(LEAVES)))
    if kind == "list":
        values: st.SearchStrategy[Any] = st.lists(draw(columns(depth - 1)), max_size=3)
    elif kind == "struct":
        inner = {
            name: draw(columns(depth - 1)) for name in draw(st.lists(st.sampled_from("xyz"), unique=True))
        }
        values = st.fixed_dictionaries({}, optional=inner)
    else:
        values = LEAVES[kind]
    return st.none() | values


@st.composite
def objects(draw: st.DrawFn) -> list[dict[str, Any]]:
    inner = {name: draw(columns()) for name in draw(st.lists(st.sampled_from("abcd"), unique=True))}
    return draw(st.lists(st.fixed_dictionaries({}, optional=inner), min_size=1, max_size=8))


def fill(value: Any, target: pa.DataType) -> Any:
    """What a JSON value is once its column has a type: absent fields null, numbers doubles."""
    if value is None:
        return None
    if pa.types.is_struct(target):
        return {f.name: fill(value.get(f.name), f.type) for f in target}
    if pa.types.is_large_list(target):
        return [fill(one, target.value_type) for one in value]
    return float(value) if pa.types.is_floating(target) else value


@settings(max_examples=150, deadline=None)
@given(objects(), st.integers(1, 200))
def test_any_split_gives_the_same_rows(values: list[dict[str, Any]], target: int) -> None:
    data = lines(*values)
    whole, cut = ingest("jsonl", data), ingest("jsonl", data, target=target)
    assert cut.schema == whole.schema
    assert repr(cut.to_pylist()) == repr(whole.to_pylist())
    seen = list(dict.fromkeys(name for value in values for name in value))
    assert whole.column_names == seen
    if seen:
        expected = [{f.name: fill(v.get(f.name), f.type) for f in whole.schema} for v in values]
        assert repr(whole.to_pylist()) == repr(expected)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64)
    | st.floats()
    | st.sampled_from(["", "x", "2020-01-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
    max_leaves=4,
)
ANYTHING = st.dictionaries(st.sampled_from("ab"), JSON, max_size=2)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from("ab"), JSON, max_size=2), min_size=1, max_size=5),
    st.integers(1, 60),
)
def test_anything_gives_the_same_outcome_however_split(values: list[dict[str, Any]], target: int) -> None:
    def outcome(target: int) -> tuple[str, str]:
        try:
            table = ingest("jsonl", lines(*values), target=target)
        except CidStoreError as e:
            return e.kind, ""
        return repr(table.to_pylist()), str(table.schema)

    assert outcome(target) == outcome(1 << 20)


@settings(max_examples=100, deadline=None)
@given(objects())
def test_the_exact_reader_agrees_with_the_fast_one(values: list[dict[str, Any]]) -> None:
    data = lines(*values)
    piece = next(ranges.pieces(Memory(data), Range(0, len(data)), Options()))
    found = lines_of(piece)
    (scanned,) = scan(Memory(data), Range(0, len(data)), Options())
    exact = json_exact.columns_of(
        ((json_exact.parse_line(found, row), found.place(row)) for row in range(len(found))), pa.schema([])
    )
    assert exact == scanned.types.columns
    schema = plain_schema(scanned.types, pa.schema([]))
    fast = json_fast.read(piece.data, schema, "")
    assume(fast is not None)  # pyarrow can't count the nulls of a list that holds nothing else
    assert fast is not None
    assert repr(fast.to_pylist()) == repr(json_exact.table(found, schema).to_pylist())
