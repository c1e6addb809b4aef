"""A Kubo node as a store. Kubo keeps blocks by multihash, as stores here do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import BinaryIO, Final, Self

from cid_store import multihash
from cid_store.block import Block
from cid_store.car import CarSummary, write_car
from cid_store.cid import CID, RAW
from cid_store.errors import BlockNotFound, UsageError
from cid_store.pins import GcReport, Keeper, Pin, PinKind
from cid_store.store import MAX_BLOCK, Store
from cid_store.stores.ahead import fetch_ahead
from cid_store.stores.kubo.rpc import KuboError, KuboRpc
from cid_store.stores.kubo.transfer import fetch_car

_REQUESTS: Final = 8  # in flight at once; a node answers from its disk
_DELETED: Final = 100  # CIDs a request names: they travel in its URL
_WHOLE: Final = "a node pins a root only with all it links to: send the rest, or pin a run's outputs"
_MAX_NAME: Final = 255  # bytes that Kubo allows in the name of a pin


class KuboStore(Store, Keeper):
    """The blocks and pins of a Kubo node, without its network: what is absent from the node is absent.

    Blocks put and not pinned fall to the node's garbage collector, when somebody runs it.
    """

    scheme = "ipfs+http"

    def __init__(self, rpc: KuboRpc) -> None:
        self.rpc = rpc
        self._pool = ThreadPoolExecutor(_REQUESTS, "kubo")

    @classmethod
    def from_url(cls, url: str) -> Self:
        """The node at `ipfs+http://host:port` or `ipfs+https://…`, which is asked nothing yet."""
        return cls(KuboRpc(url))

    def __str__(self) -> str:
        return f"the Kubo node at {self.rpc.url}"

    def close(self) -> None:
        """End the requests and close the connections."""
        self._pool.shutdown()
        self.rpc.close()

    # -- blocks --

    def _read(self, cid: CID) -> bytes:
        return self.rpc.block_get(cid, MAX_BLOCK)

    def get_many(self, cids: Iterable[CID]) -> Iterator[Block]:
        """The blocks in the order asked for, several requests ahead."""
        return fetch_ahead(self.get, cids, self._pool, 2 * _REQUESTS)

    def _write(self, blocks: Sequence[Block]) -> None:
        # One request for all, as a CAR. Under raw CIDs, because a node would refuse bytes that their codec
        # does not allow, and it keeps them by multihash whatever they are called.
        car = BytesIO()
        named = (Block(CID.build(RAW, b.cid.hash_code, b.cid.digest), b.data) for b in blocks)
        sent = write_car(car, [], named)
        car.seek(0)
        taken = self.rpc.dag_import(car, pin_roots=False) if sent.blocks else 0
        if taken != sent.blocks:
            raise KuboError(f"{self} took {taken} of {sent.blocks} blocks", next_step="try again")

    def _has(self, cids: Sequence[CID]) -> list[bool]:
        return list(self._pool.map(self._holds, cids))

    def _holds(self, cid: CID) -> bool:
        return cid.hash_code == multihash.IDENTITY or self.rpc.block_has(cid)

    def _delete(self, cids: Sequence[CID]) -> None:
        for first in range(0, len(cids), _DELETED):
            self.rpc.block_rm(cids[first : first + _DELETED])

    def _cids(self) -> Iterator[CID]:
        return (cid for cid in self.rpc.refs_local() if cid.hash_code != multihash.IDENTITY)

    # -- pins --

    def pin(self, cid: CID, kind: PinKind = "recursive", note: str = "") -> None:
        """Pin on the node, the note as the pin's name. Raises `BlockNotFound` unless all of it is there."""
        Pin.checked(cid, kind, note)
        if len(note.encode()) > _MAX_NAME:
            raise UsageError(f"Kubo keeps at most {_MAX_NAME} bytes of a pin's note", next_step="shorten it")
        if kind == "direct":
            # A node does not turn a recursive pin into a direct one, and an absent pin is no error.
            self.rpc.pin_rm(cid)
        try:
            self.rpc.pin_add(cid, recursive=kind == "recursive", name=note)
        except BlockNotFound as e:
            raise BlockNotFound(e.message, cid=cid, next_step=_WHOLE) from None

    def unpin(self, cid: CID) -> bool:
        """Drop the node's pin of `cid`; False if there was none."""
        return self.rpc.pin_rm(cid)

    def pins(self) -> Iterator[Pin]:
        """The node's own pins, sorted by CID; what they pin indirectly is not listed."""
        found = [Pin(p.cid, "recursive", p.name) for p in self.rpc.pin_ls("recursive")]
        found += [Pin(p.cid, "direct", p.name) for p in self.rpc.pin_ls("direct")]
        return iter(sorted(found, key=lambda pin: pin.cid))

    def gc(self, keep: Iterable[CID], *, dry_run: bool = False) -> GcReport:
        """Refused: a node holds what others gave it, and what they need is known to its own collector."""
        raise UsageError(f"{self} is not collected from here", next_step="run `ipfs repo gc` beside the node")

    # -- whole DAGs --

    def import_car(self, car: BinaryIO, *, pin_roots: bool = True) -> int:
        """Hand a whole CAR to the node, which proves and pins it; returns how many blocks it took."""
        return self.rpc.dag_import(car, pin_roots=pin_roots)

    def export_car(self, root: CID, file: BinaryIO) -> CarSummary:
        """Write the DAG under `root` as a CAR in one request, every block proven and none missing.

        Raises `BlockNotFound`, `TruncatedCar`, `CorruptBlock`; what is in `file` then is of no use.
        """
        return fetch_car(self.rpc, root, file)

    def provide(self, cids: Sequence[CID], *, recursive: bool = False) -> None:
        """Have the node announce that it holds these. Raises `BlockNotFound`; `KuboError` when offline."""
        for cid, held in zip(cids, self.has_many(cids), strict=True):
            if not held:
                raise BlockNotFound(f"block {cid} is not in {self}", cid=cid)
        self.rpc.provide(cids, recursive=recursive)
