"""What the kernels that find chunks and cut them in words know of spaCy's English rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final

import numpy as np

from codata.ops import engine_version
from codata_jobs.kernels import affixes as kernel
from codata_jobs.kernels.compiled import Array

SPACY: Final = "3.8"
"""The spaCy that the kernel follows. In which order rules are tried is in its code, and not in the rules."""

RULES: Final = "53fb344cddd22f6476f023253ea26fa6ddbb1f999697bd6bdaf2212a33434202"
"""Digest of the rules that the kernel was written for."""

_PARTS: Final = ("prefix_search", "suffix_search", "infix_finditer", "token_match", "url_match")

_CODE_POINTS: Final = 0x30000
"""No class of characters in the rules goes further."""


@dataclass(frozen=True)
class Affixes:
    """Tables of `kernels.affixes`: `kinds` by code point, `measures`, and `edges` and `longest` of special
    cases."""

    kinds: Array
    measures: Array
    edges: Array
    longest: int


def digest(tokenizer: Any) -> str:
    """Of the regular expressions that are a tokenizer's rules."""
    found = [getattr(tokenizer, name) for name in _PARTS]
    return sha256(repr([f and f.__self__.pattern for f in found]).encode()).hexdigest()


def affixes(tokenizer: Any, special: list[str]) -> Affixes | None:
    """The tables for a tokenizer with these special cases; None where spaCy or its rules are not those known.

    Then spaCy is asked for every unit, which takes longer and gives the same.
    """
    if engine_version("spacy").rpartition(".")[0] != SPACY or digest(tokenizer) != RULES:
        return None
    edges = np.zeros((256, 256), np.bool_)
    written = [case.encode() for case in special]
    for case in written:
        edges[case[0], case[-1]] = True
    return Affixes(_kinds(tokenizer), _measures(), edges, max(map(len, written)))


def crossings(tokenizer: Any) -> tuple[Array, Array, Array]:
    """Where a special case may match over a space: `seen`, `pairs` and `kinds` of `kernels.chunks`.

    A special case is matched as its tokens, whatever stands between them. So it reaches over a space only
    where a chunk ends as one of its tokens does and the next begins as the token after it. If that token is
    one letter, then no rule splits a chunk after it and before a lower-case letter: kind 1, unless a special
    case does just that.
    """
    from spacy.symbols import ORTH  # type: ignore[import-not-found]
    from spacy.tokenizer import Tokenizer  # type: ignore[import-not-found]

    bare = Tokenizer(
        tokenizer.vocab,
        {},
        tokenizer.prefix_search,
        tokenizer.suffix_search,
        tokenizer.infix_finditer,
        tokenizer.token_match,
        tokenizer.url_match,
    )
    first = {rule: tokens[0][ORTH] for rule, tokens in tokenizer.rules.items()}
    splits = {head for rule, head in first.items() if len(head) == 1 and rule[1:2].islower()}
    kinds: dict[int, int] = {}
    for rule in tokenizer.rules:
        tokens = [token.text for token in bare(rule)]
        for left, right in pairwise(tokens):
            letter = len(right) == 1 and right.isascii() and right.isalpha() and right not in splits
            pair = ord(left[-1]) << 21 | ord(right[0])
            kinds[pair] = min(kinds.get(pair, 1), int(letter))
    pairs = sorted(kinds)
    seen = np.zeros((128, 128), np.uint8)
    for pair in pairs:
        seen[pair >> 21 & 127, pair & 127] = 1
    return seen, np.array(pairs, np.int64), np.array([kinds[p] for p in pairs], np.uint8)


def _kinds(tokenizer: Any) -> Array:
    """What each character is to the rules: by the classes that they are made of, and by asking them."""
    from spacy.lang import char_classes as spacy

    everywhere = kernel.PREFIX | kernel.SUFFIX | kernel.INFIX
    found = np.zeros(0x110000, np.uint16)
    codes = np.arange(_CODE_POINTS, dtype="<u4").tobytes().decode("utf-32-le", "surrogatepass")
    for members, kind in (
        (spacy.ALPHA, kernel.ALPHA),
        (spacy.ALPHA_LOWER, kernel.LOWER | kernel.DOTTED),
        (spacy.ALPHA_UPPER, kernel.UPPER),
        (spacy.CONCAT_QUOTES, kernel.QUOTE),
        (spacy.CONCAT_ICONS, everywhere),
    ):
        for run in re.finditer(f"[{members}]+", codes):
            found[run.start() : run.end()] |= kind
    prefix, suffix, infix = tokenizer.prefix_search, tokenizer.suffix_search, tokenizer.infix_finditer
    # Whatever is no class is written out in the rules. A dot and a plus sign depend on what is beside them.
    for c in {*map(chr, range(128)), *prefix.__self__.pattern, *suffix.__self__.pattern} - {".", "+"}:
        kind = kernel.PREFIX * bool(prefix(c)) | kernel.SUFFIX * bool(suffix(c))
        kind |= kernel.INFIX * any(infix(c)) | kernel.DOTTED * bool(suffix(c + "."))
        found[ord(c)] |= kind
    found[ord("+")] |= kernel.DOTTED
    found[found & everywhere != 0] |= kernel.ACTIVE
    found[[c for c in range(128) if not chr(c).isalpha()]] |= kernel.ACTIVE
    found.flags.writeable = False
    return found


def _measures() -> Array:
    """Units of measure and currencies of ASCII, as `kernels.affixes` has them."""
    from spacy.lang.char_classes import LIST_CURRENCY, LIST_UNITS

    written = [unit.replace("\\", "") for unit in (*LIST_UNITS, *LIST_CURRENCY)]
    short = sorted({unit for unit in written if unit.isascii()})
    found = np.full((len(short), kernel.LONGEST_MEASURE), kernel.NOTHING, np.int32)
    for row, unit in enumerate(short):
        found[row, : len(unit)] = [ord(c) for c in unit]
    found.flags.writeable = False
    return found
