"""The trustless gateway, held to published block orders and to its specification."""

from __future__ import annotations

import io
import json
import random
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cid_store.car import open_car
from cid_store.cid import CID
from cid_store.codecs import dag_pb
from cid_store.stores import open_store
from cid_store.stores.gateway import GatewayStore, fetch_dag
from cid_store.stores.memory import MemoryStore
from cid_store.walk import walk
from codata.provider import resolve
from codata.provider.car_options import ByteRange
from codata.provider.server import bind
from codata.provider.settings import Address
from tests.fixtures import shared
from tests.unit.gateway_serving import Running, blocks_of, fixture_roots, load_fixtures, serving

MIXED = "bafybeidh6k2vzukelqtrjsmd4p52cpmltd2ufqrdtdg6yigi73in672fwu"
SUBDIR = "bafybeicnmple4ehlz3ostv2sbojz3zhh5q7tz5r2qkfdpqfilgggeen7xm"
FILE = "bafybeigcisqd7m5nf3qmuvjdbakl5bdnh4ocrmacaqkpuh77qjvggmt2sa"  # 1,026 bytes in five blocks
LEAF = "bafkreifst3pqztuvj57lycamoi7z34b4emf7gawxs74nwrc2c7jncmpaqm"  # the last of them
HELLO = "bafkreifkam6ns4aoolg3wedr4uzrs3kvq66p4pecirz6y2vlrngla62mxm"
BROKEN = "QmYhmPjhFjYFyaoiuNzYv8WGavpSRDwdHWe5B4M5du5Rtk"  # a file without its middle block
ABSENT = "bafkreigaknpexyvxt76zgkitavbwx6ejgfheup5oybpm77f3pxzrvwpfdi"
RAW, CAR = "application/vnd.ipld.raw", "application/vnd.ipld.car"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("gateway")) as running:
        load_fixtures(running.home)
        yield running


@pytest.mark.parametrize("dups", ["y", "n"])
@pytest.mark.parametrize("number", range(12))
def test_published_block_orders(gateway: Running, number: int, dups: str) -> None:
    case = json.loads(shared("vectors/gateway-car-expected-blocks.json").read_bytes())[number]
    answer = gateway.get(f"{case['request']}&car-dups={dups}")
    assert answer.status_code == 200
    assert blocks_of(answer.content) == case[f"blocks_dups_{dups}"]
    assert answer.headers["content-type"] == f"{CAR}; version=1; order=dfs; dups={dups}"


def test_a_block(gateway: Running) -> None:
    answer = gateway.get(f"/ipfs/{HELLO}?format=raw")
    assert answer.content == b"hello application/vnd.ipld.car\n"
    expected = {
        "content-type": RAW,
        "content-length": "31",
        "content-disposition": f'attachment; filename="{HELLO}.bin"',
        "x-content-type-options": "nosniff",
        "etag": f'"{HELLO}.raw"',
        "x-ipfs-path": f"/ipfs/{HELLO}",
        "x-ipfs-roots": HELLO,
        "cache-control": "public, max-age=29030400, immutable",
        "accept-ranges": "bytes",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "Accept-Ranges, Content-Length, Content-Range, Etag, Retry-After, "
        "X-Ipfs-Path, X-Ipfs-Roots",
    }
    assert {name: answer.headers.get(name) for name in expected} == expected
    head = gateway.client.head(f"/ipfs/{HELLO}?format=raw")
    assert head.content == b""
    assert {name: head.headers.get(name) for name in expected} == expected


