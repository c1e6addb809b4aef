"""How deep values may nest: one bound for every codec, checked without recursion."""

from __future__ import annotations

from typing import Final

from cid_store.errors import EncodeError

MAX_DEPTH: Final = 1024
"""Lists and maps inside each other. Far above genuine data, far below what exhausts a stack."""


def check_value(value: object) -> None:
    """Raise `EncodeError` if `value` nests deeper than `MAX_DEPTH`, which one that contains itself does."""
    level: list[dict[object, object] | list[object]] = [value] if _nests(value) else []  # type: ignore[list-item]
    for _ in range(MAX_DEPTH):
        if not level:
            return
        # By identity, so that a value that contains itself twice doesn't double with every level.
        inner = {
            id(child): child
            for parent in level
            for child in (parent.values() if type(parent) is dict else parent)
            if type(child) is dict or type(child) is list
        }
        level = list(inner.values())
    if level:
        raise EncodeError(f"the value nests deeper than {MAX_DEPTH} levels, or contains itself")


def _nests(value: object) -> bool:
    return type(value) is dict or type(value) is list
