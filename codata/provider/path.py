"""The path of a request: a root, and names below it. Everything in it comes from strangers."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from cid_store.cid import CID
from codata.provider.errors import BadRequest, PathTooLong

MAX_PATH: Final = 4096
"""Bytes of a request's path, as sent."""

MAX_NAMES: Final = 64
"""Names below the root."""

_PREFIX: Final = b"/ipfs/"
_PLAIN: Final = "!$&'()*+,;=:@~"  # besides letters and digits: what a URL's path holds unescaped


class ContentPath(NamedTuple):
    """A root and the names below it."""

    root: CID
    names: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join(("/ipfs", self.root, *(quote(name, safe=_PLAIN) for name in self.names)))


def parse(raw: bytes) -> ContentPath:
    """The content path of a request's path, still escaped. Empty names are ignored.

    Raises `InvalidCID`, `BadRequest`, `PathTooLong`.
    """
    if len(raw) > MAX_PATH:
        raise PathTooLong(f"a path of {len(raw)} bytes is over the limit of {MAX_PATH}")
    if not raw.startswith(_PREFIX):
        raise BadRequest("the path does not begin with /ipfs/")
    root, *rest = raw[len(_PREFIX) :].split(b"/")
    names = tuple(_name(part) for part in rest if part)
    if len(names) > MAX_NAMES:
        raise PathTooLong(f"a path of {len(names)} names is over the limit of {MAX_NAMES}")
    return ContentPath(CID(_text(root)), names)


def _name(part: bytes) -> str:
    name = _text(part)
    # A name with a separator in it names nothing; dots are for clients to resolve, before they ask.
    if name in (".", "..") or "/" in name or "\0" in name:
        raise BadRequest(f"no entry is called {name[:100]!r}")
    return name


def _text(part: bytes) -> str:
    try:
        return unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        raise BadRequest("the path is not UTF-8") from None
