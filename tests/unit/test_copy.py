from __future__ import annotations

import pytest

from cid_store.cid import CID, RAW
from cid_store.copy import CopyReport, copy
from cid_store.errors import BlockNotFound, CorruptBlock
from cid_store.stores.memory import MemoryStore
from cid_store.testing import numbered


def test_only_what_is_missing_is_sent() -> None:
    source, dest = MemoryStore(), MemoryStore()
    blocks = numbered(3000)
    source.put_many(blocks)
    dest.put_many(blocks[:1500])
    told: list[CopyReport] = []
    report = copy(source, dest, (b.cid for b in blocks), told.append)
    assert report == CopyReport(1500, sum(len(b.data) for b in blocks[1500:]), 1500)
    assert told[-1] == report
    assert [t.blocks + t.skipped for t in told] == [1024, 2048, 3000]
    assert all(dest.has_many([b.cid for b in blocks]))
    assert copy(source, dest, [b.cid for b in blocks]) == CopyReport(0, 0, 3000)


def test_a_missing_block_is_named_and_what_came_before_is_kept() -> None:
    source, dest = MemoryStore(), MemoryStore()
    blocks = numbered(2000)
    source.put_many(blocks)
    absent = CID.make(RAW, b"absent")
    with pytest.raises(BlockNotFound) as caught:
        copy(source, dest, [*(b.cid for b in blocks), absent])
    assert caught.value.cid == absent
    assert dest.has(blocks[0].cid)


def test_wrong_bytes_are_not_sent() -> None:
    source, dest = MemoryStore(), MemoryStore()
    cid = source.put(b"right")
    source._blocks[cid.multihash] = cid, b"wrong"
    with pytest.raises(CorruptBlock):
        copy(source, dest, [cid])
    assert not dest.has(cid)
