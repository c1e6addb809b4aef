"""Receipt: an executor's claim that a task gave these outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from cid_store.cid import CID
from codata.records.base import Record
from codata.records.fields import Fields, Value


@dataclass(frozen=True, slots=True)
class Output:
    """One output: `hash` is the logical hash of a table, None for a node; `cuts` links a table's candidate
    cuts.

    `rows` and `size` (logical bytes, as the cutter counts) let a plan go on without reading the output.
    """

    cid: CID
    hash: bytes | None = None
    rows: int = 0
    size: int = 0
    cuts: CID | None = None

    def to_value(self) -> dict[str, Value]:
        """The output's fields; what it does not have is left out."""
        value: dict[str, Value] = {"cid": self.cid}
        if self.hash is not None:
            value |= {"hash": self.hash, "rows": self.rows, "bytes": self.size}
        if self.cuts is not None:
            value["cuts"] = self.cuts
        return value

    @classmethod
    def from_fields(cls, f: Fields) -> Output:
        """The output of these fields."""
        cid = f.link("cid")
        table = f.has("hash")
        output = cls(
            cid,
            f.blob("hash", 32) if table else None,
            f.count("rows") if table else 0,
            f.count("bytes") if table else 0,
            f.link("cuts") if f.has("cuts") else None,
        )
        f.done()
        return output


@dataclass(frozen=True, slots=True)
class Cost:
    """What a task took: microseconds of CPU and of wall time, bytes read and written."""

    cpu_us: int
    wall_us: int
    bytes_in: int
    bytes_out: int


@dataclass(frozen=True)
class Receipt(Record):
    """`executor` is a DID; the receipt is bound to it by the seal of its batch."""

    kind: ClassVar[str] = "receipt/1"

    task: CID
    out: Mapping[str, Output]
    environment: CID
    executor: str
    cost: Cost

    def to_value(self) -> dict[str, Value]:
        """The record's fields."""
        c = self.cost
        return {
            "task": self.task,
            "out": {name: output.to_value() for name, output in self.out.items()},
            "environment": self.environment,
            "executor": self.executor,
            "cost": {
                "cpu_us": c.cpu_us,
                "wall_us": c.wall_us,
                "bytes_in": c.bytes_in,
                "bytes_out": c.bytes_out,
            },
        }

    @classmethod
    def from_fields(cls, f: Fields) -> Self:
        """The record of these fields."""
        out = {
            name: Output.from_fields(Fields(value, cls.kind, tag=False, cid=f.cid))
            for name, value in f.map("out").items()
        }
        c = Fields(f.map("cost"), cls.kind, tag=False, cid=f.cid)
        cost = Cost(c.count("cpu_us"), c.count("wall_us"), c.count("bytes_in"), c.count("bytes_out"))
        c.done()
        return cls(f.link("task"), out, f.link("environment"), f.text("executor"), cost)
