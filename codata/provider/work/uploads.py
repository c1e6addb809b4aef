"""`/blocks`: what is pushed, each block proven, kept for its DID for a while or as a copy that lasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO, Final

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cid_store import multihash
from cid_store.block import Block
from cid_store.car import open_car
from cid_store.cid import CID
from cid_store.errors import (
    CorruptBlock,
    DecodeError,
    InvalidCID,
    LimitExceeded,
    UnsupportedHash,
    UsageError,
)
from codata.kept import ROW
from codata.provider.accept import CAR_TYPE
from codata.provider.errors import WrongMediaType
from codata.provider.work.custody import Custody
from codata.provider.work.errors import BadBlocks, OverQuota
from codata.provider.work.full import full_disks_named
from codata.provider.work.gate import Asker, Gate
from codata.provider.work.queue import Queue
from codata.provider.work.received import media_type, spooled

_WRONG: Final = (CorruptBlock, DecodeError, InvalidCID, LimitExceeded, UnsupportedHash, UsageError)


@dataclass(frozen=True, slots=True)
class Uploads:
    """What serves `/blocks`. `patience`: seconds that a client may send nothing of its body."""

    gate: Gate
    custody: Custody
    queue: Queue
    patience: float

    async def answer(self, request: Request) -> Response:
        """Keep what the CAR holds; raises `CidStoreError` for what is refused."""
        asker = await self.gate.admit(request, has_body=True)
        kind = media_type(request)
        if kind != CAR_TYPE:
            raise WrongMediaType(f"a body of {kind[:80]!r} is not read here", next_step=f"send {CAR_TYPE}")
        await to_thread.run_sync(self.custody.check_space)
        async with spooled(request, asker, asker.allowed.limits.upload, self.patience) as file:
            blocks, size = await to_thread.run_sync(self._keep, asker, file, _root(request))
        return JSONResponse({"blocks": blocks, "bytes": size}, headers={"cache-control": "no-store"})

    async def remove(self, request: Request) -> Response:
        """Let go of a copy, by its root; raises `CidStoreError` for what is refused."""
        asker = await self.gate.admit(request)
        root = CID(request.path_params["cid"])
        released = await to_thread.run_sync(self.custody.release_copy, asker.did, root)
        return JSONResponse({"released": released}, headers={"cache-control": "no-store"})

    def _keep(self, asker: Asker, file: IO[bytes], root: CID | None) -> tuple[int, int]:
        sizes = _sizes(file)
        if root is None:
            self._check_quota(asker, sizes)
        else:
            self._check_lasting(asker, root, sizes)
        kept: dict[CID, int] = {}
        try:
            with self.custody.putting(), full_disks_named():
                self.custody.store.put_many(_noted(file, kept))
                self.custody.store.persist(kept)
                if root is None:
                    self.custody.keep_pushed(asker.did, list(kept.items()))
                elif not self.custody.keep_copy(asker.did, root, list(kept), asker.allowed.limits.lasting):
                    raise self._no_more_copies(asker, "what is here already below what was sent")
        except _WRONG as e:
            raise BadBlocks(f"the CAR is refused: {e.message}", cid=e.cid) from None
        return len(kept), sum(kept.values())

    def _check_quota(self, asker: Asker, sizes: Mapping[CID, int]) -> None:
        """Raise `OverQuota` where blocks may be more than is left. What is here already counts too."""
        size = sum(sizes.values()) + ROW * len(sizes)
        has = self.custody.pushed(asker.did) + self.queue.bytes(asker.did)
        quota = asker.allowed.limits.quota
        if has + size > quota:
            raise OverQuota(
                f"{asker.did} has {has} bytes here and pushes {size}; {quota} may be kept",
                rule=asker.allowed.rule,
            )

    def _check_lasting(self, asker: Asker, root: CID, sizes: Mapping[CID, int]) -> None:
        """Raise `OverQuota` where blocks are more than is left, before any is put. What is here already
        counts too: else what was pushed for a while would last for nothing."""
        most = asker.allowed.limits.lasting
        fresh = self.custody.copy_growth(asker.did, root, sizes)
        if not most or self.custody.lasting(asker.did) + fresh > most:
            raise self._no_more_copies(asker, f"{fresh} more")

    def _no_more_copies(self, asker: Asker, more: str) -> OverQuota:
        return OverQuota(
            f"{asker.did} has copies of {self.custody.lasting(asker.did)} bytes here and asks for {more}; "
            f"{asker.allowed.limits.lasting} may be kept so",
            rule=asker.allowed.rule,
            next_step="let go of copies (`codata unpin REF --at URL`), or ask another provider",
        )


def _root(request: Request) -> CID | None:
    """The root in whose copy the blocks are to be kept."""
    text = request.query_params.get("keep")
    return None if text is None else CID(text)


def _sizes(file: IO[bytes]) -> dict[CID, int]:
    """The blocks of a CAR with their sizes, as its sections state them."""
    try:
        with open_car(file) as car:  # type: ignore[arg-type]
            return {
                section.cid: section.block_length
                for section in car.sections()
                if section.cid.hash_code != multihash.IDENTITY
            }
    except _WRONG as e:
        raise BadBlocks(f"the CAR is refused: {e.message}", cid=e.cid) from None
    finally:
        file.seek(0)


def _noted(file: IO[bytes], kept: dict[CID, int]) -> Iterator[Block]:
    """The blocks of a CARv1, with their sizes noted. The store proves them."""
    with open_car(file) as car:  # type: ignore[arg-type]
        if car.version != 1:
            raise BadBlocks(f"a CAR of version {car.version} is not read here")
        for block in car.blocks(verify=False):
            if block.cid.hash_code != multihash.IDENTITY:
                kept[block.cid] = len(block.data)
                yield block
