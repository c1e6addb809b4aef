"""What reaches stdout: JSON that every parser reads, and text that every terminal takes."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from typing import Any, NoReturn

import pytest
from codata_cli.output import Output


def _refuse(word: str) -> NoReturn:
    raise AssertionError(f"{word} is no JSON")


def _printed(encoding: str, *, as_json: bool, value: dict[str, Any]) -> str:
    raw = io.BytesIO()
    terminal = io.TextIOWrapper(raw, encoding=encoding, write_through=True)
    with redirect_stdout(terminal):
        Output(as_json).result(value)
    return raw.getvalue().decode(encoding)


def test_json_has_no_words_that_json_lacks() -> None:
    value = {
        "rows": [{"f": float("nan"), "l": [float("inf"), float("-inf"), 1.5], "b": b"\xff\x00", "n": None}]
    }
    text = _printed("utf-8", as_json=True, value=value)
    assert json.loads(text, parse_constant=_refuse) == {
        "rows": [{"f": "NaN", "l": ["Infinity", "-Infinity", 1.5], "b": "/wA=", "n": None}]
    }


@pytest.mark.parametrize("name", ["é日本", "not UTF-8: \udcff"])
def test_json_survives_a_terminal_that_knows_ascii_alone(name: str) -> None:
    text = _printed("ascii", as_json=True, value={"name": name})
    assert json.loads(text) == {"name": name}


@pytest.mark.parametrize(("encoding", "shown"), [("ascii", r"\xe9 \udcff"), ("utf-8", r"é \udcff")])
def test_text_shows_what_its_encoding_lacks_escaped(encoding: str, shown: str) -> None:
    assert shown in _printed(encoding, as_json=False, value={"name": "é \udcff"})