def test_a_car(gateway: Running) -> None:
    url = f"/ipfs/{MIXED}/subdir/multiblock.txt?format=car"
    answer = gateway.get(url)
    expected = {
        "content-type": f"{CAR}; version=1; order=dfs; dups=n",
        "content-length": None,
        "content-disposition": f'attachment; filename="{FILE}.car"',
        "x-content-type-options": "nosniff",
        "x-ipfs-path": f"/ipfs/{MIXED}/subdir/multiblock.txt",
        "x-ipfs-roots": f"{MIXED},{SUBDIR},{FILE}",
        "cache-control": "public, max-age=29030400, immutable",
        "accept-ranges": "none",
    }
    assert {name: answer.headers.get(name) for name in expected} == expected
    with open_car(io.BytesIO(answer.content)) as car:
        assert car.roots == (CID(FILE),)
    head = gateway.client.head(url)
    assert head.content == b""
    assert {name: head.headers.get(name) for name in expected} == expected
    assert head.headers["etag"] == answer.headers["etag"]


def test_a_path_to_a_block(gateway: Running) -> None:
    answer = gateway.get(f"/ipfs/{MIXED}/subdir/?format=raw")
    assert CID(SUBDIR).check(answer.content) is None
    assert answer.headers["x-ipfs-roots"] == f"{MIXED},{SUBDIR}"
    assert answer.headers["etag"] == f'"{SUBDIR}.raw"'


def test_the_probe(gateway: Running) -> None:
    raw = gateway.get("/ipfs/bafkqaaa?format=raw")
    assert (raw.status_code, raw.content, raw.headers["content-length"]) == (200, b"", "0")
    car = gateway.get("/ipfs/bafkqaaa", Accept=CAR)
    with open_car(io.BytesIO(car.content)) as opened:
        assert opened.roots == (CID("bafkqaaa"),)
        assert list(opened.blocks()) == []
    assert gateway.client.head("/ipfs/bafkqaaa?format=car").status_code == 200


@pytest.mark.parametrize(
    ("query", "accept", "status", "media"),
    [
        ("", RAW, 200, RAW),
        ("", CAR, 200, f"{CAR}; version=1; order=dfs; dups=n"),
        ("", f"{CAR};order=dfs;dups=y", 200, f"{CAR}; version=1; order=dfs; dups=y"),
        ("", f'{CAR}; order="unk"; Dups=n', 200, f"{CAR}; version=1; order=dfs; dups=n"),
        ("", f"{CAR};order=foo, {CAR};order=dfs;dups=y;q=0.5", 200, f"{CAR}; version=1; order=dfs; dups=y"),
        ("", f"{CAR};q=0.2, {RAW};q=0.9", 200, RAW),
        ("", f"text/html, {CAR}", 200, f"{CAR}; version=1; order=dfs; dups=n"),
        ("?format=raw", CAR, 200, RAW),
        ("?format=car", RAW, 200, f"{CAR}; version=1; order=dfs; dups=n"),
        ("?format=car&car-dups=n", f"{CAR};dups=y", 200, f"{CAR}; version=1; order=dfs; dups=n"),
        ("?format=car&car-order=dfs", f"{CAR};order=foo;dups=y", 200, f"{CAR}; version=1; order=dfs; dups=y"),
        ("?format=car&car-order=unk", "*/*", 200, f"{CAR}; version=1; order=dfs; dups=n"),
        ("", "*/*", 400, None),
        ("", "", 400, None),
        ("", "text/html, */*;q=0.8", 400, None),
        ("", "text/html", 406, None),
        ("", f"{CAR};version=2", 400, None),
        ("", f"{CAR};order=foo, text/html", 400, None),
        ("", f"{RAW};q=0", 400, None),
        ("", f"{RAW};q=high", 400, None),
        ("?format=dag-json", "*/*", 406, None),
        ("?format=tar", RAW, 406, None),
        ("?format=gif", "*/*", 400, None),
        ("?format=car&format=raw", "*/*", 400, None),
        ("?format=car&car-version=2", "*/*", 400, None),
        ("?format=car&car-order=bfs", "*/*", 400, None),
        ("?format=car&car-dups=maybe", "*/*", 400, None),
        ("?format=car&dag-scope=some", "*/*", 400, None),
    ],
)
def test_negotiation(gateway: Running, query: str, accept: str, status: int, media: str | None) -> None:
    answer = gateway.get(f"/ipfs/{FILE}{query}", Accept=accept)
    assert answer.status_code == status
    if media is not None:
        assert answer.headers["content-type"] == media
    else:
        assert answer.json()["error"]["next"]


