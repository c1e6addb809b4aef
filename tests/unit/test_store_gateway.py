from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace

import pytest

from cid_store.block import Block
from cid_store.cid import CID, DAG_CBOR, RAW
from cid_store.codecs import dag_cbor
from cid_store.errors import BlockNotFound, CidStoreError, CorruptBlock, LimitExceeded, StoreError, UsageError
from cid_store.store import MAX_BLOCK, Store
from cid_store.stores import open_store
from cid_store.stores.gateway import GatewayStore, ReadOnlyStore, fetch_dag
from cid_store.stores.gateway.client import Limits, Unreachable
from cid_store.stores.gateway.origin import Origin, parse_origins
from cid_store.stores.memory import MemoryStore
from cid_store.testing import StoreContract, sample
from cid_store.walk import walk
from tests.gateway_server import Answer, TestGateway, Twist, car_of, gateway_server
from tests.stores import spoil

QUICK = Limits(connect=5, read=0.5, rounds=3, pause=0.01)
MIB = 1024 * 1024


class WrittenBehind(GatewayStore):
    """A gateway's owner: reads go over HTTP, writes to what is behind it."""

    def __init__(self, gateway: TestGateway) -> None:
        super().__init__(gateway.url, limits=QUICK)
        self.behind = gateway.store

    def _write(self, blocks: Sequence[Block]) -> None:
        self.behind._write(blocks)

    def _delete(self, cids: Sequence[CID]) -> None:
        self.behind._delete(cids)

    def _cids(self) -> Iterator[CID]:
        return self.behind._cids()


