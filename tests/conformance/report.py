"""The tables of docs/conformance.md: `python -m tests.conformance.report` writes them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from tests.conformance.block_cases import BLOCK_CASES
from tests.conformance.car_cases import CAR_CASES
from tests.conformance.case import Case
from tests.conformance.order_cases import ORDER_CASES
from tests.conformance.requirements import REQUIREMENTS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"

SPECS = {
    "trustless-block-gateway": BLOCK_CASES,
    "trustless-car-gateway": CAR_CASES,
    "trustless-car-gateway-optional": ORDER_CASES,
}
"""The specs that a provider is held to, and their cases."""

CASES: tuple[Case, ...] = tuple(case for cases in SPECS.values() for case in cases)

NOT_ASKED = {
    "TestGatewayIPNSRecord": "spec `trustless-ipns-gateway`: a provider answers for content, not for names",
}
"""The suite's other tests of trustless gateways, and why they do not apply."""


def tables() -> dict[str, str]:
    """The tables, in Markdown. A row may say *pass* because the tests run its case: else they fail."""
    made = {"cases": _cases(), "requirements": _requirements()}
    return {name: "\n".join(lines) + "\n" for name, lines in made.items()}


def _requirements() -> Iterator[str]:
    yield "| | demand | held by, below `tests/` |"
    yield "|---|---|---|"
    for one in REQUIREMENTS:
        yield f"| {one.level} | {one.says} | {'; '.join(f'`{test}`' for test in one.tests)} |"


def _cases() -> Iterator[str]:
    yield "| spec | test | case | state |"
    yield "|---|---|---|---|"
    for spec, cases in SPECS.items():
        for group, members in groupby(cases, key=lambda case: case.group):
            for case in members:
                yield f"| `{spec}` | `{group}` | {case.name} | pass |"
    for group, reason in NOT_ASKED.items():
        yield f"| | `{group}` | all | not applicable: {reason} |"


def written() -> dict[str, str]:
    """The tables as they stand in the page."""
    text = PAGE.read_text(encoding="utf-8")
    return {name: text.partition(_begin(name))[2].partition(_end(name))[0] for name in tables()}


def _begin(name: str) -> str:
    return f"<!-- {name}: begin -->\n"


def _end(name: str) -> str:
    return f"<!-- {name}: end -->\n"


def main() -> None:
    """Write the tables to the page."""
    text = PAGE.read_text(encoding="utf-8")
    for name, table in tables().items():
        before, begin, rest = text.partition(_begin(name))
        text = before + begin + table + _end(name) + rest.partition(_end(name))[2]
    PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
