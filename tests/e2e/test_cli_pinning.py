"""Pins at a pinning service by the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import Commands
from tests.pinning_service import TOKEN, Service, serving


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setenv("CODATA_PINNING_TOKEN", TOKEN)
    with serving() as running:
        yield running


@pytest.fixture
def codata(tmp_path: Path) -> Commands:
    commands = Commands(tmp_path / "home")
    (tmp_path / "file").write_text("hello")
    commands("add", "--raw", tmp_path / "file", "--name", "greeting")
    return commands


def test_a_pin_is_asked_for_once(codata: Commands, service: Service) -> None:
    first = codata("pin", "greeting", "--to", service.url).value
    assert (first["status"], first["to"]) == ("queued", service.url)
    service.pins[first["request"]]["status"] = "pinned"
    again = codata("pin", "greeting", "--to", service.url).value
    assert (again["request"], again["status"]) == (first["request"], "pinned")
    assert [(p["cid"], p["name"]) for p in codata("pins", "--at", service.url).value["pins"]] == [
        (first["root"], "greeting")
    ]
    assert codata("unpin", "greeting", "--at", service.url).value["removed"] == 1
    assert codata("pins", "--at", service.url).value == {"pins": []}
    gone = codata("unpin", "greeting", "--at", service.url)
    assert (gone.code, gone.error) == (2, "UnknownName")


def test_a_failed_pin_is_asked_for_again(codata: Commands, service: Service) -> None:
    first = codata("pin", "greeting", "--to", service.url).value
    service.pins[first["request"]]["status"] = "failed"
    assert codata("pin", "greeting", "--to", service.url).value["request"] != first["request"]
    assert codata("unpin", "greeting", "--at", service.url).value["removed"] == 2


def test_the_token_is_asked_for_and_never_shown(
    codata: Commands, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.answer = 403, f'{{"error": {{"reason": "NO", "details": "{TOKEN}"}}}}'.encode()
    for json in (True, False):
        ran = codata("pin", "greeting", "--to", service.url, json=json)
        assert ran.code == 1
        assert TOKEN not in ran.out.decode() + ran.err
    monkeypatch.delenv("CODATA_PINNING_TOKEN")
    ran = codata("pin", "greeting", "--to", service.url)
    assert (ran.code, ran.error) == (2, "UsageError")
    assert "CODATA_PINNING_TOKEN" in ran.value["error"]["next"]
