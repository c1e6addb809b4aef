"""The golden values of `docs/spec/ingest.md`, read from its table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from codata.errors import LossyInteger, TypeConflict
from tests.unit.ingest_reading import ingest

SPEC = Path(__file__).parents[2] / "docs" / "spec" / "ingest.md"

EXPECTED: list[dict[str, Any] | type[Exception]] = [
    {"a": ("double", [1.0, 0.5]), "b": ("large_string", [None, "2020-01-01"])},
    LossyInteger,
    TypeConflict,
    {"a": ("large_string", ["007", None]), "b": ("large_string", ["", "1"])},
    {"a": ("double", [1.0, -0.0])},
    {"text": ("large_string", ["a", "", "b\r"])},
]


def cases() -> list[tuple[str, bytes, str]]:
    """Format, bytes and the words of each row of the table."""
    table = SPEC.read_text().split("## Golden values")[1]
    found = []
    for format, text, words in re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", table, re.MULTILINE):
        parts = re.findall(r"`([^`]*)`|(LF)|(CR)", text)
        data = "".join(code or (lf and "\n") or (cr and "\r") for code, lf, cr in parts)
        found.append((format, data.encode(), words))
    return found


def test_the_table_is_read_whole() -> None:
    assert len(cases()) == len(EXPECTED)


@pytest.mark.parametrize("target", [1, 1000])
@pytest.mark.parametrize(("case", "expected"), list(zip(cases(), EXPECTED, strict=True)))
def test_golden(case: tuple[str, bytes, str], expected: Any, target: int) -> None:
    format, data, words = case
    if isinstance(expected, dict):
        table = ingest(format, data, target=target)
        got = {f.name: (str(f.type), table[f.name].to_pylist()) for f in table.schema}
        assert repr(got) == repr(expected)
    else:
        with pytest.raises(expected) as caught:
            ingest(format, data, target=target)
        assert all(f"file0:{n}" in str(caught.value) for n in re.findall(r"line (\d)", words))
