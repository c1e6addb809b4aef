"""What a provider answers is read as hostile: bounded, typed, and named when it is wrong."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

from cid_store.cid import CID
from cid_store.errors import CidStoreError, UsageError
from codata.identity import Identity
from codata.multiaddr import url_of
from codata.remote import (
    Client,
    Offer,
    ProviderError,
    ProviderFull,
    ProviderLied,
    ProviderRefused,
    ProviderStalled,
    ProviderUnreachable,
    State,
)
from codata.remote.answers import MAX_ANSWER
from codata.remote.find import providers_of
from tests.asking import somebody
from tests.listening import SilentHandler, listening

ME: Identity = somebody(1)
TASK = CID.make(0x71, b"a task")
OTHER = CID.make(0x71, b"another")
WHO = "http://provider"


@contextmanager
def _answering(status: int, body: bytes, headers: dict[str, str] | None = None) -> Iterator[Client]:
    class Handler(SilentHandler):
        def _serve(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            self.send_response_only(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _serve

    with listening(Handler) as address:
        client = Client(f"http://{address}", ME, silence=5)
        try:
            yield client
        finally:
            client.close()


def _offer(**more: Any) -> dict[str, Any]:
    return {"did": ME.did, "cores": 4, "queued": 1, "running": 2, **more}


def test_an_offer_is_read() -> None:
    offer = Offer.parse(
        WHO,
        _offer(
            engines={"pyarrow": "26"},
            steps=["rows", "text.*"],
            price={"cpu_second": "0.5", "gigabyte": "0.01"},
            limits={"upload": 1000, "tasks": 7},
            sources=["http://127.0.0.1:1/", "not a URL"],
        ),
    )
    assert (offer.cores, offer.waiting, offer.upload, offer.tasks) == (4, 3, 1000, 7)
    assert [str(origin) for origin in offer.origins] == ["http://127.0.0.1:1/"]
    assert offer.refusal(["rows", "text.normalize"], {"pyarrow": "26"}) is None
    assert offer.refusal(["rows", "filter"], {}) == "runs no filter"
    assert offer.refusal(["rows"], {"pyarrow": "25"}) == "has pyarrow 26, not 25"
    assert offer.refusal(["rows"], {"polars": "1"}) == "has polars in no version, not 1"


@pytest.mark.parametrize(
    "wrong",
    [
        {"did": "did:key:nobody"},
        {"did": 7},
        {"cores": "many"},
        {"cores": 10**9},
        {"cores": True},
        {"queued": -1},
        {"price": {"cpu_second": 0.1}},
        {"price": {"cpu_second": "NaN"}},
        {"price": {"gigabyte": "-1"}},
        {"price": {"gigabyte": "1e9999999999"}},
        {"price": []} | {"limits": 3},
        {"steps": "rows"},
        {"engines": ["pyarrow"]},
        {"sources": ["x"] * 20_000},
    ],
)
def test_what_can_not_be_an_offer_is_a_lie(wrong: dict[str, Any]) -> None:
    with pytest.raises(ProviderLied, match=WHO):
        Offer.parse(WHO, _offer(**wrong))


def _done(**more: Any) -> dict[str, Any]:
    proof = [base64.b64encode(bytes(32)).decode()]
    return {
        "task": str(TASK),
        "state": "done",
        "receipt": str(OTHER),
        "seal": str(OTHER),
        "index": 1,
        "proof": proof,
        **more,
    }


def test_a_state_is_read() -> None:
    state = State.parse(WHO, _done(), TASK)
    assert state.row is not None
    assert (state.row.index, state.row.proof, state.final) == (1, (bytes(32),), True)
    assert State.parse(WHO, {"task": TASK, "state": "fetching", "fetched": 7}).fetched == 7
    for wrong in ({"fetched": -1}, {"fetched": "7"}, {"fetched": True}, {"fetched": 1 << 70}, {}):
        assert State.parse(WHO, {"task": TASK, "state": "fetching", **wrong}).fetched == 0
    assert State.parse(WHO, {"task": TASK, "state": "running", "fetched": 7}).fetched == 0
    refused = State.parse(
        WHO,
        {
            "task": TASK,
            "state": "refused",
            "error": {"kind": "NotAllowed", "message": "no\x1b[2J", "rule": "r"},
        },
    )
    assert [State(TASK, word).progress for word in ("queued", "fetching", "running", "failed")] == [
        0,
        1,
        2,
        3,
    ]
    assert (refused.kind, refused.said) == ("NotAllowed", "no [2J (rule: r)")


@pytest.mark.parametrize(
    "wrong",
    [
        {"task": str(OTHER)},
        {"state": "sleeping"},
        {"state": ["done"]},
        {"receipt": "x"},
        {"seal": None},
        {"index": -1},
        {"index": True},
        {"index": 1 << 70},
        {"proof": "AAAA"},
        {"proof": ["AAAA"]},
        {"proof": ["!"]},
        {"proof": [base64.b64encode(bytes(32)).decode()] * 65},
    ],
)
def test_what_can_not_be_a_state_is_a_lie(wrong: dict[str, Any]) -> None:
    with pytest.raises(ProviderLied):
        State.parse(WHO, _done(**wrong), TASK)


@pytest.mark.parametrize(
    ("status", "body", "kind", "says"),
    [
        (
            403,
            {"error": {"message": "not you", "rule": "rule 2"}},
            ProviderRefused,
            r"not you \(rule: rule 2\)",
        ),
        (401, {}, ProviderRefused, "status 401"),
        (507, {"error": {"message": "full"}}, ProviderFull, "full"),
        (413, {}, ProviderFull, "413"),
        (400, {"error": {"message": "what?"}}, ProviderRefused, "what"),
        (500, {}, ProviderUnreachable, "failed"),
        (302, {}, ProviderRefused, "302"),
        (429, {}, ProviderStalled, "busy"),
    ],
)
def test_refusals_are_of_a_kind(
    status: int, body: dict[str, Any], kind: type[CidStoreError], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codata.remote.client._PAUSES", (0, 0))
    with (
        _answering(status, json.dumps(body).encode(), {"Location": "http://127.0.0.1:9/"}) as client,
        pytest.raises(kind, match=says),
    ):
        client.submit([TASK])


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b'"x"', b'{"tasks": []}', b'{"tasks": {}}', b"[" * 100_000]
)
def test_nonsense_is_a_lie(body: bytes) -> None:
    with _answering(200, body) as client, pytest.raises(ProviderLied):
        client.submit([TASK])


def test_an_answer_without_end_is_left() -> None:
    with _answering(200, bytes(MAX_ANSWER + 1)) as client, pytest.raises(ProviderLied, match="more than"):
        client.offer()


def test_what_is_held_is_a_bit_each() -> None:
    bits = {"count": 9, "held": 2, "bits": "gIA="}
    with _answering(200, json.dumps(bits).encode()) as client:
        flags = np.unpackbits(client.have([TASK] * 9), count=9)
        assert flags.tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 1]
        with pytest.raises(ProviderLied, match="8 CIDs"):
            client.have([TASK] * 8)
    with _answering(200, json.dumps(bits | {"bits": "gA"}).encode()) as client, pytest.raises(ProviderLied):
        client.have([TASK] * 9)


def test_nobody_there() -> None:
    client = Client("http://127.0.0.1:9", ME)
    try:
        with pytest.raises(ProviderUnreachable, match="does not answer"):
            client.cancel(TASK)
    finally:
        client.close()


def test_events_are_read_and_broken_ones_are_asked_for() -> None:
    told = json.dumps(_done())
    with _answering(200, f": here\n\nevent: state\ndata: {told}\n\n".encode()) as client:
        states = list(client.follow([TASK]))
        assert states[0] is None
        assert states[1] is not None
        assert states[1].task == TASK
    with _answering(200, told.encode()) as client:
        (state,) = client.follow([TASK])  # no line of it is an event
        assert state is not None
        assert state.final


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("/dns/data.example/tcp/443/https", "https://data.example:443/"),
        ("/dns4/data.example/tcp/8443/tls/http", "https://data.example:8443/"),
        ("/ip4/127.0.0.1/tcp/8080/http", "http://127.0.0.1:8080/"),
        ("/ip6/::1/tcp/8080/http", "http://[::1]:8080/"),
        ("/ip4/10.0.0.1/tcp/80/http", "http://10.0.0.1:80/"),
        ("/ip4/127.0.0.1/tcp/8080/http/p2p/x", "http://127.0.0.1:8080/"),
        ("/ip4/127.0.0.1/tcp/8080/p2p/x", None),
        ("/ip4/::1/tcp/8080/http", None),
        ("/ip6/fe80::1%eth0/tcp/8080/http", None),
        ("/ip4/127.0.0.1/tcp/0/http", None),
        ("/ip4/127.0.0.1/tcp/٣/http", None),
        ("/ip4/127.0.0.1/udp/1/quic", None),
        ("/dns/user@data.example/tcp/443/https", None),
        ("/dns/" + "x" * 1100 + "/tcp/443/https", None),
        (7, None),
        ("", None),
    ],
)
def test_addresses_are_read_one_way(address: object, url: str | None) -> None:
    assert url_of(address) == url


def test_routing_is_asked_about_the_dataset() -> None:
    peers = {
        "Providers": [
            {"Addrs": ["/ip4/127.0.0.1/tcp/5/http/p2p/x", "/ip4/10.0.0.1/tcp/80/http", 7]},
            {"Addrs": "no"},
            "no",
        ]
    }
    with _answering(200, json.dumps(peers).encode()) as client:
        config = {"routing": {"urls": [client.url]}}
        assert providers_of(["routed", "http://127.0.0.1:6/"], config, [TASK]) == [
            "http://127.0.0.1:5",
            "http://127.0.0.1:6",
        ]
    with _answering(500, b"") as client, pytest.raises(ProviderError):
        providers_of(["routed"], {"routing": {"urls": [client.url]}}, [TASK])
    with pytest.raises(UsageError, match=r"no URLs in \[providers\]"):
        providers_of(["configured"], {"providers": {"urls": "x"}}, [])
