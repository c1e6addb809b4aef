"""Run: one job over inputs, with every receipt. Its CID is the provenance CID."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from cid_store import Store
from cid_store.cid import CID
from codata.errors import BadRecord
from codata.records import pages
from codata.records.base import Record
from codata.records.fields import Fields, Value

MAX_PROOF: Final = 64  # a Merkle tree over 2**64 receipts

MAX_TASKS: Final = 1 << 20
"""Tasks of one run: whoever runs or checks it holds a row for each in memory."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One task of a run, its receipt, and the proof that a seal covers the receipt at `index`."""

    task: CID
    receipt: CID
    seal: CID
    index: int
    proof: tuple[bytes, ...]

    def to_value(self) -> dict[str, Value]:
        """The row's fields."""
        return {
            "task": self.task,
            "receipt": self.receipt,
            "seal": self.seal,
            "index": self.index,
            "proof": list(self.proof),
        }

    @classmethod
    def from_value(cls, value: Value, cid: CID | None = None) -> RunRow:
        """The row of this value."""
        f = Fields(value, "run/1 row", tag=False, cid=cid)
        proof = f.items("proof")
        hashes = tuple(p for p in proof if isinstance(p, bytes) and len(p) == 32)
        if len(hashes) != len(proof) or len(proof) > MAX_PROOF:
            raise f.bad("has a proof that is no list of hashes")
        row = cls(f.link("task"), f.link("receipt"), f.link("seal"), f.count("index"), hashes)
        f.done()
        return row


@dataclass(frozen=True)
class Run(Record):
    """`rows`: the list of `RunRow` in plan order. `signature` is the coordinator's, over all other fields."""

    kind: ClassVar[str] = "run/1"

    job: CID
    planner: int
    inputs: Mapping[str, CID]
    outputs: Mapping[str, CID]
    rows: CID
    count: int
    coordinator: str
    signature: bytes

    def entries(self, store: Store) -> Iterator[RunRow]:
        """The rows in plan order; raises `BadRecord` where there are not as many as the run states."""
        if pages.count(store, self.rows) != self.count:
            raise BadRecord(f"the run states {self.count} tasks and lists another number", cid=self.rows)
        for value in pages.items(store, self.rows):
            yield RunRow.from_value(value, self.rows)

    def to_value(self) -> dict[str, Value]:
        """The record's fields."""
        return {**self.claim(), "signature": self.signature}

    def claim(self) -> dict[str, Value]:
        """What the coordinator signs."""
        return {
            "job": self.job,
            "planner": self.planner,
            "inputs": dict(self.inputs),
            "outputs": dict(self.outputs),
            "rows": self.rows,
            "count": self.count,
            "coordinator": self.coordinator,
        }

    @classmethod
    def from_fields(cls, f: Fields) -> Self:
        """The record of these fields."""
        run = cls(
            f.link("job"),
            f.count("planner"),
            f.links("inputs"),
            f.links("outputs"),
            f.link("rows"),
            f.count("count"),
            f.text("coordinator"),
            f.blob("signature", 64),
        )
        if run.count > MAX_TASKS:
            raise f.bad(f"states {run.count} tasks; the limit is {MAX_TASKS}")
        return run
