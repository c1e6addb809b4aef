"""A file that appears whole or not at all, and in the place of files alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cid_store.errors import StoreError, UsageError
from codata.fresh import fresh


def test_a_file_takes_the_place_of_another_when_it_is_whole(tmp_path: Path) -> None:
    path, beside = tmp_path / "f", tmp_path / "f.part"
    path.write_bytes(b"old")
    beside.write_bytes(b"somebody's own")
    with fresh(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert (path.read_bytes(), beside.read_bytes()) == (b"new", b"somebody's own")
    with pytest.raises(RuntimeError), fresh(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"new"
    assert sorted(tmp_path.iterdir()) == [path, beside]


def test_a_device_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path(os.devnull)):
        with pytest.raises(UsageError, match="is no file"), fresh(path):
            raise AssertionError("it must not come to this")
    assert (tmp_path / "pipe").is_fifo()


def test_what_the_disk_refuses_names_the_file(tmp_path: Path) -> None:
    refused = pytest.raises(StoreError, match=r"can't write .*/absent/f: No such file")
    with refused as caught, fresh(tmp_path / "absent" / "f"):
        raise AssertionError("it must not come to this")
    assert "folder" in caught.value.next_step
