from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import pytest

from cid_store.block import Block
from cid_store.car import export_car, import_car, open_car, verify_car, write_car
from cid_store.cid import CID, DAG_CBOR
from cid_store.codecs import dag_cbor
from cid_store.errors import BlockNotFound, CorruptBlock
from cid_store.store import Store


class DictStore(Store):
    """The least that is a store."""

    def __init__(self) -> None:
        self.held: dict[bytes, bytes] = {}

    def _read(self, cid: CID) -> bytes:
        try:
            return self.held[cid.multihash]
        except KeyError:
            raise self._missing(cid) from None

    def _write(self, blocks: Sequence[Block]) -> None:
        self.held.update((b.cid.multihash, bytes(b.data)) for b in blocks)

    def _has(self, cids: Sequence[CID]) -> list[bool]:
        return [cid.multihash in self.held for cid in cids]

    def _delete(self, cids: Sequence[CID]) -> None:
        raise NotImplementedError

    def _cids(self) -> Iterator[CID]:
        raise NotImplementedError


def test_out_and_in_again() -> None:
    here, there = DictStore(), DictStore()
    leaf = here.put(b"leaf")
    inner = here.put(dag_cbor.encode([leaf, leaf]), DAG_CBOR)
    root = here.put(dag_cbor.encode({"a": inner, "b": leaf}), DAG_CBOR)
    here.put(b"not linked")
    file = io.BytesIO()
    summary = export_car(here, [root], file)
    assert (summary.blocks, summary.bytes) == (3, len(file.getvalue()))
    file.seek(0)
    with open_car(file) as car:
        assert [block.cid for block in car.blocks()] == [root, inner, leaf]
    file.seek(0)
    assert verify_car(file).complete
    file.seek(0)
    report = import_car(there, file)
    assert (report.roots, report.blocks) == ((root,), 3)
    assert report.bytes == sum(len(data) for data in there.held.values())
    assert there.held.items() <= here.held.items()


def test_an_incomplete_dag_is_not_exported_silently() -> None:
    store = DictStore()
    gone = Block.of(b"gone").cid
    root = store.put(dag_cbor.encode([gone]), DAG_CBOR)
    with pytest.raises(BlockNotFound, match=f"linked from {root}"):
        export_car(store, [root], io.BytesIO())


def test_nothing_unproven_is_kept() -> None:
    good, wrong = Block.of(b"good"), Block(Block.of(b"wrong").cid, b"other")
    file = io.BytesIO()
    write_car(file, [good.cid], [good, wrong])
    file.seek(0)
    store = DictStore()
    with pytest.raises(CorruptBlock, match=wrong.cid):
        import_car(store, file)
    assert wrong.cid.multihash not in store.held
