"""What reaches the terminal: one JSON object or text on stdout, everything else on stderr."""

from __future__ import annotations

import base64
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cid_store.errors import CidStoreError


@dataclass
class Output:
    """Where a command's result goes. With `json` exactly one object is written to stdout."""

    json: bool

    def result(self, value: Mapping[str, Any], text: str | None = None) -> None:
        """The command's result: `value` as JSON, or `text` (default: `value` as lines) for people."""
        if self.json:
            write(json.dumps(_plain(value), default=str))
        else:
            write(text if text is not None else lines(value))


def _plain(value: Any) -> Any:
    """What JSON can hold: bytes as base64, as in exported JSON Lines; NaN and infinities as strings."""
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else value


def write(text: str) -> None:
    """A line on stdout; what its encoding lacks is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")


def note(text: str) -> None:
    """A line on stderr."""
    sys.stderr.write(text + "\n")


def lines(value: Mapping[str, Any]) -> str:
    """Keys and values in two columns."""
    width = max((len(k) for k in value), default=0)
    return "\n".join(f"{k.replace('_', ' '):<{width}}  {_text(v)}" for k, v in value.items())


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "-"}[value]
    if isinstance(value, float):
        return f"{value:.3g}" if value < 10 else f"{value:.1f}"
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {_text(v)}" for k, v in value.items()) or "-"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_text, value)) or "-"
    return str(value)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Rows under a heading, in columns as wide as they need; numbers to the right."""
    body = [[_text(cell) for cell in row] for row in rows]
    raw = [list(head), *body]
    widths = [max(len(row[i]) for row in raw) for i in range(len(head))]
    return "\n".join("  ".join(_cell(c, w) for c, w in zip(row, widths, strict=True)).rstrip() for row in raw)


def _cell(text: str, width: int) -> str:
    return text.rjust(width) if text.replace(",", "").replace(".", "").isdigit() else text.ljust(width)


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError


def error(e: CidStoreError, *, as_json: bool) -> None:
    """An error, with what to do next."""
    if as_json:
        value = {"kind": e.kind, "message": e.message, "cid": e.cid, "next": e.next_step or None}
        write(json.dumps({"error": value}))
    else:
        note(f"error: {e.message}")
        if e.next_step:
            note(f"  next: {e.next_step}")
