"""A block: bytes with a CID."""

from __future__ import annotations

from dataclasses import dataclass

from cid_store.cid import CID, RAW


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes and the CID that they are claimed to have; `check()` proves the claim."""

    cid: CID
    data: bytes | memoryview

    @classmethod
    def of(cls, data: bytes | memoryview, codec: int = RAW) -> Block:
        """The block of `data` under sha2-256."""
        return cls(CID.make(codec, data), data)

    def check(self) -> Block:
        """This block, once its bytes are proven; raises `CorruptBlock`."""
        self.cid.check(self.data)
        return self
