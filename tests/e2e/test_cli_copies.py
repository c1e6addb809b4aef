"""Copies on the command line: pin --to providers, where, check --remote, unpin --at; tokens of accounts."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from cid_store.cid import CID
from cid_store.testing import sample
from codata.home import Home
from codata.provider import have
from codata.provider.settings import Settings
from codata.records.manifest import Manifest
from tests.command import Commands
from tests.console import run_page
from tests.servers import free_port
from tests.unit.gateway_serving import Running, serving

ROOT = Path(__file__).resolve().parents[2]
GONE = "http://127.0.0.1:1"


@pytest.fixture
def codata(tmp_path: Path, small_shards: None) -> Commands:
    run = Commands(tmp_path / "home")
    text = sample(200_000).hex()
    rows = [f'{{"id": {i}, "text": "{text[i * 300 : i * 300 + 300]}"}}\n' for i in range(1000)]
    (tmp_path / "rows.jsonl").write_text("".join(rows))
    assert run("add", tmp_path / "rows.jsonl", "--name", "rows").value["shards"] > 10
    return run


@pytest.fixture
def providers(tmp_path: Path) -> Iterator[list[Running]]:
    """Three that trust the home."""
    with Home(tmp_path / "home") as home:
        did = home.identity.did
    settings = Settings.load(
        {"provider": {"tasks": {"keep_free": 1, "workers": 1}}}, {"listen": "127.0.0.1:0"}
    )
    with ExitStack() as stack:
        running = [stack.enter_context(serving(tmp_path / str(i), settings)) for i in range(3)]
        for provider in running:
            provider.home.trust.give(did)
        yield running


def _each(option: str, *urls: str) -> list[str]:
    return [word for url in urls for word in (option, url)]


def _shards(home: Path, name: str) -> list[CID]:
    with Home(home) as opened:
        manifest = Manifest.load(opened.store, opened.resolve(name))
        return [shard.cid for shard in manifest.refs(opened.store)]


def test_copies_from_pin_to_unpin(codata: Commands, providers: list[Running], tmp_path: Path) -> None:
    urls = [provider.url for provider in providers]
    shards = _shards(tmp_path / "home", "rows")
    made = codata("pin", "rows", *_each("--to", GONE, *urls), "--copies", 2)
    assert made.code == 0
    value = made.value
    assert (value["shards"], value["copies"], value["fewest_copies"]) == (len(shards), 2, 2)
    assert [p["error"] and p["error"]["kind"] for p in value["providers"]] == [
        "ProviderUnreachable",
        None,
        None,
        None,
    ]
    assert sum(p["shards"] for p in value["providers"]) == 2 * len(shards)
    for provider, told in zip(providers, value["providers"][1:], strict=True):
        assert sum(provider.home.store.has_many(shards)) == told["shards"]

    found = codata("where", "rows", *_each("--on", *urls))
    assert (found.code, found.value["fewest_copies"], found.value["nowhere"]) == (0, 2, [])
    assert codata("where", "rows", *_each("--on", GONE, *urls)).code == 5
    assert (
        "fewest copies of a shard: 2"
        in codata("where", "rows", *_each("--on", *urls), json=False).out.decode()
    )

    checked = codata("check", "rows", "--remote", *_each("--on", *urls), "--sample", 10)
    assert (checked.code, checked.value["ok"], checked.value["sample"]) == (0, True, 10)
    assert [p["given"] for p in checked.value["providers"]] == [10, 10, 10]
    text = codata("check", "rows", "--remote", *_each("--on", *urls), json=False).out.decode()
    assert "is found out with 99%" in text

    owner = Commands(providers[1].home.path)
    (copy,) = owner("provider", "copies").value["copies"]
    assert copy["root"] == value["root"]
    assert owner("provider", "copies", copy["did"], "--remove").value["removed"] == 1
    assert owner("provider", "copies").value == {"copies": []}
    assert owner("provider", "copies", "--remove").code == 2

    assert codata("unpin", "rows", "--at", urls[0]).value["at"] == [urls[0]]
    again = codata("unpin", "rows", "--at", urls[0])
    assert (again.code, again.error) == (2, "UnknownName")


def test_too_few_providers_are_left(codata: Commands, providers: list[Running]) -> None:
    done = codata("pin", "rows", *_each("--to", GONE, providers[0].url))
    assert (done.code, done.value["copies"], done.value["fewest_copies"]) == (5, 2, 1)
    text = codata("pin", "rows", *_each("--to", GONE, providers[0].url), json=False).out.decode()
    assert "of 2 copies asked for, some shards are on 1 of 2 providers" in text
    assert "http://127.0.0.1:1 does not answer" in text


def test_what_nobody_holds_and_who_lies(
    codata: Commands, providers: list[Running], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = providers[0].url
    shards = _shards(tmp_path / "home", "rows")
    nothing = codata("where", "rows", "--on", url)
    assert (nothing.code, nothing.value["nowhere"]) == (4, [str(cid) for cid in shards])
    codata("pin", "rows", "--to", url)
    providers[0].home.store.delete(shards)
    assert codata("check", "rows", "--remote", "--on", url).code == 4
    monkeypatch.setattr(have, "held", lambda store, cids, known: (True for _ in cids))
    lied = codata("check", "rows", "--remote", "--on", url, "--sample", 5)
    assert (lied.code, lied.value["ok"]) == (3, False)
    (told,) = lied.value["providers"]
    assert [false["verdict"] for false in told["false"]] == ["missing"] * 5
    text = codata("check", "rows", "--remote", "--on", url, json=False).out.decode()
    assert f"{url}: gave 0 of 44 blocks" in text
    assert "it does not hold what it says that it holds" in text


def test_providers_come_from_the_settings(codata: Commands, providers: list[Running], tmp_path: Path) -> None:
    nobody = codata("where", "rows")
    assert (nobody.code, nobody.error) == (2, "UsageError")
    urls = ", ".join(f'"{provider.url}"' for provider in providers)
    (tmp_path / "home" / "config.toml").write_text(
        f'[providers]\nurls = [{urls}]\n[routing]\nurls = ["{providers[1].url}"]\n'
    )
    assert codata("pin", "rows", "--to", "configured", "--copies", 1).value["fewest_copies"] == 1
    assert len(codata("where", "rows").value["providers"]) == 3
    assert len(codata("where", "rows", "--on", "routed").value["providers"]) == 1


@pytest.mark.parametrize(
    "words",
    [
        ["pin", "rows", "--to", "http://127.0.0.1:1", "--copies", "2"],
        ["pin", "rows", "--to", "elsewhere", "--copies", "2"],
        ["pin", "rows", "--to", "http://127.0.0.1:1", "--to", "elsewhere"],
        ["pin", "rows", "--copies", "2"],
        ["check", "rows"],
        ["check", "--remote"],
        ["check", "--sample", "3"],
    ],
)
def test_wrong_usage(codata: Commands, words: list[str]) -> None:
    ran = codata(*words)
    assert (ran.code, ran.error) == (2, "UsageError")


def test_tokens_of_accounts(codata: Commands, tmp_path: Path) -> None:
    assert codata("provider", "token").value == {"accounts": []}
    issued: Any = codata("provider", "token", "lab")
    token = issued.value["token"]
    assert len(token) > 40
    assert codata("provider", "token", "lab").value["token"] != token
    assert codata("provider", "token").value == {"accounts": ["lab"]}
    assert codata("provider", "token", "lab", "--remove").value == {"account": "lab", "pins": 0}
    for words in (["lab", "--remove"], ["--remove"], ["not a name"]):
        assert codata("provider", "token", *words).code == 2


def test_the_guide(tmp_path: Path) -> None:
    page = tmp_path / "copies.md"
    text = (ROOT / "docs" / "guides" / "copies.md").read_text(encoding="utf-8")
    page.write_text(
        text.replace("18081", str(free_port())).replace("18082", str(free_port())), encoding="utf-8"
    )
    try:
        assert run_page(page, tmp_path) >= 15
    finally:
        for started in tmp_path.glob("*.pid"):
            with suppress(ProcessLookupError):
                os.kill(int(started.read_text()), signal.SIGKILL)
