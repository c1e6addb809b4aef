"""Receipts that providers give are taken only as far as they are proven."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cid_store.block import Block
from cid_store.cid import CID
from cid_store.errors import CorruptBlock, StoreError
from cid_store.stores.memory import MemoryStore
from codata import seals
from codata.execute.context import StoreContext
from codata.execute.perform import environment
from codata.home import Home
from codata.identity import Identity
from codata.records.receipt import Cost, Output, Receipt
from codata.records.run import RunRow
from codata.remote.client import Client
from codata.remote.errors import OwnStoreFailed, ProviderLied, ProviderUnreachable
from codata.remote.proof import Taker
from tests.asking import somebody
from tests.gateway_server import Answer, TestGateway, gateway_server
from tests.stores import spoil

TASK = CID.make(0x71, b"a task")


@dataclass
class Giver:
    """A provider's home behind a gateway, and a client of it."""

    home: Home
    gateway: TestGateway
    taker: Taker
    mine: MemoryStore

    def row(self, change: Callable[[Receipt], Receipt] = lambda receipt: receipt) -> RunRow:
        """A sealed receipt of a list and a node, changed before it is sealed."""
        context = StoreContext(self.home.store)
        out = {"list": context.put_list(range(3000)), "node": context.put_node({"a": 1})}
        env = environment().save(self.home.store)
        receipt = change(Receipt(TASK, out, env, self.home.identity.did, Cost(1, 1, 1, 1)))
        cid = receipt.save(self.home.store)
        seals.make(self.home, [cid])
        sealed = self.home.ledger.sealed(cid)
        assert sealed is not None
        return RunRow(receipt.task, cid, sealed.seal, sealed.index, sealed.proof)


@pytest.fixture
def giver(tmp_path: Path) -> Iterator[Giver]:
    me: Identity = somebody(1)
    with Home(tmp_path) as home, gateway_server(home.store) as gateway, MemoryStore() as mine:
        client = Client(gateway.url, me, silence=5)
        yield Giver(home, gateway, Taker(client, home.identity.did, mine), mine)
        client.close()


def test_a_receipt_comes_with_all_that_plans_and_verifiers_read(giver: Giver) -> None:
    row = giver.row()
    receipt = giver.taker.take(row)
    assert receipt.task == TASK
    held = giver.mine.has_many([row.receipt, row.seal, receipt.environment])
    assert all(held)
    assert len(list(StoreContext(giver.mine).items(receipt.out["list"].cid))) == 3000
    asked = len(giver.gateway.seen)
    giver.taker.take(row)
    assert len(giver.gateway.seen) == asked  # what is here is not asked for again


def _wrong_row(row: RunRow, **fields: Any) -> RunRow:
    return replace(row, **fields)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda row: _wrong_row(row, task=CID.make(0x71, b"another")), "is for task"),
        (lambda row: _wrong_row(row, index=row.index + 1), "is not in the seal"),
        (lambda row: _wrong_row(row, proof=(bytes(32),)), "is not in the seal"),
        (lambda row: _wrong_row(row, seal=row.receipt), "seal/1"),
    ],
)
def test_a_row_that_does_not_hold_is_a_lie(
    giver: Giver, wrong: Callable[[RunRow], RunRow], says: str
) -> None:
    with pytest.raises(ProviderLied, match=says):
        giver.taker.take(wrong(giver.row()))


def test_a_receipt_of_somebody_else_is_a_lie(giver: Giver) -> None:
    row = giver.row(lambda receipt: replace(receipt, executor=somebody(2).did))
    with pytest.raises(ProviderLied, match="another executor"):
        giver.taker.take(row)


def test_a_receipt_of_too_many_outputs_is_a_lie(giver: Giver) -> None:
    many = {f"out{i}": Output(TASK) for i in range(65)}
    with pytest.raises(ProviderLied, match="65 outputs"):
        giver.taker.take(giver.row(lambda receipt: replace(receipt, out=many)))


def test_wrong_bytes_are_a_lie_and_no_bytes_are_not(giver: Giver) -> None:
    row = giver.row()
    giver.gateway.twist = lambda path, answer: Answer(body=b"wrong")
    with pytest.raises(ProviderLied, match="wrong bytes"):
        giver.taker.take(row)
    giver.gateway.twist = lambda path, answer: Answer(500)
    with pytest.raises(ProviderUnreachable):
        giver.taker.take(row)


class _Failing(MemoryStore):
    """A home's store of which something fails."""

    def __init__(self, error: Exception, reads: bool) -> None:
        super().__init__()
        self.error, self.reads = error, reads

    def _read(self, cid: CID) -> bytes:
        if self.reads:
            raise self.error
        return super()._read(cid)

    def _write(self, blocks: Sequence[Block]) -> None:
        if not self.reads:
            raise self.error
        super()._write(blocks)


@pytest.mark.parametrize("reads", [True, False])
@pytest.mark.parametrize(
    "error",
    [StoreError("full"), CorruptBlock("broken"), OSError(28, "full"), sqlite3.OperationalError("lost")],
)
def test_what_fails_at_home_is_no_fault_of_a_provider(giver: Giver, error: Exception, reads: bool) -> None:
    taker = Taker(giver.taker._client, giver.home.identity.did, _Failing(error, reads))
    with pytest.raises(OwnStoreFailed, match="this home's own store failed"):
        taker.take(giver.row())


def test_a_block_that_is_broken_at_home_is_no_lie(giver: Giver) -> None:
    row = giver.row()
    receipt = giver.taker.take(row)
    for cid in (receipt.out["list"].cid, row.receipt):
        spoil(giver.mine, cid)
        with pytest.raises(OwnStoreFailed) as found:
            giver.taker.take(row)
        assert found.value.cid == cid
