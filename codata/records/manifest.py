"""Manifest: a dataset's root. A pure function of schema and rows in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from cid_store import Store
from cid_store.cid import CID
from codata.errors import BadRecord
from codata.records import pages
from codata.records.base import Record
from codata.records.fields import Fields, Value

MAX_SHARDS: Final = 1 << 20
"""Shards of one dataset, 16 TiB at the mean size: what a plan over it holds in memory stays near a
gigabyte."""


@dataclass(frozen=True, slots=True)
class ShardRef:
    """One shard: its file, its rows, its logical bytes, its logical hash (32 bytes)."""

    cid: CID
    rows: int
    size: int
    hash: bytes

    def to_value(self) -> dict[str, Value]:
        """The entry's fields."""
        return {"cid": self.cid, "rows": self.rows, "bytes": self.size, "hash": self.hash}

    @classmethod
    def from_value(cls, value: Value, cid: CID | None = None) -> ShardRef:
        """The entry of this value."""
        f = Fields(value, "manifest/1 shard", tag=False, cid=cid)
        shard = cls(f.link("cid"), f.count("rows"), f.count("bytes"), f.blob("hash", 32))
        f.done()
        if not shard.rows:
            raise f.bad("names an empty shard")
        return shard


@dataclass(frozen=True)
class Manifest(Record):
    """`schema` is the value of `codata.table.types.schema_to_value`; `shards` the root of the shard list."""

    kind: ClassVar[str] = "manifest/1"

    schema: Value
    rows: int
    size: int
    count: int
    shards: CID

    @classmethod
    def make(cls, store: Store, schema: Value, shards: Iterable[ShardRef]) -> Manifest:
        """The manifest of these shards, whose list is kept in `store`."""
        rows = size = count = 0

        def entries() -> Iterator[Value]:
            nonlocal rows, size, count
            for shard in shards:
                rows, size, count = rows + shard.rows, size + shard.size, count + 1
                yield shard.to_value()

        root = pages.put(store, entries())
        return cls(schema, rows, size, count, root)

    def refs(self, store: Store) -> Iterator[ShardRef]:
        """The shards in order; raises `BadRecord` where they do not add up to what the manifest states."""
        if pages.count(store, self.shards) != self.count:
            raise BadRecord(
                f"the manifest states {self.count} shards and lists another number", cid=self.shards
            )
        rows = size = count = 0
        for value in pages.items(store, self.shards):
            shard = ShardRef.from_value(value, self.shards)
            rows, size, count = rows + shard.rows, size + shard.size, count + 1
            yield shard
        if (rows, size, count) != (self.rows, self.size, self.count):
            raise BadRecord("the shards do not add up to what their manifest states", cid=self.shards)

    def to_value(self) -> dict[str, Value]:
        """The record's fields."""
        return {
            "schema": self.schema,
            "rows": self.rows,
            "bytes": self.size,
            "count": self.count,
            "shards": self.shards,
        }

    @classmethod
    def from_fields(cls, f: Fields) -> Self:
        """The record of these fields."""
        record = cls(f.items("schema"), f.count("rows"), f.count("bytes"), f.count("count"), f.link("shards"))
        if record.count > MAX_SHARDS:
            raise f.bad(f"states {record.count} shards; the limit is {MAX_SHARDS}")
        return record
