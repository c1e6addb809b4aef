"""Kills at random instants, several processes at once, a full disk: what was reported as stored is there."""

from __future__ import annotations

import errno
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest

from cid_store.block import Block
from cid_store.cid import CID, RAW
from cid_store.errors import StoreError
from cid_store.stores.local import LocalStore
from cid_store.testing import MIB, sample

CHILD = Path(__file__).with_name("store_child.py")


def start(folder: Path, seed: str, rounds: int = 1 << 30, mode: str = "fsync") -> subprocess.Popen[str]:
    command = [sys.executable, str(CHILD), str(folder), seed, str(rounds), mode]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def reported_by(child: subprocess.Popen[str]) -> list[CID]:
    """What the child has printed, up to its last complete line."""
    assert child.stdout is not None
    with child.stdout as out:
        return [CID(text) for line in out if line.endswith("\n") for text in line.split()]


def assert_whole(folder: Path, reported: list[CID]) -> None:
    """Everything reported is there and right, before and after a repair, which leaves nothing to do."""
    with LocalStore(folder) as store:
        for _ in range(2):
            for cid in reported:
                assert store.open_file(cid).view() is not None
            report = store.check()
            assert report.damage == ()
        assert report.leftovers == ()
        assert not list(folder.joinpath("tmp").iterdir())


def kill_often(folder: Path, kills: int, mode: str) -> list[CID]:
    choose = random.Random(kills)
    reported: list[CID] = []
    for number in range(kills):
        child = start(folder, f"seed {number}", mode=mode)
        assert child.stdout is not None
        reported += [CID(text) for text in child.stdout.readline().split()]
        time.sleep(choose.uniform(0, 0.15))
        child.kill()
        reported += reported_by(child)
        child.wait()
    return reported


@pytest.mark.parametrize("mode", ["fsync", "relaxed"])
def test_kills_lose_nothing(tmp_path: Path, mode: str) -> None:
    reported = kill_often(tmp_path, 6, mode)
    assert len(reported) >= 6 * 21
    assert_whole(tmp_path, reported)


@pytest.mark.slow
def test_many_kills_lose_nothing(tmp_path: Path) -> None:
    assert_whole(tmp_path, kill_often(tmp_path, 150, "fsync"))


def test_several_processes_write_while_another_collects(tmp_path: Path) -> None:
    """Nothing that a living writer was told is stored goes, however often `gc` runs with nothing to keep."""
    children = [start(tmp_path, f"writer {i}", rounds=25) for i in range(2)]
    runs = 0
    with LocalStore(tmp_path) as store:
        while any(child.poll() is None for child in children):
            store.gc([])
            runs += 1
    found = [reported_by(child) for child in children]
    assert [child.wait() for child in children] == [0, 0]
    assert runs > 1
    assert [len(cids) for cids in found] == [25 * 21] * 2
    with LocalStore(tmp_path) as store:
        assert store.check().damage == ()


def test_several_processes_write_the_same(tmp_path: Path) -> None:
    children = [start(tmp_path, "same", rounds=10) for _ in range(3)]
    found = [reported_by(child) for child in children]
    assert [child.wait() for child in children] == [0, 0, 0]
    assert found[0] == found[1] == found[2]
    assert_whole(tmp_path, found[0])


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file can be written beyond `size` bytes: to a program, the same as a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("how", ["buffer", "stream", "path", "blocks"])
def test_a_full_disk_leaves_the_store_as_it_was(tmp_path: Path, how: str) -> None:
    data = sample(5 * MIB)
    (tmp_path / "source").write_bytes(data)
    with LocalStore(tmp_path / "store") as store:
        kept = store.put(b"kept")
        with largest_file(300_000), pytest.raises(StoreError, match="File too large") as caught:
            if how == "blocks":
                store.put_many(Block.of(data[i : i + 50_000]) for i in range(0, 1_000_000, 50_000))
            elif how == "buffer":
                store.put_file(data)
            else:
                store.put_file(tmp_path / "source" if how == "path" else BytesIO(data))
        assert caught.value.next_step
        assert list(store.cids()) == [kept]
        assert store.put_file(data) in set(store.cids())
        report = store.check()
        assert report.damage == report.leftovers == ()


def test_a_full_disk_under_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes went to a pack, and their rows could not be committed: the next append cuts them off."""
    with LocalStore(tmp_path) as store:
        kept = store.put(b"kept")
        appender = store._here().appender

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with monkeypatch.context() as patch:
            patch.setattr(appender, "commit", full)
            with pytest.raises(StoreError, match="No space left"):
                store.put(b"not kept")
        assert not store.has(CID.make(RAW, b"not kept"))
        after = store.put(b"after")
        assert [bytes(store.get(cid)) for cid in (kept, after)] == [b"kept", b"after"]
        report = store.check()
        assert report.damage == report.leftovers == ()


@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_its_own(tmp_path: Path) -> None:
    """Connections, pack and hold of the parent stay the parent's."""
    with LocalStore(tmp_path) as store:
        before = store.put(b"before")
        child = os.fork()
        if child == 0:
            status = 1
            try:
                ok = bytes(store.get(before)) == b"before"
                store.put_many(Block.of(b"child %d" % i) for i in range(100))
                store.close()
                status = 0 if ok else 2
            finally:
                os._exit(status)
        for i in range(100):
            store.put(b"parent %d" % i)
        assert os.waitpid(child, 0)[1] == 0
        assert len(list(store.cids())) == 201
        report = store.check()
        assert report.blocks == 201
        assert report.damage == report.leftovers == ()


def test_kills_of_gc_lose_nothing(tmp_path: Path) -> None:
    """Whether it was marking, deleting, saving or writing packs anew."""
    blocks = [Block.of(sample(5000, str(i))) for i in range(3000)]
    whole = sample(3 * MIB)
    choose = random.Random(1)
    with LocalStore(tmp_path) as store:
        for number in range(5):
            store.put_many(blocks)
            root, part = store.put_file(whole), store.put_file(whole[:MIB])
            store.settle()
            keep = [b.cid for b in blocks[number::5]] + [root, part]
            code = (
                "import sys; from cid_store.cid import CID; from cid_store.stores.local import LocalStore\n"
                "store = LocalStore(sys.argv[1]); keep = [CID(line.strip()) for line in sys.stdin]\n"
                "print('ready', flush=True); store.gc(keep)"
            )
            child = subprocess.Popen(
                [sys.executable, "-c", code, str(tmp_path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            assert child.stdin is not None
            assert child.stdout is not None
            with child.stdout as out, child.stdin as into:
                into.write("\n".join(keep))
                into.close()
                assert out.readline() == "ready\n"
                time.sleep(choose.uniform(0, 0.1))
                child.kill()
            child.wait()
            assert all(store.has_many(keep))
            assert store.check().damage == ()
            assert [b.data for b in store.get_many(keep[:-2])] == [b.data for b in blocks[number::5]]
