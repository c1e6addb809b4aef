"""Adding from disk, and naming without storing."""

from __future__ import annotations

import inspect
import io
import os
import random
import socket
import sys
import threading
from pathlib import Path

import pytest

from cid_store.errors import StoreError, UsageError
from cid_store.hashing import SourceChanged
from cid_store.unixfs import (
    PROFILES,
    V0_2015,
    V1_2025,
    AddOptions,
    Profile,
    add_file,
    add_tree,
    cid_of,
    ls,
    measure_tree,
    open_file,
    resolve,
    stat,
)
from cid_store.unixfs.build import discard, measure_file
from cid_store.unixfs.directory import build_directory
from cid_store.unixfs.errors import UnsupportedEntry
from cid_store.unixfs.node import dag_size, load
from cid_store.unixfs.profiles import by_name
from tests.unit.unixfs_blocks import BlockStore, tiny

OPTIONS = [
    AddOptions(),
    AddOptions(V0_2015),
    AddOptions(tiny(chunk=30_000, threshold=0)),
    AddOptions(tiny(V0_2015, chunk=30_000), hidden=True, mode=True, mtime=True),
    AddOptions(mode=True),
    AddOptions(mtime=True),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    top = tmp_path / "top"
    (top / "sub" / "empty").mkdir(parents=True)
    (top / ".hidden").write_bytes(b"secret")
    (top / "B.txt").write_bytes(b"bytes")
    (top / "a.txt").write_bytes(b"0123456789abcdef")
    (top / "sub" / "big").write_bytes(random.Random(2).randbytes(2 * 1024 * 1024 + 5))
    (top / "sub" / "none").touch()
    (top / "link").symlink_to("../anywhere")
    return top


@pytest.mark.parametrize("options", OPTIONS)
def test_storing_and_naming_agree(folder: Path, options: AddOptions) -> None:
    store = BlockStore()
    built = add_tree(store, folder, options)
    assert built == measure_tree(folder, options)
    assert (
        built.size == sum(p.stat().st_size for p in folder.rglob("[!.]*") if p.is_file()) + 6 * options.hidden
    )
    assert built.tsize == dag_size(load(store, built.cid))
    big = resolve(store, f"{built.cid}/sub/big")
    assert open_file(store, big).view() == (folder / "sub" / "big").read_bytes()


def test_what_a_folder_becomes(folder: Path) -> None:
    store = BlockStore()
    root = add_tree(store, folder).cid
    assert [(e.name, e.kind) for e in ls(store, root)] == [
        ("B.txt", "file"),
        ("a.txt", "file"),
        ("link", "symlink"),
        ("sub", "directory"),
    ]
    assert stat(store, resolve(store, f"{root}/link")).target == b"../anywhere"
    assert list(ls(store, resolve(store, f"{root}/sub/empty"))) == []
    shown = add_tree(store, folder, AddOptions(hidden=True)).cid
    assert next(iter(ls(store, shown))).name == ".hidden"


@pytest.mark.parametrize("profile", [V1_2025, V0_2015])
def test_mode_and_mtime_are_kept_on_request(folder: Path, profile: Profile) -> None:
    os.chmod(folder / "a.txt", 0o640)
    os.utime(folder / "a.txt", ns=(0, 1_600_000_000_123_456_789))
    os.utime(folder / "sub" / "big", ns=(0, -1))
    plain, store = cid_of(folder, profile), BlockStore()
    root = add_tree(store, folder, AddOptions(profile, mode=True, mtime=True)).cid
    assert root != plain
    small = stat(store, resolve(store, f"{root}/a.txt"))
    assert (small.metadata.mode, small.size) == (0o640, 16)
    assert small.metadata.mtime is not None
    assert (small.metadata.mtime.seconds, small.metadata.mtime.nanos) == (1_600_000_000, 123_456_789)
    big = stat(store, resolve(store, f"{root}/sub/big"))
    assert big.metadata.mtime is not None
    assert (big.metadata.mtime.seconds, big.metadata.mtime.nanos) == (-1, 999_999_999)
    assert open_file(store, big.cid).read(0, 9) == (folder / "sub" / "big").read_bytes()[:9]


@pytest.mark.parametrize("profile", PROFILES.values())
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_file_has_one_cid_however_it_comes(tmp_path: Path, profile: Profile, more: int) -> None:
    content = random.Random(more).randbytes(profile.chunk * 3 + more)
    for data in (content, content[: profile.chunk + more]):
        path = tmp_path / "file"
        path.write_bytes(data)
        store = BlockStore()
        expected = add_file(store, data, profile)
        assert add_file(store, io.BytesIO(data), profile) == expected
        assert add_file(store, memoryview(data), profile) == expected
        assert add_tree(store, path, AddOptions(profile)).cid == expected
        assert cid_of(path, profile) == expected
        with path.open("rb") as source:
            assert measure_file(profile, source.fileno()).cid == expected


def test_a_pipe_is_read_to_its_end() -> None:
    content = random.Random(5).randbytes(3_000_001)
    read, write = os.pipe()

    def send() -> None:
        with os.fdopen(write, "wb") as out:
            out.write(content)

    sender = threading.Thread(target=send)
    sender.start()
    store = BlockStore()
    with os.fdopen(read, "rb", buffering=0) as source:
        root = add_file(store, source)
    sender.join()
    assert open_file(store, root).read() == content


def test_a_top_that_is_a_symlink_is_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(folder)
    assert cid_of(tmp_path / "alias") == cid_of(folder)


def test_folders_nest_deeper_than_pythons_stack(tmp_path: Path) -> None:
    depth = 300
    (tmp_path / "/".join(["d"] * depth)).mkdir(parents=True)
    expected = build_directory(V1_2025, discard, [])
    for _ in range(depth):
        expected = build_directory(V1_2025, discard, [("d", expected)])
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    try:
        assert cid_of(tmp_path) == expected.cid
    finally:
        sys.setrecursionlimit(limit)


def test_special_files_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(tmp_path / "in" / "sock"))
        with pytest.raises(UnsupportedEntry, match="sock"):
            cid_of(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(UnsupportedEntry, match="fifo"):
        cid_of(tmp_path / "fifo")


def test_names_that_are_not_utf8_are_refused(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff", "wb"):
        pass
    with pytest.raises(UnsupportedEntry, match="UTF-8"):
        cid_of(tmp_path)


def test_targets_that_are_not_utf8_are_kept(tmp_path: Path) -> None:
    os.symlink(b"\xff", os.fsencode(tmp_path / "link"))
    store = BlockStore()
    root = add_tree(store, tmp_path).cid
    assert stat(store, resolve(store, f"{root}/link")).target == b"\xff"


def test_what_is_not_there_is_a_wrong_request(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gone"):
        cid_of(tmp_path / "gone")


def test_what_the_disk_refuses_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str | Path, *_: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(StoreError, match=r"B\.txt.*Permission denied"):
        cid_of(folder)


@pytest.mark.parametrize("size", [100, 3 * 1024 * 1024])
def test_a_file_that_changes_is_told(tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "growing"
    path.write_bytes(bytes(size))
    real = os.fstat

    def shrinking(fd: int) -> os.stat_result:
        found = real(fd)
        if os.path.samestat(found, path.stat()):
            os.truncate(path, found.st_size - 1)
        return found

    monkeypatch.setattr(os, "fstat", shrinking)
    with pytest.raises(SourceChanged, match="growing"):
        cid_of(path)


def test_profiles_go_by_name() -> None:
    assert by_name("unixfs-v0-2015") is V0_2015
    assert next(iter(PROFILES.values())) is V1_2025
    with pytest.raises(UsageError, match="nope"):
        by_name("nope")
