"""Blocks and their digests, in order, from anything that can be read."""

from __future__ import annotations

import hashlib
import io
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from cid_store import hashing, multihash
from cid_store.cid import CID, RAW
from cid_store.errors import UnsupportedHash
from cid_store.hashing import SourceChanged, hash_blocks, hash_file, read_block, sha256_many

SIZES = [0, 1, 99, 100, 101, 199, 200, 1000, 12_345]


@pytest.fixture(params=[1, 2, 5])
def cores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    count: int = request.param
    monkeypatch.setattr(hashing, "threads", lambda: count)
    return count


def _frame(size: int) -> tuple[bytes, bytes]:
    return b"<%d" % size, b">"


def _expected(content: bytes, framed: bool) -> list[tuple[bytes, bytes]]:
    blocks = [content[at : at + 100] for at in range(0, len(content), 100)]
    frame: Callable[[int], tuple[bytes, bytes]] = _frame if framed else hashing.unframed
    return [(hashlib.sha256(block.join(frame(len(block)))).digest(), block) for block in blocks]


@pytest.mark.parametrize("framed", [False, True])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("batch", [1, 250, 1024 * 1024])
def test_every_source_gives_the_same_digests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, size: int, batch: int, framed: bool
) -> None:
    monkeypatch.setattr(hashing, "BATCH", batch)
    content = random.Random(size).randbytes(size)
    expected = _expected(content, framed)
    frame = _frame if framed else hashing.unframed
    for source in (content, bytearray(content), memoryview(content), io.BytesIO(content)):
        assert [(d, bytes(b)) for d, b in hash_blocks(source, 100, frame)] == expected
    path = tmp_path / "file"
    path.write_bytes(content)
    with path.open("rb") as file:
        assert list(hash_file(file.fileno(), 100, frame)) == [(d, len(b)) for d, b in expected]
        assert file.tell() == 0


def test_a_part_of_a_file(tmp_path: Path) -> None:
    content = random.Random(3).randbytes(5000)
    path = tmp_path / "file"
    path.write_bytes(content)
    with path.open("rb") as file:
        found = [digest for digest, _ in hash_file(file.fileno(), 100, offset=70, length=1050)]
    assert found == [digest for digest, _ in _expected(content[70:1120], framed=False)]


def test_streams_that_give_little_at_a_time(cores: int) -> None:
    content = random.Random(4).randbytes(1234)

    class Dripping(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(7, size or 0))

    assert [bytes(b) for _, b in hash_blocks(Dripping(content), 100)] == [
        b for _, b in _expected(content, False)
    ]
    assert read_block(Dripping(content), 2000) == content


def test_a_stream_is_not_read_far_ahead(cores: int) -> None:
    source = io.BytesIO(bytes(100_000))
    blocks = hash_blocks(source, 100)
    for taken in range(1, 50):
        next(blocks)
        assert source.tell() <= 100 * (taken + 2 * cores + 2)
    blocks.close()  # type: ignore[attr-defined]


def test_a_file_that_ends_early_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(150))
    with path.open("rb") as file, pytest.raises(SourceChanged, match="byte 150"):
        list(hash_file(file.fileno(), 100, length=300))


def test_an_error_of_the_source_reaches_the_caller(cores: int) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() >= 500:
                raise OSError("gone")
            return super().read(size)

    with pytest.raises(OSError, match="gone"):
        list(hash_blocks(Failing(bytes(1000)), 100))


def test_threads_follow_the_cores_of_this_process() -> None:
    assert 1 <= hashing.threads() <= min(16, os.cpu_count() or 1)


def test_many_at_once() -> None:
    assert sha256_many([]) == []
    assert sha256_many([b"a", b""]) == [hashlib.sha256(b"a").digest(), hashlib.sha256(b"").digest()]


@pytest.mark.parametrize(
    ("function", "size"), [(0x1E, 0), (0x1E, 19), (0xB201, 1), (0xB210, 16), (0xB220, 0)]
)
def test_a_hash_too_short_to_prove_anything_proves_nothing(function: int, size: int) -> None:
    weak = CID.build(RAW, function, bytes(size))
    with pytest.raises(UnsupportedHash):
        weak.check(b"whatever")


def test_the_shortest_hash_that_proves_something() -> None:
    known = multihash.digest(0xB214, b"data")
    assert len(known) == multihash.MIN_DIGEST
    CID.build(RAW, 0xB214, known).check(b"data")
