"""A whole DAG from a Kubo node, in one request and one pass."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing
from typing import BinaryIO, cast

from cid_store.car import CarSummary, TruncatedCar, verify_car
from cid_store.car.sink import write_all
from cid_store.cid import CID
from cid_store.errors import DecodeError
from cid_store.stores.kubo.rpc import KuboRpc


class _Tee(io.RawIOBase):
    """Reads pieces as a file, and writes to `out` what passes."""

    def __init__(self, pieces: Iterator[bytes], out: BinaryIO) -> None:
        super().__init__()
        self._pieces = pieces
        self._out = out
        self.size = 0

    def readable(self) -> bool:
        """True."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next piece, whatever its length, for a reader that gathers."""
        piece = next(self._pieces, b"")
        self.size += write_all(self._out, piece)
        return piece


def fetch_car(rpc: KuboRpc, root: CID, file: BinaryIO) -> CarSummary:
    """Write the DAG under `root` to `file` as the node sends it, proving every block on the way.

    Raises `BlockNotFound` for an absent root, `TruncatedCar` for a CAR that ends early, `CorruptBlock`.
    """
    with closing(rpc.dag_export(root)) as pieces:
        tee = _Tee(pieces, file)
        report = verify_car(cast(BinaryIO, tee))
    if report.roots != (root,):
        raise DecodeError(f"{rpc.url} sent a CAR of other roots than {root}", cid=root)
    if not report.complete:
        lost = (*report.missing_roots, *report.missing)[0]
        raise TruncatedCar(
            f"{rpc.url} sent {report.blocks} blocks of {root} and not {lost}",
            cid=lost,
            next_step="see that the node holds all of it: `ipfs pin add` fetches what is missing",
        )
    return CarSummary(report.blocks, tee.size)