def test_what_accept_chose_has_a_url_of_its_own(gateway: Running) -> None:
    answer = gateway.get(f"/ipfs/{FILE}?dag-scope=entity", Accept=f"{CAR};dups=y")
    location = answer.headers["content-location"]
    again = gateway.get(location)
    assert (again.content, again.headers["etag"]) == (answer.content, answer.headers["etag"])
    assert gateway.get(f"/ipfs/{FILE}", Accept=RAW).headers["content-location"] == f"/ipfs/{FILE}?format=raw"
    assert "content-location" not in gateway.get(f"/ipfs/{FILE}?format=raw").headers


@pytest.mark.parametrize(
    ("asked", "first", "count"),
    [("0:*", 0, 5), ("0:0", 0, 1), ("255:256", 0, 2), ("-1:*", 4, 1), ("-2:-2", 4, 1), ("1000:9999", 3, 2)],
)
def test_bytes_of_a_file(gateway: Running, asked: str, first: int, count: int) -> None:
    whole = blocks_of(gateway.get(f"/ipfs/{FILE}?format=car").content)
    answer = gateway.get(f"/ipfs/{FILE}?format=car&entity-bytes={asked}")
    assert blocks_of(answer.content) == [whole[0], *whole[1 + first : 1 + first + count]]


@pytest.mark.parametrize(
    "asked", ["5:2", "-2:-5", "*:5", "1", "1:2:3", "a:b", "1026:*", "99999999999999999999:*", ""]
)
def test_ranges_that_can_not_be(gateway: Running, asked: str) -> None:
    answer = gateway.get(f"/ipfs/{FILE}?format=car&entity-bytes={asked}")
    assert answer.status_code == 400
    assert answer.json()["error"]["kind"] == "BadRequest"


def test_ranges_end_where_files_end() -> None:
    assert ByteRange.parse("1000:9999").within(1026) == (1000, 26)
    assert ByteRange.parse("-9999:-1").within(1026) == (0, 1026)
    assert ByteRange.parse("0:*").within(0) is None


def test_codecs_whose_links_are_not_known(gateway: Running) -> None:
    plain, unknown = gateway.home.store.put(b'{"a": 1}', 0x0200), gateway.home.store.put(b"?", 0x85)
    assert blocks_of(gateway.get(f"/ipfs/{plain}?format=car").content) == [plain]
    assert blocks_of(gateway.get(f"/ipfs/{unknown}?format=car&dag-scope=entity").content) == [unknown]
    for dups in "yn":
        assert gateway.get(f"/ipfs/{unknown}?format=car&car-dups={dups}").status_code == 406


