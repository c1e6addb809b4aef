"""Who holds what: places of copies, sending them, asking, and putting what is said to the test."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from cid_store.cid import CID, RAW
from cid_store.errors import BlockNotFound
from cid_store.stores.gateway import GatewayStore
from cid_store.stores.gateway.client import Limits
from cid_store.stores.memory import MemoryStore
from cid_store.testing import sample
from codata.collect import collect
from codata.execute.needs import names_of
from codata.holdings.ask import Holder, ask, clients, reach
from codata.holdings.challenge import challenge, detects, probability
from codata.holdings.parts import Parts, Piece, parts
from codata.holdings.push import push
from codata.holdings.spread import spread
from codata.home import Home
from codata.provider import have
from codata.provider.settings import Settings
from codata.records.manifest import Manifest, ShardRef
from codata.remote.client import Client
from tests.gateway_server import Answer, gateway_server
from tests.unit.gateway_serving import Running, serving

SIZES = [2_500_000, 1_100_000, 900_000, 70_000, 10]


@dataclass(frozen=True)
class Field:
    """A home with a dataset, and providers that let it in."""

    home: Home
    dataset: CID
    providers: list[Running]

    @property
    def urls(self) -> list[str]:
        """The providers'."""
        return [provider.url for provider in self.providers]

    @property
    def parts(self) -> Parts:
        """The dataset's."""
        return parts(self.home.store, self.dataset)


def _dataset(home: Home) -> CID:
    shards = [home.store.put_file(sample(size) + b"%d" % size) for size in SIZES]
    refs = [ShardRef(cid, 1, size, bytes(32)) for cid, size in zip(shards, SIZES, strict=True)]
    return Manifest.make(home.store, [], refs).save(home.store)


@contextmanager
def _field(folder: Path, count: int, **rule: int) -> Iterator[Field]:
    with ExitStack() as stack:
        home = stack.enter_context(Home(folder / "home"))
        allow = [{"did": home.identity.did, **rule}]
        table = {"tasks": {"allow": allow, "keep_free": 1, "workers": 1, "limits": {"upload": 1_500_000}}}
        settings = Settings.load({"provider": table}, {"listen": "127.0.0.1:0"})
        providers = [stack.enter_context(serving(folder / str(i), settings)) for i in range(count)]
        yield Field(home, _dataset(home), providers)


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with _field(tmp_path, 3) as made:
        yield made


def _push(field: Field, copies: int, urls: list[str] | None = None) -> Any:
    with clients(field.home, urls or field.urls) as asked:
        return push(field.parts, field.home.store, asked, copies)


# -- parts ---------------------------------------------------------------------------------------------------


