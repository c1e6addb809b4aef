"""The command line in this process: what it prints, and the code that it would exit with."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codata_cli.main import _run


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    code: int
    out: bytes
    err: str

    @property
    def value(self) -> Any:
        """The one JSON object on stdout."""
        return json.loads(self.out)

    @property
    def error(self) -> str:
        """The kind of error; fails where there was none."""
        kind: str = self.value["error"]["kind"]
        return kind


class Commands:
    """Commands on one home."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def __call__(self, *arguments: object, json: bool = True, home: bool = True) -> Ran:
        """Run a command, with `--json` and this home unless told not to."""
        options = (["--json"] if json else []) + (["--home", str(self._home)] if home else [])
        out, err = io.BytesIO(), io.StringIO()
        text = io.TextIOWrapper(out, encoding="utf-8", write_through=True)
        with redirect_stdout(text), redirect_stderr(err):
            code = _run([*map(str, arguments), *options])
        assert "Traceback" not in err.getvalue()
        return Ran(code, out.getvalue(), err.getvalue())
