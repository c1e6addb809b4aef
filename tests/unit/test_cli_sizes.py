"""Sizes as people write them."""

from __future__ import annotations

import pytest
from codata_cli.sizes import parse_size

from cid_store.errors import UsageError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("512", 512),
        ("512B", 512),
        ("1KiB", 1024),
        ("1 kib", 1024),
        ("2Mi", 2 << 20),
        ("32GiB", 32 << 30),
        ("100MB", 100_000_000),
        ("3T", 3 * 10**12),
        (" 1PiB ", 1 << 50),
    ],
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GiB", "-1", "1.5GiB", "1iB", "1XB", "1e9", "9" * 19, "\u0661KiB"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError):
        parse_size(text)