def test_the_parts_of_a_dataset_a_file_and_a_record(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        dataset = _dataset(home)
        found = parts(home.store, dataset)
        manifest = Manifest.load(home.store, dataset)
        assert found.records[:2] == (dataset, manifest.shards)
        assert [p.size for p in found.pieces] == SIZES
        assert found.size == sum(SIZES)
        file = home.store.put_file(sample(2_500_000))
        assert parts(home.store, file) == Parts(file, (file,), (Piece(file, 2_500_000),))


def test_a_shard_that_is_named_twice_is_one_piece(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        shard = ShardRef(home.store.put(b"once"), 1, 4, bytes(32))
        root = Manifest.make(home.store, [], [shard, shard]).save(home.store)
        assert parts(home.store, root).pieces == (Piece(shard.cid, 4),)


# -- places --------------------------------------------------------------------------------------------------

CIDS = [CID.make(RAW, b"%d" % i) for i in range(600)]
NAMES = [f"did:key:{i}" for i in range(6)]


def _none(rows: int = len(NAMES)) -> Any:
    return np.zeros((rows, len(CIDS)), np.bool_)


def test_each_piece_is_on_so_many_providers_and_they_share_evenly() -> None:
    wanted = spread(CIDS, NAMES, _none(), 2)
    assert (wanted.sum(axis=0) == 2).all()
    assert all(150 < count < 250 for count in wanted.sum(axis=1))
    assert (spread(CIDS, NAMES, _none(), 9).sum(axis=0) == 6).all()
    assert not spread(CIDS, [], _none(0), 2).size


def test_places_are_those_of_the_specification() -> None:
    def number(name: str, cid: CID) -> int:
        key = hashlib.sha256(name.encode()).digest()
        return int.from_bytes(hashlib.sha256(key + cid.multihash).digest())

    wanted = spread(CIDS[:50], NAMES, _none()[:, :50], 2)
    for column, cid in enumerate(CIDS[:50]):
        first = sorted(NAMES, key=lambda name, cid=cid: -number(name, cid))[:2]  # type: ignore[misc]
        assert {NAMES[row] for row in np.flatnonzero(wanted[:, column])} == set(first)


def test_who_holds_a_piece_keeps_it() -> None:
    held = _none()
    held[0] = held[1] = held[2] = True
    assert (spread(CIDS, NAMES, held, 2) == held).all()
    held[1, :300] = held[2, :300] = False
    wanted = spread(CIDS, NAMES, held, 2)
    assert (wanted & held == held).all()
    assert (wanted & ~held).sum() == 300


def test_places_do_not_depend_on_the_order_of_providers_and_a_loss_moves_its_share_alone() -> None:
    wanted = spread(CIDS, NAMES, _none(), 2)
    assert (spread(CIDS, NAMES[::-1], _none(), 2)[::-1] == wanted).all()
    fewer = spread(CIDS, NAMES[:-1], _none(5), 2)
    assert (fewer & wanted[:-1]).sum() == wanted[:-1].sum()
    assert (fewer & ~wanted[:-1]).sum() == wanted[-1].sum()


# -- sending -------------------------------------------------------------------------------------------------


def test_copies_arrive_are_kept_and_are_not_sent_twice(field: Field) -> None:
    done = _push(field, 2)
    assert (done.done, done.fewest) == (True, 2)
    assert [place.error for place in done.places] == [None] * 3
    assert sum(place.sent for place in done.places) > 2 * sum(SIZES)
    for place, provider in zip(done.places, field.providers, strict=True):
        for piece, here in zip(field.parts.pieces, place.now, strict=True):
            assert provider.home.store.has(piece.cid) == here
            if here:
                assert len(provider.home.store.open_file(piece.cid).view()) == piece.size + len(
                    str(piece.size)
                )
        collect(provider.home)
    again = _push(field, 2)
    assert again.done
    assert sum(place.sent for place in again.places) < 10_000
    with clients(field.home, field.urls) as asked:
        held = ask(field.parts, asked)
        assert (held.copies == 2).all()
        assert [client.release(field.dataset) for client in asked] == [bool(p.now.any()) for p in done.places]
        assert not any(client.release(field.dataset) for client in asked)
    assert field.providers[0].home.kept.copies() == []


def test_what_was_broken_off_goes_on_with_what_has_not_arrived(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stopped(Exception):
        """The command is killed."""

    send = Client._upload
    sent: list[int] = []

    def counted(self: Client, blocks: Any, copy_of: CID | None, progress: Any) -> None:
        if len(sent) == 4:
            raise Stopped
        send(self, blocks, copy_of, progress)
        sent.append(sum(len(block.data) for block in blocks))

    monkeypatch.setattr(Client, "_upload", counted)
    with pytest.raises(Stopped):
        _push(field, 1, field.urls[:1])
    monkeypatch.setattr(Client, "_upload", send)
    done = _push(field, 1, field.urls[:1])
    assert done.done
    (place,) = done.places
    assert 0 < place.before.sum() < len(SIZES)
    assert place.sent < sum(SIZES) - max(SIZES) + 10_000


def test_a_provider_that_fails_is_named_and_replaced(field: Field, tmp_path: Path) -> None:
    with serving(tmp_path / "closed", Settings(listen="127.0.0.1:0")) as closed:
        done = _push(field, 2, ["http://127.0.0.1:1", closed.url, *field.urls])
    assert done.done
    kinds = [place.error and place.error.kind for place in done.places]
    assert kinds == ["ProviderUnreachable", "ProviderRefused", None, None, None]
    assert not _push(field, 2, ["http://127.0.0.1:1", field.urls[0]]).done


def test_two_urls_of_one_provider_are_one_copy(field: Field) -> None:
    alias = field.urls[0].replace("127.0.0.1", "localhost")
    done = _push(field, 2, [field.urls[0], alias])
    assert (done.done, done.fewest) == (False, 1)
    assert done.places[1].error is not None
    assert field.urls[0] in done.places[1].error.message
    assert _push(field, 2, [field.urls[0], alias, field.urls[1]]).done


def test_a_provider_with_too_little_room_says_so(tmp_path: Path) -> None:
    with _field(tmp_path, 1, lasting=1_500_000) as small:
        done = _push(small, 1)
        (place,) = done.places
        assert place.error is not None
        assert place.error.kind == "ProviderFull"
        assert (done.done, done.fewest) == (False, 0)


def test_a_file_goes_as_a_whole(field: Field) -> None:
    root = field.home.store.put_file(sample(3_000_000))
    found = parts(field.home.store, root)
    with clients(field.home, field.urls[:1]) as asked:
        assert push(found, field.home.store, asked, 1).done
        provider = field.providers[0].home
        assert bytes(provider.store.open_file(root).view()) == sample(3_000_000)
        collect(provider)
        assert provider.store.has(root)


def test_what_is_not_here_comes_from_who_has_it(field: Field) -> None:
    _push(field, 1, field.urls[:1])
    found = field.parts
    for piece in found.pieces:
        field.home.store.delete(names_of(field.home.store, piece.cid))
    with clients(field.home, field.urls) as asked, reach(field.home, field.urls) as store:
        assert push(found, store, asked, 2).done
    with clients(field.home, field.urls[1:]) as asked, pytest.raises(BlockNotFound):
        push(Parts(found.root, found.records, (Piece(CIDS[0], 1),)), field.home.store, asked, 1)


# -- asking and putting to the test --------------------------------------------------------------------------


def test_more_providers_than_one_gateway_store_takes(tmp_path: Path) -> None:
    with Home(tmp_path) as home, gateway_server(MemoryStore()) as gateway:
        cid = gateway.store.put(b"at the last")
        urls = [*(f"http://127.0.0.1:1/{i}" for i in range(16)), gateway.url]
        with reach(home, urls) as store:
            assert store.get(cid) == b"at the last"
            with pytest.raises(BlockNotFound):
                store.get(CID.make(RAW, b"nowhere"))


def test_who_holds_what(field: Field) -> None:
    _push(field, 1, field.urls[:1])
    with clients(field.home, [*field.urls[:2], "http://127.0.0.1:1"]) as asked:
        held = ask(field.parts, asked)
    first, second, third = held.holders
    assert (first.records, int(first.pieces.sum()), first.size(held.parts)) == (True, 5, sum(SIZES))
    assert (second.records, int(second.pieces.sum()), second.error) == (False, 0, None)
    assert third.error is not None
    assert held.nowhere == []
    with clients(field.home, field.urls[1:]) as asked:
        assert len(ask(field.parts, asked).nowhere) == 5


def _challenged(field: Field, number: int, sample_: int = 40) -> Any:
    with clients(field.home, [field.urls[number]]) as asked:
        (holder,) = ask(field.parts, asked).holders
        return challenge(field.parts, holder, asked[0], sample_, random.Random(1))


def test_an_honest_provider_gives_every_block(field: Field) -> None:
    _push(field, 1, field.urls[:1])
    found = _challenged(field, 0)
    assert (found.answered, found.false) == (40, [])
    assert {draw.verdict for draw in found.draws} == {"given"}
    assert found.detects == pytest.approx(detects(40))
    blocks = {draw.block for draw in found.draws}
    assert all(cid.codec == RAW for cid in blocks)
    assert _challenged(field, 1).draws == ()


def test_a_liar_is_found_out(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    _push(field, 1, field.urls[:1])
    store = field.providers[0].home.store
    lost = [cid for cid in names_of(store, field.parts.pieces[0].cid) if cid.codec == RAW]
    store.delete(lost)
    assert not _challenged(field, 0).false
    monkeypatch.setattr(have, "held", lambda store, cids, known: (True for _ in cids))
    found = _challenged(field, 0)
    assert found.false
    assert {draw.block for draw in found.false} <= set(lost)
    assert {draw.verdict for draw in found.false} == {"missing"}
    nothing = _challenged(field, 1)
    assert len(nothing.false) == 40


def test_who_lacks_the_nodes_alone_is_found_out_too(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    _push(field, 1, field.urls[:1])
    root = field.parts.pieces[0].cid
    field.providers[0].home.store.delete([root])
    monkeypatch.setattr(have, "held", lambda store, cids, known: (True for _ in cids))
    found = _challenged(field, 0)
    assert {(draw.piece, draw.block, draw.verdict) for draw in found.false} == {(root, root, "missing")}


def test_two_urls_of_one_provider_hold_one_copy(field: Field) -> None:
    _push(field, 1, field.urls[:1])
    alias = field.urls[0].replace("127.0.0.1", "localhost")
    with clients(field.home, [field.urls[0], alias, field.urls[1]]) as asked:
        held = ask(field.parts, asked)
    assert [holder.did for holder in held.holders] == [
        field.providers[i].home.identity.did for i in (0, 0, 1)
    ]
    assert (held.copies == 1).all()
    assert held.aliases == [(alias, field.urls[0])]


def test_wrong_bytes_and_silence_are_told_apart() -> None:
    store = MemoryStore()
    root = store.put_file(sample(3_000_000))
    found = parts(store, root)

    class Asked:
        blocks: GatewayStore

    with gateway_server(store) as gateway:
        client = Asked()
        client.blocks = GatewayStore(gateway.url, limits=Limits(rounds=1, pause=0.01))
        holder = Holder(gateway.url, np.ones(1, np.bool_))
        verdicts = []
        for twist in (Answer(body=b"wrong"), Answer(503), Answer(404)):
            gateway.twist = lambda path, answer, sent=twist: sent  # type: ignore[misc]
            made = challenge(found, holder, cast("Any", client), 3)
            verdicts.append(({draw.verdict for draw in made.draws}, len(made.false), made.answered))
        client.blocks.close()
    assert verdicts == [({"wrong"}, 3, 3), ({"unanswered"}, 0, 0), ({"missing"}, 3, 3)]


def test_draws_go_by_bytes() -> None:
    store = MemoryStore()
    big, small = store.put_file(sample(9_000_000)), store.put_file(sample(1_000_000))
    refs = [ShardRef(big, 1, 9_000_000, bytes(32)), ShardRef(small, 1, 1_000_000, bytes(32))]
    found = parts(store, Manifest.make(store, [], refs).save(store))

    class Asked:
        blocks = store

    made = challenge(found, Holder("x", np.ones(2, np.bool_)), cast("Any", Asked()), 2000, random.Random(7))
    assert 1700 < sum(draw.piece == big for draw in made.draws) < 1900


def test_what_a_sample_finds() -> None:
    assert detects(459) == pytest.approx(0.01, rel=0.01)
    assert probability(44, 0.1) == pytest.approx(0.99, rel=0.01)
