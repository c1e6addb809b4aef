"""Sizes as people write them: `512`, `100 MB`, `32GiB`."""

from __future__ import annotations

import re
from typing import Final

_SIZE: Final = re.compile(r"\s*([0-9]{1,18})\s*([KMGTP]?)(i?)B?\s*\Z", re.IGNORECASE)
_POWERS: Final = "KMGTP"


def parse_size(text: str) -> int:
    """Bytes: powers of 1024 with an `i`, of 1000 without. Raises `UsageError`."""
    from cid_store.errors import UsageError

    match = _SIZE.match(text)
    if match is None or (match[3] and not match[2]):
        raise UsageError(
            f"{text!r} is no size", next_step="write bytes, or a number with a unit, as 32GiB or 100MB"
        )
    power = _POWERS.index(match[2].upper()) + 1 if match[2] else 0
    unit: int = (1024 if match[3] else 1000) ** power
    return int(match[1]) * unit
