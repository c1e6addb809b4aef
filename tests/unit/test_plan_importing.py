"""Imports: many ranges and groups give what one gives, and appended files re-use work."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cid_store.cid import CID
from codata.errors import FalseClaim, MalformedInput
from codata.home import Home
from codata.plan import import_ops, importing
from codata.records import pages
from codata.records.receipt import Output, Receipt
from codata.records.run import Run, RunRow
from codata.records.task import Task
from codata.verify.structure import check_structure
from tests.runs import add_file, check, sealed_row, text_rows, with_rows


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in text_rows().to_pylist()))
    return path


def steps(home: Home, run: CID) -> list[str]:
    """The operations of a run, in plan order."""
    record = Run.load(home.store, run)
    return [Task.load(home.store, row.task).step for row in record.entries(home.store)]


def test_ranges_do_not_show_in_the_dataset(
    lines: Path, tmp_path: Path, small_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Home(tmp_path / "whole") as home:
        whole = add_file(home, lines)
        assert steps(home, whole.run).count("import/scan") == 1
    monkeypatch.setattr(import_ops, "RANGE", 5_000)
    monkeypatch.setattr(importing, "GROUP", 5_000)
    with Home(tmp_path / "ranges") as home:
        ranges = add_file(home, lines)
        assert steps(home, ranges.run).count("import/scan") > 8
        assert check(home, ranges.run).exit_code == 0
    assert ranges.dataset == whole.dataset


def test_a_column_that_widens_late_is_read_again_where_it_was_narrow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "wide.jsonl"
    path.write_text("".join(f'{{"x": {i}}}\n' for i in range(400)) + '{"x": 0.5}\n')
    with Home(tmp_path / "whole") as home:
        whole = add_file(home, path)
    monkeypatch.setattr(import_ops, "RANGE", 1_000)
    monkeypatch.setattr(importing, "GROUP", 1_000)
    with Home(tmp_path / "ranges") as home:
        ranges = add_file(home, path)
        found = steps(home, ranges.run)
        assert 0 < found.count("import/read") < found.count("import/scan")
        assert check(home, ranges.run).exit_code == 0
    assert ranges.dataset == whole.dataset


def test_an_appended_file_leaves_the_others_work_as_it_is(
    tmp_path: Path, small_shards: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "GROUP", 1)
    files = []
    for i in range(5):
        files.append(tmp_path / f"{i}.parquet")
        pq.write_table(text_rows(60, start=60 * i), files[-1])
    with Home(tmp_path / "home") as home:
        first = add_file(home, *files[:4])
        second = add_file(home, *files)
        before = {row.task for row in Run.load(home.store, first.run).entries(home.store)}
        after = [row.task for row in Run.load(home.store, second.run).entries(home.store)]
        new = [task for task in after if task not in before]
    assert len(after) > 12
    assert len(new) <= len(after) / 2  # its scan, the choice of cuts, its shards and the one before


def test_a_list_of_ranges_that_is_none_is_a_false_claim(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_ops, "RANGE", 5_000)
    with Home(tmp_path / "home") as home:
        added = add_file(home, lines)
        for junk in ([1], ["a", "b"], [5, 1], [-1, 4], "text"):
            root = pages.put(home.store, [junk])

            def change(rows: list[RunRow], root: CID = root) -> list[RunRow]:
                receipt = Receipt.load(home.store, rows[0].receipt)
                return [sealed_row(home, replace(receipt, out={"out": Output(root)})), *rows[1:]]

            with pytest.raises(FalseClaim, match="ranges"):
                check_structure(home.store, with_rows(home, added.run, change))


def test_a_malformed_file_is_named_and_what_was_kept_goes(tmp_path: Path) -> None:
    good, bad = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    good.write_text('{"x": 1}\n')
    bad.write_text('{"x": 1}\n{"x": }\n')
    with Home(tmp_path / "home") as home, pytest.raises(MalformedInput, match=r"b\.jsonl:2"):
        add_file(home, good, bad)
    with Home(tmp_path / "home") as home:
        assert home.names.all() == {}
        assert home.ledger.runs() == []
        assert list(home.keeper.pins()) == []
