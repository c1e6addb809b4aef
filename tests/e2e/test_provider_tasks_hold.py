"""What a provider says of tasks holds: over kill and restart, until it expires, and whoever lies to it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pyarrow as pa
import pytest

from cid_store.block import Block
from cid_store.cid import CID, DAG_PB, RAW
from cid_store.codecs import dag_pb
from cid_store.stores.memory import MemoryStore
from codata.collect import collect
from codata.execute.context import StoreContext
from codata.home import Home
from codata.plan.rows import RowsParams
from codata.plan.stage import Planner
from codata.provider.settings import Settings
from codata.provider.work import runner, sweeping
from codata.provider.work.children import Answer as Performed
from codata.provider.work.children import Child
from codata.records.receipt import Output, Receipt
from codata.records.run import Run
from codata.signing import sign
from tests.asking import Asker, blocks_of, providing, somebody
from tests.gateway_server import Answer, gateway_server
from tests.hostile_ops import NUMBERS, Doing, doing, installed
from tests.runs import make_run
from tests.unit.gateway_serving import serving

FRIEND = somebody(1)
CODATA = Path(sys.executable).with_name("codata")


@pytest.fixture(scope="module", autouse=True)
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with installed(tmp_path_factory.mktemp("hostile") / "path"):
        yield


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """A file for which tasks wait until it is gone."""
    path = tmp_path / "held"
    path.touch()
    return path


# -- kill and restart ------------------------------------------------------------------------------------


@contextmanager
def _process(home: Path, listen: str, *before: str) -> Iterator[tuple[subprocess.Popen[str], Asker]]:
    """A provider as a process of its own, its command after what stands `before`."""
    command = [*before, str(CODATA), "provider", "serve", "--json", "--home", str(home), "--listen", listen]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            url = json.loads(process.stdout.readline())["url"]
            with httpx.Client(timeout=60) as client:
                yield process, Asker(url, FRIEND, client)
        finally:
            process.kill()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_that_was_taken_is_lost(tmp_path: Path, held: Path, end: signal.Signals) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(
        f'[provider.tasks]\nworkers = 2\nkeep_free = 1\nsandbox = "limits"\n'
        f'[[provider.tasks.allow]]\ndid = "{FRIEND.did}"\n'
    )
    done, runs, *waits = (doing("nothing"), *(doing("wait", str(held)) for _ in range(4)))
    with _process(home, "127.0.0.1:0") as (process, asker):
        listen = asker.url.removeprefix("http://")
        before = asker.done(done)
        tasks = asker.record(runs, *waits)
        asker.submit(tasks)
        while asker.send("GET", f"/tasks/{runs.cid}").json()["state"] != "running":
            time.sleep(0.01)
        children = _children(process.pid)
        assert children
        process.send_signal(end)
        process.wait(60)
    while any(Path(f"/proc/{child}/exe").exists() for child in children):
        time.sleep(0.01)  # what it had started ends with it
    with _process(home, listen) as (_, asker):
        assert asker.wait(done.cid) == before
        assert asker.get(before["receipt"])
        states = {asker.send("GET", f"/tasks/{task}").json()["state"] for task in tasks}
        assert states <= {"queued", "running"}
        held.unlink()
        assert {asker.wait(task)["state"] for task in tasks} == {"done"}


def test_a_provider_that_is_told_to_stop_does_not_wait_for_those_who_wait(tmp_path: Path, held: Path) -> None:
    settings = Settings.load(
        {"provider": {"shutdown_patience": 3600, "tasks": {"keep_free": 1, "sandbox": "limits"}}},
        {"listen": "127.0.0.1:0"},
    )
    with httpx.Client(timeout=60) as client:
        with serving(tmp_path / "home", settings) as running:
            asker = Asker(running.url, running.home.identity, client)
            task = doing("wait", str(held))
            asker.record(task)
            asker.submit([task.cid])
            url, body = f"{asker.url}/tasks/events", json.dumps({"tasks": [task.cid]}).encode()
            headers = sign(asker.who, "POST", url, body) | {"content-type": "application/json"}
            answer = client.send(
                client.build_request("POST", url, content=body, headers=headers), stream=True
            )
            lines = answer.iter_lines()
            assert next(lines) == "event: state"
        rest = list(lines)  # raises where the stream was broken off
        assert rest
        assert not any("done" in line for line in rest)


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    if not listed.exists():
        pytest.skip("this machine does not list a process's children")
    every = [p for p in Path(f"/proc/{pid}/task").iterdir()]
    return [int(child) for task in every for child in (task / "children").read_text().split()]


def test_a_signed_request_does_not_count_again_after_a_restart(tmp_path: Path) -> None:
    settings = Settings.load({"provider": {"hosts": ["data.example"]}}, {"listen": "127.0.0.1:0"})
    statuses = []
    with Home(tmp_path / "home") as home:
        headers = sign(home.identity, "GET", "http://data.example/offer", None) | {"host": "data.example"}
    for _ in range(2):
        with serving(tmp_path / "home", settings) as running:
            statuses.append(running.client.get("/offer", headers=headers).status_code)
    assert statuses == [200, 401]


# -- a full disk -----------------------------------------------------------------------------------------

_SMALL = 'mount -t tmpfs -o size="$0" small "$1" && cp "$2" "$1/config.toml" && shift 2 && exec "$@"'
"""For a shell in namespaces of its own: the home on a disk of so many bytes, and then a command."""


def test_a_disk_that_fills_up_loses_nothing(tmp_path: Path) -> None:
    home, config = tmp_path / "home", tmp_path / "config.toml"
    home.mkdir()
    config.write_text(
        f'[provider.tasks]\nworkers = 1\nkeep_free = 1\nsandbox = "limits"\n'
        f'[[provider.tasks.allow]]\ndid = "{FRIEND.did}"\n'
    )
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _SMALL, "24m", home, config]
    if shutil.which("unshare") is None or subprocess.run([*alone, "true"], check=False).returncode:
        pytest.skip("this machine does not let a test mount a small disk")
    with _process(home, "127.0.0.1:0", *map(str, alone)) as (_, asker):
        kept: list[CID] = []
        while True:
            block = Block.of(os.urandom(1 << 20))
            answer = asker.push([block])
            if answer.status_code != 200:
                break
            kept.append(block.cid)
        assert asker.error(answer, 507)["kind"] == "DiskFull"
        assert len(kept) > 10
        for cid in kept:
            assert asker.get(cid)
        answer = asker.post("/tasks", {"tasks": [doing("nothing").cid]})
        assert answer.status_code in (202, 507)  # refused, by itself or with all others; not a fault
        assert asker.client.get(f"{asker.url}/health").status_code == 200


# -- fetching --------------------------------------------------------------------------------------------


def _task_over(store: MemoryStore, *data: CID) -> CID:
    params = Doing(what="nothing", number=next(NUMBERS))
    return Planner(store).task("test/do", 1, params, data=data).save(store)


def test_inputs_are_fetched_from_sources_that_are_allowed(tmp_path: Path) -> None:
    there, mine = MemoryStore(), MemoryStore()
    table = StoreContext(there).put_table(pa.table({"text": ["fetched"]})).cid
    large = there.put_file(os.urandom(3 << 20))
    assert large.codec == DAG_PB
    task = Planner(mine).task("rows", 1, RowsParams(steps=[]), data=[table]).save(mine)
    other = _task_over(mine, table, large)
    with gateway_server(there) as source, providing(tmp_path / "home", sources=[source.url]) as running:
        asker = Asker(running.url, running.home.identity, running.client)
        asker.record(*blocks_of(mine))
        told = asker.submit([task, other], sources=["https://elsewhere.example/", source.url])
        assert {one["state"] for one in told.values()} <= {"queued", "fetching", "running"}
        assert asker.wait(task)["state"] == asker.wait(other)["state"] == "done"
        assert running.home.store.open_file(large).size == 3 << 20
        assert "fetched_bytes_total 3." in running.client.get("/metrics").text


def test_no_other_address_is_ever_asked(tmp_path: Path) -> None:
    there, mine = MemoryStore(), MemoryStore()
    task = _task_over(mine, there.put(b"input"))
    with gateway_server(there) as allowed, gateway_server(there) as other:
        port = other.url.rstrip("/").rpartition(":")[2]
        asked = [
            other.url,
            f"http://localhost:{port}/",
            f"http://[::1]:{port}/",
            f"{allowed.url}deeper/",
            allowed.url.replace("http://", "http://user@"),
            f"{allowed.url}@127.0.0.1:{port}/",
            "file:///etc/passwd",
            "",
        ]
        with providing(tmp_path / "home", sources=[allowed.url]) as running:
            asker = Asker(running.url, running.home.identity, running.client)
            asker.record(*blocks_of(mine))
            for urls in ([url] for url in asked):
                error = asker.submit([task], sources=urls)[task]["error"]
                assert error["kind"] == "MissingInput"
                assert "none of the sources named" in error["message"]
        assert allowed.seen == other.seen == []


def _lead_elsewhere(url: str) -> Callable[[str, Answer], Answer]:
    return lambda path, answer: Answer(302, headers=(("Location", f"{url}{path.lstrip('/')}"),))


@pytest.mark.parametrize("how", ["redirect", "lie", "absent"])
def test_a_source_that_leads_elsewhere_or_lies_fails_the_task(tmp_path: Path, how: str) -> None:
    there, mine = MemoryStore(), MemoryStore()
    data = there.put(b"input")
    task = _task_over(mine, data)
    with gateway_server(there) as source, gateway_server(there) as other:
        source.twist = {
            "redirect": _lead_elsewhere(other.url),
            "lie": lambda path, answer: Answer(body=b"something else"),
            "absent": lambda path, answer: Answer(404),
        }[how]
        with providing(tmp_path / "home", sources=[source.url]) as running:
            asker = Asker(running.url, running.home.identity, running.client)
            asker.record(*blocks_of(mine))
            asker.submit([task], sources=[source.url])
            told = asker.wait(task)
            assert told["state"] == "failed"
            assert told["error"]["cid"] == data
            assert not running.home.store.has(data)
        assert other.seen == []


def test_more_than_may_be_kept_is_not_fetched(tmp_path: Path) -> None:
    there, mine = MemoryStore(), MemoryStore()
    small, large = (_task_over(mine, there.put_file(os.urandom(size))) for size in (100_000, 3 << 20))
    rule = {"did": FRIEND.did, "quota": 1 << 20}
    with (
        gateway_server(there) as source,
        providing(tmp_path / "home", sources=[source.url], allow=[rule]) as running,
    ):
        asker = Asker(running.url, FRIEND, running.client)
        asker.record(*blocks_of(mine))
        asker.submit([small, large], sources=[source.url])
        assert asker.wait(small)["state"] == "done"
        assert asker.wait(large)["error"]["kind"] == "OverQuota"


def test_what_is_fetched_counts_for_who_wants_it(tmp_path: Path) -> None:
    there, mine = MemoryStore(), MemoryStore()
    first, second = (_task_over(mine, there.put_file(os.urandom(700_000))) for _ in range(2))
    rule = {"did": FRIEND.did, "quota": 1 << 20}
    with (
        gateway_server(there) as source,
        providing(tmp_path / "home", sources=[source.url], allow=[rule]) as running,
    ):
        asker = Asker(running.url, FRIEND, running.client)
        asker.record(*blocks_of(mine))
        asker.submit([first], sources=[source.url])
        assert asker.wait(first)["state"] == "done"
        assert asker.send("GET", "/offer").json()["quota"]["kept"] > 700_000
        asker.send("DELETE", f"/tasks/{first}")
        assert asker.send("GET", "/offer").json()["quota"]["kept"] > 700_000  # until it is deleted
        asker.submit([second], sources=[source.url])
        assert asker.wait(second)["error"]["kind"] == "OverQuota"
        with Home(tmp_path / "home") as home:
            collect(home)
        assert asker.send("GET", "/offer").json()["quota"]["kept"] < 700_000


def test_it_is_told_how_much_was_fetched(tmp_path: Path) -> None:
    there, mine = MemoryStore(), MemoryStore()
    large = there.put_file(os.urandom(5 << 20))
    last, go_on = dag_pb.decode(there.get(large)).links[-1].hash, threading.Event()
    task = _task_over(mine, large)

    def hold(path: str, answer: Answer) -> Answer:
        if "format=car" in path:
            return Answer(404)
        if str(last) in path:
            go_on.wait(60)
        return answer

    with (
        gateway_server(there) as source,
        providing(tmp_path / "home", sources=[source.url]) as running,
    ):
        source.twist = hold
        asker = Asker(running.url, running.home.identity, running.client)
        asker.record(*blocks_of(mine))
        asker.submit([task], sources=[source.url])
        end = time.monotonic() + 60
        while (told := asker.send("GET", f"/tasks/{task}").json()).get("fetched", 0) < 1 << 20:
            assert time.monotonic() < end
            time.sleep(0.02)
        assert told["state"] == "fetching"
        assert told["fetched"] < 5 << 20
        go_on.set()
        assert "fetched" not in asker.wait(task)


# -- keeping and expiring --------------------------------------------------------------------------------


def test_results_are_kept_until_they_are_released(tmp_path: Path) -> None:
    with providing(tmp_path / "home") as running:
        asker = Asker(running.url, running.home.identity, running.client)
        told = asker.done(doing("nothing"))
        out = Receipt.decode(asker.get(told["receipt"])).out["out"].cid
        everything = [CID(told["task"]), CID(told["receipt"]), CID(told["seal"]), out]
    with Home(tmp_path / "home") as home:
        collect(home)
        assert all(home.store.has_many(everything))
    with providing(tmp_path / "home") as running:
        asker = Asker(running.url, running.home.identity, running.client)
        asker.send("DELETE", f"/tasks/{told['task']}")
    with Home(tmp_path / "home") as home:
        collect(home)
        # The record was pushed too, and that is kept for as long as it would be without a task.
        assert home.store.has_many(everything) == [True, False, False, False]


def test_what_nobody_asks_for_expires_and_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "SWEEP", 0.05)
    monkeypatch.setattr(runner, "IDLE", 0.05)
    with providing(tmp_path / "home", expires_after=1, collect=True) as running:
        asker = Asker(running.url, running.home.identity, running.client)
        pinned = running.home.store.put(b"the owner's own")
        running.home.keeper.pin(pinned)
        block = Block.of(b"pushed")
        asker.push([block])
        told = asker.done(doing("nothing"))
        running.home.store.settle()  # this process is the owner's too, and would protect what it has put
        gone = [block.cid, CID(told["receipt"]), CID(told["task"])]
        while any(running.home.store.has_many(gone)):
            time.sleep(0.05)
        assert running.home.store.has(pinned)
        assert asker.send("GET", f"/tasks/{told['task']}").status_code == 404


def test_what_the_owner_has_run_is_answered_at_once(tmp_path: Path, small_shards: None) -> None:
    made = make_run(tmp_path / "home")
    with Home(tmp_path / "home") as home:
        row = list(Run.load(home.store, made.run).entries(home.store))[-1]
    with providing(tmp_path / "home") as running:
        asker = Asker(running.url, running.home.identity, running.client)
        told = asker.submit([row.task])[row.task]
        assert (told["state"], told["receipt"], told["seal"]) == ("done", row.receipt, row.seal)


# -- a process that lies ---------------------------------------------------------------------------------


def test_a_process_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with providing(tmp_path / "home") as running:
        asker = Asker(running.url, running.home.identity, running.client)
        honest = asker.done(doing("nothing"))
        receipt = Receipt.decode(asker.get(honest["receipt"]))
        others = replace(receipt, executor=FRIEND.did).save(running.home.store)
        nowhere = {"out": Output(CID.make(RAW, b"never made"))}
        task = doing("nothing")
        empty = replace(receipt, task=task.cid, out=nowhere).save(running.home.store)
        lies = [CID(honest["receipt"]), others, empty, CID.make(RAW, b"no receipt"), receipt.environment]
        for lie in lies:
            monkeypatch.setattr(Child, "perform", lambda *_, lie=lie: Performed(lie))
            told = asker.done(task)
            assert told["state"] == "failed", lie
            assert "receipt" not in told
        monkeypatch.undo()
        assert asker.done(task)["state"] == "done"