class TestGatewayStore(StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[Store]:
        with gateway_server(MemoryStore()) as gateway, WrittenBehind(gateway) as store:
            yield store

    def corrupt(self, store: Store, cid: CID) -> None:
        assert isinstance(store, WrittenBehind)
        assert isinstance(store.behind, MemoryStore)
        spoil(store.behind, cid)


@pytest.fixture
def memory() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def two(memory: MemoryStore) -> Iterator[tuple[TestGateway, TestGateway, GatewayStore]]:
    """Two gateways over one store, and a client of both that asks the first first."""
    with ExitStack() as stack:
        one = stack.enter_context(gateway_server(memory))
        other = stack.enter_context(gateway_server(memory))
        yield one, other, stack.enter_context(GatewayStore(one.url, other.url, limits=QUICK))


def wrong(path: str, answer: Answer) -> Answer:
    return replace(answer, body=b"wrong" + answer.body)


FAILURES: dict[str, Twist] = {
    "lies": wrong,
    "is absent": lambda path, answer: Answer(404),
    "fails": lambda path, answer: Answer(500),
    "is busy": lambda path, answer: Answer(429, headers=(("Retry-After", "3600"),)),
    "is busy until a date": lambda path, answer: Answer(
        503, headers=(("Retry-After", "Wed, 21 Oct 2099 07:28:00 GMT"),)
    ),
    "stalls": lambda path, answer: replace(answer, stall=True),
    "cuts": lambda path, answer: replace(answer, cut=3),
    "cuts without a length": lambda path, answer: replace(answer, cut=3, lengthless=True),
    "compresses": lambda path, answer: replace(answer, headers=(("Content-Encoding", "gzip"),)),
    "sends without end": lambda path, answer: Answer(body=bytes(MAX_BLOCK + 1), lengthless=True),
    "redirects elsewhere": lambda path, answer: Answer(302, headers=(("Location", "http://192.0.2.1/"),)),
    "redirects in a circle": lambda path, answer: Answer(302, headers=(("Location", path),)),
    "redirects nowhere": lambda path, answer: Answer(302, headers=(("Location", "http://[bad/"),)),
}


@pytest.mark.parametrize("failure", sorted(FAILURES))
def test_another_gateway_helps_out(
    failure: str, memory: MemoryStore, two: tuple[TestGateway, TestGateway, GatewayStore]
) -> None:
    one, other, store = two
    cid = memory.put(sample(1000))
    one.twist = FAILURES[failure]
    assert bytes(store.get(cid)) == sample(1000)
    assert len(other.seen) == 1


@pytest.mark.parametrize("failure", sorted(set(FAILURES) - {"is busy", "is busy until a date"}))
def test_a_failure_of_all_is_named(
    failure: str, memory: MemoryStore, two: tuple[TestGateway, TestGateway, GatewayStore]
) -> None:
    one, other, store = two
    cid = memory.put(sample(1000))
    one.twist = other.twist = FAILURES[failure]
    kind = {
        "lies": CorruptBlock,
        "cuts without a length": CorruptBlock,
        "is absent": BlockNotFound,
        "sends without end": LimitExceeded,
    }.get(failure, Unreachable)
    with pytest.raises(kind) as caught:
        store.get(cid)
    assert caught.value.cid == cid


def test_a_liar_is_remembered(
    memory: MemoryStore, two: tuple[TestGateway, TestGateway, GatewayStore]
) -> None:
    one, other, store = two
    blocks = [memory.put(b"%d" % i) for i in range(3)]
    one.twist = wrong
    for cid in blocks:
        store.get(cid)
    assert len(one.seen) == 1
    assert [s.lies for s in store.client.standings()] == [0, 1]
    other.twist = FAILURES["fails"]
    one.twist = lambda path, answer: answer
    assert bytes(store.get(blocks[0])) == b"0"  # asked last, and still asked


def test_a_busy_gateway_is_asked_again_when_it_said(memory: MemoryStore) -> None:
    cid = memory.put(b"later")
    with gateway_server(memory) as gateway, GatewayStore(gateway.url, limits=QUICK) as store:
        gateway.twist = lambda path, answer: (
            Answer(429, headers=(("Retry-After", "1"),)) if len(gateway.seen) == 1 else answer
        )
        assert bytes(store.get(cid)) == b"later"
        assert len(gateway.seen) == 2


def test_redirects_among_the_gateways_are_followed(
    memory: MemoryStore, two: tuple[TestGateway, TestGateway, GatewayStore]
) -> None:
    one, other, store = two
    cid = memory.put(b"there")
    target = f"{other.url}ipfs/{cid}?format=raw"
    one.twist = lambda path, answer: Answer(307, headers=(("Location", target),))
    assert bytes(store.get(cid)) == b"there"
    assert (len(one.seen), len(other.seen)) == (1, 1)


def test_many_blocks_are_fetched_ahead(memory: MemoryStore) -> None:
    cids = [memory.put(b"%d" % i) for i in range(200)]
    with gateway_server(memory) as gateway, GatewayStore(gateway.url, limits=QUICK) as store:
        blocks = store.get_many(iter(cids))
        assert next(blocks).cid == cids[0]
        blocks.close()
        assert 1 <= len(gateway.seen) <= 64
        assert [bytes(b.data) for b in store.get_many(cids)] == [b"%d" % i for i in range(200)]


def test_it_is_read_only(memory: MemoryStore) -> None:
    with gateway_server(memory) as gateway, GatewayStore(gateway.url, limits=QUICK) as store:
        for attempt in (lambda: store.put(b"x"), lambda: store.delete([CID.make(RAW, b"x")])):
            with pytest.raises(ReadOnlyStore) as caught:
                attempt()
            assert caught.value.next_step
        with pytest.raises(UsageError):
            list(store.cids())


@pytest.mark.parametrize(
    "url",
    [
        "http://gateway.example/",
        "https://user:secret@gateway.example/",
        "https://gateway.example/?token=secret",
        "https://gateway.example:port/",
        "https:///nowhere",
        "ftp://gateway.example/",
        "https://gateway.example/,",
        ",".join(f"https://g{i}.example/" for i in range(17)),
    ],
)
def test_urls_that_are_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_origins(url)
    assert caught.value.next_step
    assert "user:secret" not in caught.value.message


def test_urls() -> None:
    assert parse_origins("https://a.example/, https://b.example:8443/sub ,https://a.example") == (
        Origin("https", "a.example", 443),
        Origin("https", "b.example", 8443, "/sub/"),
    )
    assert parse_origins("http://gateway.example?plain_http=yes,http://[::1]:8080") == (
        Origin("http", "gateway.example", 80),
        Origin("http", "::1", 8080),
    )
    with open_store("https://a.example/,https://b.example/") as store:
        assert str(store) == "https://a.example/, https://b.example/"


@pytest.mark.parametrize(
    "url",
    ["http://gateway.example:81/a/?plain_http=yes", "http://127.0.0.1:8080/", "https://gateway.example/"],
)
def test_an_origin_is_written_as_it_is_read(url: str) -> None:
    assert Origin.parse(url).url == url


# -- whole DAGs --


@pytest.fixture
def dag(memory: MemoryStore) -> CID:
    """Two files below a node, one of them twice, and a block that is linked to as leaf and as node."""
    left, right = memory.put_file(sample(5 * MIB, "left")), memory.put_file(sample(3 * MIB, "right"))
    inner = memory.put(dag_cbor.encode({"to": memory.put(b"below")}), DAG_CBOR)
    value = {
        "left": left,
        "right": right,
        "again": left,
        "leaf": CID.make(RAW, memory.get(inner)),
        "node": inner,
    }
    return memory.put(dag_cbor.encode(value), DAG_CBOR)


def blocks_of(store: Store, root: CID) -> list[CID]:
    return [block.cid for block in walk(store, [root])]


def test_a_dag_comes_in_one_stream(memory: MemoryStore, dag: CID) -> None:
    target = MemoryStore()
    with gateway_server(memory) as gateway, GatewayStore(gateway.url, limits=QUICK) as store:
        report = fetch_dag(target, store, dag)
        assert report.streams == len(gateway.seen) == 1
        assert blocks_of(target, dag) == blocks_of(memory, dag)
        assert report.blocks == len(blocks_of(memory, dag))
        again = fetch_dag(target, store, dag)
        assert (again.blocks, again.streams, len(gateway.seen)) == (0, 0, 1)


def test_a_broken_stream_is_resumed_with_what_is_missing(memory: MemoryStore, dag: CID) -> None:
    target = MemoryStore()
    sent: list[int] = []

    def cut_the_first(path: str, answer: Answer) -> Answer:
        sent.append(len(answer.body))
        return replace(answer, cut=4 * MIB) if len(sent) == 1 else answer

    with gateway_server(memory) as gateway, GatewayStore(gateway.url, limits=QUICK) as store:
        gateway.twist = cut_the_first
        fetch_dag(target, store, dag)
        assert blocks_of(target, dag) == blocks_of(memory, dag)
        assert sum(sent[1:]) < 6 * MIB  # 8 MiB in all, of which 3 whole blocks came before the cut
        assert [s.lies for s in store.client.standings()] == [0]


def test_a_fetch_that_failed_goes_on(memory: MemoryStore, dag: CID) -> None:
    target = MemoryStore()
    with gateway_server(memory) as gateway, GatewayStore(gateway.url, limits=QUICK) as store:
        gateway.twist = lambda path, answer: (
            replace(answer, cut=4 * MIB) if len(gateway.seen) == 1 else Answer(500)
        )
        with pytest.raises(StoreError):
            fetch_dag(target, store, dag)
        came = len(list(target.cids()))
        assert came >= 3
        gateway.twist = lambda path, answer: answer
        assert fetch_dag(target, store, dag).blocks == len(blocks_of(memory, dag)) - came
        assert blocks_of(target, dag) == blocks_of(memory, dag)


@pytest.mark.parametrize("error", [StoreError("the disk is full"), CorruptBlock("a block is broken")])
def test_what_fails_where_blocks_are_kept_is_no_fault_of_a_gateway(
    memory: MemoryStore, dag: CID, monkeypatch: pytest.MonkeyPatch, error: CidStoreError
) -> None:
    class Full(MemoryStore):
        def _write(self, blocks: Sequence[Block]) -> None:
            raise error

    monkeypatch.setattr("cid_store.stores.gateway.dag.BATCH_BLOCKS", 2)
    with gateway_server(memory) as gateway, GatewayStore(gateway.url, limits=QUICK) as store:
        with pytest.raises(type(error), match=error.message):
            fetch_dag(Full(), store, dag)
        assert [standing.lies for standing in store.client.standings()] == [0]
        told: list[int] = []
        report = fetch_dag(MemoryStore(), store, dag, progress=told.append)
        assert (len(told), sum(told)) == (report.blocks, report.bytes)


@pytest.mark.parametrize("failure", sorted(FAILURES))
def test_another_gateway_sends_the_dag(
    failure: str, memory: MemoryStore, dag: CID, two: tuple[TestGateway, TestGateway, GatewayStore]
) -> None:
    one, _, store = two
    one.twist = FAILURES[failure]
    target = MemoryStore()
    fetch_dag(target, store, dag)
    assert blocks_of(target, dag) == blocks_of(memory, dag)


def test_what_nobody_asked_for_is_not_kept(memory: MemoryStore, dag: CID) -> None:
    other = MemoryStore()
    other.put_many([Block.of(b"unasked %d" % i) for i in range(3000)])
    junk = other.put(dag_cbor.encode(list(other.cids())), DAG_CBOR)
    target = MemoryStore()
    with gateway_server(memory) as gateway, GatewayStore(gateway.url, limits=QUICK) as store:
        gateway.twist = lambda path, answer: (
            replace(answer, body=car_of(other, junk)) if "format=car" in path else answer
        )
        fetch_dag(target, store, dag)
    assert blocks_of(target, dag) == blocks_of(memory, dag)
    assert not target.has(junk)


def test_a_limit_on_bytes(memory: MemoryStore, dag: CID) -> None:
    target = MemoryStore()
    with gateway_server(memory) as gateway, GatewayStore(gateway.url, limits=QUICK) as store:
        with pytest.raises(LimitExceeded):
            fetch_dag(target, store, dag, limit_bytes=2 * MIB)
        assert sum(len(target.get(cid)) for cid in target.cids()) <= 2 * MIB


def test_a_block_that_no_gateway_has_is_named(memory: MemoryStore, dag: CID) -> None:
    absent = CID.make(RAW, sample(5 * MIB, "left")[MIB : 2 * MIB])
    memory.delete([absent])
    with gateway_server(memory) as gateway, GatewayStore(gateway.url, limits=QUICK) as store:
        gateway.twist = lambda path, answer: answer if "format=raw" in path else Answer(404)
        with pytest.raises(BlockNotFound) as caught:
            fetch_dag(MemoryStore(), store, dag)
        assert caught.value.cid == absent