def test_the_blocks_on_the_way_are_bounded(gateway: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"/ipfs/{MIXED}/subdir?format=car"
    assert gateway.get(url).status_code == 200
    monkeypatch.setattr(resolve, "MAX_PASSED", 10)
    assert gateway.get(url).json()["error"]["kind"] == "LimitExceeded"


def test_an_empty_range_shows_the_root(gateway: Running) -> None:
    assert blocks_of(gateway.get(f"/ipfs/{FILE}?format=car&entity-bytes=600:-600").content) == [FILE]


def test_bytes_of_what_has_none_are_ignored(gateway: Running) -> None:
    url = f"/ipfs/{MIXED}/subdir?format=car&dag-scope=entity"
    assert gateway.get(f"{url}&entity-bytes=0:5").content == gateway.get(url).content


def test_a_missing_child_breaks_the_stream_after_all_before_it(gateway: Running) -> None:
    received = b""
    with (
        pytest.raises(httpx.RemoteProtocolError),
        gateway.client.stream("GET", f"/ipfs/{BROKEN}?format=car") as answer,
    ):
        assert answer.status_code == 200
        for piece in answer.iter_raw():
            received += piece
    assert blocks_of(received) == [BROKEN, "QmPKt7ptM2ZYSGPUc8PmPT2VBkLDK3iqpG9TBJY7PCE9rF"]


def test_what_lies_behind_a_missing_block_is_found(gateway: Running) -> None:
    answer = gateway.get(f"/ipfs/{BROKEN}?format=car&entity-bytes=2048:*")
    third = dag_pb.decode(gateway.home.store.get(CID(BROKEN))).links[2].hash
    assert blocks_of(answer.content) == [BROKEN, third]


def test_blocks_that_stand_twice_in_a_folder(gateway: Running) -> None:
    (root,) = fixture_roots("trustless_gateway_car/dir-with-duplicate-files.car")
    once = blocks_of(gateway.get(f"/ipfs/{root}?format=car&car-dups=n").content)
    again = blocks_of(gateway.get(f"/ipfs/{root}?format=car&car-dups=y").content)
    assert len(once) == len(set(once)) == len(again) - 1
    assert list(dict.fromkeys(again)) == once


def test_dag_cbor_in_a_folder(gateway: Running) -> None:
    (root,) = fixture_roots("trustless_gateway_car/dir-with-dag-cbor-with-links.car")
    names = {link.name: link.hash for link in dag_pb.decode(gateway.home.store.get(root)).links}
    document = names["document"]
    for query in ("dag-scope=block", "dag-scope=entity", "entity-bytes=0:*"):
        answer = gateway.get(f"/ipfs/{root}/document?format=car&{query}")
        assert blocks_of(answer.content) == [root, document]
    whole = blocks_of(gateway.get(f"/ipfs/{root}/document?format=car").content)
    assert whole == [root, *(block.cid for block in walk(gateway.home.store, [document]))]
    assert len(whole) > 2


def test_the_client_of_this_project_fetches_from_it(gateway: Running) -> None:
    data = random.Random(1).randbytes(5_000_000)
    root = gateway.home.store.put_file(data)
    with MemoryStore() as here, open_store(gateway.url) as there:
        assert isinstance(there, GatewayStore)
        report = fetch_dag(here, there, root)
        assert (report.blocks, report.streams) == (6, 1)
        assert here.open_file(root).read() == data


def test_etags_tell_apart_what_differs(gateway: Running) -> None:
    queries = [
        "format=raw",
        "format=car",
        "format=car&dag-scope=block",
        "format=car&dag-scope=entity",
        "format=car&entity-bytes=0:5",
        "format=car&entity-bytes=0:6",
        "format=car&car-dups=y",
    ]
    tags = {query: gateway.get(f"/ipfs/{FILE}?{query}").headers["etag"] for query in queries}
    assert len(set(tags.values())) == len(queries)
    assert all(FILE in tag for tag in tags.values())
    for query, tag in tags.items():
        for given in (tag, f'"other", {tag.removeprefix("W/")}', "*"):
            answer = gateway.get(f"/ipfs/{FILE}?{query}", If_None_Match=given)
            assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert gateway.get(f"/ipfs/{FILE}?{query}", If_None_Match='"other"').status_code == 200


@pytest.mark.parametrize(
    ("header", "status", "content_range", "start", "stop"),
    [
        ("bytes=0-4", 206, "bytes 0-4/31", 0, 5),
        ("bytes=6-", 206, "bytes 6-30/31", 6, 31),
        ("bytes=-4", 206, "bytes 27-30/31", 27, 31),
        ("bytes=20-999", 206, "bytes 20-30/31", 20, 31),
        ("bytes=-999", 206, "bytes 0-30/31", 0, 31),
        ("bytes=31-", 416, "bytes */31", 0, 0),
        ("bytes=-0", 416, "bytes */31", 0, 0),
        ("bytes=5-2", 200, None, 0, 31),
        ("bytes=6-16,0-4", 206, "bytes 6-16/31", 6, 17),
        ("bytes=31-, ,-4,0-1", 206, "bytes 27-30/31", 27, 31),
        ("BYTES=0-4", 206, "bytes 0-4/31", 0, 5),
        ("bytes=31-40,-0", 416, "bytes */31", 0, 0),
        ("bytes=0-1,5-2", 200, None, 0, 31),
        ("bytes=,", 200, None, 0, 31),
        ("bytes", 200, None, 0, 31),
        ("bytes=-", 200, None, 0, 31),
        ("lines=0-4", 200, None, 0, 31),
    ],
)
def test_ranges_of_a_block(
    gateway: Running, header: str, status: int, content_range: str | None, start: int, stop: int
) -> None:
    answer = gateway.get(f"/ipfs/{HELLO}?format=raw", Range=header)
    assert answer.status_code == status
    assert answer.headers.get("content-range") == content_range
    assert answer.content == b"hello application/vnd.ipld.car\n"[start:stop]
    changed = gateway.get(f"/ipfs/{HELLO}?format=raw", Range=header, If_Range='"other"')
    assert (changed.status_code, len(changed.content)) == (200, 31)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/ipfs/{ABSENT}?format=raw", 404),
        (f"/ipfs/{ABSENT}?format=car", 404),
        (f"/ipfs/{ABSENT}/a/b?format=car", 404),
        (f"/ipfs/{MIXED}/nope?format=car", 404),
        (f"/ipfs/{FILE}/below?format=car", 404),
        (f"/ipfs/{LEAF}/below?format=car", 404),
        ("/ipfs/nonsense?format=raw", 400),
        ("/ipfs/?format=raw", 400),
        (f"/ipfs/{FILE.upper()}x?format=raw", 400),
        (f"/ipfs/{MIXED}/a%2Fb?format=car", 400),
        (f"/ipfs/{MIXED}/%ff?format=car", 400),
        (f"/ipfs/{MIXED}/%00?format=car", 400),
        (f"/ipfs/{MIXED}/{'a' * 5000}?format=car", 414),
        (f"/ipfs/{MIXED}/{'a/' * 65}?format=car", 414),
        (f"/ipfs/{MIXED}?format=car&x={'a' * 5000}", 400),
        (f"/ipfs/{MIXED}?format=car&{'x&' * 40}", 400),
        ("/ipns/example.org?format=raw", 404),
        ("/nowhere", 404),
    ],
)
def test_refusals(gateway: Running, path: str, status: int) -> None:
    answer = gateway.get(path)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"kind", "message", "cid", "next"}
    assert str(gateway.home.path) not in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_only_what_is_held(gateway: Running) -> None:
    for form in ("raw", "car"):
        absent = gateway.get(f"/ipfs/{ABSENT}?format={form}", Cache_Control="only-if-cached")
        assert absent.status_code == 412
        held = gateway.get(f"/ipfs/{FILE}?format={form}", Cache_Control="max-age=0, Only-If-Cached")
        assert held.status_code == 200


