"""`codata pin --to`: what is sent, what is skipped, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cid_store import open_store
from cid_store.cid import CID
from cid_store.stores.local import LocalStore
from cid_store.testing import sample
from cid_store.walk import walk
from tests.command import Commands
from tests.servers import credentials, s3_server

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


def test_a_folder_goes_to_a_bucket(
    codata: Commands, root: CID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in credentials().items():
        monkeypatch.setenv(key, value)
    (tmp_path / "s3").mkdir()
    with s3_server(tmp_path / "s3") as server:
        url = server.url("sets")
        sent = codata("pin", "tree", "--to", url).value
        with open_store(url) as store:
            blocks = list(walk(store, [root]))
        size = sum(len(block.data) for block in blocks)
        assert sent == {"root": root, "blocks": len(blocks), "bytes": size, "skipped": 0, "to": url}
        again = codata("pin", "tree", "--to", url).value
        assert (again["blocks"], again["bytes"], again["skipped"]) == (0, 0, len(blocks))


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
