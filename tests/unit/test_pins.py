"""The pinning service: every answer held against the published API, and real fetches behind it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from cid_store.cid import CID, DAG_CBOR, DAG_PB, RAW
from cid_store.codecs import dag_cbor
from cid_store.pinning import PinningService, RemotePin
from cid_store.stores.memory import MemoryStore
from cid_store.testing import sample
from codata.collect import collect
from codata.database import connect
from codata.home import DATABASE, Home
from codata.provider.page import serve
from codata.provider.pins import accounts, fetcher
from codata.provider.pins.pin import Pin
from codata.provider.pins.settings import PinSettings
from codata.provider.pins.table import Requests
from codata.provider.settings import Settings
from codata.records.manifest import Manifest, ShardRef
from tests.gateway_server import Answer, TestGateway, gateway_server
from tests.pinning_service import Specification
from tests.unit.gateway_serving import Running, serving

ABSENT = CID.make(RAW, b"nobody holds this")
DONE = ("pinned", "failed")


@dataclass(frozen=True)
class Asking:
    """A provider, asked with a token; what it answers is held against the published API."""

    provider: Running
    specification: Specification
    token: str

    def __call__(self, method: str, path: str, body: object = None, **more: Any) -> Any:
        """The answer."""
        headers = {"authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        content = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        answer = self.provider.client.request(method, path, content=content, headers=headers, **more)
        if answer.status_code >= 400:
            self.specification.check("Failure", answer.json())
        elif method == "DELETE":
            assert (answer.status_code, answer.content) == (202, b"")
        elif method == "GET" and path.partition("?")[0] == "/pins":
            self.specification.check("PinResults", answer.json())
        else:
            assert answer.status_code == (202 if method == "POST" else 200)
            self.specification.check("PinStatus", answer.json())
        return answer

    def pin(self, cid: CID, **more: object) -> Any:
        """Accepted."""
        answer = self("POST", "/pins", {"cid": cid, **more})
        assert answer.status_code == 202, answer.text
        return answer.json()

    def until_done(self, request: str) -> Any:
        """The object of a request, once it is pinned or failed."""
        end = time.monotonic() + 60
        while (value := self("GET", f"/pins/{request}").json())["status"] not in DONE:
            assert time.monotonic() < end, value
            time.sleep(0.01)
        return value

    def ended(self, cid: CID, **more: object) -> tuple[str, str]:
        """What becomes of a pin, and what is said of it."""
        value = self.until_done(self.pin(cid, **more)["requestid"])
        return value["status"], value["info"]["status_details"]


@dataclass(frozen=True)
class Elsewhere:
    """A gateway on this machine, its store, and its address as a multiaddr."""

    gateway: TestGateway
    store: MemoryStore

    @property
    def address(self) -> str:
        """As a pin's origin."""
        host, port = self.gateway.url.removeprefix("http://").rstrip("/").split(":")
        return f"/ip4/{host}/tcp/{port}/http"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Origins that fail are asked again at once."""
    monkeypatch.setattr(fetcher, "_LIMITS", replace(fetcher._LIMITS, pause=0.01))


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    store = MemoryStore()
    with gateway_server(store) as gateway:
        yield Elsewhere(gateway, store)


@pytest.fixture
def specification() -> Specification:
    return Specification()


def _settings(*origins: str, **more: int) -> Settings:
    return Settings(listen="127.0.0.1:0", pins=PinSettings(origins, **{"keep_free": 1, **more}))


@pytest.fixture
def ask(tmp_path: Path, specification: Specification, elsewhere: Elsewhere) -> Iterator[Asking]:
    with serving(tmp_path / "home", _settings(elsewhere.gateway.url)) as running:
        yield Asking(running, specification, accounts.issue(running.home, "me"))


# -- what is fetched -----------------------------------------------------------------------------------------


def test_a_file_is_fetched_pinned_and_let_go(ask: Asking, elsewhere: Elsewhere) -> None:
    home = ask.provider.home
    root = elsewhere.store.put_file(sample(3_000_000))
    value = ask.pin(root, name="a file", origins=[elsewhere.address], meta={"app": "test"})
    assert (value["pin"]["name"], value["pin"]["meta"]) == ("a file", {"app": "test"})
    port = ask.provider.url.rsplit(":", 1)[1]
    assert [d.split("/p2p/")[0] for d in value["delegates"]] == [f"/ip4/127.0.0.1/tcp/{port}/http"]
    assert ask.until_done(value["requestid"])["status"] == "pinned"
    assert bytes(home.store.open_file(root).view()) == sample(3_000_000)
    assert collect(home).blocks == 0
    ask("DELETE", f"/pins/{value['requestid']}")
    assert ask("GET", f"/pins/{value['requestid']}").status_code == 404
    assert collect(home).blocks == 4


def test_a_dataset_is_fetched_with_its_shards_and_nothing_that_is_here(
    ask: Asking, elsewhere: Elsewhere
) -> None:
    there = elsewhere.store
    shards = [there.put_file(sample(1_500_000) + bytes([i])) for i in range(3)] + [there.put_file(b"small")]
    refs = [ShardRef(cid, 1, 1, bytes(32)) for cid in shards]
    root = Manifest.make(there, [], refs).save(there)
    ask.provider.home.store.put_file(sample(1_500_000) + b"\0")
    assert ask.ended(root)[0] == "pinned"
    assert all(map(ask.provider.home.store.has, there.cids()))
    assert not any(f"/ipfs/{shards[0]}" in path for path in elsewhere.gateway.seen)


def test_what_is_here_needs_no_origin(tmp_path: Path, specification: Specification) -> None:
    with serving(tmp_path, _settings()) as running:
        ask = Asking(running, specification, accounts.issue(running.home, "me"))
        root = running.home.store.put_file(sample(3_000_000))
        assert ask.ended(root) == ("pinned", "4 blocks")
        status, details = ask.ended(ABSENT, origins=["/ip4/127.0.0.1/tcp/1/http", "http://127.0.0.1:1"])
        assert (status, str(ABSENT) in details) == ("failed", True)


def test_an_address_that_is_not_allowed_is_never_asked(ask: Asking) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        port = trap.getsockname()[1]
        named = [
            f"/ip4/127.0.0.1/tcp/{port}/http",
            f"/dns4/localhost/tcp/{port}/http/p2p/12D3KooWxyz",
            f"/ip4/127.0.0.1/tcp/{port}/p2p/12D3KooWxyz",
            f"http://127.0.0.1:{port}/",
            f"http://localhost:{port}/?plain_http=yes",
            "file:///etc/passwd",
        ]
        assert ask.ended(ABSENT, origins=named)[0] == "failed"
        trap.setblocking(False)
        with pytest.raises(BlockingIOError):
            trap.accept()


def test_a_redirect_leads_nowhere(ask: Asking, elsewhere: Elsewhere) -> None:
    with socket.create_server(("127.0.0.1", 0)) as trap:
        places = [f"http://127.0.0.1:{trap.getsockname()[1]}/", f"{elsewhere.gateway.url}secret"]
        for place in places:
            elsewhere.gateway.twist = lambda path, answer, to=place: Answer(302, headers=(("Location", to),))  # type: ignore[misc]
            status, details = ask.ended(ABSENT)
            assert (status, details) == ("failed", "an origin could not be reached, or broke off")
        trap.setblocking(False)
        with pytest.raises(BlockingIOError):
            trap.accept()
    assert not any("secret" in path for path in elsewhere.gateway.seen)


def test_wrong_bytes_are_not_kept(ask: Asking, elsewhere: Elsewhere) -> None:
    root = elsewhere.store.put(b"true")
    elsewhere.gateway.twist = lambda path, answer: Answer(body=b"false")
    assert ask.ended(root) == ("failed", f"an origin sent wrong bytes for {root}")
    assert not ask.provider.home.store.has(root)


def test_what_can_not_be_walked_says_so(ask: Asking, elsewhere: Elsewhere) -> None:
    broken = elsewhere.store.put(b"\xff", DAG_PB)
    foreign = CID.build(0x0129 + 0x70000, 0x12, CID.make(RAW, b"x").digest)
    assert ask.ended(broken) == ("failed", f"{broken} does not follow its format")
    assert ask.ended(foreign)[0] == "failed"
    half = elsewhere.store.put(dag_cbor.encode([ABSENT]), DAG_CBOR)
    assert str(ABSENT) in ask.ended(half)[1]


def test_bytes_and_time_are_bounded(
    tmp_path: Path, specification: Specification, elsewhere: Elsewhere
) -> None:
    root = elsewhere.store.put_file(sample(3_000_000))
    other = elsewhere.store.put(b"small")
    with serving(tmp_path / "a", _settings(elsewhere.gateway.url, max_bytes=2_000_000)) as running:
        ask = Asking(running, specification, accounts.issue(running.home, "me"))
        status, details = ask.ended(root)
        assert (status, "2000000 bytes" in details) == ("failed", True)
        assert ask.ended(other)[0] == "pinned"


def test_what_was_let_go_counts_until_it_is_deleted(
    tmp_path: Path, specification: Specification, elsewhere: Elsewhere
) -> None:
    first, second = (elsewhere.store.put_file(text + sample(1_200_000)) for text in (b"1", b"2"))
    with serving(tmp_path, _settings(elsewhere.gateway.url, max_bytes=2_000_000)) as running:
        home = running.home
        ask = Asking(running, specification, accounts.issue(home, "me"))
        one, two = (ask.until_done(ask.pin(first)["requestid"])["requestid"] for _ in range(2))
        ask("DELETE", f"/pins/{one}")
        collect(home)
        assert ask.ended(second)[0] == "failed"  # `two` keeps what `one` brought
        ask("DELETE", f"/pins/{two}")
        collect(home, dry_run=True)
        assert home.store.has(first)
        assert ask.ended(second)[0] == "failed"
        _until(lambda: bool(collect(home)) and not home.store.has(first))
        assert ask.ended(second)[0] == "pinned"


def test_what_another_pin_brought_counts_too(
    tmp_path: Path, specification: Specification, elsewhere: Elsewhere
) -> None:
    inner = elsewhere.store.put(bytes(900_000))
    outer = elsewhere.store.put(dag_cbor.encode([inner]), DAG_CBOR)
    more = elsewhere.store.put(bytes(900_001))
    with serving(tmp_path, _settings(elsewhere.gateway.url, max_bytes=2_000_000)) as running:
        home = running.home
        ask = Asking(running, specification, accounts.issue(home, "me"))
        outers = ask.until_done(ask.pin(outer)["requestid"])["requestid"]
        assert ask.ended(inner)[0] == "pinned"
        ask("DELETE", f"/pins/{outers}")
        _until(lambda: bool(collect(home)) and not home.store.has(outer))
        assert home.store.has(inner)
        assert ask.ended(more)[0] == "pinned"
        assert ask.ended(outer)[0] == "failed"  # what it lacks is small, and what it would keep is not
        assert home.store.has(inner)


def test_a_pin_in_the_place_of_one_of_the_same_root_needs_no_more_room(
    tmp_path: Path, specification: Specification, elsewhere: Elsewhere
) -> None:
    root = elsewhere.store.put_file(sample(1_200_000))
    with serving(tmp_path, _settings(elsewhere.gateway.url, max_bytes=2_000_000)) as running:
        ask = Asking(running, specification, accounts.issue(running.home, "me"))
        request = ask.until_done(ask.pin(root)["requestid"])["requestid"]
        for name in ("one", "two"):
            answer = ask("POST", f"/pins/{request}", {"cid": root, "name": name})
            request = answer.json()["requestid"]
            assert ask.until_done(request)["status"] == "pinned"


def test_a_pin_in_the_place_of_another_counts_for_both_until_it_is_there(
    tmp_path: Path, specification: Specification, elsewhere: Elsewhere
) -> None:
    old, new = (elsewhere.store.put(bytes(size)) for size in (900_000, 300_000))
    with serving(tmp_path, _settings(elsewhere.gateway.url)) as running:
        ask = Asking(running, specification, accounts.issue(running.home, "me"))
        first = ask.until_done(ask.pin(old)["requestid"])["requestid"]
    table = Requests(connect(tmp_path / DATABASE), 10)
    waiting = table.add("me", Pin(new), first)  # nobody fetches it for now, and it keeps what the first kept
    with Home(tmp_path) as home:
        collect(home)
        assert home.store.has(old)
    assert table.total("me") == 900_000
    with serving(tmp_path, _settings(elsewhere.gateway.url)) as running:
        ask = Asking(running, specification, accounts.issue(running.home, "me"))
        assert ask.until_done(waiting.id)["status"] == "pinned"
        assert table.total("me") == 1_200_000
        _until(lambda: bool(collect(running.home)) and not running.home.store.has(old))
        assert table.total("me") == 300_000


def test_nothing_is_fetched_onto_a_disk_that_is_nearly_full(
    tmp_path: Path, specification: Specification, elsewhere: Elsewhere
) -> None:
    cid = elsewhere.store.put(b"small")
    with serving(tmp_path, _settings(elsewhere.gateway.url, keep_free=1 << 62)) as running:
        ask = Asking(running, specification, accounts.issue(running.home, "me"))
        assert ask.ended(cid) == ("failed", "the provider's disk is full")
        assert not running.home.store.has(cid)


def test_a_stop_breaks_off_and_the_next_start_goes_on(
    tmp_path: Path, specification: Specification, elsewhere: Elsewhere
) -> None:
    blocks = [elsewhere.store.put(b"%d" % i) for i in range(4)]
    root = elsewhere.store.put(dag_cbor.encode(blocks), DAG_CBOR)
    last, stalled = blocks[-1], []

    def stall(path: str, answer: Answer) -> Answer:
        if "format=car" in path:
            return Answer(404)
        if str(last) in path and not stalled:
            stalled.append(path)
            time.sleep(1)
        return answer

    elsewhere.gateway.twist = stall
    with serving(tmp_path, _settings(elsewhere.gateway.url)) as running:
        token = accounts.issue(running.home, "me")
        request = Asking(running, specification, token).pin(root)["requestid"]
        while not stalled:
            time.sleep(0.005)
    with serving(tmp_path, _settings(elsewhere.gateway.url)) as running:
        value = Asking(running, specification, token).until_done(request)
        assert (value["status"], value["requestid"]) == ("pinned", request)
        assert running.home.store.has(last)


def test_a_pin_that_is_removed_is_fetched_no_further(ask: Asking, elsewhere: Elsewhere) -> None:
    blocks = [elsewhere.store.put(b"%d" % i) for i in range(4)]
    root = elsewhere.store.put(dag_cbor.encode(blocks), DAG_CBOR)
    began = []

    def slow(path: str, answer: Answer) -> Answer:
        if "format=raw" in path and str(root) not in path:
            began.append(path)
            time.sleep(0.3)
        return Answer(404) if "format=car" in path else answer

    elsewhere.gateway.twist = slow
    request = ask.pin(root)["requestid"]
    while not began:
        time.sleep(0.005)
    assert ask("GET", f"/pins/{request}").json()["status"] == "pinning"
    ask("DELETE", f"/pins/{request}")
    elsewhere.gateway.twist = lambda path, answer: answer
    assert ask.ended(elsewhere.store.put(b"the next"))[0] == "pinned"
    home = ask.provider.home
    # As long as the fetch has not noticed, what it put is safe from `gc`.
    _until(lambda: bool(collect(home)) and not home.store.has(root))


def test_a_replaced_pin_keeps_what_both_have_until_the_new_one_is_there(
    ask: Asking, elsewhere: Elsewhere
) -> None:
    home, there = ask.provider.home, elsewhere.store
    both, old_leaf, new_leaf = (there.put(text) for text in (b"both", b"old", b"new"))
    old = there.put(dag_cbor.encode([both, old_leaf]), DAG_CBOR)
    new = there.put(dag_cbor.encode([both, new_leaf]), DAG_CBOR)
    before = ask.pin(old)["requestid"]
    assert ask.until_done(before)["status"] == "pinned"
    elsewhere.gateway.twist = lambda path, answer: (time.sleep(0.3), answer)[1]
    answer = ask("POST", f"/pins/{before}", {"cid": new})
    after = answer.json()["requestid"]
    assert after != before
    assert ask("GET", f"/pins/{before}").status_code == 404
    assert collect(home).blocks == 0
    assert ask.until_done(after)["status"] == "pinned"
    assert collect(home).blocks == 2
    assert home.store.has_many([both, old_leaf, new_leaf]) == [True, False, True]
    assert ask("POST", f"/pins/{before}", {"cid": new}).status_code == 404


# -- accounts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", "Basic x", "é", "Bearer " + "x" * 9999]
)
def test_without_a_token_nothing_is_told(ask: Asking, header: str | None) -> None:
    for method, path in [
        ("GET", "/pins"),
        ("POST", "/pins"),
        ("GET", "/pins/x"),
        ("POST", "/pins/x"),
        ("DELETE", "/pins/x"),
    ]:
        headers = {} if header is None else {b"authorization": header.encode("latin-1")}
        answer = httpx.request(method, f"{ask.provider.url}{path}", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        ask.specification.check("Failure", answer.json())
        assert answer.json()["error"]["reason"] == "UNAUTHORIZED"


def test_accounts_do_not_see_each_other(ask: Asking) -> None:
    cid = ask.provider.home.store.put(b"mine")
    request = ask.pin(cid)["requestid"]
    other = Asking(ask.provider, ask.specification, accounts.issue(ask.provider.home, "other"))
    assert other("GET", f"/pins/{request}").status_code == 404
    assert other("DELETE", f"/pins/{request}").status_code == 404
    assert other("POST", f"/pins/{request}", {"cid": cid}).status_code == 404
    assert other("GET", "/pins?status=queued,pinning,pinned,failed").json()["count"] == 0


def test_a_new_token_ends_the_old_one_and_an_account_goes_with_its_pins(ask: Asking) -> None:
    home = ask.provider.home
    cid = home.store.put(b"mine")
    assert ask.ended(cid)[0] == "pinned"
    renewed = Asking(ask.provider, ask.specification, accounts.issue(home, "me"))
    assert ask("GET", "/pins").status_code == 401
    assert renewed("GET", "/pins").json()["count"] == 1
    assert accounts.names(home) == ["me"]
    assert accounts.remove(home, "me") == 1
    assert renewed("GET", "/pins").status_code == 401
    assert collect(home).blocks == 1


def test_the_tokens_are_not_in_the_home(ask: Asking) -> None:
    ask("GET", "/pins")
    for path in ask.provider.home.path.rglob("*"):
        assert not path.is_file() or ask.token.encode() not in path.read_bytes()


def test_an_account_has_so_many_requests_and_no_more(
    tmp_path: Path, specification: Specification, elsewhere: Elsewhere
) -> None:
    with serving(tmp_path, _settings(max_pins=2)) as running:
        ask = Asking(running, specification, accounts.issue(running.home, "me"))
        first, _ = (ask.pin(ABSENT)["requestid"] for _ in range(2))
        refused = ask("POST", "/pins", {"cid": ABSENT})
        assert (refused.status_code, refused.json()["error"]["reason"]) == (403, "TOO_MANY_PINS")
        first = ask("POST", f"/pins/{first}", {"cid": ABSENT}).json()["requestid"]
        ask("DELETE", f"/pins/{first}")
        ask.pin(ABSENT)


def test_pins_are_counted_and_shown_and_no_account_is_named(
    ask: Asking, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "_FRESH", 0.0)
    client = ask.provider.client
    assert "What it keeps for others" not in client.get("/").text
    root = elsewhere.store.put(b"seven b")
    value = ask.pin(root)
    assert ask.until_done(value["requestid"])["status"] == "pinned"
    assert ask.ended(ABSENT)[0] == "failed"
    ask("DELETE", f"/pins/{value['requestid']}")
    assert ask.ended(root)[0] == "pinned"
    other = Asking(ask.provider, ask.specification, accounts.issue(ask.provider.home, "somebody"))
    assert other.ended(root)[0] == "pinned"
    told = client.get("/metrics").text
    assert 'codata_provider_pins{state="pinned"} 2.0' in told
    assert 'codata_provider_pins{state="failed"} 1.0' in told
    assert "codata_provider_pins_bytes 21.0" in told  # the one that was removed among them
    page = client.get("/").text
    assert "What it keeps for others" in page
    assert "<dt>pins failed</dt><dd>1</dd>" in page
    assert "<dt>of pins</dt><dd>21 bytes</dd>" in page
    assert not any("somebody" in text for text in (told, page))


# -- listing -------------------------------------------------------------------------------------------------


@pytest.fixture
def listed(tmp_path: Path, specification: Specification) -> Iterator[tuple[Asking, list[Any]]]:
    """Six pins that are done, oldest first."""
    names = ["Alpha", "alpha", "Beta", "ALPHABET", "", "ä"]
    with serving(tmp_path, _settings()) as running:
        ask = Asking(running, specification, accounts.issue(running.home, "me"))
        made = []
        for number, name in enumerate(names):
            cid = running.home.store.put(b"%d" % number) if number != 2 else ABSENT
            meta = {"n": str(number), "half": str(number // 3)}
            value = ask.pin(cid, name=name, meta=meta) if name else ask.pin(cid)
            made.append(ask.until_done(value["requestid"]))
        yield ask, made


def _both(made: list[Any]) -> list[tuple[Any, list[int]]]:
    """Queries, and which pins they find, newest first."""
    every = "queued,pinning,pinned,failed"
    cids, times = [m["pin"]["cid"] for m in made], [m["created"] for m in made]
    return [
        ({}, [5, 4, 3, 1, 0]),
        ({"status": "failed"}, [2]),
        ({"status": every}, [5, 4, 3, 2, 1, 0]),
        ({"status": "queued,pinning"}, []),
        ({"status": every, "limit": "2"}, [5, 4]),
        ({"cid": f"{cids[0]},{cids[4]}"}, [4, 0]),
        ({"cid": str(CID(cids[0]).to_v1()), "status": every}, [0]),
        ({"name": "alpha"}, [1]),
        ({"name": "alpha", "match": "exact"}, [1]),
        ({"name": "alpha", "match": "iexact"}, [1, 0]),
        ({"name": "lpha", "match": "partial"}, [1, 0]),
        ({"name": "LPHA", "match": "ipartial"}, [3, 1, 0]),
        ({"name": "Ä", "match": "iexact"}, [5]),
        ({"name": ""}, [4]),
        ({"name": "' OR 1=1 --"}, []),
        ({"before": times[3], "status": every}, [2, 1, 0]),
        ({"after": times[3]}, [5, 4]),
        ({"after": times[0], "before": times[2]}, [1]),
        ({"after": times[3].replace("Z", "+00:00")}, [5, 4]),
        ({"meta": '{"half":"0"}'}, [1, 0]),
        ({"meta": '{"half":"0","n":"1"}'}, [1]),
        ({"meta": '{"half":"7"}'}, []),
        ({"meta": "{}"}, [5, 4, 3, 1, 0]),
        ({"unknown": "x"}, [5, 4, 3, 1, 0]),
    ]


def test_every_filter(listed: tuple[Asking, list[Any]]) -> None:
    ask, made = listed
    for query, expected in _both(made):
        value = ask("GET", "/pins", params=query).json()
        found = [[m["requestid"] for m in made].index(r["requestid"]) for r in value["results"]]
        assert found == expected, query
        assert value["count"] == (6 if "limit" in query else len(expected)), query


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=1001", "limit=x", "limit=-1", "limit=", "limit=%D9%A1",
        "status=eaten", "status=", "status=pinned,pinned",
        "match=regex", "name=" + "x" * 256, "name=%00", "name=%ED%A0%80", "name=%FF",
        "cid=x", "cid=", "cid=" + ",".join(["bafkqaaa"] * 2), "cid=" + ",".join(f"b{i}" for i in range(11)),
        "before=yesterday", "before=2026-01-01", "before=2026-W01-1T00:00:00Z", "after=2026-13-01T00:00:00Z",
        "after=2026-01-01T00:00:00", "after=", "after=2026-01-01T00:00:00.Z",
        "meta=x", "meta=[]", 'meta={"a":1}', "meta=" + "[" * 4000, "meta=%22%22",
        "cid=bafkqaaa&cid=bafkqaaa", "&".join(f"x{i}=1" for i in range(40)), "x=" + "y" * 20_000,
    ],
)  # fmt: skip
def test_wrong_filters_are_refused(module_ask: Asking, query: str) -> None:
    answer = module_ask("GET", f"/pins?{query}")
    assert (answer.status_code, answer.json()["error"]["reason"]) == (400, "BAD_REQUEST")


@pytest.fixture(scope="module")
def module_ask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asking]:
    with serving(tmp_path_factory.mktemp("pins"), _settings()) as running:
        yield Asking(running, Specification(), accounts.issue(running.home, "me"))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b"[" * 100_000, b"\xff", b"{}",
        b'{"cid": 5}', b'{"cid": "x"}', b'{"cid": ""}',
        {"cid": "b" * 5000},
        {"cid": ABSENT, "name": "x" * 256}, {"cid": ABSENT, "name": None}, {"cid": ABSENT, "name": "\ud800"},
        {"cid": ABSENT, "name": "\0"},
        {"cid": ABSENT, "origins": "x"}, {"cid": ABSENT, "origins": [1]},
        {"cid": ABSENT, "origins": ["x", "x"]},
        {"cid": ABSENT, "origins": [str(i) for i in range(21)]},
        {"cid": ABSENT, "meta": []}, {"cid": ABSENT, "meta": {"a": 1}}, {"cid": ABSENT, "meta": {"a": None}},
        {"cid": ABSENT, "meta": {str(i): "" for i in range(1001)}},
    ],
)  # fmt: skip
def test_wrong_pins_are_refused(module_ask: Asking, body: object) -> None:
    for path in ("/pins", "/pins/unknown"):
        answer = module_ask("POST", path, body)
        assert (answer.status_code, answer.json()["error"]["reason"]) == (400, "BAD_REQUEST")


def test_other_refusals_have_the_form_of_the_api(module_ask: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    assert module_ask("POST", "/pins", b" " * 300_000).json()["error"]["reason"] == "CONTENT_TOO_LARGE"
    assert module_ask("PUT", "/pins", b"").json()["error"]["reason"] == "METHOD_NOT_ALLOWED"
    assert module_ask("GET", "/pins/").json()["error"]["reason"] == "NOT_FOUND"
    assert module_ask("GET", "/pins/a/b").json()["error"]["reason"] == "NOT_FOUND"
    assert module_ask("GET", "/pins/" + "x" * 100).json()["error"]["reason"] == "NOT_FOUND"
    monkeypatch.setattr("codata.provider.pins.filters.parse", lambda query: 1 / 0)
    fault = module_ask("GET", "/pins")
    assert (fault.status_code, fault.json()["error"]["reason"]) == (500, "INTERNAL_SERVER_ERROR")
    assert "division" not in fault.text


def test_many_clients_at_once_each_get_a_moment_of_their_own(module_ask: Asking) -> None:
    def add(number: int) -> str:
        created: str = module_ask.pin(ABSENT, name=str(number))["created"]
        return created

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(add, range(48)))) == 48


def test_our_own_client_understands_it(ask: Asking, elsewhere: Elsewhere) -> None:
    with PinningService(f"pinning+{ask.provider.url}", ask.token) as service:
        cids = [elsewhere.store.put(b"%d" % i) for i in range(12)]
        added = [service.add(cid, name="mine", origins=[elsewhere.address]) for cid in cids]
        _until(lambda: all(pin.status == "pinned" for pin in service.pins()))
        assert [pin.cid for pin in service.pins()] == cids[::-1]
        replaced: RemotePin = service.replace(added[0].request, cids[1])
        service.remove(replaced.request)
        assert len(list(service.pins())) == 11


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
