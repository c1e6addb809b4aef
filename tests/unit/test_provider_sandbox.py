"""Sandboxes and processes, without a provider around them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cid_store.cid import CID, DAG_CBOR
from codata.home import Home
from codata.provider.errors import BadSettings
from codata.provider.settings import Settings
from codata.provider.work import children, sandbox
from codata.provider.work.children import Answer, Child, Setup
from codata.provider.work.sandbox import Sandbox, choose
from codata.provider.work.settings import Limits
from tests.hostile_ops import doing, installed

NOWHERE = CID.make(DAG_CBOR, b"no task")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with installed(tmp_path / "path"), Home(tmp_path / "home") as opened:
        yield opened


@pytest.fixture
def child(home: Home) -> Iterator[Child]:
    started = Child(Setup(home.store_url, home.identity.did, 1, Sandbox("limits")))
    yield started
    started.stop()


def test_without_programs_only_limits_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    assert choose("auto", tmp_path, tmp_path) == Sandbox("limits")
    for wanted in ("bubblewrap", "unshare"):
        with pytest.raises(BadSettings, match=wanted):
            choose(wanted, tmp_path, tmp_path)


def test_a_sandbox_that_does_not_start_is_not_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: "/bin/false")
    assert choose("auto", tmp_path, tmp_path).name == "limits"


def test_a_home_within_what_is_shown_is_covered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project's own environment may lie beside its home."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    store, key = tmp_path / "home" / "store", tmp_path / "home" / "identity.pem"
    store.mkdir(parents=True)
    key.write_text("secret")
    (tmp_path / "beside").write_text("shown")
    try:
        shut = choose("bubblewrap", store, tmp_path / "home")
    except BadSettings:
        pytest.skip("bubblewrap does not work on this machine")
    script = (
        f"import os; print(os.path.exists({str(key)!r}), os.path.exists({str(tmp_path / 'beside')!r}));"
        f"open({str(store / 'new')!r}, 'w').close(); print(os.listdir('/tmp') == [] or 'tmp')"
    )
    done = subprocess.run(
        [*shut.prefix, sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[:2] == ["False", "True"]
    assert (store / "new").exists()


def test_a_process_goes_on_after_errors_and_is_replaced_after_failures(home: Home, child: Child) -> None:
    def performed(what: str) -> Answer:
        task = doing(what)
        home.store.put_many([task])
        return child.perform(task.cid, Limits(seconds=30))

    assert performed("nothing").receipt
    first = child._process
    missing = child.perform(NOWHERE, Limits())
    assert missing.error is not None
    assert missing.error["kind"] == "BlockNotFound"
    assert child._process is first
    failed = performed("raise")
    assert failed.error is not None
    assert failed.error["kind"] == "TaskFailed"
    assert performed("nothing").receipt
    assert child._process is not first


def test_what_was_cancelled_before_there_was_a_process_is_not_performed(home: Home, child: Child) -> None:
    task = doing("nothing")
    home.store.put_many([task])
    child.kill("was cancelled")  # nothing is there yet that this would end
    assert child.perform(task.cid, Limits(), lambda: False).receipt is None
    assert child.perform(task.cid, Limits()).receipt


def test_a_process_is_replaced_after_so_many_tasks(
    home: Home, child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "MAX_TASKS", 2)
    processes = set()
    for _ in range(3):
        task = doing("nothing")
        home.store.put_many([task])
        assert child.perform(task.cid, Limits()).receipt
        processes.add(child._process)
    assert processes - {None}
    assert None in processes  # after the second


def test_a_process_that_does_not_start_fails_the_task(home: Home) -> None:
    child = Child(Setup(home.store_url, home.identity.did, 1, Sandbox("limits", ("/bin/false",))))
    answer = child.perform(NOWHERE, Limits())
    assert answer.error is not None
    assert answer.error["kind"] == "OutOfResources"
    assert "status 1" in answer.error["message"]
    child.stop()


def test_a_process_without_enough_memory_fails_the_task(home: Home, child: Child) -> None:
    task = doing("memory", number=1 << 30)
    home.store.put_many([task])
    answer = child.perform(task.cid, Limits(memory=1 << 29))
    assert answer.error is not None
    assert answer.error["kind"] == "OutOfResources"
    assert child.perform(task.cid, Limits(memory=1 << 32)).receipt


def test_resting_lets_go_of_the_store(home: Home, child: Child) -> None:
    task = doing("nothing")
    home.store.put_many([task])
    answer = child.perform(task.cid, Limits())
    assert answer.receipt
    home.keeper.pin(task.cid)
    home.store.settle()
    home.keeper.gc([task.cid])
    assert home.store.has(answer.receipt)
    child.rest()
    home.keeper.gc([task.cid])
    assert not home.store.has(answer.receipt)


def test_the_guide_shows_settings_that_count() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "run-a-provider.md").read_text(encoding="utf-8")
    import tomllib

    tables = [part.partition("```")[0] for part in guide.split("```toml\n")[1:]]
    loaded = [Settings.load(tomllib.loads(table), {}) for table in tables]
    assert any(settings.tasks.allow for settings in loaded)


def test_children_get_no_secrets_from_the_environment(
    home: Home, child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    if not Path("/proc/self/environ").exists():
        pytest.skip("this machine does not show a process's environment")
    child._ready()
    assert child._process is not None
    environment = Path(f"/proc/{child._process.pid}/environ").read_bytes()
    assert b"wJalrXUtnFEMI" not in environment
    assert os.environb[b"PATH"] in environment
