"""The OpenAPI document: of the form it claims, of the routes there are, and kept to by every answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from starlette.applications import Starlette

from codata.home import Home
from codata.provider.app import application
from codata.provider.openapi import document
from codata.provider.pins import accounts
from codata.provider.settings import Settings
from codata.provider.watch import Watch
from codata.signing import sign
from tests.drawn_requests import hold_to
from tests.unit.gateway_serving import Running, serving

DOCUMENT = document("1.2.3")
OPERATIONS = {
    operation["operationId"]: (path, method, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
}
SIGNED = [name for name, (*_, op) in OPERATIONS.items() if op.get("security") == [{"signature": []}]]
PINS = [name for name, (*_, op) in OPERATIONS.items() if op.get("security") == [{"account": []}]]
OPEN = [name for name in OPERATIONS if name not in (*SIGNED, *PINS)]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = Settings.load(
        {"provider": {"tasks": {"keep_free": 1, "workers": 1}}}, {"listen": "127.0.0.1:0"}
    )
    with serving(tmp_path_factory.mktemp("provider"), settings) as running:
        yield running


def test_the_document_names_every_route_and_no_other(tmp_path: Path) -> None:
    with Home(tmp_path) as home:
        app = application(home, Settings(listen="127.0.0.1:0"), ["http://127.0.0.1:1"])
        assert isinstance(app, Watch)
        assert isinstance(app.app, Starlette)
        routes = {
            (route.path.replace(":path}", "}"), method.lower())  # type: ignore[attr-defined]
            for route in app.app.routes
            for method in route.methods - {"HEAD", "OPTIONS"}  # type: ignore[attr-defined]
        }
    assert routes == {(path, method) for path, method, _ in OPERATIONS.values()}


def test_it_is_served(provider: Running) -> None:
    served = provider.get("/openapi.json").json()
    assert served["paths"].keys() == DOCUMENT["paths"].keys()
    assert served["info"]["version"] == provider.get("/health").json()["version"]


def test_it_is_an_openapi_document() -> None:
    validator = pytest.importorskip(
        "openapi_spec_validator", reason="openapi-spec-validator is not installed"
    )
    validator.validate(DOCUMENT)


def test_its_schemas_are_schemas_and_its_references_lead_somewhere() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)

    def check(value: Any) -> None:
        if isinstance(value, dict):
            target: Any = DOCUMENT
            for part in value.get("$ref", "#").split("/")[1:]:
                target = target[part]
            for item in value.values():
                check(item)
        elif isinstance(value, list):
            for item in value:
                check(item)

    check(DOCUMENT)
    assert len(OPERATIONS) == sum(len(item.keys() - {"parameters"}) for item in DOCUMENT["paths"].values())


@pytest.mark.parametrize("operation", OPEN)
def test_answers_to_everybody(provider: Running, operation: str) -> None:
    statuses = hold_to(DOCUMENT, operation, provider.url)
    assert max(statuses) < 500


@pytest.mark.parametrize("operation", PINS)
def test_answers_to_accounts(provider: Running, operation: str) -> None:
    token = accounts.issue(provider.home, "me")
    cids = [str(provider.home.store.put(b"pinned"))]
    statuses = hold_to(DOCUMENT, operation, provider.url, {"Authorization": f"Bearer {token}"}, cids=cids)
    assert max(statuses) < 500


@pytest.mark.parametrize("operation", SIGNED)
def test_answers_to_who_signs(provider: Running, operation: str) -> None:
    def signed(method: str, url: str, body: bytes | None) -> dict[str, str]:
        return sign(provider.home.identity, method, url, body)

    statuses = hold_to(DOCUMENT, operation, provider.url, sign=signed)
    assert max(statuses) < 500
    assert 401 not in statuses
    assert hold_to(DOCUMENT, operation, provider.url) == {401}
