"""Tasks on a provider, from outside: what is pushed, submitted, performed, sealed, followed and refused."""

from __future__ import annotations

import base64
import json
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from cid_store.block import Block
from cid_store.cid import CID, DAG_CBOR, RAW
from cid_store.codecs import dag_cbor
from cid_store.stores.memory import MemoryStore
from codata import seals
from codata.execute.context import StoreContext
from codata.home import Home
from codata.plan.rows import RowCall, RowsParams
from codata.plan.stage import Planner
from codata.provider.app import application
from codata.provider.errors import BadSettings
from codata.provider.settings import Settings
from codata.provider.work import changes
from codata.provider.work.sandbox import choose
from codata.records.receipt import Receipt
from codata.records.run import RunRow
from codata.records.task import Task
from codata.signing import digest, sign
from tests.asking import CAR_TYPE, Asker, blocks_of, car_of, providing, somebody
from tests.hostile_ops import NUMBERS, Doing, doing, installed
from tests.unit.gateway_serving import Running

FRIEND, STRANGER = somebody(1), somebody(2)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Operations that misbehave, installed where processes look."""
    with installed(tmp_path_factory.mktemp("hostile") / "path"):
        yield


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory, hostile: None) -> Iterator[Running]:
    """A provider that lets one DID in besides its own, within narrow limits."""
    rule = {"did": FRIEND.did, "steps": ["rows", "text.*", "test/*"], "tasks": 400, "seconds": 20}
    limits = {"memory": 1 << 30, "file_bytes": 1 << 26, "upload": 1 << 22, "quota": 1 << 25}
    folder = tmp_path_factory.mktemp("provider") / "home"
    with providing(folder, allow=[rule], limits=limits, workers=2) as running:
        yield running


@pytest.fixture
def friend(provider: Running) -> Asker:
    return Asker(provider.url, FRIEND, provider.client)


@pytest.fixture
def stranger(provider: Running) -> Asker:
    return Asker(provider.url, STRANGER, provider.client)


def rows_task(store: MemoryStore, *calls: RowCall) -> tuple[CID, CID]:
    """A task over a table of its own, and the table."""
    table = pa.table({"text": [f"  {next(NUMBERS)} caf\u0065\u0301", None]})
    data = StoreContext(store).put_table(table).cid
    task = Planner(store).task("rows", 1, RowsParams(steps=list(calls)), data=[data])
    return task.save(store), data


NORMALIZE = RowCall(
    step="text.normalize",
    version=1,
    params={"column": "text", "unicode": "NFC", "newlines": True, "strip": True},
)


# -- the way of a task -----------------------------------------------------------------------------------


def test_a_task_is_performed_sealed_and_fetched(provider: Running, friend: Asker) -> None:
    store = MemoryStore()
    task, data = rows_task(store, NORMALIZE)
    answer = friend.push(blocks_of(store)).json()
    assert answer == {"blocks": 3, "bytes": sum(len(b.data) for b in blocks_of(store))}
    assert friend.submit([task])[task]["state"] in ("queued", "running")
    told = friend.wait(task)
    assert told["state"] == "done"
    for name in ("receipt", "seal"):
        store.put_many([Block(CID(told[name]), friend.get(told[name]))])
    row = RunRow(
        task,
        CID(told["receipt"]),
        CID(told["seal"]),
        told["index"],
        tuple(map(base64.b64decode, told["proof"])),
    )
    receipt = seals.Checker(store).receipt(row)  # raises unless the seal and the proof hold
    assert receipt.executor == provider.home.identity.did
    out = receipt.out["out"].cid
    store.put_many([Block(out, friend.get(out))])
    rows = StoreContext(store).table(out).column("text").to_pylist()
    before = StoreContext(store).table(data).column("text").to_pylist()
    assert rows == [before[0].strip().replace("e\u0301", "\u00e9"), None]
    assert told["cost"]["bytes_in"] > 0
    assert told["cost"]["price"] == "0"
    offer = friend.send("GET", "/offer").json()
    assert receipt.environment == offer["environment"]
    assert dag_cbor.decode(friend.get(offer["environment"]))["packages"] == offer["packages"]


def test_the_same_task_again_is_answered_at_once(friend: Asker) -> None:
    task = doing("nothing")
    first = friend.done(task)
    assert friend.submit([task.cid])[task.cid] == first
    assert friend.send("DELETE", f"/tasks/{task.cid}").json() == first
    assert friend.error(friend.send("GET", f"/tasks/{task.cid}"), 404)["kind"] == "UnknownTask"
    again = friend.submit([task.cid])[task.cid]  # what it gave is not deleted yet, and still counts
    assert (again["state"], again["receipt"]) == ("done", first["receipt"])


def test_results_that_are_gone_are_made_again(provider: Running, friend: Asker) -> None:
    task = doing("nothing")
    first = friend.done(task)
    receipt = Receipt.decode(friend.get(first["receipt"]))
    provider.home.store.delete([receipt.out["out"].cid])
    assert friend.submit([task.cid])[task.cid]["state"] in ("queued", "running")
    again = friend.wait(task.cid)
    assert Receipt.decode(friend.get(again["receipt"])).out == receipt.out


def test_an_offer_says_what_is_given_to_the_one_who_asks(provider: Running, friend: Asker) -> None:
    mine = Asker(provider.url, provider.home.identity, provider.client)
    to_me, to_friend = (asker.send("GET", "/offer").json() for asker in (mine, friend))
    assert to_me["steps"] == ["*"]
    assert to_friend["steps"] == ["rows", "text.*", "test/*"]
    assert (to_me["limits"]["seconds"], to_friend["limits"]["seconds"]) == (3600, 20)
    assert to_friend["did"] == provider.home.identity.did
    assert to_friend["price"] == {"cpu_second": "0", "gigabyte": "0"}
    assert to_friend["engines"]["pyarrow"] == pa.__version__
    assert to_friend["sandbox"] in ("bubblewrap", "unshare", "limits")


def _events(asker: Asker, tasks: Sequence[CID]) -> list[dict[str, Any]]:
    """The whole stream of events of some tasks."""
    url, body = f"{asker.url}/tasks/events", json.dumps({"tasks": list(tasks)}).encode()
    headers = sign(asker.who, "POST", url, body) | {"content-type": "application/json"}
    with httpx.stream("POST", url, content=body, headers=headers, timeout=60) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    assert lines[::2] == ["event: state"] * (len(lines) // 2)
    return [json.loads(line.removeprefix("data: ")) for line in lines[1::2]]


def test_events_follow_tasks_to_their_ends(friend: Asker) -> None:
    good, bad, known = doing("nothing"), doing("raise", "on purpose"), doing("nothing")
    friend.done(known)
    friend.record(good, bad)
    friend.submit([good.cid, bad.cid])
    nobodys = doing("nothing").cid
    events = _events(friend, [good.cid, bad.cid, known.cid, nobodys])
    last = {event["task"]: event for event in events}
    assert last[good.cid]["state"] == last[known.cid]["state"] == "done"
    assert last[bad.cid]["state"] == "failed"
    assert "on purpose" in last[bad.cid]["error"]["message"]
    assert last[nobodys]["error"]["kind"] == "UnknownTask"
    assert [event["task"] for event in events].count(known.cid) == 1


def test_long_input_lists_come_as_pages(friend: Asker) -> None:
    store = MemoryStore()
    params = Doing(what="nothing", number=next(NUMBERS))
    cids = [store.put(n.to_bytes(4, "big")) for n in range(1500)]
    task = Planner(store).task("test/do", 1, params, data=cids).save(store)
    assert isinstance(Task.load(store, task).inputs["data"], CID)
    friend.record(Block(task, store.get(task)))
    refused = friend.submit([task])[task]
    assert refused["error"]["kind"] == "MissingInput"
    assert "page" in refused["error"]["message"]
    friend.push(blocks_of(store))
    assert friend.submit([task])[task]["state"] != "refused"
    assert friend.wait(task)["state"] == "done"


def test_a_hundred_clients_at_once(provider: Running, friend: Asker) -> None:
    tasks = friend.record(*(doing("nothing") for _ in range(100)))
    ends: list[dict[str, Any]] = []

    def ask(task: CID) -> None:
        with httpx.Client(timeout=60) as client:
            asker = Asker(provider.url, FRIEND, client)
            asker.submit([task])
            ends.append(asker.wait(task))

    threads = [threading.Thread(target=ask, args=(task,)) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(end["task"] for end in ends) == sorted(tasks)
    assert {end["state"] for end in ends} == {"done"}


# -- who is let in, and with what ------------------------------------------------------------------------


def test_unsigned_requests_are_refused(provider: Running) -> None:
    for method, path in [
        ("GET", "/offer"),
        ("POST", "/tasks"),
        ("POST", "/blocks"),
        ("POST", "/tasks/events"),
    ]:
        answer = provider.client.request(method, path)
        assert (answer.status_code, answer.json()["error"]["kind"]) == (401, "NotSigned")
        assert answer.headers["www-authenticate"] == "Signature"


def test_what_no_rule_allows_is_refused_by_its_rule(friend: Asker, stranger: Asker) -> None:
    error = stranger.error(stranger.send("GET", "/offer"), 403)
    assert (error["kind"], error["rule"]) == ("NotAllowed", "provider.tasks.allow (1 rules)")
    store = MemoryStore()
    tasks = {
        "filter": rows_task(store, RowCall(step="filter", version=1, params={"where": "text IS NOT NULL"}))[
            0
        ],
        "seal/pick": Planner(store).task("seal/pick", 1, {}, cuts=[]).save(store),
    }
    friend.push(blocks_of(store))
    told = friend.submit(list(tasks.values()))
    for name, task in tasks.items():
        assert told[task]["state"] == "refused"
        assert told[task]["error"]["rule"] == f"rule 1 ({FRIEND.did})"
        assert name in told[task]["error"]["message"]
        assert friend.send("GET", f"/tasks/{task}").status_code == 404


def test_trust_lets_in_from_the_next_request_on(tmp_path: Path) -> None:
    with providing(tmp_path / "home") as running:
        asker = Asker(running.url, STRANGER, running.client)
        assert asker.error(asker.send("GET", "/offer"), 403)["kind"] == "NotAllowed"
        running.home.trust.give(STRANGER.did)
        assert asker.send("GET", "/offer").json()["steps"] == ["*"]
        running.home.trust.withdraw(STRANGER.did)
        assert asker.send("GET", "/offer").status_code == 403


def test_an_open_provider_takes_unsigned_requests_on_loopback_alone(tmp_path: Path) -> None:
    with providing(tmp_path / "home", open=True) as running:
        assert running.client.get("/offer").json()["rule"] == "the provider's own DID"
        answer = running.client.post("/tasks", json={"tasks": []})
        assert (answer.status_code, answer.json()) == (202, {"tasks": {}})
        other = Asker(running.url, STRANGER, running.client)
        assert other.send("GET", "/offer").status_code == 403  # who signs is who signs
    settings = Settings.load({"provider": {"tasks": {"open": True}}}, {"listen": "0.0.0.0:0"})
    with Home(tmp_path / "home") as home, pytest.raises(BadSettings, match="lets everybody in"):
        application(home, settings, ())


def test_a_request_counts_once(friend: Asker) -> None:
    url = f"{friend.url}/offer"
    headers = sign(FRIEND, "GET", url, None)
    assert friend.client.get(url, headers=headers).status_code == 200
    assert friend.error(friend.client.get(url, headers=headers), 401)["kind"] == "Replayed"


def test_a_request_to_another_provider_does_not_count(friend: Asker) -> None:
    # Signed for a neighbour, and passed on by it word for word.
    headers = sign(FRIEND, "GET", "http://127.0.0.1:1/offer", None) | {"host": "127.0.0.1:1"}
    answer = friend.client.get(f"{friend.url}/offer", headers=headers)
    assert friend.error(answer, 401)["kind"] == "WrongAuthority"
    port = friend.url.rpartition(":")[2]
    local = Asker(f"http://localhost:{port}", FRIEND, friend.client)
    headers = sign(FRIEND, "GET", f"{local.url}/offer", None) | {"host": f"localhost:{port}"}
    assert friend.client.get(f"{friend.url}/offer", headers=headers).status_code == 200


def test_a_body_is_the_one_that_was_signed(friend: Asker) -> None:
    body = json.dumps({"tasks": []}).encode()
    other = json.dumps({"tasks": [doing("nothing").cid]}).encode()
    headers = sign(FRIEND, "POST", f"{friend.url}/tasks", body) | {"content-type": "application/json"}
    answer = friend.client.post(f"{friend.url}/tasks", content=other, headers=headers)
    assert friend.error(answer, 401)["kind"] == "BadSignature"
    headers = sign(FRIEND, "POST", f"{friend.url}/tasks", body) | {"content-digest": digest(other)}
    answer = friend.client.post(f"{friend.url}/tasks", content=other, headers=headers)
    assert friend.error(answer, 401)["kind"] == "BadSignature"


def test_a_signature_is_for_one_path_and_one_question(friend: Asker) -> None:
    task = doing("nothing").cid
    headers = sign(FRIEND, "GET", f"{friend.url}/tasks/{task}", None)
    answer = friend.client.get(f"{friend.url}/tasks/{task}?wait=1", headers=headers)
    assert friend.error(answer, 401)["kind"] == "BadSignature"
    headers = sign(FRIEND, "GET", f"{friend.url}/tasks/{task}", None)
    answer = friend.client.delete(f"{friend.url}/tasks/{task}", headers=headers)
    assert friend.error(answer, 401)["kind"] == "BadSignature"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "BadRequest", 400),
        (b"{", "BadRequest", 400),
        (b"[]", "BadRequest", 400),
        (b"null", "BadRequest", 400),
        (b'{"tasks": {}}', "BadRequest", 400),
        (b'{"tasks": [1]}', "BadRequest", 400),
        (b'{"tasks": ["x"]}', "InvalidCID", 400),
        (b'{"tasks": [], "more": 1}', "BadRequest", 400),
        (b'{"tasks": [], "sources": "x"}', "BadRequest", 400),
        (b'{"tasks": [], "sources": [1]}', "BadRequest", 400),
        (b"[" * 100_000, "BadRequest", 400),
        (b" " * (1 << 20) + b"[]", "BodyTooLarge", 413),
        (json.dumps({"tasks": [CID.make(DAG_CBOR, bytes([n % 256, n >> 8])) for n in range(1001)]}).encode(),
         "BadRequest", 400),
    ],
)  # fmt: skip
def test_malformed_submissions_are_refused(friend: Asker, body: bytes, kind: str, status: int) -> None:
    assert friend.error(friend.send("POST", "/tasks", body), status)["kind"] == kind


def test_malformed_questions_are_refused(friend: Asker) -> None:
    assert friend.error(friend.send("GET", "/tasks/x"), 400)["kind"] == "InvalidCID"
    assert friend.error(friend.send("GET", "/tasks/..%2Foffer"), 404)["kind"] == "UsageError"
    task = doing("nothing").cid
    for wait in ("-1", "31", "nan", "inf", "x"):
        assert friend.error(friend.send("GET", f"/tasks/{task}?wait={wait}"), 400)["kind"] == "BadRequest"
    assert friend.error(friend.send("POST", "/tasks", b"{}", "text/plain"), 415)["kind"] == "WrongMediaType"
    assert friend.error(friend.send("POST", "/blocks", b"{}"), 415)["kind"] == "WrongMediaType"


def _wrong_records() -> dict[str, Any]:
    store = MemoryStore()
    good = dag_cbor.decode(doing("nothing", store=store).data)

    def args(**changed: Any) -> dict[str, Any]:
        return {**good, "args": {**good["args"], **changed}}

    somewhere = CID.make(RAW, b"nowhere")
    return {
        "BadRecord": [
            {},
            [],
            {**good, "nonce": b"x"},
            {**good, "sub": FRIEND.did},
            args(engines={}),
            args(engines={"pyarrow": 1}),
            args(engines={**good["args"]["engines"], "polars": "1"}),
            args(**{"in": {"data": ["x"]}}),
            args(**{"in": {str(n): [] for n in range(257)}}),
            args(version=-1),
            args(more=1),
        ],
        "UnknownStep": [args(step="no/such"), args(version=2)],
        "ParameterError": [args(params={}), args(params={"what": 1}), args(params={"what": "x", "more": 1})],
        "NotCheckable": [args(engines={"pyarrow": "0.1"})],
        "MissingInput": [
            args(**{"in": {"data": [somewhere]}}),
            args(params={"what": "x", "at": ""}, **{"in": {"data": CID.make(DAG_CBOR, b"no page")}}),
        ],
    }


@pytest.mark.parametrize("kind", _wrong_records())
def test_tasks_that_can_not_be_performed_are_refused_before_anything_is_read(
    friend: Asker, kind: str
) -> None:
    blocks = [Block.of(dag_cbor.encode(value), DAG_CBOR) for value in _wrong_records()[kind]]
    told = friend.submit(friend.record(*blocks))
    assert [told[block.cid]["error"]["kind"] for block in blocks] == [kind] * len(blocks)
    assert all(told[block.cid]["error"]["next"] for block in blocks)


def test_a_record_that_was_not_pushed_is_asked_for(friend: Asker) -> None:
    task = doing("nothing").cid
    error = friend.submit([task])[task]["error"]
    assert (error["kind"], error["cid"]) == ("MissingInput", task)
    assert "POST /blocks" in error["next"]


# -- pushed blocks ---------------------------------------------------------------------------------------


def test_wrong_blocks_are_refused(provider: Running, friend: Asker) -> None:
    honest = Block.of(b"honest")
    liar = Block(CID.make(RAW, b"what it should be"), b"what it is")
    large = Block.of(bytes((2 << 20) + 1))
    for body in (
        b"",
        b"no CAR",
        car_of([liar]),
        car_of([large]),
        car_of([honest])[:-1],
        car_of([honest]) + b"\xff",
        car_of([honest]) + b"\xff\xff\xff\xff\xff\xff\xff\x7f",
    ):
        error = friend.error(friend.send("POST", "/blocks", body, CAR_TYPE), 400)
        assert error["kind"] == "BadBlocks"
    assert not provider.home.store.has(liar.cid)
    assert not provider.home.store.has(large.cid)
    error = friend.error(friend.send("POST", "/blocks", bytes((4 << 20) + 1), CAR_TYPE), 413)
    assert error["kind"] == "BodyTooLarge"


def test_pushing_twice_changes_nothing(friend: Asker) -> None:
    block = Block.of(b"twice")
    assert friend.push([block]).json() == friend.push([block, block]).json() == {"blocks": 1, "bytes": 5}
    assert friend.push([]).json() == {"blocks": 0, "bytes": 0}


def test_a_quota_is_held_and_freed(tmp_path: Path) -> None:
    with providing(tmp_path / "home", allow=[{"did": FRIEND.did, "quota": 3000, "upload": 5000}]) as running:
        asker = Asker(running.url, FRIEND, running.client)
        assert asker.push([Block.of(bytes(2000))]).status_code == 200
        error = asker.error(asker.push([Block.of(b"x" * 2000)]), 507)
        assert (error["kind"], error["rule"]) == ("OverQuota", f"rule 1 ({FRIEND.did})")
        running.home.kept.sweep(1e12)
        assert asker.push([Block.of(b"x" * 2000)]).status_code == 200


def test_one_did_does_not_take_all_places_to_wait(friend: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MAX_WAITING", 0)
    task = doing("nothing").cid
    error = friend.error(friend.send("GET", f"/tasks/{task}?wait=1"), 429)
    assert error["kind"] == "Busy"
    assert friend.error(friend.post("/tasks/events", {"tasks": [task]}), 429)["kind"] == "Busy"
    assert friend.send("GET", f"/tasks/{task}").status_code == 404


def test_a_full_disk_refuses_and_loses_nothing(tmp_path: Path) -> None:
    with providing(tmp_path / "home", allow=[{"did": FRIEND.did}], keep_free=1 << 62) as running:
        asker = Asker(running.url, FRIEND, running.client)
        error = asker.error(asker.push([Block.of(b"x")]), 507)
        assert (error["kind"], error["message"]) == ("DiskFull", "the provider's disk is full")
        answer = asker.post("/tasks", {"tasks": [CID.make(DAG_CBOR, b"x")]})
        assert asker.error(answer, 507)["kind"] == "DiskFull"


# -- what a process may do -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "at", "number", "says"),
    [
        ("die", "", signal.SIGKILL, "ended its process by signal 9"),
        ("die", "", signal.SIGSEGV, "ended its process by signal 11"),
        ("memory", "", 2 << 30, "memory"),
        ("file", "", 1 << 27, "File too large"),
        ("files", "", 2000, "Too many open files"),
        ("raise", "on purpose", 0, "RuntimeError: on purpose"),
    ],
)
def test_a_task_that_goes_too_far_fails_alone(
    friend: Asker, what: str, at: str, number: int, says: str
) -> None:
    told = friend.done(doing(what, at, number))
    assert told["state"] == "failed"
    assert says in told["error"]["message"]
    assert told["error"]["kind"] in ("OutOfResources", "TaskFailed")
    assert friend.said(friend.done(doing("nothing"))) == "done"


def test_a_task_that_takes_too_long_is_ended(tmp_path: Path, hostile: None) -> None:
    with providing(tmp_path / "home", allow=[{"did": FRIEND.did, "seconds": 1}]) as running:
        asker = Asker(running.url, FRIEND, running.client)
        told = asker.done(doing("spin"))
        assert told["state"] == "failed"
        assert "took more than 1 seconds" in told["error"]["message"]


def test_what_a_task_prints_is_no_answer(friend: Asker) -> None:
    assert friend.said(friend.done(doing("print"))) == "done"


def test_a_task_sees_neither_the_key_nor_the_network(provider: Running, friend: Asker) -> None:
    sandbox = friend.send("GET", "/offer").json()["sandbox"]
    if sandbox == "limits":
        pytest.skip("neither bubblewrap nor unshare works on this machine")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        told = friend.done(doing("connect", number=listener.getsockname()[1]))
    assert told["state"] == "failed"
    if sandbox == "unshare":
        pytest.skip("bubblewrap does not work on this machine: files are seen")
    told = friend.done(doing("read", str(provider.home.path / "identity.pem")))
    assert "No such file" in told["error"]["message"]


@pytest.mark.parametrize("sandbox", ["bubblewrap", "unshare", "limits"])
def test_each_sandbox_performs(tmp_path: Path, hostile: None, sandbox: str) -> None:
    try:
        choose(sandbox, tmp_path, tmp_path)
    except BadSettings:
        pytest.skip(f"{sandbox} does not work on this machine")
    with providing(tmp_path / "home", sandbox=sandbox) as running:
        asker = Asker(running.url, running.home.identity, running.client)
        assert asker.send("GET", "/offer").json()["sandbox"] == sandbox
        assert asker.said(asker.done(doing("nothing"))) == "done"


# -- cancelling ------------------------------------------------------------------------------------------


def _running(asker: Asker, task: CID) -> None:
    """Wait until a task runs."""
    while asker.send("GET", f"/tasks/{task}").json()["state"] == "queued":
        pass


def test_cancelling_ends_what_runs_and_drops_what_waits(tmp_path: Path, hostile: None) -> None:
    with providing(tmp_path / "home") as running:
        asker = Asker(running.url, running.home.identity, running.client)
        first, second, third = doing("spin"), doing("spin"), doing("nothing")
        asker.record(first, second, third)
        asker.submit([first.cid, second.cid, third.cid])
        _running(asker, first.cid)
        for task in (second.cid, first.cid):
            assert asker.send("DELETE", f"/tasks/{task}").json()["state"] == "cancelled"
            assert asker.send("GET", f"/tasks/{task}").status_code == 404
        assert asker.said(asker.wait(third.cid)) == "done"


def test_one_can_not_cancel_what_another_wants(tmp_path: Path, hostile: None) -> None:
    held = tmp_path / "held"
    held.touch()
    rules = [{"did": FRIEND.did}, {"did": STRANGER.did}]
    with providing(tmp_path / "home", allow=rules, sandbox="limits") as running:
        one, two = (Asker(running.url, who, running.client) for who in (FRIEND, STRANGER))
        task = doing("wait", str(held))
        one.record(task)
        one.submit([task.cid])
        assert two.error(two.send("DELETE", f"/tasks/{task.cid}"), 404)["kind"] == "UnknownTask"
        two.submit([task.cid])
        assert one.send("DELETE", f"/tasks/{task.cid}").json()["state"] == "cancelled"
        held.unlink()
        assert two.wait(task.cid)["state"] == "done"
        assert one.send("GET", f"/tasks/{task.cid}").status_code == 404


def test_no_more_tasks_wait_than_the_rule_allows(tmp_path: Path, hostile: None) -> None:
    with providing(tmp_path / "home", allow=[{"did": FRIEND.did, "tasks": 2}]) as running:
        asker = Asker(running.url, FRIEND, running.client)
        tasks = asker.record(*(doing("spin") for _ in range(3)))
        told = asker.submit(tasks)
        assert [told[task]["state"] == "refused" for task in tasks] == [False, False, True]
        assert told[tasks[2]]["error"]["kind"] == "TooManyTasks"
        asker.send("DELETE", f"/tasks/{tasks[0]}")
        assert asker.submit(tasks[2:])[tasks[2]]["state"] != "refused"
