"""What the trustless and the path gateway specification demand and the public suite does not ask for.

`requirements.py` lists the demands with the tests that hold them.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import httpx
import pytest

from cid_store.car import open_car
from cid_store.cid import CID
from cid_store.codecs import dag_cbor
from tests.conformance.case import CAR, RAW
from tests.conformance.published import published
from tests.unit.gateway_serving import Running, blocks_of, load_fixtures, serving

ROOT = "bafybeidh6k2vzukelqtrjsmd4p52cpmltd2ufqrdtdg6yigi73in672fwu"
FOLDER = "bafybeicnmple4ehlz3ostv2sbojz3zhh5q7tz5r2qkfdpqfilgggeen7xm"  # ROOT/subdir
FILE = "bafybeigcisqd7m5nf3qmuvjdbakl5bdnh4ocrmacaqkpuh77qjvggmt2sa"  # its multiblock.txt, 1,026 bytes
LEAF = "bafkreifst3pqztuvj57lycamoi7z34b4emf7gawxs74nwrc2c7jncmpaqm"  # the last two of them: a file as well
EMPTY = "bafkqaaa"
ABSENT = "bafkreigaknpexyvxt76zgkitavbwx6ejgfheup5oybpm77f3pxzrvwpfdi"
FORMS = ("format=raw", "format=car")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with serving(tmp_path_factory.mktemp("gateway")) as running:
        load_fixtures(running.home)
        yield running


def _head(gateway: Running, path: str, **headers: str) -> httpx.Response:
    return gateway.client.head(path, headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.mark.parametrize(
    "path",
    [
        *(f"/ipfs/{FILE}?{form}" for form in FORMS),
        *(f"/ipfs/{EMPTY}?{form}" for form in FORMS),
        f"/ipfs/{ROOT}/subdir?format=car&dag-scope=entity&car-dups=y&filename=%d0%b6.car",
    ],
)
def test_head_is_get_without_a_body(gateway: Running, path: str) -> None:
    got, head = gateway.get(path), _head(gateway, path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    for name in ("date", "transfer-encoding"):
        got.headers.pop(name, None)
        head.headers.pop(name, None)
    assert head.headers == got.headers


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("path", ["", "/name", "/a/b/c"])
def test_a_root_that_is_not_held(gateway: Running, form: str, path: str) -> None:
    for ask in (gateway.get, lambda at, **headers: _head(gateway, at, **headers)):
        url = f"/ipfs/{ABSENT}{path}?{form}"
        assert ask(url).status_code == 404
        assert ask(url, If_None_Match="*").status_code == 404
        assert ask(url, Cache_Control="only-if-cached").status_code == 412


def test_what_is_missing_on_a_path_is_named(gateway: Running) -> None:
    for form in FORMS:
        for headers in ({}, {"If_None_Match": "*"}):
            answer = gateway.get(f"/ipfs/{ROOT}/subdir/nowhere/file?{form}", **headers)
            assert answer.status_code == 404
            assert "'nowhere'" in answer.json()["error"]["message"]
            assert answer.json()["error"]["cid"] == FOLDER


@pytest.mark.parametrize("form", FORMS)
def test_not_modified_says_what_would_have_been_said(gateway: Running, form: str) -> None:
    accept = RAW if form == "format=raw" else CAR
    got = gateway.get(f"/ipfs/{FILE}", Accept=accept)
    again = gateway.get(f"/ipfs/{FILE}", Accept=accept, If_None_Match=got.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    for name in ("cache-control", "content-location", "etag", "vary"):
        assert again.headers[name] == got.headers[name]
    assert "content-type" not in again.headers


@pytest.mark.parametrize(
    ("query", "accept", "location"),
    [
        ("", RAW, "format=raw"),
        ("?filename=a.bin", RAW, "format=raw"),
        ("", f"{CAR};dups=y", "format=car&car-version=1&car-order=dfs&car-dups=y"),
        ("?dag-scope=block", CAR, "format=car&dag-scope=block&car-version=1&car-order=dfs&car-dups=n"),
        ("?format=car", f"{CAR};dups=y", "format=car&car-version=1&car-order=dfs&car-dups=y"),
        ("?format=car&car-dups=n", f"{CAR};dups=y", "format=car&car-version=1&car-order=dfs&car-dups=n"),
        (
            "?format=car&car-order=dfs",
            f"{CAR};order=unk",
            "format=car&car-version=1&car-order=dfs&car-dups=n",
        ),
        (
            "?format=car&car-version=1",
            f"{CAR};version=1",
            "format=car&car-version=1&car-order=dfs&car-dups=n",
        ),
        ("?format=raw", CAR, "format=raw"),
        ("?format=raw", "application/x-tar", "format=raw"),
        ("?format=car", RAW, "format=car&car-version=1&car-order=dfs&car-dups=n"),
        ("?format=raw", RAW, None),
        ("?format=car", CAR, None),
        ("?format=raw", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", None),
    ],
)
def test_the_url_of_what_accept_spoke_of(
    gateway: Running, query: str, accept: str, location: str | None
) -> None:
    answer = gateway.get(f"/ipfs/{FILE}{query}", Accept=accept)
    assert answer.status_code == 200
    assert answer.headers.get("content-location") == (location and f"/ipfs/{FILE}?{location}")
    if location:
        there = gateway.get(f"/ipfs/{FILE}?{location}")
        assert (there.content, there.headers["etag"]) == (answer.content, answer.headers["etag"])
        assert there.headers["content-type"] == answer.headers["content-type"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_worker_is_registered_for_a_whole_root(gateway: Running, method: str) -> None:
    def ask(path: str, worker: str = "script") -> int:
        return gateway.client.request(method, path, headers={"service-worker": worker}).status_code

    for form in FORMS:
        assert ask(f"/ipfs/{ROOT}?{form}") == 400
        assert ask(f"/ipfs/{ROOT}/?{form}") == 200
        assert ask(f"/ipfs/{ROOT}/subdir?{form}") == 200
        assert ask(f"/ipfs/{ROOT}?{form}", "other") == 200


def test_names_in_ascii_and_in_utf_8(gateway: Running) -> None:
    """The example of the path gateway specification."""
    name = "filename=test%D1%82%D0%B5%D1%81%D1%82.pdf"
    for form in (*FORMS, "format=raw&download=true"):
        said = gateway.get(f"/ipfs/{FILE}?{form}&{name}").headers["content-disposition"]
        assert said == (
            "attachment; filename=\"test____.pdf\"; filename*=UTF-8''test%D1%82%D0%B5%D1%81%D1%82.pdf"
        )


def test_records_of_names_are_not_of_content(gateway: Running) -> None:
    record = "application/vnd.ipfs.ipns-record"
    for query, accept in (("?format=ipns-record", "*/*"), ("", record), ("?format=ipns-record", RAW)):
        answer = gateway.get(f"/ipfs/{FILE}{query}", Accept=accept)
        assert (answer.status_code, answer.json()["error"]["kind"]) == (400, "BadRequest")
    assert gateway.get(f"/ipfs/{FILE}", Accept=f"{record}, {RAW};q=0.1").status_code == 200


def test_a_range_has_a_meaning_for_get_alone(gateway: Running) -> None:
    path = f"/ipfs/{LEAF}?format=raw"
    assert gateway.get(path, Range="bytes=0-0").status_code == 206
    head = _head(gateway, path, Range="bytes=0-0")
    assert (head.status_code, head.headers["content-length"]) == (200, "2")
    assert "content-range" not in head.headers


def test_a_range_of_nothing_is_nothing(gateway: Running) -> None:
    """The probe is a 200 for every client, also for one that puts a range on all that it asks."""
    answer = gateway.get(f"/ipfs/{EMPTY}?format=raw", Range="bytes=0-1023")
    assert (answer.status_code, answer.content) == (200, b"")


def test_bytes_of_a_file_of_one_raw_block(gateway: Running) -> None:
    for asked in ("0:0", "1:99", "-5:-1", "0:*", "1:-2"):
        answer = gateway.get(f"/ipfs/{LEAF}?format=car&entity-bytes={asked}")
        assert blocks_of(answer.content) == [LEAF]
    assert gateway.get(f"/ipfs/{LEAF}?format=car&entity-bytes=2:*").status_code == 400


def test_bytes_before_the_beginning_show_the_root(gateway: Running) -> None:
    answer = gateway.get(f"/ipfs/{FILE}?format=car&entity-bytes=-9999:-2000")
    assert blocks_of(answer.content) == [FILE]
    scope = gateway.get(f"/ipfs/{FILE}?format=car&dag-scope=block")
    assert answer.content == scope.content


def test_bytes_of_a_file_whose_blocks_repeat(gateway: Running) -> None:
    root = gateway.home.store.put_file(bytes(3 << 20))
    zeros = CID.make(0x55, bytes(1 << 20))
    url = f"/ipfs/{root}?format=car&entity-bytes="
    assert blocks_of(gateway.get(f"{url}0:*&car-dups=y").content) == [root, zeros, zeros, zeros]
    assert blocks_of(gateway.get(f"{url}{1 << 20}:*&car-dups=y").content) == [root, zeros, zeros]
    assert blocks_of(gateway.get(f"{url}0:*&car-dups=n").content) == [root, zeros]


def test_roots_are_one_for_each_part_of_a_path(gateway: Running) -> None:
    store = gateway.home.store
    leaf = store.put(b"leaf")
    inner = store.put(dag_cbor.encode({"list": [1, {"leaf": leaf}]}), 0x71)
    outer = store.put(dag_cbor.encode({"inner": inner}), 0x71)
    path = f"/ipfs/{outer}/inner/list/1"
    for form in FORMS:
        inside = gateway.get(f"{path}?{form}").headers["x-ipfs-roots"]
        assert inside == f"{outer},{inner},{inner},{inner}"
        through = gateway.get(f"{path}/leaf?{form}").headers["x-ipfs-roots"]
        assert through == f"{outer},{inner},{inner},{inner},{leaf}"


def test_the_version_in_a_car_is_the_one_that_is_said(gateway: Running) -> None:
    answer = gateway.get(f"/ipfs/{FILE}?format=car")
    assert "version=1;" in answer.headers["content-type"]
    with open_car(io.BytesIO(answer.content)) as car:
        assert car.version == 1


def test_a_block_is_what_its_cid_says(gateway: Running) -> None:
    blocks = published("trustless_gateway_car/subdir-with-mixed-block-files").blocks
    assert len(blocks) == 10
    for cid, data in {**blocks, CID(EMPTY): b""}.items():
        body = gateway.get(f"/ipfs/{cid}?format=raw").content
        assert body == data
        cid.check(body)
