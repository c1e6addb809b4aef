"""Copying blocks from one store to another: what is missing there, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.store import Store

_BATCH: Final = 1024  # blocks that the destination is asked about at once


@dataclass(frozen=True, slots=True)
class CopyReport:
    """Blocks and bytes that were sent, and blocks that were there already."""

    blocks: int = 0
    bytes: int = 0
    skipped: int = 0


Progress = Callable[[CopyReport], None]
"""Told of the copy so far, from time to time: what is read and on its way, not yet what has arrived."""


def copy(source: Store, dest: Store, cids: Iterable[CID], progress: Progress | None = None) -> CopyReport:
    """Put the blocks `cids` of `source` into `dest`, each proven, in that order.

    When this returns, all are there. It may be killed and called again: what has arrived is not sent
    twice, and the same `cids` give the same batches, so that a destination can go on with a half-sent
    one. Raises `BlockNotFound` for what `source` lacks.
    """
    report = CopyReport()

    def missing() -> Iterator[Block]:
        nonlocal report
        asked = iter(cids)
        while batch := list(islice(asked, _BATCH)):
            held = dest.has_many(batch)
            wanted = [cid for cid, h in zip(batch, held, strict=True) if not h]
            report = replace(report, skipped=report.skipped + len(batch) - len(wanted))
            for block in source.get_many(wanted):
                report = replace(report, blocks=report.blocks + 1, bytes=report.bytes + len(block.data))
                yield block
            if progress is not None:
                progress(report)

    dest.put_many(missing())
    return report
