from __future__ import annotations

import io

import pytest

from cid_store.block import Block
from cid_store.car import export_car, import_car, open_car, verify_car, write_car
from cid_store.cid import DAG_CBOR
from cid_store.codecs import dag_cbor
from cid_store.errors import BlockNotFound, CorruptBlock
from cid_store.stores.memory import MemoryStore


def test_out_and_in_again() -> None:
    here, there = MemoryStore(), MemoryStore()
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
    assert report.bytes == sum(len(there.get(cid)) for cid in there.cids())
    assert set(there.cids()) < set(here.cids())


def test_an_incomplete_dag_is_not_exported_silently() -> None:
    store = MemoryStore()
    gone = Block.of(b"gone").cid
    root = store.put(dag_cbor.encode([gone]), DAG_CBOR)
    with pytest.raises(BlockNotFound, match=f"linked from {root}"):
        export_car(store, [root], io.BytesIO())


def test_nothing_unproven_is_kept() -> None:
    good, wrong = Block.of(b"good"), Block(Block.of(b"wrong").cid, b"other")
    file = io.BytesIO()
    write_car(file, [good.cid], [good, wrong])
    file.seek(0)
    store = MemoryStore()
    with pytest.raises(CorruptBlock, match=wrong.cid):
        import_car(store, file)
    assert not store.has(wrong.cid)
