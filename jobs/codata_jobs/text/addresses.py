"""E-mail and IPv4 addresses in a text: where they are.

The patterns are those of datatrove 0.10.1. Its regular expression for e-mail takes quadratic time on some
texts; here each `@` is looked at once, to the same result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

_LOCAL: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+/=?^_`{|}~-"

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_BYTE: Final = r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9][0-9]?)"

_DOMAIN: Final = re.compile(
    rf"(?:{_LABEL}\.)+{_LABEL}|\[(?:{_BYTE}\.){{3}}(?:{_BYTE}|[A-Za-z0-9-]*[A-Za-z0-9]:)\]"
)
_IP: Final = re.compile(rf"(?:{_BYTE}\.){{3}}{_BYTE}")

_NOT_GLOBAL: Final = (
    ("0.0.0.0", 8),  # noqa: S104  nothing listens there
    ("10.0.0.0", 8),
    ("100.64.0.0", 10),
    ("127.0.0.0", 8),
    ("169.254.0.0", 16),
    ("172.16.0.0", 12),
    ("192.0.0.0", 24),
    ("192.0.2.0", 24),
    ("192.168.0.0", 16),
    ("198.18.0.0", 15),
    ("198.51.100.0", 24),
    ("203.0.113.0", 24),
    ("240.0.0.0", 4),
)
"""IANA's registry of special-purpose IPv4 addresses (RFC 6890), those that are not globally reachable.

Python's own table differs between its releases.
"""

_GLOBAL_AGAIN: Final = ("192.0.0.9", "192.0.0.10")


def emails(text: str) -> Iterator[tuple[int, int]]:
    """Where e-mail addresses begin and end."""
    done = 0
    at = text.find("@")
    while at >= 0:
        start, next_at = _local_start(text, done, at), text.find("@", at + 1)
        if start < at and (domain := _DOMAIN.match(text, at + 1)):
            done = domain.end()
            yield start, done
        else:
            done = at + 1
        at = next_at


def _local_start(text: str, least: int, at: int) -> int:
    """Where the part before the `@` begins: dots only between other characters; `at` where there is none."""
    before = text[least:at]
    run = before[len(before.rstrip(_LOCAL + ".")) :]
    if not run or run[-1] == ".":
        return at
    run = run[run.rfind("..") + 2 :] if ".." in run else run
    start = at - len(run)
    while start < at and (text[start] == "." or not _is_boundary(text, start)):
        start += 1
    return start


def _is_boundary(text: str, at: int) -> bool:
    """Whether just one of the characters on both sides of `at` is a word character, as `\\b` in `re`."""
    return _is_word(text[at]) != (at > 0 and _is_word(text[at - 1]))


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def addresses(text: str, *, public_only: bool) -> Iterator[tuple[int, int]]:
    """Where IPv4 addresses begin and end; with `public_only`, those that are globally reachable."""
    for found in _IP.finditer(text):
        if (number := _number(found[0])) is not None and not (public_only and _is_special(number)):
            yield found.span()


def _number(address: str) -> int | None:
    """An address as a number; None with a leading zero, which some read as octal."""
    parts = address.split(".")
    if any(len(part) > 1 and part[0] == "0" for part in parts):
        return None
    return int.from_bytes(map(int, parts), "big")


def _read(address: str) -> int:
    return int.from_bytes(map(int, address.split(".")), "big")


_SPECIAL: Final = tuple((_read(first), ~((1 << 32 - bits) - 1)) for first, bits in _NOT_GLOBAL)
_AGAIN: Final = frozenset(map(_read, _GLOBAL_AGAIN))


def _is_special(number: int) -> bool:
    return number not in _AGAIN and any(number & mask == first for first, mask in _SPECIAL)


def replaced(text: str, spans: Iterator[tuple[int, int]], by: Callable[[str], str]) -> str:
    """The text with other words at these places."""
    pieces, done = [], 0
    for start, end in spans:
        pieces += [text[done:start], by(text[start:end])]
        done = end
    return "".join([*pieces, text[done:]]) if pieces else text
