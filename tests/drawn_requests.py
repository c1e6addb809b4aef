"""Requests drawn from an OpenAPI document, valid and not, and their answers held against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = 60

Sign = Callable[[str, str, bytes | None], Mapping[str, str]]
"""From method, URL and body of a request to the headers that sign it."""


def hold_to(
    document: Mapping[str, Any],
    operation: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    *,
    cids: Sequence[str] = (),
    sign: Sign | None = None,
    examples: int = EXAMPLES,
) -> set[int]:
    """Send requests of an operation to `url`, and check that the document promises every answer: its status,
    its type, its headers, its value. Returns the statuses that were seen.

    A schema says that a CID is text, so that what is drawn is none; where `cids` are given, some requests
    name one of them in place of it. `sign`: adds headers to each request as it is sent. Skips the test where
    schemathesis is not installed.
    """
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from schemathesis import checks

    checks.load_all_checks()
    # Text that is no CID fits the schema, and is refused rightly; what is signed is signed after it is drawn.
    left_out = [checks.CHECKS.get_one("positive_data_acceptance")]
    left_out += [checks.CHECKS.get_one("ignored_auth")] if sign else []

    @schemathesis.serializer("application/vnd.ipld.car")
    def _as_it_is(context: Any, value: Any) -> Any:
        return value.encode() if isinstance(value, str) else value

    asked = schemathesis.openapi.from_dict(dict(document)).find_operation_by_id(operation)
    seen: set[int] = set()

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def run(data: st.DataObject) -> None:
        case = data.draw(asked.as_strategy())
        if cids and isinstance(case.body, dict) and data.draw(st.booleans()):
            case.body["cid"] = data.draw(st.sampled_from(cids))
        answer = case.call(base_url=url, headers=dict(headers or {}), auth=sign and _Signing(sign))
        case.validate_response(answer, excluded_checks=left_out)
        seen.add(answer.status_code)

    run()
    return seen


class _Signing:
    """Adds the headers that sign a request, once it is ready to be sent."""

    def __init__(self, sign: Sign) -> None:
        self._sign = sign

    def __call__(self, request: Any) -> Any:
        body = request.body.encode() if isinstance(request.body, str) else request.body
        if body is None and request.method == "POST":
            body = b""  # nothing was drawn, and nothing is what is signed
        request.headers.update(self._sign(request.method, request.url, body))
        return request
