"""The name under which an answer is saved. Source: RFC 6266, RFC 8187, the path gateway specification."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

_MAX: Final = 200  # characters
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9 ._()+,=@~-]")


def clean(text: str) -> str:
    """A name that ends no header and hides nothing: of ASCII what needs no escape, else what can be seen."""
    kept = (_UNSAFE.sub("_", c) if c.isascii() or not c.isprintable() else c for c in text[:_MAX])
    return "".join(kept)


def disposition(name: str) -> str:
    """The Content-Disposition header for a clean name: in ASCII, and in UTF-8 where that says more."""
    header = f'attachment; filename="{_UNSAFE.sub("_", name)}"'
    return header if name.isascii() else f"{header}; filename*=UTF-8''{quote(name, safe='')}"
