"""Licences that files state by SPDX headers."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Final

HEADER: Final = 4096
"""Characters at a file's start in which the header is looked for."""

_ID: Final = r"\({0,8}[A-Za-z0-9][A-Za-z0-9.+:-]{0,99}\){0,8}"

PATTERN: Final = (
    rf"SPDX-License-Identifier:[ \t]*({_ID}(?:[ \t]+(?:AND|OR|WITH|and|or|with)[ \t]+{_ID}){{0,15}})"
)
"""The expression after the tag (SPDX 2.3, annexes D and E): at most 16 licences, 8 parentheses at once."""

_TOKEN: Final = re.compile(r"[()]|[^()\s]+")


def allows(expression: str, permitted: Set[str]) -> bool:
    """Whether one can use a file under `permitted` licences (in lower case) alone.

    OR needs one side, AND both, and binds closer; `A WITH B` is permitted where `A WITH B` or A is, since an
    exception only adds rights. What does not parse permits nothing.
    """
    tokens = _TOKEN.findall(expression.lower())
    try:
        found, rest = _either(tokens, permitted)
    except IndexError:
        return False
    return found and not rest


def _either(tokens: list[str], permitted: Set[str]) -> tuple[bool, list[str]]:
    found, rest = _both(tokens, permitted)
    while rest and rest[0] == "or":
        other, rest = _both(rest[1:], permitted)
        found |= other
    return found, rest


def _both(tokens: list[str], permitted: Set[str]) -> tuple[bool, list[str]]:
    found, rest = _one(tokens, permitted)
    while rest and rest[0] == "and":
        other, rest = _one(rest[1:], permitted)
        found &= other
    return found, rest


def _one(tokens: list[str], permitted: Set[str]) -> tuple[bool, list[str]]:
    name, rest = tokens[0], tokens[1:]
    if name == "(":
        found, rest = _either(rest, permitted)
        return (found, rest[1:]) if rest[0] == ")" else (False, rest)
    if len(rest) > 1 and rest[0] == "with":
        return name in permitted or f"{name} with {rest[1]}" in permitted, rest[2:]
    return name in permitted, rest
