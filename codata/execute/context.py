"""What an operation sees while it runs: its inputs' bytes, proven, and a place for what it makes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

from cid_store import Store
from cid_store.cid import CID, DAG_CBOR
from cid_store.codecs import dag_cbor
from cid_store.unixfs import FileReader
from codata.plan.seal import candidates_value
from codata.records import pages
from codata.records.fields import Value
from codata.records.receipt import Output
from codata.table import (
    Canonical,
    cutter,
    decode_batch,
    decode_table,
    encode_batches,
    encode_table,
    logical_hash,
)


class StoreContext:
    """The `codata.ops.Context` of one task, over a store. Counts the bytes that it reads and writes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.bytes_in = 0
        self.bytes_out = 0

    def table(self, cid: CID) -> pa.Table:
        """A part as a canonical table, memory-mapped where the store can."""
        return decode_table(self._view(cid), check=False)

    def batch(self, cid: CID, index: int) -> pa.RecordBatch:
        """One batch of a partition file."""
        return decode_batch(self._view(cid), index)

    def _view(self, cid: CID) -> memoryview:
        view = self._store.open_file(cid).view()
        self.bytes_in += len(view)
        return view

    def node(self, cid: CID) -> Value:
        """A DAG-CBOR value."""
        data = self._store.get(cid)
        self.bytes_in += len(data)
        value: Value = dag_cbor.decode(data)
        return value

    def file(self, cid: CID) -> FileReader:
        """A file's bytes by random access."""
        reader = self._store.open_file(cid)
        self.bytes_in += reader.size
        return reader

    def items(self, cid: CID) -> Iterator[Value]:
        """The items of a long list."""
        return pages.items(self._store, cid)

    def put_table(self, table: pa.Table) -> Output:
        """Keep a table as a part, with its logical hash and candidate cuts."""
        rows = Canonical.of(table)
        found = cutter.candidates(rows)
        cuts = self.put_node(candidates_value(found)).cid
        data = memoryview(encode_table(rows))
        self.bytes_out += len(data)
        return Output(self._store.put_file(data), logical_hash(rows), rows.num_rows, found.total_bytes, cuts)

    def put_batches(self, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Output:
        """Keep a partition file: one record batch per partition, in order."""
        data = memoryview(encode_batches(schema, batches))
        self.bytes_out += len(data)
        return Output(self._store.put_file(data))

    def put_node(self, value: Value) -> Output:
        """Keep a DAG-CBOR value."""
        data = dag_cbor.encode(value)
        self.bytes_out += len(data)
        return Output(self._store.put(data, DAG_CBOR))

    def put_list(self, items: Iterable[Value]) -> Output:
        """Keep a long list as pages."""
        return Output(pages.put(self._store, items))