def test_cid_forms_of_one_block(gateway: Running) -> None:
    v1 = CID(BROKEN).to_v1()
    for text in (BROKEN, v1, "F" + v1.binary.hex().upper()):
        assert CID(BROKEN).check(gateway.get(f"/ipfs/{text}?format=raw").content) is None


def test_filenames_can_not_break_out_of_their_header(gateway: Running) -> None:
    url = f"/ipfs/{HELLO}?format=raw&filename="
    assert gateway.get(url + "a b.txt").headers["content-disposition"] == 'attachment; filename="a b.txt"'
    evil = gateway.get(url + 'x"%0d%0aSet-Cookie:%20a=b%c3%a9').headers
    assert "set-cookie" not in evil
    assert evil["content-disposition"] == (
        "attachment; filename=\"x___Set-Cookie_ a=b_\"; filename*=UTF-8''x___Set-Cookie_%20a%3Db%C3%A9"
    )
    # U+202E would show what follows it from right to left: txt.exe as exe.txt
    assert gateway.get(url + "a%e2%80%aeb").headers["content-disposition"] == 'attachment; filename="a_b"'
    long = gateway.get(url + "%d0%b6" * 300).headers["content-disposition"]
    assert long == f"attachment; filename=\"{'_' * 200}\"; filename*=UTF-8''{'%D0%B6' * 200}"


