"""What every record shares: one kind tag, canonical bytes, a size limit."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Self

from cid_store import Store
from cid_store.cid import CID, DAG_CBOR
from cid_store.codecs import dag_cbor
from codata.errors import BadRecord
from codata.records.fields import Fields, Value

MAX_RECORD = 1024 * 1024
"""Bytes. Long lists are pages, so that a reader never takes more than this for one record."""


class Record:
    """A record: `to_value` and `from_fields` are each other's inverse, and the encoding is its identity."""

    kind: ClassVar[str]
    """`name/version`, in the record's field `codata`."""

    @abstractmethod
    def to_value(self) -> dict[str, Value]:
        """The record's fields."""

    @classmethod
    @abstractmethod
    def from_fields(cls, f: Fields) -> Self:
        """The record of these fields; raises `BadRecord`."""

    def encode(self) -> bytes:
        """Canonical bytes; raises `BadRecord` over the size limit."""
        data = dag_cbor.encode({"codata": self.kind, **self.to_value()})
        if len(data) > MAX_RECORD:
            raise BadRecord(f"a {self.kind} record of {len(data)} bytes is over the limit of {MAX_RECORD}")
        return data

    def save(self, store: Store) -> CID:
        """Keep the record; returns its CID."""
        return store.put(self.encode(), DAG_CBOR)

    @classmethod
    def load(cls, store: Store, cid: CID) -> Self:
        """The record of this CID; raises `BlockNotFound`, `BadRecord`."""
        return cls.decode(store.get(cid), cid)

    @classmethod
    def decode(cls, data: bytes | memoryview, cid: CID | None = None) -> Self:
        """The record of these bytes; raises `BadRecord`."""
        if len(data) > MAX_RECORD:
            raise BadRecord(f"a record of {len(data)} bytes is over the limit of {MAX_RECORD}", cid=cid)
        f = Fields(dag_cbor.decode(data), cls.kind, cid=cid)
        record = cls.from_fields(f)
        f.done()
        return record


def kind_of(store: Store, cid: CID) -> str | None:
    """The kind a block states (`manifest/1`, `run/1`…), or None where it is no record."""
    if cid.codec != DAG_CBOR:
        return None
    value = dag_cbor.decode(store.get(cid))
    kind = value.get("codata") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else None
