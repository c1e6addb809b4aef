"""What reaches stdout: JSON that every parser reads, and text that every terminal takes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NoReturn

import pytest
from codata_cli.output import CLEAR, Output, note


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


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\x1b[31m", r"a\x1b[31m"),
        ("\x9b2J\x7f\r", r"\x9b2J\x7f\x0d"),
        ("\u202eb", r"\u202eb"),
        ("a\tb", "a\tb"),
    ],
)
def test_text_commands_no_terminal(name: str, shown: str) -> None:
    assert _printed("utf-8", as_json=False, value={"name": name}) == f"name  {shown}\n"
    said = io.StringIO()
    with redirect_stderr(said):
        note(f"{CLEAR}warning: {name}")
    assert said.getvalue() == f"{CLEAR}warning: {shown}\n"


def test_pictures_are_drawn_with_what_is_there() -> None:
    assert _printed("latin-1", as_json=False, value={"bar": "██▌▎ → …"}) == "bar  ### -> ...\n"


_CODATA = f"{sys.executable} -c 'from codata_cli.main import main; main()'"


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("jobs --json >&-", 1, "stdout is closed"),
        ("jobs >&- 2>&- <&-", 1, ""),
        ("jobs --json >/dev/full", 1, "can't write the result to stdout"),
        ("jobs >/dev/full", 1, "can't write the result to stdout"),
        ("cat big >/dev/full", 1, "can't write the result to stdout"),
        ("jobs --steps | true; exit ${PIPESTATUS[0]}", 0, ""),
        ("cat big | head -c 1 >&2; exit ${PIPESTATUS[0]}", 0, "x"),
    ],
)
def test_where_the_output_goes_nowhere(command: str, code: int, said: str, tmp_path: Path) -> None:
    if "/dev/full" in command and not Path("/dev/full").is_char_device():
        pytest.skip("there is no device /dev/full here")
    (tmp_path / "big").write_bytes(b"x" * 3_000_000)
    add = f"export CODATA_HOME={tmp_path}/home; {_CODATA} add --raw {tmp_path}/big --name big >/dev/null; "
    made = add if command.startswith("cat") else ""
    done = subprocess.run(
        ["bash", "-c", f"{made}{_CODATA} {command}"], stderr=subprocess.PIPE, text=True, timeout=60
    )
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr and "fault" not in done.stderr
