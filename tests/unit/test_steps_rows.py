"""Row steps: rules, golden values, and that the split into parts can't show."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from codata_jobs.sql import MAX_NODES, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from codata.errors import MissingColumn, ParameterError, TaskFailed
from codata.table import logical_hash
from tests.driving import Driver

TEXTS = ["e\u0301a\r\nb\rc\n", None, "  \u00a0x\u2003", "ﬁ Ⅷ", "", "\u1e9b\u0323"]
# Types that Polars lacks or changes: a step must hand them on as they are.
OTHERS = pa.table(
    {
        "d256": pa.array([1, None, 3, 4, 5, 6], pa.decimal256(50, 0)),
        "fixed": pa.array([b"ab", None, b"cd", b"ef", b"gh", b"ij"], pa.binary(2)),
        "half": pa.array([1, None, 3, 4, 5, 6], pa.float16()),
    }
)


def rows(name: str, params: dict[str, Any], table: pa.Table) -> pa.Table:
    return Driver().rows(name, params, table)


def texts(values: list[Any]) -> pa.Table:
    return pa.table({"text": pa.array(values, pa.large_string())})


# -- text.normalize --


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({}, ["\u00e9a\nb\nc\n", None, "  \u00a0x\u2003", "ﬁ Ⅷ", "", "\u1e9b\u0323"]),
        ({"strip": True}, ["\u00e9a\nb\nc", None, "x", "ﬁ Ⅷ", "", "\u1e9b\u0323"]),
        ({"unicode": "NFKC"}, ["\u00e9a\nb\nc\n", None, "   x ", "fi VIII", "", "\u1e69"]),
        ({"unicode": "NFD"}, ["e\u0301a\nb\nc\n", None, "  \u00a0x\u2003", "ﬁ Ⅷ", "", "\u017f\u0323\u0307"]),
        ({"unicode": "NFKD"}, ["e\u0301a\nb\nc\n", None, "   x ", "fi VIII", "", "s\u0323\u0307"]),
        ({"unicode": "none", "newlines": False}, TEXTS),
    ],
)
def test_normalize(params: dict[str, Any], wanted: list[Any]) -> None:
    assert rows("text.normalize", {"column": "text", **params}, texts(TEXTS))["text"].to_pylist() == wanted


def test_other_columns_keep_their_types() -> None:
    table = OTHERS.append_column("text", pa.array(TEXTS, pa.large_string()))
    made = rows("text.normalize", {"column": "text"}, table)
    assert made.drop_columns(["text"]).equals(OTHERS)
    made = rows("filter", {"where": "text = ''"}, table)
    assert made.drop_columns(["text"]).equals(OTHERS.slice(4, 1))
    made = rows("select", {"columns": {"h": "half", "n": "LENGTH(text)"}, "keep": True}, table)
    assert made.select(OTHERS.column_names).equals(OTHERS)
    assert made["h"].equals(OTHERS["half"])


def test_normalize_wants_text() -> None:
    with pytest.raises(ParameterError, match="holds int64, not text"):
        rows("text.normalize", {"column": "n"}, pa.table({"n": [1]}))
    with pytest.raises(MissingColumn, match="'x'"):
        rows("text.normalize", {"column": "x"}, pa.table({"n": [1]}))
    with pytest.raises(ParameterError, match="unicode"):
        rows("text.normalize", {"column": "text", "unicode": "nfc"}, texts([]))


# -- text.length_filter --


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({"min": 2}, ["ää", "a b\tc"]),
        ({"min": 3, "unit": "bytes"}, ["ää", "a b\tc"]),
        ({"min": 1, "max": 1, "unit": "words"}, ["ää", "x"]),
        ({"min": 3, "max": 3, "unit": "words"}, ["a b\tc"]),
        ({"max": 0}, [""]),
        ({"max": 0, "nulls": "keep"}, ["", None]),
        ({}, ["", "ää", "x", "a b\tc"]),
    ],
)
def test_length_filter(params: dict[str, Any], wanted: list[Any]) -> None:
    table = texts(["", "ää", None, "x", "a b\tc"])
    assert rows("text.length_filter", {"column": "text", **params}, table)["text"].to_pylist() == wanted


def test_length_filter_refuses_bounds_that_cross() -> None:
    with pytest.raises(ParameterError, match=r"max \(1\) is less than min \(2\)"):
        rows("text.length_filter", {"column": "text", "min": 2, "max": 1}, texts([]))


# -- filter and select --

TABLE = pa.table(
    {
        "x": pa.array([1, None, 3, 4], pa.int64()),
        "s": pa.array(["a.py", None, "ÄB", "d"], pa.large_string()),
        "f": pa.array([1.5, float("nan"), None, -0.0]),
        "d": pa.array([1, 2, 3, 4], pa.date32()),
        "h": pa.array([1, 2, 3, 4], pa.float16()),
    }
)


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("x > 1", [3, 4]),
        ("NOT x > 1", [1]),
        ("x IS NULL", [None]),
        ("x IN (1, 4)", [1, 4]),
        ("x NOT IN (1)", [3, 4]),
        ("x BETWEEN 3 AND 9", [3, 4]),
        ("s LIKE '%.py'", [1]),
        ("ENDS_WITH(s, '.py') OR x = 4", [1, 4]),
        ("s ~ '^[a-z]'", [1, 4]),
        ("LOWER(s) = 'äb'", [3]),
        ("LENGTH(s) = 2 AND OCTET_LENGTH(s) = 3", [3]),
        ("f > 1", [1, None]),
        ("COALESCE(x, 0) = 0", [None]),
        ("CASE WHEN x > 3 THEN TRUE ELSE FALSE END", [4]),
        ("x IS NOT DISTINCT FROM 3", [3]),
        ("d > DATE '1970-01-04'", [4]),
        ("x > 2.5", [3, 4]),
        ("TRUE", [1, None, 3, 4]),
        ("s = 'it''s'", []),
    ],
)
def test_filter(where: str, kept: list[Any]) -> None:
    made = rows("filter", {"where": where}, TABLE)
    assert made["x"].to_pylist() == kept
    split = pa.concat_tables([rows("filter", {"where": where}, TABLE.slice(a, 2)) for a in (0, 2)])
    assert logical_hash(split) == logical_hash(made)


@pytest.mark.parametrize(
    "where",
    [
        "x > AVG(x)",
        "x > (SELECT 1)",
        "x IN (SELECT 1)",
        "EXISTS(SELECT 1)",
        "x = ANY(ARRAY[1])",
        "x > MAX(x)",
        "FIRST(x) = x",
        "LAST(x) = x",
        "MEDIAN(x) > 1",
        "QUANTILE_CONT(x, 0.5) > 1",
        "COUNT(*) > 1",
        "x > x.mean",
        "ROW_NUMBER() OVER () > 1",
        "SUM(x) OVER (PARTITION BY s) > 1",
        "LAG(x) > 1",
        "RANK() OVER (ORDER BY x) > 1",
        "RANDOM() > 0.5",
        "NOW() > d",
        "CURRENT_DATE > d",
        "CURRENT_TIMESTAMP > d",
        "TIMESTAMP '2020-01-01' > d",
        "SIN(f) > 0",
        "EXP(f) > 0",
        "LOG(f) > 0",
        "SQRT(f) > 0",
        "POW(x, 2) > 0",
        "x ^ 2 > 0",
        "MD5(s) = ''",
        "HASH(x) > 0",
        "UNNEST(x) > 0",
        "COLUMNS('x') > 0",
        '"^.*$" > 0',
        "*",
        "x -- comment",
        "x /* comment */ > 1",
        "x > 1; DROP TABLE t",
        "SELECT x > 1",
        "x > 1 ORDER BY x",
        "x AS y",
        "DISTINCT x",
        "CAST(x AS TIMESTAMP) > d",
        "TRY_CAST(s AS INT) > 1",
        "x::regclass",
        "$1",
        "x > :a",
        'x COLLATE "C" > 1',
        "x FILTER (WHERE x > 1)",
        "x IN (x, AVG(x))",
        "STRFTIME(d, '%Y') = ''",
        "EXTRACT(year FROM d) > 1",
        "INTERVAL '1 day' > d",
        "ARRAY_LENGTH(x) > 1",
        "",
        "NOT " * 1500 + "TRUE",
        "(" * 4000 + "1" + ")" * 4000,
        "-" * 5000 + "x",
        "x " * 9000,
        " + ".join(["x"] * MAX_NODES),
    ],
)
def test_what_may_see_more_than_a_row_is_refused(where: str) -> None:
    with pytest.raises(ParameterError) as caught:
        rows("filter", {"where": where}, TABLE)
    assert len(caught.value.message) < 1000


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("y > 1", "no column 'y'"),
        ("X > 1", "no column 'X'"),
        ("x", "gives int64, not true or false"),
        ("h > 1", "holds halffloat, which expressions can't use"),
        ("s > 1", "cannot compare string with numeric"),
        ("REGEXP_LIKE(s, '(((')", "regex"),
    ],
)
def test_filter_says_what_is_wrong(where: str, message: str) -> None:
    with pytest.raises((ParameterError, MissingColumn), match=message.replace("(", r"\(")):
        rows("filter", {"where": where}, TABLE)


def test_what_polars_builds_is_checked_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    import codata_jobs.sql as sql

    monkeypatch.setattr(sql, "_allowed", lambda node: True)
    for where in (
        "x > AVG(x) AND 1 = 1",
        "NOW() > d AND 1 = 1",
        "SIN(f) > 0 AND 1 = 1",
        "x > (SELECT 1) AND 1 = 1",
    ):
        with pytest.raises(ParameterError):
            parse(where, "test")


def test_select_computes_renames_and_keeps() -> None:
    made = rows("select", {"columns": {"n": "x", "y": "x * 2 + 1", "c": "'k'", "l": "s || '!'"}}, TABLE)
    assert made.to_pydict() == {
        "n": [1, None, 3, 4],
        "y": [3, None, 7, 9],
        "c": ["k"] * 4,
        "l": ["a.py!", None, "ÄB!", "d!"],
    }
    made = rows("select", {"columns": {"x": "CAST(x AS VARCHAR)", "z": "x / 2"}, "keep": True}, TABLE)
    assert made.column_names == ["x", "s", "f", "d", "h", "z"]
    assert made["x"].to_pylist() == ["1", None, "3", "4"]
    assert made["z"].to_pylist() == [0.5, None, 1.5, 2.0]


def test_select_of_no_rows_has_the_same_types() -> None:
    columns = {"y": "x / 2", "c": "1", "b": "x > 1", "t": "UPPER(s)"}
    made = rows("select", {"columns": columns}, TABLE.slice(0, 0))
    assert made.schema.equals(rows("select", {"columns": columns}, TABLE).schema)


def test_a_value_that_does_not_fit_fails_the_task() -> None:
    with pytest.raises(TaskFailed, match="CAST"):
        rows("select", {"columns": {"n": "CAST(s AS INT)"}}, TABLE)


# -- sample --


@pytest.mark.parametrize("fraction", ["0.1", 0.1, "1/10", "0.10"])
def test_sample_is_golden_and_fractions_are_exact(fraction: Any) -> None:
    made = rows("sample", {"fraction": fraction, "seed": 1}, pa.table({"i": list(range(60))}))
    assert made["i"].to_pylist() == [8, 13, 23, 26, 50, 53]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 50)), st.integers(0, 50), st.sampled_from(["0", "1/3", "0.5", "1"]))
def test_sample_depends_on_content_alone(values: list[int], at: int, fraction: str) -> None:
    table = pa.table({"i": pa.array(values, pa.int64()), "j": pa.array(range(len(values)))})
    params = {"fraction": fraction, "on": ["i"]}
    whole = rows("sample", params, table)
    split = pa.concat_tables([rows("sample", params, t) for t in (table.slice(0, at), table.slice(at))])
    assert whole.equals(split.combine_chunks())
    kept, dropped = set(whole["i"].to_pylist()), set(values) - set(whole["i"].to_pylist())
    assert whole["i"].to_pylist() == [v for v in values if v in kept]
    assert not kept & dropped
    assert fraction not in ("0", "1") or whole.num_rows == (len(values) if fraction == "1" else 0)


def test_sample_is_about_the_fraction() -> None:
    made = rows("sample", {"fraction": "0.25"}, pa.table({"i": list(range(20_000))}))
    assert 4700 < made.num_rows < 5300


@pytest.mark.parametrize("fraction", ["1.5", "-0.1", "1e-1", "x", "", True, None, "1/0", "nan", "9" * 50])
def test_sample_refuses_what_is_no_fraction(fraction: Any) -> None:
    with pytest.raises(ParameterError, match="fraction"):
        rows("sample", {"fraction": fraction}, pa.table({"i": [1]}))


@pytest.mark.parametrize("name", ["text.normalize", "text.length_filter", "filter", "select", "sample"])
def test_unknown_parameters_are_refused(name: str) -> None:
    with pytest.raises(ParameterError, match="the_typo"):
        rows(name, {"the_typo": 1}, TABLE)
