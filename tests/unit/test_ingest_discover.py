"""Which files an input consists of."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pytest

from cid_store.errors import LimitExceeded, UsageError
from codata.errors import InputRefused
from codata.ingest import discover as module
from codata.ingest.discover import discover, format_of


def write(root: Path, *names: str, data: bytes = b"x\n") -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def found(*paths: Path | str, format: str = "auto") -> list[tuple[str, str]]:
    return [(f.relative, f.format) for f in discover([str(p) for p in paths], format)]


def test_folders_are_walked_in_the_order_of_bytes(tmp_path: Path) -> None:
    write(
        tmp_path, "b.csv", "a/z.csv.gz", "a.csv", "é.csv", "Z.TSV", ".hidden.csv", ".git/x.csv", "a/.x/y.csv"
    )
    names = ["Z.TSV", "a.csv", "a/z.csv.gz", "b.csv", "é.csv"]
    assert found(tmp_path) == [(name, "csv") for name in names]
    assert [f.size for f in discover([str(tmp_path)])] == [2] * 5


def test_files_and_globs(tmp_path: Path) -> None:
    write(tmp_path, "x/1.jsonl", "y/1.jsonl", "y/2.txt", "y/3.jsonl/4.jsonl")
    assert found(tmp_path / "x/1.jsonl") == [("1.jsonl", "jsonl")]
    assert found(f"{tmp_path}/*/*.jsonl") == [("x/1.jsonl", "jsonl"), ("y/1.jsonl", "jsonl")]
    assert [name for name, _ in found(f"{tmp_path}/**/*.jsonl")] == [
        "x/1.jsonl",
        "y/1.jsonl",
        "y/3.jsonl/4.jsonl",
    ]
    with pytest.raises(InputRefused, match=r"both be called '1\.jsonl'"):
        found(tmp_path / "x/1.jsonl", tmp_path / "y/1.jsonl")
    with pytest.raises(InputRefused, match="a path is empty"):
        discover([""])
    with pytest.raises(InputRefused, match="does not exist"):
        found(tmp_path / "z")
    with pytest.raises(InputRefused, match="no file is there"):
        found(f"{tmp_path}/*.csv")
    (tmp_path / "[1]").mkdir()
    assert found(write(tmp_path / "[1]", "a.txt")) == [("a.txt", "text")]


def test_mixed_formats_are_listed(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "b.csv", "c.parquet", "README.md")
    with pytest.raises(InputRefused, match="2 csv, 1 of no known format, 1 parquet") as caught:
        found(tmp_path)
    assert "--format" in caught.value.next_step
    assert found(tmp_path, format="csv") == [("a.csv", "csv"), ("b.csv", "csv")]
    assert len(found(tmp_path, format="files")) == 4
    assert found(tmp_path / "README.md", format="text") == [("README.md", "text")]
    with pytest.raises(InputRefused, match=r"no file in the folder ends with \.jsonl"):
        found(tmp_path, format="jsonl")
    with pytest.raises(UsageError, match="'xml' is not known"):
        found(tmp_path, format="xml")


def test_folders_without_data_suffixes_are_files(tmp_path: Path) -> None:
    write(tmp_path, "src/main.py", "Makefile", "package.json")
    assert {f for _, f in found(tmp_path)} == {"files"}


def test_named_files_are_recognised_by_their_beginning(tmp_path: Path) -> None:
    feather.write_feather(pa.table({"a": [1]}), tmp_path / "one")
    write(tmp_path, "two.json", data=b'{"a": 1}\n{"a": 2}\n')
    write(tmp_path, "three.json", data=b'{\n "a": 1}\n')
    write(tmp_path, "four", data=b"\xff\xff\xff\xff")
    for name, format in [("one", "arrow"), ("two.json", "jsonl"), ("three.json", "files"), ("four", "files")]:
        assert found(tmp_path / name) == [(name, format)]
    assert format_of("x", b"PAR1") == "parquet"
    assert format_of("x.jsonl.zst") == "jsonl"
    assert format_of("x", b'{"a": "\xff"}\n') is None


def test_links_and_special_files(tmp_path: Path) -> None:
    root = write(tmp_path / "root", "a.txt", "d/b.txt")
    outside = write(tmp_path, "secret.txt") / "secret.txt"
    (root / "link.txt").symlink_to("d/b.txt")
    assert [name for name, _ in found(root)] == ["a.txt", "d/b.txt", "link.txt"]
    for target in (outside, root / "missing", root / "d", Path("/dev/null")):
        link = root / "bad.txt"
        link.symlink_to(target)
        with pytest.raises(InputRefused, match=r"bad\.txt is a link"):
            found(root)
        link.unlink()
    os.mkfifo(root / "pipe.txt")
    with pytest.raises(InputRefused, match=r"pipe\.txt is no regular file"):
        found(root)
    with pytest.raises(InputRefused, match="no regular file"):
        found("/dev/null")


def test_names_that_are_not_utf_8_are_refused(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt")).write_bytes(b"")
    with pytest.raises(InputRefused, match="not UTF-8"):
        found(tmp_path)


def test_counts_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, "a/b/c/d.txt", "e.txt", "f.txt")
    monkeypatch.setattr(module, "MAX_FILES", 2)
    with pytest.raises(LimitExceeded, match="more than 2 files"):
        found(tmp_path)
    monkeypatch.setattr(module, "MAX_DEPTH", 3)
    with pytest.raises(LimitExceeded, match="folders deep"):
        found(tmp_path)
