"""Summaries and pictures of histograms and of dropped rows, and the command that shows them."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from codata_jobs.stats_bins import histogram
from codata_jobs.stats_picture import svg, text
from codata_jobs.stats_summary import Bar, Chart, charts, dropped_charts, summaries
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.command import Commands

SVG = "{http://www.w3.org/2000/svg}"


@settings(deadline=None)
@given(st.lists(st.integers(-(10**6), 10**6), min_size=1, max_size=80))
def test_summaries(values: list[int]) -> None:
    (found,) = summaries(histogram("c", "value", np.array(values, np.int64)))
    assert (found.count, found.total) == (len(values), sum(values))
    assert found.mean == sum(values) / len(values)
    for percent in (10, 50, 99, 100):
        exact = sorted(values)[-(-percent * len(values) // 100) - 1]
        assert exact <= found.quantile(percent) <= exact + abs(exact) / 8 + 1
    (chart,) = charts([found])
    assert sum(bar.count for bar in chart.bars) == len(values)


def test_octaves_and_the_empty_ones_between() -> None:
    (found,) = summaries(histogram("c", "words", np.array([-5, 0, 1, 3, 9, 10, 70], np.int64)))
    (chart,) = charts([found])
    assert [(bar.label, bar.count) for bar in chart.bars] == [
        ("-7 to -4", 1),
        ("-3 to -2", 0),
        ("-1", 0),
        ("0", 1),
        ("1", 1),
        ("2 to 3", 1),
        ("4 to 7", 0),
        ("8 to 15", 2),
        ("16 to 31", 0),
        ("32 to 63", 0),
        ("64 to 127", 1),
    ]
    assert chart.note == "7 values, 0 null, mean 12.6, p10 -5, p50 3, p90 71, p99 71"


def test_text() -> None:
    chart = Chart("t", "n", (Bar("a", 1000), Bar("b\x1b[31m", 125), Bar("none", 0)), 1000)
    assert text([chart, chart], width=8).split("\n\n")[0].splitlines() == [
        "t",
        "  n",
        "  a          1,000  ████████",
        "  b\\x1b[31m    125  █",
        "  none           0",
    ]


@settings(deadline=None)
@given(st.text(max_size=80), st.lists(st.tuples(st.text(max_size=60), st.integers(0, 10**12)), max_size=5))
def test_any_label_is_drawn_as_text(title: str, bars: list[tuple[str, int]]) -> None:
    drawn = ET.fromstring(
        svg([Chart(title, "", tuple(Bar(*bar) for bar in bars), max((n for _, n in bars), default=0))])
    )
    rects = drawn.findall(f"{SVG}rect")[1:]
    assert len(rects) == len(bars)
    assert all(0 <= int(rect.attrib["width"]) <= 420 for rect in rects)
    assert not list(drawn.iter(f"{SVG}script"))


def test_dropped_rows() -> None:
    made = dropped_charts([("b", "x", 2), ("b", "y", 5), ("a", "x", 1)])
    assert made == [
        Chart("b", "7 rows dropped", (Bar("y", 5), Bar("x", 2)), 5),
        Chart("a", "1 rows dropped", (Bar("x", 1),), 5),
    ]


@pytest.fixture
def codata(tmp_path: Path) -> Commands:
    table = pa.table({"text": ["one two", None, "three"], "n": [1, 2, 300]})
    pq.write_table(table, tmp_path / "data.parquet")
    (tmp_path / "job.yaml").write_text(
        "codata: job/1\nsteps:\n  - text.length_filter: {column: text, min: 6}\n  - stats:\n"
    )
    run = Commands(tmp_path / "home")
    assert run("add", tmp_path / "data.parquet", "--name", "data").code == 0
    assert (
        run("run", tmp_path / "job.yaml", "data", "--name", "made", "--keep-dropped", "--workers", 1).code
        == 0
    )
    return run


def test_the_command(codata: Commands, tmp_path: Path) -> None:
    shown = codata("stats", "data", "--svg", tmp_path / "a.svg").value
    assert shown["rows"] == 3
    assert [(m["column"], m["measure"]) for m in shown["measures"]] == [
        *(("text", m) for m in ("null", "characters", "bytes", "words", "lines")),
        *(("n", m) for m in ("null", "value")),
    ]
    assert ET.parse(tmp_path / "a.svg").getroot().tag == f"{SVG}svg"
    printed = codata("stats", "data", "-c", "n", json=False).out.decode()
    assert printed.startswith("n: value\n  3 values, 0 null, mean 101.0, p10 1, p50 2, p90 319, p99 319\n")
    assert codata("stats", "data", "-c", "x").error == "MissingColumn"


def test_the_command_on_what_the_step_gave(codata: Commands) -> None:
    """The same numbers, now with a receipt."""
    again = codata("stats", "made").value
    (words,) = [m for m in again["measures"] if m["measure"] == "words"]
    assert (words["count"], words["total"], words["bins"]) == (1, 2, [[2, 2, 1]])


def test_the_command_on_dropped_rows(codata: Commands) -> None:
    shown = codata("stats", "made.dropped").value
    assert shown["dropped"] == [
        {"step": "text.length_filter", "reason": "null", "rows": 1},
        {"step": "text.length_filter", "reason": "too short", "rows": 1},
    ]
    printed = codata("stats", "made.dropped", json=False).out.decode()
    assert printed.startswith("text.length_filter\n  2 rows dropped\n  null       1  ██")
