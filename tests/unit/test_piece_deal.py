"""Preparing CARs for deals: hashed while written, the same for any number of workers."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import BinaryIO

import pytest

from cid_store.cid import CID, RAW
from cid_store.errors import StoreError, UsageError
from cid_store.piece import commp
from cid_store.piece.deal import COLUMNS, CarFile, prepare
from cid_store.piece.tee import TeePieceWriter
from cid_store.piece.tree import InvalidPieceSize

ROOT = CID.make(RAW, b"root")


def writer(seed: int, size: int) -> Callable[[BinaryIO], CID]:
    def write(out: BinaryIO) -> CID:
        random = Random(seed)
        for _ in range(size // 1000):
            out.write(random.randbytes(1000))
        return ROOT

    return write


def sources(count: int = 6) -> list[tuple[str, Callable[[BinaryIO], CID]]]:
    return [(f"part-{i}.car", writer(i, 3000 + 50_000 * i)) for i in range(count)]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_any_number_of_workers_gives_the_same(workers: int, tmp_path: Path) -> None:
    one = prepare("set", sources(), tmp_path / "one")
    other = prepare("set", sources(), tmp_path / "other", workers=workers)
    assert one == other
    for name in ("pieces.json", "pieces.csv", "part-0.car", "part-5.car"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    assert len(list((tmp_path / "one").iterdir())) == 8


def test_what_is_hashed_is_what_is_written(tmp_path: Path) -> None:
    for made in prepare("set", sources(), tmp_path).pieces:
        assert made.piece == commp(tmp_path / made.filename, 1)


def test_the_manifest_holds_what_deals_need(tmp_path: Path) -> None:
    existing = tmp_path / "old.car"
    existing.write_bytes(b"c" * 5000)
    manifest = prepare("set", [*sources(1), CarFile(existing)], tmp_path / "out", piece_size=8192)
    with (tmp_path / "out" / "pieces.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    first, second = manifest.pieces
    assert rows[0] == {
        "dataset": "set",
        "filename": "part-0.car",
        "root_cid": ROOT,
        "piece_cid": first.piece.piece_cid,
        "piece_cid_v2": first.piece.piece_cid_v2,
        "piece_size": "8192",
        "car_size": "3000",
    }
    assert second.piece == commp(existing, 1).padded_to(8192)
    document = json.loads((tmp_path / "out" / "pieces.json").read_text())
    assert document["dataset"] == "set"
    assert document["pieces"][1] == {
        "pieceCid": second.piece.piece_cid,
        "pieceCidV2": second.piece.piece_cid_v2,
        "pieceSize": 8192,
        "rootCid": "",
        "fileSize": 5000,
        "storagePath": "old.car",
    }


@pytest.mark.parametrize("name", ["", "..", "a/b.car", "a\\b.car", "a\n.car", "pieces.csv", "part-0.car"])
def test_bad_and_repeated_names_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        prepare("set", [*sources(1), (name, writer(1, 1000))], tmp_path)
    assert not (tmp_path / "pieces.json").exists()


def test_a_failed_car_leaves_nothing_half_written(tmp_path: Path) -> None:
    def fails(out: BinaryIO) -> None:
        out.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="No space left"):
        prepare("set", [("a.car", fails)], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_limits_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InvalidPieceSize, match="does not fit"):
        prepare("set", sources(2), tmp_path, piece_size=4096)
    with pytest.raises(InvalidPieceSize, match="5000"):
        prepare("set", [], tmp_path, piece_size=5000)
    with pytest.raises(UsageError, match="workers"):
        prepare("set", [], tmp_path, workers=0)


def test_tee_passes_everything_on_even_in_short_writes() -> None:
    class Short(io.BytesIO):
        def write(self, data: memoryview) -> int:  # type: ignore[override]
            return super().write(bytes(data[:7]))

    out = Short()
    with TeePieceWriter(out, 1) as tee:
        assert tee.writable()
        assert not tee.seekable()
        assert tee.write(b"x" * 100) == 100
        assert tee.tell() == 100
        tee.flush()
        info = tee.info()
    assert not out.closed
    assert out.getvalue() == b"x" * 100
    assert info == commp(io.BytesIO(b"x" * 100), 1)