def test_an_answer_does_not_wait_for_the_receipt_of_its_head() -> None:
    with bind(Address("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_other_methods(gateway: Running) -> None:
    assert gateway.client.post(f"/ipfs/{FILE}?format=raw").status_code == 405
    options = gateway.client.options(f"/ipfs/{FILE}?format=raw")
    assert (options.status_code, options.headers["access-control-allow-origin"]) == (204, "*")


@pytest.mark.parametrize(
    "path",
    [
        "/ipfs/../../etc/passwd",
        "/../../../etc/passwd",
        f"/ipfs/{MIXED}/../../etc/passwd",
        f"/ipfs/{MIXED}/%2e%2e/x",
        f"/ipfs/{MIXED}/..%2f..%2fx",
        f"/ipfs//{MIXED}",
        f"//ipfs/{MIXED}",
        "http://169.254.169.254/latest/meta-data",
        "*",
        "/ipfs/" + "%25" * 1000,
        f"/ipfs/{MIXED}?format=car&dag-scope=%ff",
    ],
)
def test_path_tricks_end_in_a_refusal(gateway: Running, path: str, caplog: pytest.LogCaptureFixture) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: {CAR}\r\nConnection: close\r\n\r\n"
    assert gateway.send(request.encode()).startswith(b"HTTP/1.1 4")
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    "head",
    [
        b"GET /ipfs/x HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /ipfs/x HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 20_000 + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /ipfs/\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /ipfs/x\x00y HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"nonsense\r\n\r\n",
    ],
)
def test_malformed_heads_end_in_a_refusal(gateway: Running, head: bytes) -> None:
    assert gateway.send(head).startswith(b"HTTP/1.1 4")


def test_dag_cbor_by_path_and_scope(gateway: Running) -> None:
    from cid_store.codecs import dag_cbor

    store = gateway.home.store
    leaf = store.put(b"leaf")
    inner = store.put(dag_cbor.encode({"leaves": [leaf, leaf], "n": 1}), 0x71)
    root = store.put(dag_cbor.encode({"a": {"b": inner}}), 0x71)

    def blocks(path: str, query: str = "") -> list[CID]:
        return blocks_of(gateway.get(f"/ipfs/{root}{path}?format=car{query}").content)

    assert blocks("") == [root, inner, leaf]
    assert blocks("", "&car-dups=y") == [root, inner, leaf, leaf]
    assert blocks("", "&dag-scope=entity") == [root]
    assert blocks("/a/b") == [root, inner, leaf]
    assert blocks("/a/b", "&dag-scope=block") == [root, inner]
    assert blocks("/a/b/leaves/1") == [root, inner, leaf]
    assert blocks("/a/b/n", "&dag-scope=block") == [root, inner]
    assert gateway.get(f"/ipfs/{root}/a/nope?format=car").status_code == 404
    assert gateway.get(f"/ipfs/{root}/a/b/leaves/2?format=car").status_code == 404


def test_identity_blocks_are_not_in_cars(gateway: Running, tmp_path: Path) -> None:
    from cid_store.codecs import dag_cbor
    from cid_store.multihash import IDENTITY

    inline = CID.make(0x55, b"inline", IDENTITY)
    root = gateway.home.store.put(dag_cbor.encode([inline]), 0x71)
    for dups in "yn":
        assert blocks_of(gateway.get(f"/ipfs/{root}?format=car&car-dups={dups}").content) == [root]
    assert gateway.get(f"/ipfs/{inline}?format=raw").content == b"inline"
