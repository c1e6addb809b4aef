"""Between stores and CARs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from cid_store.block import Block
from cid_store.car.reader import CarReader, open_car
from cid_store.car.writer import CarSummary, write_car
from cid_store.cid import CID
from cid_store.walk import walk

if TYPE_CHECKING:
    from cid_store.store import Store


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What a CAR brought: its roots as claimed, blocks and their bytes."""

    roots: tuple[CID, ...]
    blocks: int
    bytes: int


class _Counted:
    """The blocks of a CAR, counted as they pass."""

    def __init__(self, car: CarReader) -> None:
        self._car = car
        self.bytes = 0

    def __iter__(self) -> Iterator[Block]:
        # Proven by the store, which trusts nobody: proving here too would hash everything twice.
        for block in self._car.blocks(verify=False):
            self.bytes += len(block.data)
            yield block


def import_car(
    store: Store, source: str | os.PathLike[str] | BinaryIO, *, zero_is_end: bool = False
) -> ImportReport:
    """Keep every block of a CAR, each proven first. After an error the blocks before it may be kept.

    The roots are what the header claims: whether their DAGs are whole is seen by `walk` or `verify_car`.
    """
    with open_car(source, zero_is_end=zero_is_end) as car:
        blocks = _Counted(car)
        count = store.put_many(blocks)
        return ImportReport(car.roots, count, blocks.bytes)


def export_car(store: Store, roots: Sequence[CID], file: BinaryIO) -> CarSummary:
    """Write the DAGs under `roots` as a CARv1, depth first, each block once. Raises `BlockNotFound`."""
    return write_car(file, roots, walk(store, roots), duplicates=True)  # a walk has none
