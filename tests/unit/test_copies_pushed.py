"""Copies that are pushed to a provider: who may have them, how much, what is kept, and what is let go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cid_store.block import Block
from cid_store.cid import CID, DAG_CBOR, RAW
from cid_store.codecs import dag_cbor
from codata.collect import collect
from codata.home import Home
from codata.identity import Identity
from codata.kept import ROW
from codata.provider.settings import Settings
from codata.provider.work import below
from codata.provider.work.custody import Custody
from codata.provider.work.policy import Policy
from tests.asking import CAR_TYPE, Asker, car_of, providing, somebody
from tests.unit.gateway_serving import Running

FRIEND, OTHER, STRANGER, GUEST = (somebody(n) for n in range(1, 5))
LEAVES = [Block.of(b"leaf %d" % i * 100, RAW) for i in range(4)]
ROOT = Block.of(dag_cbor.encode([leaf.cid for leaf in LEAVES]), DAG_CBOR)
SIZE = sum(len(block.data) + ROW for block in (ROOT, *LEAVES))
"""What a copy of all of them counts for."""


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Running]:
    rules = [{"did": FRIEND.did, "lasting": SIZE}, {"did": OTHER.did}, {"did": "*"}]
    with providing(tmp_path, allow=rules, expires_after=1) as running:
        yield running


def _asker(provider: Running, who: Identity) -> Asker:
    return Asker(provider.url, who, provider.client)


def _keep(asker: Asker, *blocks: Block, root: str = str(ROOT.cid)) -> tuple[int, str]:
    answer = asker.send("POST", f"/blocks?keep={root}", car_of(blocks), CAR_TYPE)
    return answer.status_code, answer.json().get("error", {}).get("kind", "")


def _let_go(asker: Asker, root: str = str(ROOT.cid)) -> tuple[int, object]:
    answer = asker.send("DELETE", f"/blocks/{root}")
    return answer.status_code, answer.json().get("released", answer.json().get("error", {}).get("kind"))


def _kept(home: Home) -> set[CID]:
    return {cid for cid, _ in home.kept.roots()}


def test_a_part_of_a_copy_is_kept_until_it_is_let_go(provider: Running) -> None:
    friend, other, home = _asker(provider, FRIEND), _asker(provider, OTHER), provider.home
    half = [ROOT, *LEAVES[:2]]
    assert _keep(friend, LEAVES[0], LEAVES[1]) == (200, "")
    assert _keep(friend, ROOT) == (200, "")
    assert _keep(other, *half) == (200, "")
    home.kept.sweep(1e12)
    collect(home)
    assert all(home.store.has_many([block.cid for block in half]))
    assert _let_go(friend) == (200, True)
    assert _let_go(friend) == (200, False)
    assert _kept(home) == {block.cid for block in half}
    assert _let_go(other) == (200, True)
    assert _kept(home) == set()


def test_what_a_copy_has_counts_once_and_until_it_is_deleted(provider: Running) -> None:
    friend = _asker(provider, FRIEND)
    for _ in range(2):
        assert _keep(friend, ROOT, *LEAVES) == (200, "")
    assert friend.send("GET", "/offer").json()["lasting"] == {"bytes": SIZE, "kept": SIZE}
    extra = Block.of(b"one more", RAW)
    assert _keep(friend, extra) == (507, "OverQuota")
    assert not provider.home.store.has(extra.cid)
    assert _let_go(friend) == (200, True)
    assert _keep(friend, extra) == (507, "OverQuota")
    collect(provider.home)
    assert _keep(friend, extra) == (200, "")


def test_what_is_here_for_a_while_lasts_for_nothing_of_nobody(tmp_path: Path) -> None:
    """Bytes that came by other ways count as they are made to last; what comes later does not last."""
    rules = [{"did": FRIEND.did, "lasting": SIZE - 1}]
    with providing(tmp_path, allow=rules) as provider:
        friend, home = _asker(provider, FRIEND), provider.home
        assert friend.send("POST", "/blocks", car_of(LEAVES), CAR_TYPE).status_code == 200
        assert _keep(friend, ROOT) == (507, "OverQuota")
        assert home.kept.copies() == []
        few = Block.of(dag_cbor.encode([LEAVES[0].cid, LEAVES[1].cid]), DAG_CBOR)
        assert _keep(friend, few, root=str(few.cid)) == (200, "")
        later = Block.of(b"pushed afterwards", RAW)
        above = Block.of(dag_cbor.encode([later.cid]), DAG_CBOR)
        assert _keep(friend, above, root=str(above.cid)) == (200, "")
        assert friend.send("POST", "/blocks", car_of([later]), CAR_TYPE).status_code == 200
        home.kept.sweep(1e12)
        collect(home)
        lasting = [few, above, LEAVES[0], LEAVES[1]]
        assert _kept(home) == {block.cid for block in lasting}
        assert all(home.store.has_many([block.cid for block in lasting]))
        assert home.kept.copied(FRIEND.did) == sum(len(block.data) + ROW for block in lasting)


def test_what_a_receipt_or_a_task_names_is_not_made_to_last(provider: Running) -> None:
    home, friend = provider.home, _asker(provider, FRIEND)
    claimed = home.store.put(b"a table between two stages")
    for value in ({"codata": "receipt/1", "out": claimed}, {"cmd": "/codata/task/1", "in": claimed}):
        record = Block.of(dag_cbor.encode(value), DAG_CBOR)
        assert _keep(friend, record) == (200, "")
    assert claimed not in _kept(home)


def test_blocks_without_bytes_count_too(tmp_path: Path) -> None:
    """One block of nothing has as many names as there are codecs."""
    nothing = CID.make(RAW, b"")
    empty = [Block(CID.build(0x300000 + i, 0x12, nothing.digest), b"") for i in range(8)]
    with providing(tmp_path, allow=[{"did": FRIEND.did, "quota": 4 * ROW, "lasting": 4 * ROW}]) as provider:
        friend = _asker(provider, FRIEND)
        for path in ("/blocks", f"/blocks?keep={ROOT.cid}"):
            assert friend.send("POST", path, car_of(empty), CAR_TYPE).status_code == 507
            assert friend.send("POST", path, car_of(empty[:4]), CAR_TYPE).status_code == 200
            assert friend.send("POST", path, car_of(empty[4:5]), CAR_TYPE).status_code == 507


def test_of_what_is_here_no_more_is_looked_at_than_a_bound(
    provider: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(below, "MAX_BLOCKS", 4)
    friend = _asker(provider, FRIEND)
    assert _keep(friend, ROOT) == (400, "BadBlocks")
    assert provider.home.kept.copies() == []


def test_who_is_let_in_by_a_star_alone_has_no_copies(provider: Running) -> None:
    stranger = _asker(provider, STRANGER)
    assert _keep(stranger, ROOT) == (507, "OverQuota")
    assert stranger.send("POST", "/blocks", car_of([ROOT]), CAR_TYPE).status_code == 200
    assert _keep(stranger, ROOT) == (507, "OverQuota")  # though no byte of it is new
    assert provider.home.kept.copies() == []
    table = {"allow": [{"did": "*", "lasting": 5}], "limits": {"lasting": 7}}
    tasks = Settings.load({"provider": {"tasks": table}}, {}).tasks
    rules = Policy(tasks, GUEST.did, list)
    assert rules.admit(STRANGER.did).limits.lasting == 5
    assert rules.admit(GUEST.did).limits.lasting == 7


def test_wrong_requests_keep_nothing(provider: Running) -> None:
    friend = _asker(provider, FRIEND)
    wrong = Block(CID.make(RAW, b"true"), b"false")
    assert _keep(friend, wrong) == (400, "BadBlocks")
    assert _keep(friend, ROOT, root="nonsense") == (400, "InvalidCID")
    assert _keep(friend, ROOT, root="") == (400, "InvalidCID")
    assert friend.send("POST", f"/blocks?keep={ROOT.cid}", b"no CAR", CAR_TYPE).status_code == 400
    assert _let_go(friend, "nonsense") == (400, "InvalidCID")
    signed_for_another = friend.send("DELETE", f"/blocks/{ROOT.cid}", signature="codata=:AAAA:")
    assert signed_for_another.status_code == 401
    assert provider.client.delete(f"/blocks/{ROOT.cid}").status_code == 401
    body = car_of([ROOT])
    assert provider.client.post(f"/blocks?keep={ROOT.cid}", content=body).status_code == 401
    assert list(provider.home.kept.roots()) == []


def test_a_copy_that_was_let_go_is_a_reason_to_collect(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        custody = Custody(home, 60, 1)
        assert not custody.sweep([])
        home.kept.copy(FRIEND.did, ROOT.cid, {ROOT.cid: 1}, 1 << 20)
        home.kept.drop_copy(FRIEND.did, ROOT.cid)
        assert custody.sweep([])
        assert custody.collect()
        assert not custody.sweep([])
        custody.close()
