"""`codata provider serve` as a process: it starts, answers, says what is wrong, and ends as it should."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from cid_store.cid import CID
from cid_store.codecs import dag_pb
from codata.home import Home
from tests.command import Commands
from tests.console import run_page
from tests.fixtures import shared
from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
CODATA = Path(sys.executable).with_name("codata")


def _command(home: Path, *more: str) -> list[str]:
    return [str(CODATA), "provider", "serve", "--json", "--home", str(home), *more]


@contextmanager
def _serving(home: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The process, and the object that it printed."""
    command = _command(home, *(more or ("--listen", "127.0.0.1:0")))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def _end(process: subprocess.Popen[str], by: signal.Signals) -> list[dict[str, Any]]:
    """Tell it to stop; its log. Nothing more is on stdout."""
    process.send_signal(by)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "")
    return [json.loads(line) for line in err.splitlines()]


def test_it_serves_until_told_to_stop(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        root = home.store.put_file(b"a file of three blocks" * 120_000)
        home.names.give("file", root)
        did = home.identity.did
        with _serving(tmp_path) as (process, said):
            assert said["did"] == did
            answer = httpx.get(f"{said['url']}/ipfs/{root}?format=raw")
            assert CID(root).check(answer.content) is None
            assert str(root) in httpx.get(said["url"]).text
            later = home.store.put(b"put while it runs")
            assert httpx.get(f"{said['url']}/ipfs/{later}?format=raw").content == b"put while it runs"
            home.store.delete([next(dag_pb.links(home.store.get(root)))])
            with pytest.raises(httpx.RemoteProtocolError):
                httpx.get(f"{said['url']}/ipfs/{root}?format=car")
            taken = said["url"].removeprefix("http://")
            second = Commands(tmp_path)("provider", "serve", "--listen", taken)
            assert (second.code, second.error) == (2, "BadSettings")
            assert f"can't listen at {taken}" in second.value["error"]["message"]
            log = _end(process, signal.SIGINT)
    assert [line["event"] for line in log] == ["request"] * 3 + ["broken off", "request"]
    assert [line["whole"] for line in log if line["event"] == "request"] == [True, True, True, False]


def test_answers_that_run_when_it_is_told_to_stop_are_finished(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        root = home.store.put_file(os.urandom(32_000_000))
    with (
        _serving(tmp_path) as (process, said),
        httpx.stream("GET", f"{said['url']}/ipfs/{root}?format=car") as answer,
    ):
        pieces = answer.iter_raw()
        received = len(next(pieces))
        process.send_signal(signal.SIGTERM)
        received += sum(map(len, pieces))  # raises where the stream is broken off
        assert received > 32_000_000
        assert process.wait(60) == 0


def test_the_settings_of_the_home_hold_and_flags_before_them(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[provider]\nlisten = "127.0.0.1:1"\nannounce = ["https://data.example"]\npage = false\n'
    )
    with Home(tmp_path) as home:
        cid = home.store.put(b"announced")
    with _serving(tmp_path, "--listen", "127.0.0.1:0") as (_, said):
        (peer,) = httpx.get(f"{said['url']}/routing/v1/providers/{cid}").json()["Providers"]
        assert peer["Addrs"] == ["/dns/data.example/tcp/443/https"]
        assert httpx.get(said["url"]).status_code == 404


@pytest.mark.parametrize(
    ("config", "listen", "says"),
    [
        ("", "nowhere.invalid:80", "can't listen at nowhere.invalid:80"),
        ("", "x:y", "'x:y' is no address"),
        ("[provider]\nmax_request = 1", "127.0.0.1:0", "no setting 'max_request'"),
        ('[provider]\nannounce = ["x"]', "127.0.0.1:0", "'x' can't be announced"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, config: str, listen: str, says: str) -> None:
    (tmp_path / "config.toml").write_text(config)
    done = Commands(tmp_path)("provider", "serve", "--listen", listen)
    assert (done.code, done.error) == (2, "BadSettings")
    assert says in done.value["error"]["message"]


def _conformance() -> ModuleType:
    spec = importlib.util.spec_from_file_location("conformance", ROOT / "scripts" / "conformance.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_public_suite() -> None:
    fixtures = shared("gateway-conformance")
    suite = _conformance()
    if suite.program() is None:
        pytest.skip("gateway-conformance is not at hand: `python scripts/tools.py gateway-conformance`")
    assert suite.main(["--fixtures", str(fixtures)]) == 0


def test_the_script_for_the_suite_serves_what_it_loads(tmp_path: Path) -> None:
    suite = _conformance()
    assert suite.load(tmp_path, shared("gateway-conformance/trustless_gateway_car")) == 6
    with suite.serving(tmp_path) as url:
        probe = httpx.get(f"{url}/ipfs/bafkqaaa?format=raw")
        assert (probe.status_code, probe.content) == (200, b"")


def test_the_guide(tmp_path: Path) -> None:
    page = tmp_path / "run-a-provider.md"
    text = (ROOT / "docs" / "guides" / "run-a-provider.md").read_text(encoding="utf-8")
    page.write_text(text.replace("8080", str(free_port())), encoding="utf-8")
    try:
        assert run_page(page, tmp_path) >= 10
    finally:
        started = tmp_path / "provider.pid"
        if started.exists():
            with suppress(ProcessLookupError):
                os.kill(int(started.read_text()), signal.SIGKILL)
