"""A strict, iterative reader of DAG-JSON text.

Rejected beyond what JSON rejects: white space, keys out of order or twice, invalid Unicode, integers beyond
64 bits and a sign, floats that overflow, deep nesting, and maps whose first key "/" begins a link or bytes
but does not end as one.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from typing import Any, Final

from cid_store.cid import CID
from cid_store.codecs.depth import MAX_DEPTH
from cid_store.errors import DecodeError, InvalidCID, LimitExceeded

_TOKEN: Final = re.compile(
    r'(?P<string>"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*")'
    r"|(?P<number>-?(?:0|[1-9][0-9]*)(?P<fraction>(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?))"
    r"|(?P<word>true|false|null)|(?P<mark>[\[\]{},:])"
)
_WORDS: Final = {"true": True, "false": False, "null": None}
_MAX_INT_DIGITS: Final = 21  # 2**64 has twenty, and the sign
_INT_RANGE: Final = range(-(1 << 64), 1 << 64)


class _Frame:
    """A list or map being read. `key` is the key whose value comes next, None where none is open."""

    __slots__ = ("items", "key", "last_key")

    def __init__(self, items: list[Any] | dict[str, Any]) -> None:
        self.items = items
        self.key: str | None = None
        self.last_key: bytes | None = None


def is_reserved(value: object) -> bool:
    """Whether a map whose first key is "/" with this value lies in the namespace of links and bytes."""
    if isinstance(value, str) and not isinstance(value, CID):
        return True
    return type(value) is dict and type(value.get("bytes")) is str and min(map(str, value)) == "bytes"


def read(data: bytes | memoryview, found: list[CID] | None) -> Any:
    """The value of `data`; links are appended to `found`. Raises `DecodeError`, `LimitExceeded`."""
    try:
        text = bytes(data).decode()
    except UnicodeDecodeError as e:
        raise DecodeError(f"not DAG-JSON: byte {e.start} is not UTF-8") from None
    return _Reader(text, [] if found is None else found).read()


class _Reader:
    def __init__(self, text: str, found: list[CID]) -> None:
        self._text = text
        self._at = 0
        self._found = found
        self._stack: list[_Frame] = []

    def read(self) -> Any:
        while True:
            value = self._value()
            # A value may end the list or map around it, which is then a value itself.
            while value is not _OPENED and self._stack:
                value = self._place(value)
            if value is not _OPENED:
                break
        if self._at != len(self._text):
            raise self._error("something follows the value")
        return value

    def _value(self) -> Any:
        """The next scalar, or an empty list or map; `_OPENED` when a frame was opened."""
        token = self._token()
        if token["string"] is not None:
            return self._string(token[0])
        if token["number"] is not None:
            return self._number(token[0], bool(token["fraction"]))
        if token["word"] is not None:
            return _WORDS[token[0]]
        if token[0] not in "[{":
            raise self._error(f"a value is expected, not {token[0]!r}")
        if len(self._stack) >= MAX_DEPTH:
            raise LimitExceeded(f"DAG-JSON nests deeper than {MAX_DEPTH} levels")
        if token[0] == "[":
            return self._open(_Frame([]), "]")
        return self._open(_Frame({}), "}")

    def _open(self, frame: _Frame, end: str) -> Any:
        if self._text.startswith(end, self._at):
            self._at += 1
            return frame.items
        self._stack.append(frame)
        if end == "}":
            self._key(frame)
        return _OPENED

    def _place(self, value: Any) -> Any:
        """Put `value` where it belongs; `_OPENED` if more is to come there, else the finished list or map."""
        frame = self._stack[-1]
        if isinstance(frame.items, list):
            frame.items.append(value)
            end = "]"
        else:
            assert frame.key is not None
            frame.items[frame.key] = value
            end = "}"
        mark = self._token()[0]
        if mark == ",":
            if end == "}":
                self._key(frame)
            return _OPENED
        if mark != end:
            raise self._error(f"',' or {end!r} is expected")
        self._stack.pop()
        return frame.items if isinstance(frame.items, list) else self._finish_map(frame.items)

    def _key(self, frame: _Frame) -> None:
        token = self._token()
        if token["string"] is None:
            raise self._error("a key is expected")
        frame.key = self._string(token[0])
        key = frame.key.encode()
        if frame.last_key is not None and key <= frame.last_key:
            raise self._error(f"map key {frame.key!r} is repeated or out of order")
        frame.last_key = key
        if self._token()[0] != ":":
            raise self._error("':' is expected")

    def _finish_map(self, entries: dict[str, Any]) -> Any:
        if next(iter(entries)) != "/" or not is_reserved(entries["/"]):
            return entries
        inner = entries["/"]
        if len(entries) > 1 or (isinstance(inner, dict) and len(inner) > 1):
            raise self._error('a map whose first key is "/" is a link or bytes and holds nothing else')
        return self._link(inner) if isinstance(inner, str) else self._bytes(inner["bytes"])

    def _link(self, text: str) -> CID:
        try:
            cid = CID(text)
        except InvalidCID as e:
            raise self._error(f"a link is no CID: {e}") from None
        if cid != text:
            raise self._error(f"link {text!r} must be written as {cid}")
        self._found.append(cid)
        return cid

    def _bytes(self, text: str) -> bytes:
        try:
            value = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except (binascii.Error, ValueError):
            raise self._error("bytes are not base64") from None
        if base64.b64encode(value).decode().rstrip("=") != text:
            raise self._error("bytes are not canonical base64 without padding")
        return value

    def _number(self, text: str, is_float: bool) -> int | float:
        if is_float:
            value = float(text)
            if not math.isfinite(value):
                raise self._error("a float is out of range")
            return value
        if len(text) > _MAX_INT_DIGITS or (number := int(text)) not in _INT_RANGE or text == "-0":
            raise self._error("an integer is out of range")
        return number

    def _string(self, token: str) -> str:
        if "\\" not in token:
            return token[1:-1]
        value: str = json.loads(token)
        try:
            value.encode()
        except UnicodeEncodeError:
            raise self._error("a string holds half a surrogate pair") from None
        return value

    def _token(self) -> re.Match[str]:
        token = _TOKEN.match(self._text, self._at)
        if token is None:
            raise self._error("no token of compact JSON")
        self._at = token.end()
        return token

    def _error(self, message: str) -> DecodeError:
        return DecodeError(f"not DAG-JSON: {message} (near character {self._at})")


_OPENED: Final = object()
