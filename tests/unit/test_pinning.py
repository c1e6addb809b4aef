"""The pinning service client against a service that holds every request to the published API."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cid_store.cid import CID, RAW
from cid_store.errors import UsageError
from cid_store.pinning import PinningError, PinningService, is_service
from tests.pinning_service import TOKEN, Service, serving

CIDS = [CID.make(RAW, b"%d" % i) for i in range(9)]


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as running:
        yield running


@pytest.fixture
def client(service: Service) -> Iterator[PinningService]:
    with PinningService(service.url, TOKEN) as client:
        yield client


def test_a_pin_from_add_to_remove(client: PinningService, service: Service) -> None:
    added = client.add(CIDS[0], name="my dataset", origins=["/ip4/127.0.0.1/tcp/4001/p2p/QmMe"])
    assert (added.cid, added.name, added.status) == (CIDS[0], "my dataset", "queued")
    assert added.delegates == ("/ip4/203.0.113.1/tcp/4001/p2p/QmServicePeerId",)
    assert added.details == "Queue position: 7 of 9"
    service.pins[added.request]["status"] = "pinned"
    assert client.status(added.request).status == "pinned"
    replaced = client.replace(added.request, CIDS[1])
    assert (replaced.request, replaced.cid, replaced.name) == (added.request, CIDS[1], "")
    client.remove(added.request)
    assert service.pins == {}
    with pytest.raises(PinningError, match="404: NOT_FOUND"):
        client.status(added.request)


def test_all_pages_are_listed(client: PinningService, service: Service) -> None:
    for cid in CIDS:
        client.add(cid)
    assert [pin.cid for pin in client.pins()] == CIDS[::-1]
    assert [pin.cid for pin in client.pins(CIDS[2:4])] == [CIDS[3], CIDS[2]]
    assert list(client.pins(status=["pinned"])) == []
    with pytest.raises(UsageError):
        list(client.pins([*CIDS, *CIDS]))


def test_the_token_comes_from_the_environment(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CODATA_PINNING_TOKEN", raising=False)
    with pytest.raises(UsageError, match="token") as caught:
        PinningService(service.url)
    assert "CODATA_PINNING_TOKEN" in caught.value.next_step
    monkeypatch.setenv("CODATA_PINNING_TOKEN", TOKEN)
    with PinningService(service.url) as client:
        assert client.add(CIDS[0]).status == "queued"
        assert TOKEN not in repr(client)


def test_the_token_is_never_repeated(service: Service) -> None:
    with PinningService(service.url, "wrong") as client, pytest.raises(PinningError, match="401") as caught:
        client.add(CIDS[0])
    assert "CODATA_PINNING_TOKEN" in caught.value.next_step
    service.answer = 500, json.dumps({"error": {"reason": "X", "details": f"you sent {TOKEN}"}}).encode()
    with PinningService(service.url, TOKEN) as client, pytest.raises(PinningError) as caught:
        client.add(CIDS[0])
    assert TOKEN not in str(caught.value)
    assert "you sent …" in str(caught.value)
    with pytest.raises(UsageError):
        PinningService(service.url, "two\nlines")


def test_a_redirect_is_not_followed(client: PinningService, service: Service) -> None:
    service.answer = 307, b""
    with pytest.raises(PinningError, match="307"):
        client.add(CIDS[0])
    assert len(service.requests) == 1


GOOD = {
    "requestid": "1",
    "status": "queued",
    "created": "2026-01-01T00:00:00Z",
    "pin": {"cid": str(CIDS[0])},
    "delegates": ["/ip4/1.2.3.4"],
}


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        json.dumps(GOOD | {"status": "eaten"}).encode(),
        json.dumps(GOOD | {"status": ["queued"]}).encode(),
        json.dumps(GOOD | {"pin": {"cid": "x"}}).encode(),
        json.dumps(GOOD | {"pin": None}).encode(),
        json.dumps(GOOD | {"requestid": 5}).encode(),
        json.dumps(GOOD | {"requestid": ""}).encode(),
        json.dumps(GOOD | {"delegates": None}).encode(),
        json.dumps(GOOD | {"created": "x" * 1000}).encode(),
        json.dumps({k: v for k, v in GOOD.items() if k != "created"}).encode(),
        b" " * (17 << 20),
    ],
)
def test_answers_against_the_specification_are_refused(
    client: PinningService, service: Service, answer: bytes
) -> None:
    service.answer = 200, answer
    with pytest.raises(PinningError):
        client.status("1")


def test_lists_that_never_end(client: PinningService, service: Service) -> None:
    service.answer = 200, json.dumps({"count": 10**9, "results": [GOOD]}).encode()
    assert len(list(client.pins())) == 2
    service.answer = 200, json.dumps({"count": 10**9, "results": []}).encode()
    assert list(client.pins()) == []
    for results in (None, [GOOD] * 1001, {}):
        service.answer = 200, json.dumps({"count": 1, "results": results}).encode()
        with pytest.raises(PinningError):
            list(client.pins())


@pytest.mark.parametrize(
    "url",
    [
        "pinning+https://",
        "pinning+https://u:p@h/",
        "pinning+https://h/?token=x",
        "pinning+https://h:port/",
        "pinning+http://example.com/",
        "https://h/",
        "pinning+https://[::1",
    ],
)
def test_bad_urls_are_refused(url: str) -> None:
    with pytest.raises(UsageError):
        PinningService(url, TOKEN)


def test_which_urls_are_services() -> None:
    assert is_service("pinning+https://h/psa")
    assert not is_service("https://h/psa")
    assert not is_service("/some/path")


@pytest.mark.parametrize("request_id", ["", ".", "..", "x" * 2000])
def test_bad_identifiers_are_not_sent(client: PinningService, service: Service, request_id: str) -> None:
    with pytest.raises(UsageError):
        client.remove(request_id)
    assert service.requests == []


def test_a_service_that_is_not_there() -> None:
    with (
        PinningService("pinning+http://127.0.0.1:1/", TOKEN) as client,
        pytest.raises(PinningError, match="reached"),
    ):
        client.add(CIDS[0])


def test_limits_of_the_api_are_kept(client: PinningService, service: Service) -> None:
    with pytest.raises(UsageError):
        client.add(CIDS[0], name="x" * 256)
    with pytest.raises(UsageError):
        client.add(CIDS[0], origins=["/ip4/1.2.3.4"] * 21)
    assert service.requests == []
