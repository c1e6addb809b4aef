"""Prepare CAR files for deals: their pieces, and a manifest that deal-making tools read.

Each CAR is hashed while it is written. The manifest is a function of the CARs and the arguments alone: no
times, no machine names, the order given.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, cast

from cid_store.cid import CID
from cid_store.errors import StoreError, UsageError
from cid_store.piece.cid import PieceInfo
from cid_store.piece.commp import commp
from cid_store.piece.tee import TeePieceWriter
from cid_store.piece.tree import check_piece_size

COLUMNS: Final = (
    "dataset",
    "filename",
    "root_cid",
    "piece_cid",
    "piece_cid_v2",
    "piece_size",
    "car_size",
)
"""The CSV's columns. `piece_size` is padded bytes, `car_size` the file's; they are what offline deals
ask for."""

WriteCar = Callable[[BinaryIO], CID | None]
"""Writes a CAR into a file object, and returns its root where it has one."""


@dataclass(frozen=True, slots=True)
class CarFile:
    """A CAR that exists already."""

    path: Path
    root: CID | None = None


Source = tuple[str, WriteCar] | CarFile
"""A CAR to be written under a name, or one that is there."""


@dataclass(frozen=True, slots=True)
class DealPiece:
    """A CAR and its piece."""

    filename: str
    root: CID | None
    piece: PieceInfo


@dataclass(frozen=True, slots=True)
class DealManifest:
    """The pieces of a dataset, in order."""

    dataset: str
    pieces: tuple[DealPiece, ...]

    def to_json(self) -> str:
        """The manifest with Singularity's field names for CARs (`pieceCid`, `pieceSize`, `rootCid`,
        `fileSize`…)."""
        pieces = [
            {
                "pieceCid": p.piece.piece_cid,
                "pieceCidV2": p.piece.piece_cid_v2,
                "pieceSize": p.piece.piece_size,
                "rootCid": p.root or "",
                "fileSize": p.piece.payload_size,
                "storagePath": p.filename,
            }
            for p in self.pieces
        ]
        return json.dumps({"dataset": self.dataset, "pieces": pieces}, indent=2, ensure_ascii=False) + "\n"

    def to_csv(self) -> str:
        """One line per piece under `COLUMNS`."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(COLUMNS)
        for p in self.pieces:
            info = p.piece
            cids = (p.root or "", info.piece_cid, info.piece_cid_v2)
            table.writerow((self.dataset, p.filename, *cids, info.piece_size, info.payload_size))
        return text.getvalue()

    def save(self, folder: Path) -> None:
        """Write `pieces.json` and `pieces.csv`, each whole or not at all."""
        for name, text in (("pieces.json", self.to_json()), ("pieces.csv", self.to_csv())):
            _replace(folder / name, partial(_write_text, text))


def prepare(
    dataset: str,
    sources: Iterable[Source],
    folder: Path,
    *,
    piece_size: int | None = None,
    workers: int = 1,
    threads: int | None = None,
) -> DealManifest:
    """Write the named CARs into `folder`, hash those and the existing ones, and save the manifest
    beside them.

    Pieces are padded to `piece_size` (padded bytes), or to the least that holds them. `workers` CARs are
    handled at once, each hashed by one thread; a single worker hashes by `threads` (default: the CPUs), and
    takes the next source while it writes the one before. Raises `UsageError` for a bad or repeated name,
    `InvalidPieceSize` for a CAR too large, `StoreError`.
    """
    if workers < 1:
        raise UsageError(f"{workers} workers can't prepare anything", next_step="ask for one or more")
    if piece_size is not None:
        check_piece_size(piece_size)
    threads = threads if workers == 1 else 1

    def one(source: Source) -> DealPiece:
        made = _hashed(source, threads) if isinstance(source, CarFile) else _written(*source, folder, threads)
        return made if piece_size is None else _padded(made, piece_size)

    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(workers, "prepare") as pool:
        manifest = DealManifest(dataset, tuple(_in_order(pool, one, _distinct(sources), 2 * workers)))
    manifest.save(folder)
    return manifest


def _distinct(
    sources: Iterable[Source],
) -> Iterator[Source]:
    seen: set[str] = set()
    for source in sources:
        name = source.path.name if isinstance(source, CarFile) else source[0]
        if not name or name in (".", "..") or any(c in "/\\\0\r\n" for c in name):
            raise UsageError(f"{name!r} is no file name", next_step="give a plain name without folders")
        if name in seen or name in ("pieces.json", "pieces.csv"):
            raise UsageError(f"two files would be called {name!r}", next_step="name each CAR differently")
        seen.add(name)
        yield source


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[Source], DealPiece], items: Iterable[Source], ahead: int
) -> Iterator[DealPiece]:
    """Results in the order of `items`, of which at most `ahead` are taken before their turn."""
    pending: deque[Future[DealPiece]] = deque()
    for item in items:
        pending.append(pool.submit(work, item))
        if len(pending) >= ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _hashed(source: CarFile, threads: int | None) -> DealPiece:
    return DealPiece(source.path.name, source.root, commp(source.path, threads))


def _written(name: str, write: WriteCar, folder: Path, threads: int | None) -> DealPiece:
    made: list[DealPiece] = []

    def body(out: BinaryIO) -> None:
        with TeePieceWriter(out, threads) as tee:
            root = write(cast(BinaryIO, tee))
            made.append(DealPiece(name, root, tee.info()))

    _replace(folder / name, body)
    return made[0]


def _padded(made: DealPiece, piece_size: int) -> DealPiece:
    return DealPiece(made.filename, made.root, made.piece.padded_to(piece_size))


def _write_text(text: str, out: BinaryIO) -> None:
    out.write(text.encode())


def _replace(path: Path, body: Callable[[BinaryIO], object]) -> None:
    """Write a file beside its place and move it there once it is whole and on disk."""
    unfinished = path.with_name(path.name + ".partial")
    try:
        with unfinished.open("wb") as out:
            body(out)
            out.flush()
            os.fsync(out.fileno())
        unfinished.replace(path)
    except OSError as e:
        raise StoreError(f"{path} can't be written: {e.strerror}") from e
    finally:
        unfinished.unlink(missing_ok=True)
