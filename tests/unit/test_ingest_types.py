"""The lattice itself: merging is associative, and the record form holds."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cid_store.errors import LimitExceeded, UsageError
from codata.errors import BadRecord, TypeConflict
from codata.ingest import NAMES, by_name, types
from codata.ingest.base import Format
from codata.ingest.types import Node, Types, Where, merge_types, to_schema
from codata.ingest.types_record import from_value, to_value

LEAVES = [pa.null(), pa.int64(), pa.float64(), pa.large_string(), pa.bool_()]


@st.composite
def nodes(draw: st.DrawFn, depth: int = 2) -> Node:
    where = Where(draw(st.sampled_from("fg")), draw(st.integers(1, 9)))
    kind = draw(st.sampled_from(["leaf", "list", "struct"] if depth else ["leaf"]))
    if kind == "list":
        return Node(where=where, item=draw(nodes(depth - 1)))
    if kind == "struct":
        names = draw(st.lists(st.sampled_from("xy"), unique=True))
        return Node(where=where, fields=tuple((n, draw(nodes(depth - 1))) for n in names))
    leaf = draw(st.sampled_from(LEAVES))
    if pa.types.is_null(leaf):
        return Node()
    lossy = draw(st.sampled_from([None, where])) if pa.types.is_integer(leaf) else None
    return Node(leaf, where, lossy)


@st.composite
def stretches(draw: st.DrawFn) -> Types:
    names = draw(st.lists(st.sampled_from("ab"), unique=True))
    lines = tuple((f, draw(st.integers(1, 9))) for f in draw(st.lists(st.sampled_from("fg"), unique=True)))
    return Types(tuple((n, draw(nodes())) for n in names), draw(st.integers(0, 9)), lines, True)


def outcome(make: Any) -> Any:
    try:
        return make()
    except TypeConflict:
        return "conflict"


@given(st.lists(stretches(), min_size=1, max_size=5), st.integers(0, 4))
def test_merging_is_associative(parts: list[Types], cut: int) -> None:
    groups = [group for group in (parts[:cut], parts[cut:]) if group]
    whole = outcome(lambda: merge_types(parts))
    assert outcome(lambda: merge_types([merge_types(g) for g in groups])) == whole
    if whole != "conflict":
        assert from_value(to_value(whole)) == whole


def test_places_count_on_over_the_stretches_of_a_file() -> None:
    first = Types((), 5, (("f", 10),))
    second = Types((("a", Node(pa.int64(), Where("f", 3))),), 5, (("f", 10),))
    other = Types((("a", Node(pa.bool_(), Where("g", 2))),), 5, (("g", 4),))
    with pytest.raises(TypeConflict, match="int64 at f:13 and bool at g:2"):
        merge_types([first, second, other])


def test_columns_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(types, "MAX_COLUMNS", 2)
    parts = [Types(((name, Node()),), 1) for name in "abc"]
    with pytest.raises(LimitExceeded, match="more than 2 columns"):
        merge_types(parts)
    structs = [Types((("s", Node(fields=((name, Node()),))),), 1) for name in "abc"]
    with pytest.raises(LimitExceeded, match="more than 2 fields"):
        merge_types(structs)


def test_of_nothing_the_schema_is_empty() -> None:
    assert to_schema(merge_types([])) == pa.schema([])


DEEP: dict[str, Any] = {}
for _ in range(40):
    DEEP = {"item": DEEP}


@pytest.mark.parametrize(
    "value", [None, {}, {"columns": [["a", DEEP]], "rows": 1, "lines": [], "textual": False}, {"columns": 3}]
)
def test_foreign_records_are_refused(value: Any) -> None:
    with pytest.raises(BadRecord):
        from_value(value)


def test_every_format_has_the_protocol() -> None:
    for name in NAMES:
        module = by_name(name)
        assert isinstance(module, Format)
        assert module.name == name
    with pytest.raises(UsageError, match="'base' is not known"):
        by_name("base")
