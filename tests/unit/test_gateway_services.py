"""What a provider answers beside blocks: routing, what it holds, health, metrics; and its limits."""

from __future__ import annotations

import base64
import json
import logging
import re
import select
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cid_store.cid import CID, DAG_CBOR, RAW
from cid_store.codecs import dag_cbor, dag_pb
from cid_store.codecs.dag_pb import PBLink, PBNode
from cid_store.errors import StoreError
from codata.home import Home
from codata.identity import public_key
from codata.provider import have, held
from codata.provider.logs import JsonLines
from codata.provider.settings import Settings
from codata.records.manifest import Manifest, ShardRef
from tests.unit.gateway_serving import Running, blocks_of, serving

ABSENT = CID.make(RAW, b"nobody holds this")


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("provider")) as running:
        yield running


def _until(holds: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do."""
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


# -- routing -------------------------------------------------------------------------------------------------


def test_routing_names_this_process_for_every_block_it_holds(provider: Running) -> None:
    root = provider.home.store.put_file(bytes(range(256)) * 8192)
    leaf = next(dag_pb.decode(provider.home.store.get(root)).links.__iter__()).hash
    for cid in (root, leaf):
        answer = provider.get(f"/routing/v1/providers/{cid}")
        (peer,) = answer.json()["Providers"]
        port = provider.url.rsplit(":", 1)[1]
        assert peer["Schema"] == "peer"
        assert peer["Addrs"] == [f"/ip4/127.0.0.1/tcp/{port}/http"]
        assert peer["Protocols"] == ["transport-ipfs-gateway-http"]
        assert answer.headers["access-control-allow-origin"] == "*"
    key = public_key(provider.home.identity.did).public_bytes_raw()
    assert CID(peer["ID"]).codec == 0x72
    assert CID(peer["ID"]).digest == b"\x08\x01\x12\x20" + key


def test_routing_of_what_is_not_held_or_not_asked_for(provider: Running) -> None:
    cid = provider.home.store.put(b"routed")
    assert provider.get(f"/routing/v1/providers/{ABSENT}").json() == {"Providers": []}
    other = provider.get(f"/routing/v1/providers/{cid}?filter-protocols=transport-bitswap")
    assert other.json() == {"Providers": []}
    both = provider.get(f"/routing/v1/providers/{cid}?filter-protocols=x,transport-ipfs-gateway-http")
    assert len(both.json()["Providers"]) == 1
    refused = provider.get("/routing/v1/providers/nonsense")
    assert (refused.status_code, refused.json()["error"]["kind"]) == (422, "InvalidCID")


def test_routing_as_lines(provider: Running) -> None:
    cid = provider.home.store.put(b"lines")
    answer = provider.get(f"/routing/v1/providers/{cid}", Accept="application/x-ndjson")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line)["Schema"] for line in answer.text.splitlines()] == ["peer"]


# -- have ----------------------------------------------------------------------------------------------------


def _ask(provider: Running, body: bytes, kind: str, **headers: str) -> Any:
    return provider.client.post("/have", content=body, headers={"content-type": kind, **headers})


def _flags(value: dict[str, Any]) -> list[bool]:
    data = value["bits"] if isinstance(value["bits"], bytes) else base64.b64decode(value["bits"])
    assert len(data) == -(-value["count"] // 8)
    flags = [bool(data[i // 8] & 0x80 >> i % 8) for i in range(value["count"])]
    assert sum(flags) == value["held"]
    return flags


def _things(home: Home) -> tuple[list[CID], list[bool]]:
    """CIDs of each kind, and which of them are held in full."""
    store = home.store
    whole, cut = store.put_file(b"w" * 3_000_000), store.put_file(b"c" * 3_000_000 + b"end")
    store.delete([list(dag_pb.decode(store.get(cut)).links)[-1].hash])
    block, record = store.put(b"one block"), store.put(dag_cbor.encode({"to": ABSENT}), DAG_CBOR)
    folder = store.put(dag_pb.encode(PBNode((PBLink(whole, "a", 1), PBLink(cut, "b", 1)), b"\x08\x01")), 0x70)
    cids = [whole, cut, block, ABSENT, record, folder, CID("bafkqaaa"), whole, block]
    return cids, [True, False, True, False, True, False, True, True, True]


def test_have_in_every_form(provider: Running) -> None:
    cids, expected = _things(provider.home)
    shards = [ShardRef(cid, 1, 1, bytes(32)) for cid in cids]
    manifest = Manifest.make(provider.home.store, [], shards).save(provider.home.store)
    bodies = [
        (json.dumps({"cids": cids}).encode(), "application/json; charset=utf-8"),
        (json.dumps({"manifest": manifest}).encode(), "application/json"),
        (dag_cbor.encode({"cids": cids}), "application/vnd.ipld.dag-cbor"),
        (dag_cbor.encode({"manifest": manifest}), "application/vnd.ipld.dag-cbor"),
        ("\n".join(cids).encode(), "text/plain"),
        ("\r\n".join(cids).encode() + b"\r\n\r\n", "Text/Plain"),
    ]
    for body, kind in bodies:
        answer = _ask(provider, body, kind)
        assert answer.status_code == 200, answer.text
        assert _flags(answer.json()) == expected
        binary = _ask(provider, body, kind, accept="application/vnd.ipld.dag-cbor")
        assert _flags(dag_cbor.decode(binary.content)) == expected


def test_have_of_nothing(provider: Running) -> None:
    assert _ask(provider, b'{"cids": []}', "application/json").json() == {"count": 0, "held": 0, "bits": ""}


def test_have_of_many_lines(provider: Running) -> None:
    cids = [provider.home.store.put(b"many %d" % i) for i in range(16)]
    lines = "\n".join(cids[i % 16] if i % 3 else ABSENT for i in range(20_000))
    answer = _ask(provider, lines.encode(), "text/plain").json()
    assert _flags(answer) == [bool(i % 3) for i in range(20_000)]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"cids": ["nonsense"]}', "application/json", 400),
        (b'{"cids": [1]}', "application/json", 400),
        (b'{"cids": [], "manifest": "x"}', "application/json", 400),
        (b'{"other": []}', "application/json", 400),
        (b"\xff\xff", "application/vnd.ipld.dag-cbor", 400),
        (b"\x9a\xff\xff\xff\xff", "application/vnd.ipld.dag-cbor", 400),
        (b'{"manifest": "%s"}' % ABSENT.encode(), "application/json", 404),
        (b"nonsense\n", "text/plain", 400),
        (b"\xff\xfe\n", "text/plain", 400),
        (b"b" * 10_000, "text/plain", 400),
        (b"x", "multipart/form-data", 415),
        (b"x", "", 415),
    ],
)
def test_have_refuses_what_it_can_not_read(provider: Running, body: bytes, kind: str, status: int) -> None:
    answer = _ask(provider, body, kind)
    assert answer.status_code == status
    assert answer.json()["error"]["next"]


def test_a_line_without_end_is_refused(provider: Running) -> None:
    answer = _ask(provider, b"b" * 10_000, "text/plain")
    assert "a line is over" in answer.json()["error"]["message"]


def test_have_is_bounded(provider: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(have, "MAX_BODY", 1000)
    monkeypatch.setattr(have, "MAX_CIDS", 20)
    assert _ask(provider, b" " * 1001, "application/json").status_code == 413
    lines = [(ABSENT + "\n").encode() * count for count in (20, 21)]
    assert [_ask(provider, body, "text/plain").status_code for body in lines] == [200, 413]


def test_a_file_that_can_not_be_counted_is_not_held(
    provider: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = provider.home.store
    leaf = store.put(b"deep")
    node = leaf
    for _ in range(5):
        node = store.put(dag_pb.encode(PBNode((PBLink(node, "", 1),), None)), 0x70)
    bad = store.put(b"no dag-pb node", 0x70)
    assert list(held.held(store, [node, bad])) == [True, False]
    monkeypatch.setattr(held, "MAX_DEPTH", 4)
    assert list(held.held(store, [node, leaf])) == [False, True]
    monkeypatch.setattr(held, "MAX_DEPTH", 64)
    monkeypatch.setattr(held, "MAX_BLOCKS", 4)
    assert list(held.held(store, [node, leaf])) == [False, True]


# -- health, metrics, logs -----------------------------------------------------------------------------------


def test_health_and_metrics(provider: Running) -> None:
    assert provider.get("/health").json()["status"] == "ok"
    cid = provider.home.store.put(b"counted")

    def counted() -> dict[str, float]:
        lines = provider.get("/metrics").text.splitlines()
        return {
            name: float(value)
            for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")
        }

    before = counted()
    provider.get(f"/ipfs/{cid}?format=raw")
    provider.client.head("/ipfs/nonsense?format=raw")
    after = counted()
    for series, more in [
        ('codata_provider_requests_total{route="ipfs",status="200"}', 1),
        ('codata_provider_requests_total{route="ipfs",status="400"}', 1),
        ('codata_provider_request_seconds_count{route="ipfs"}', 2),
    ]:
        assert after[series] - before.get(series, 0) == more
    sent = 'codata_provider_sent_bytes_total{route="ipfs"}'
    assert after[sent] - before.get(sent, 0) == len(b"counted")
    assert after["codata_provider_active_requests"] == 1


def test_logs_are_json_lines_whatever_is_asked(provider: Running, caplog: pytest.LogCaptureFixture) -> None:
    def lines() -> list[str]:  # what was asked before may still be about to be logged
        found = [JsonLines().format(r) for r in caplog.records if r.getMessage() == "request"]
        return [line for line in found if "evil" in line]

    with caplog.at_level(logging.INFO, logger="codata.provider"):
        provider.send(b"GET /evil%0a%22%1b[31m HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        _until(lambda: bool(lines()))
    (line,) = lines()
    assert "\n" not in line
    value = json.loads(line)
    assert (value["event"], value["path"], value["status"]) == ("request", '/evil\n"\x1b[31m', 404)


def test_a_fault_is_told_without_its_traceback(
    provider: Running, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bool:
        raise RuntimeError("a secret of this machine")

    monkeypatch.setattr(provider.home.store, "has", fail)
    answer = provider.get(f"/ipfs/{ABSENT}?format=raw")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    _until(lambda: any(record.exc_info for record in caplog.records))  # it is logged behind the answer
    (line,) = [JsonLines().format(r) for r in caplog.records if r.exc_info]
    assert "a secret of this machine" in json.loads(line)["traceback"]


def test_a_failing_store_is_told_without_where_it_lies(
    provider: Running, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> bool:
        raise StoreError(f"can't read {provider.home.path}")

    monkeypatch.setattr(provider.home.store, "has", fail)
    answer = provider.get(f"/ipfs/{ABSENT}?format=raw")
    assert (answer.status_code, answer.json()["error"]["kind"]) == (500, "StoreError")
    assert str(provider.home.path) not in answer.text
    failed = [json.loads(JsonLines().format(r)) for r in caplog.records if r.getMessage() == "failed"]
    assert [line["message"] for line in failed] == [f"can't read {provider.home.path}"]


# -- limits --------------------------------------------------------------------------------------------------


def test_a_hundred_clients_at_once(provider: Running) -> None:
    root = provider.home.store.put_file(bytes(range(251)) * 20_000)
    expected = blocks_of(provider.get(f"/ipfs/{root}?format=car").content)

    def fetch(number: int) -> bool:
        if number % 2:
            cid = expected[number % len(expected)]
            return cid.check(provider.get(f"/ipfs/{cid}?format=raw").content) is None
        return blocks_of(provider.get(f"/ipfs/{root}?format=car").content) == expected

    with ThreadPoolExecutor(100) as pool:
        assert all(pool.map(fetch, range(200)))


def test_more_than_the_limit_is_told_to_come_again(tmp_path: Path) -> None:
    with serving(tmp_path, Settings(listen="127.0.0.1:0", max_requests=1)) as running:
        url = f"/ipfs/{running.home.store.put_file(b'x' * 32_000_000)}?format=car&car-dups=y"
        with running.client.stream("GET", url) as answer:
            assert answer.status_code == 200
            refused = running.get("/ipfs/bafkqaaa?format=raw")
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
            assert running.get("/health").status_code == 200
        _until(lambda: running.get("/ipfs/bafkqaaa?format=raw").status_code == 200)


def test_a_client_that_takes_nothing_loses_its_place(tmp_path: Path) -> None:
    with serving(tmp_path, Settings(listen="127.0.0.1:0", max_requests=1, client_patience=1)) as running:
        url = f"/ipfs/{running.home.store.put_file(b'x' * 32_000_000)}?format=car&car-dups=y"
        with running.client.stream("GET", url):
            _until(lambda: running.get("/ipfs/bafkqaaa?format=raw").status_code == 200)


def test_a_body_that_drips_is_not_waited_for(tmp_path: Path) -> None:
    with serving(tmp_path, Settings(listen="127.0.0.1:0", client_patience=1)) as running:
        host, port = running.url.removeprefix("http://").split(":")
        head = f"POST /have HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: text/plain\r\n"
        with socket.create_connection((host, int(port)), 10) as connection:
            connection.sendall(f"{head}Content-Length: 150\r\n\r\n".encode())
            sent = 0
            while sent < 150 and not select.select([connection], [], [], 0.1)[0]:
                sent += connection.send(b"\n")  # never is it silent for as long as a client may be
            assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_a_small_dag_can_not_keep_a_stream_for_ever(
    provider: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    import httpx

    from codata.provider import car_stream

    monkeypatch.setattr(car_stream, "MAX_REPEATS", 1000)
    node = provider.home.store.put(b"bottom")
    for _ in range(40):
        node = provider.home.store.put(dag_cbor.encode([node, node]), DAG_CBOR)
    once = provider.get(f"/ipfs/{node}?format=car&car-dups=n")
    assert len(blocks_of(once.content)) == 41
    with pytest.raises(httpx.RemoteProtocolError):
        provider.get(f"/ipfs/{node}?format=car&car-dups=y")


# -- who is answered, and the settings -----------------------------------------------------------------------


def test_loopback_answers_to_its_own_names_alone(provider: Running) -> None:
    for host, status in [
        ("localhost", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:80", 200),
        ("evil.example", 421),
        ("", 421),
        ("[", 421),
    ]:
        assert provider.get("/health", Host=host).status_code == status


@pytest.mark.parametrize(
    ("listen", "loopback", "text"),
    [
        ("127.0.0.1:80", True, "127.0.0.1:80"),
        ("[::1]:0", True, "[::1]:0"),
        ("localhost", True, "localhost:8080"),
        ("0.0.0.0:80", False, "0.0.0.0:80"),
        ("example.org:80", False, "example.org:80"),
    ],
)
def test_addresses(listen: str, loopback: bool, text: str) -> None:
    address = Settings(listen=listen).address
    assert (address.is_loopback, str(address)) == (loopback, text)
    assert bool(Settings(listen=listen).allowed_hosts) == loopback


@pytest.mark.parametrize("listen", ["", ":80", "host:port", "a@b:1", "host:80/x", "host:99999", "[::1"])
def test_addresses_that_are_none(listen: str) -> None:
    from codata.provider.errors import BadSettings

    with pytest.raises(BadSettings):
        _ = Settings(listen=listen).address


def test_settings_come_from_the_table_and_flags_count_first() -> None:
    table = {"listen": "127.0.0.1:1", "announce": ["https://a.example"], "max_requests": 7, "page": False}
    loaded = Settings.load({"provider": table, "store": "x"}, {"listen": "127.0.0.1:2", "page": None})
    assert loaded == Settings("127.0.0.1:2", ("https://a.example",), page=False, max_requests=7)
    assert Settings.load({"provider": table}, {"page": True, "announce": []}).page
    assert Settings.load({}, {"listen": None}) == Settings()


@pytest.mark.parametrize(
    "table",
    [
        {"max_request": 1},
        {"max_requests": 0},
        {"max_requests": True},
        {"max_requests": "9"},
        {"page": 1},
        {"listen": 80},
        {"announce": "https://a.example"},
        [],
    ],
)
def test_settings_that_can_not_be_are_refused(table: object) -> None:
    from codata.provider.errors import BadSettings

    with pytest.raises(BadSettings):
        Settings.load({"provider": table}, {})


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://a.example", "/dns/a.example/tcp/443/https"),
        ("http://192.0.2.1:81/", "/ip4/192.0.2.1/tcp/81/http"),
        ("http://[2001:db8::1]", "/ip6/2001:db8::1/tcp/80/http"),
        ("ftp://a.example", None),
        ("https://a.example/path", None),
        ("https://u:p@a.example", None),
        ("https://[", None),
    ],
)
def test_announced_addresses(url: str, address: str | None) -> None:
    from codata.provider.errors import BadSettings
    from codata.provider.routing import multiaddr

    if address is None:
        with pytest.raises(BadSettings):
            multiaddr(url)
    else:
        assert multiaddr(url) == address


def test_the_answers_that_the_specification_shows(provider: Running) -> None:
    held_one = provider.home.store.put(b"golden")
    asked = [[], [held_one, *[ABSENT] * 7, held_one]]
    page = (Path(__file__).resolve().parents[2] / "docs/spec/provider.md").read_text(encoding="utf-8")
    shown = re.findall(r"\| `(\{\"count\".*?\})` \| `([0-9a-f ]+)` \|", page)
    assert len(shown) == len(asked)
    for cids, (text, data) in zip(asked, shown, strict=True):
        body = json.dumps({"cids": cids}).encode()
        assert _ask(provider, body, "application/json").text == text
        binary = _ask(provider, body, "application/json", accept="application/vnd.ipld.dag-cbor")
        assert binary.content == bytes.fromhex(data)


def test_a_folder_that_is_named_again_and_again_is_walked_once(
    provider: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, walked = provider.home.store, []
    leaf = store.put(b"leaf")
    node = store.put(dag_pb.encode(PBNode((PBLink(leaf, "", 4),), None)), 0x70)
    whole = held._whole
    monkeypatch.setattr(held, "_whole", lambda store, root: walked.append(root) or whole(store, root))
    answer = _ask(provider, f"{node}\n".encode() * 5000, "text/plain")
    assert (answer.json()["held"], walked) == (5000, [node])


def test_have_counts_empty_lines_too(provider: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(have, "MAX_CIDS", 20)
    assert _ask(provider, b"\n" * 40, "text/plain").status_code == 200
    assert _ask(provider, b"\n" * 41, "text/plain").status_code == 400
