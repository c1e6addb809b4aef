"""A dataset as a reader sees it: schema, shards, rows; every byte proven."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import pyarrow as pa

from cid_store import Store
from cid_store.cid import CID
from codata.errors import FalseClaim
from codata.records.manifest import Manifest, ShardRef
from codata.table import decode_table
from codata.table.types import schema_from_value


class Dataset:
    """The dataset of a manifest. Opening reads the manifest alone."""

    def __init__(self, store: Store, cid: CID) -> None:
        self.store = store
        self.cid = cid
        self.manifest = Manifest.load(store, cid)

    @cached_property
    def schema(self) -> pa.Schema:
        """The canonical schema."""
        return schema_from_value(self.manifest.schema)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.manifest.rows

    @cached_property
    def shards(self) -> tuple[ShardRef, ...]:
        """The shards in order."""
        return tuple(self.manifest.refs(self.store))

    def shard_table(self, index: int) -> pa.Table:
        """The rows of one shard, memory-mapped where the store can. Raises `FalseClaim` where they are not as
        stated."""
        return shard_table(self.store, self.shards[index], self.schema)

    def tables(self) -> Iterator[pa.Table]:
        """Shard by shard."""
        for shard in self.manifest.refs(self.store):
            yield shard_table(self.store, shard, self.schema)

    def head(self, rows: int) -> pa.Table:
        """The first rows; reads only the shards that hold them."""
        taken: list[pa.Table] = []
        left = rows
        for shard in self.manifest.refs(self.store):
            if left <= 0:
                break
            table = shard_table(self.store, shard, self.schema).slice(0, left)
            taken.append(table)
            left -= table.num_rows
        return pa.concat_tables(taken) if taken else self.schema.empty_table()


def shard_table(store: Store, shard: ShardRef, schema: pa.Schema) -> pa.Table:
    """A shard's rows, held against what its manifest states."""
    table = decode_table(store.open_file(shard.cid).view(), check=False)
    if table.num_rows != shard.rows or table.schema != schema:
        raise FalseClaim(
            f"shard {shard.cid} has {table.num_rows} rows of {table.schema.names}; "
            f"its manifest states {shard.rows} rows",
            cid=shard.cid,
        )
    return table
