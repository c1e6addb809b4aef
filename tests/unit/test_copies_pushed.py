"""Copies that are pushed to a provider: who may have them, how much, what is kept, and what is let go."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cid_store.block import Block
from cid_store.cid import CID, DAG_CBOR, RAW
from cid_store.codecs import dag_cbor
from codata.collect import collect
from codata.identity import Identity
from codata.provider.settings import Settings
from codata.provider.work.policy import Policy
from tests.asking import CAR_TYPE, Asker, car_of, providing, somebody
from tests.unit.gateway_serving import Running

FRIEND, OTHER, STRANGER, GUEST = (somebody(n) for n in range(1, 5))
LEAVES = [Block.of(b"leaf %d" % i * 100, RAW) for i in range(4)]
ROOT = Block.of(dag_cbor.encode([leaf.cid for leaf in LEAVES]), DAG_CBOR)
SIZE = sum(len(block.data) for block in (ROOT, *LEAVES))


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
    assert list(home.kept.roots()) == [(ROOT.cid, "recursive")]
    assert _let_go(other) == (200, True)
    assert list(home.kept.roots()) == []


def test_new_bytes_count_and_no_others(provider: Running) -> None:
    friend = _asker(provider, FRIEND)
    for _ in range(2):
        assert _keep(friend, ROOT, *LEAVES) == (200, "")
    assert friend.send("GET", "/offer").json()["lasting"] == {"bytes": SIZE, "kept": SIZE}
    extra = Block.of(b"one more", RAW)
    assert _keep(friend, extra) == (507, "OverQuota")
    assert not provider.home.store.has(extra.cid)
    assert _let_go(friend) == (200, True)
    assert _keep(friend, extra) == (200, "")


def test_who_is_let_in_by_a_star_alone_has_no_copies(provider: Running) -> None:
    stranger = _asker(provider, STRANGER)
    assert _keep(stranger, ROOT) == (507, "OverQuota")
    assert stranger.send("POST", "/blocks", car_of([ROOT]), CAR_TYPE).status_code == 200
    assert _keep(stranger, ROOT) == (507, "OverQuota")  # though no byte of it is new
    assert (ROOT.cid, "recursive") not in list(provider.home.kept.roots())
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
