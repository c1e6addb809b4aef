"""Requests drawn from an OpenAPI document, valid and not, and their answers held against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = 60


def hold_to(
    document: Mapping[str, Any],
    operation: str,
    url: str,
    headers: Mapping[str, str],
    cids: Sequence[str] = (),
) -> set[int]:
    """Send requests of an operation to `url`, and check that the document promises every answer: its status,
    its type, its headers, its value. Returns the statuses that were seen.

    A schema says that a CID is text, so that what is drawn is none; where `cids` are given, some requests
    name one of them in place of it. Skips the test where schemathesis is not installed.
    """
    schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
    from schemathesis import checks

    checks.load_all_checks()
    # Text that is no CID fits the schema, and is refused rightly.
    left_out = [checks.CHECKS.get_one("positive_data_acceptance")]
    asked = schemathesis.openapi.from_dict(dict(document)).find_operation_by_id(operation)
    seen: set[int] = set()

    @settings(
        max_examples=EXAMPLES,
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
        answer = case.call(base_url=url, headers=dict(headers))
        case.validate_response(answer, excluded_checks=left_out)
        seen.add(answer.status_code)

    run()
    return seen
