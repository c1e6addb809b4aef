"""What reaches the terminal: one JSON object or text on stdout, everything else on stderr."""

from __future__ import annotations

import base64
import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final, TextIO

from cid_store.errors import CidStoreError

CLEAR: Final = "\r\x1b[K"
"""Wipes the line that a terminal stands on: what a note may begin with."""

_COMMANDS: Final = {
    **{code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0)) if chr(code) not in "\n\t"},
    **{code: f"\\u{code:04x}" for code in (0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))},
}
"""What commands a terminal or turns the direction of text, and what is shown instead: names of columns and
files come from strangers."""

_PLAIN: Final = str.maketrans(
    {"…": "...", "→": "->", "·": "-", **dict.fromkeys("█▉▊▋▌", "#"), **dict.fromkeys("▍▎▏", "")}
)
"""What we draw with, for encodings that are none of Unicode's."""


class ReaderGoneError(Exception):
    """Who read our output has gone, as `head` does: nothing is wrong. No `OSError`, for which Typer has a way
    of its own."""


class NoOutputError(CidStoreError):
    """stdout is closed, or takes no more."""


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
    """A line on stdout; what commands a terminal and what its encoding lacks is escaped.

    Raises `ReaderGoneError`, `NoOutputError`.
    """
    with _stdout() as stream:
        stream.write(printable(text, stream.encoding) + "\n")


def pour(chunks: Iterable[bytes | memoryview]) -> None:
    """Bytes on stdout as they are; raises as `write` does."""
    for chunk in chunks:
        with _stdout() as stream:
            stream.buffer.write(chunk)


@contextmanager
def _stdout() -> Iterator[TextIO]:
    stream: TextIO | None = sys.stdout  # None where the shell closed it
    if stream is None:
        raise NoOutputError("stdout is closed: the result has nowhere to go")
    try:
        yield stream
        stream.flush()  # at the end of the process it would be too late to say so
    except OSError as e:
        # What is left in the buffer is not tried again.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        if isinstance(e, BrokenPipeError):
            raise ReaderGoneError from None
        raise NoOutputError(f"can't write the result to stdout: {e.strerror}") from None


def printable(text: str, encoding: str | None) -> str:
    """`text` with what commands a terminal and what `encoding` lacks written out."""
    text, encoding = text.translate(_COMMANDS), (encoding or "utf-8").lower()
    if not encoding.startswith("utf"):
        text = text.translate(_PLAIN)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def note(text: str) -> None:
    """A line on stderr, escaped as on stdout."""
    clear = CLEAR if text.startswith(CLEAR) else ""
    with suppress(OSError):  # nowhere is left to complain
        sys.stderr.write(clear + printable(text.removeprefix(CLEAR), sys.stderr.encoding) + "\n")


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
    if as_json and not isinstance(e, NoOutputError):
        value = {"kind": e.kind, "message": e.message, "cid": e.cid, "next": e.next_step or None}
        with suppress(NoOutputError, ReaderGoneError):
            write(json.dumps({"error": value}))
    else:
        note(f"error: {e.message}")
        if e.next_step:
            note(f"  next: {e.next_step}")
