"""Seal: an executor's signature over a batch of its receipts, by their Merkle root."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from codata.records.base import Record
from codata.records.fields import Fields, Value


@dataclass(frozen=True)
class Seal(Record):
    """`root` is the RFC 6962 tree hash over the receipts' binary CIDs; `signature` is ed25519 (see
    `codata.identity`)."""

    kind: ClassVar[str] = "seal/1"

    executor: str
    count: int
    root: bytes
    signature: bytes

    def to_value(self) -> dict[str, Value]:
        """The record's fields."""
        return {
            "executor": self.executor,
            "count": self.count,
            "root": self.root,
            "signature": self.signature,
        }

    @classmethod
    def from_fields(cls, f: Fields) -> Self:
        """The record of these fields."""
        return cls(f.text("executor"), f.count("count"), f.blob("root", 32), f.blob("signature", 64))
