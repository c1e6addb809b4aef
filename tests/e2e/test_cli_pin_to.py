"""Buckets on the command line: sending to one by `codata pin --to`, and living in one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cid_store import open_store
from cid_store.cid import CID
from cid_store.pins import Keeper
from cid_store.stores.local import LocalStore
from cid_store.stores.tiered import tiered_url
from cid_store.testing import sample
from cid_store.walk import walk
from tests.command import Commands
from tests.servers import S3Server, credentials, s3_server

MIB = 1024 * 1024


@pytest.fixture
def codata(tmp_path: Path) -> Commands:
    return Commands(tmp_path / "home")


@pytest.fixture
def root(codata: Commands, tmp_path: Path) -> CID:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "big").write_bytes(sample(5 * MIB))
    (folder / "small").write_bytes(b"hello world")
    return CID(codata("add", "--raw", folder, "--name", "tree").value["root"])


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    for key, value in credentials().items():
        monkeypatch.setenv(key, value)
    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3") as running:
        yield running


def test_a_folder_goes_to_a_bucket(codata: Commands, root: CID, server: S3Server) -> None:
    url = server.url("sets")
    sent = codata("pin", "tree", "--to", url).value
    with open_store(url) as store:
        blocks = list(walk(store, [root]))
        assert isinstance(store, Keeper)
        assert [pin.cid for pin in store.pins()] == [root]
    size = sum(len(block.data) for block in blocks)
    assert sent == {"root": root, "blocks": len(blocks), "bytes": size, "skipped": 0, "to": url}
    again = codata("pin", "tree", "--to", url).value
    assert (again["blocks"], again["bytes"], again["skipped"]) == (0, 0, len(blocks))


@pytest.mark.parametrize("cached", [False, True])
def test_a_home_lives_in_a_bucket(cached: bool, codata: Commands, server: S3Server, tmp_path: Path) -> None:
    url = server.url("home")
    if cached:
        url = tiered_url(front=str(tmp_path / "front"), back=url, limit="1GiB")
    lines = [f'{{"text": "row {i % 50}"}}\n' for i in range(200)]
    (tmp_path / "rows.jsonl").write_text("".join(lines))
    (tmp_path / "job.yaml").write_text("codata: job/1\nsteps:\n  - dedup.exact: {on: [text]}\n")
    assert codata("add", tmp_path / "rows.jsonl", "--name", "rows", "--store", url).value["rows"] == 200
    run = codata("run", tmp_path / "job.yaml", "rows", "--name", "once", "--store", url).value["run"]
    assert codata("verify", run, "--full", "--store", url).code == 0
    assert codata("gc", "--store", url).value["blocks"] > 0
    exported = codata("export", "once", tmp_path / "out.jsonl", "--format", "jsonl", "--store", url)
    assert exported.value["rows"] == 50


def test_another_local_store_pins_it(codata: Commands, root: CID, tmp_path: Path) -> None:
    ran = codata("pin", "tree", "--to", tmp_path / "other", json=False)
    assert ran.code == 0
    assert root.encode() in ran.out
    with LocalStore(tmp_path / "other") as other:
        assert [pin.cid for pin in other.pins()] == [root]
        assert len(list(walk(other, [root]))) == len(list(other.cids()))


def test_what_can_not_be_written_to_says_so(codata: Commands, root: CID) -> None:
    ran = codata("pin", "tree", "--to", "gopher:x")
    assert (ran.code, ran.error) == (2, "UsageError")
    ran = codata("pin", "tree", "--to", "s3://bucket/?secret_key=hidden")
    assert (ran.code, ran.error) == (2, "UsageError")
    assert b"hidden" not in ran.out
