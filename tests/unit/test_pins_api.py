"""The pinning service against requests drawn from the published OpenAPI file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from codata.provider.pins import accounts
from codata.provider.settings import Settings
from tests.drawn_requests import hold_to
from tests.fixtures import shared
from tests.unit.gateway_serving import Running, serving

OPERATIONS = ["getPins", "addPin", "getPinByRequestId", "replacePinByRequestId", "deletePinByRequestId"]


@pytest.fixture(scope="module")
def published() -> Any:
    text = shared("pinning-services-api-spec/ipfs-pinning-service.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, str]]:
    with serving(tmp_path_factory.mktemp("provider"), Settings(listen="127.0.0.1:0")) as running:
        yield running, accounts.issue(running.home, "me")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_answers_are_those_that_the_file_promises(
    provider: tuple[Running, str], published: Any, operation: str
) -> None:
    running, token = provider
    held = [str(running.home.store.put(b"%d" % i)) for i in range(3)]
    statuses = hold_to(published, operation, running.url, {"Authorization": f"Bearer {token}"}, cids=held)
    assert not any(status >= 500 for status in statuses)
    if operation in ("addPin", "getPins"):
        assert statuses & {200, 202}
    unasked = hold_to(published, operation, running.url, cids=held)
    assert unasked == {401}
