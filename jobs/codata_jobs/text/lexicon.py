"""The words of spaCy's English tokenizer, each distinct chunk of text tokenised once a process.

A tokenizer looks at what stands between white space, and at nothing else, but for one thing: its special
cases (`:-)`, `Mr.`) are looked for in the whole text, over single spaces too. No rule holds a space, so that
such a match changes nothing by itself, but it may take the place of one inside a chunk. Chunks that a match
could join are therefore one *unit* here, and units are independent of each other. Most units are cut by a
kernel that knows spaCy's rules (`kernels.cutting`); spaCy is asked for the others.
"""

from __future__ import annotations

import secrets
from functools import cache
from threading import Lock
from typing import Any, Final

import numpy as np

from codata.errors import NotCheckable
from codata_jobs.kernels import chunks, cutting, interning
from codata_jobs.kernels.compiled import Array
from codata_jobs.text import characters
from codata_jobs.text.affixes import Affixes, affixes, crossings

LONGEST: Final = 2048
"""Characters of a unit. What is longer is cut there: spaCy's time is quadratic in what it strips off."""

MAX_UNITS: Final = 1 << 21
MAX_BYTES: Final = 64 * 1024 * 1024
"""Where a lexicon is given up and begun anew: units, and bytes of them."""

_BATCH: Final = 8192
"""Units in one call of spaCy: enough to spread what a call costs, little enough to be forgotten after."""


class Lexicon:
    """Units by number, and where the words of each lie in it. Not safe to share between threads."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._flags = characters.table()
        self._crossings = crossings(tokenizer)
        self._seed = np.uint64(secrets.randbits(64))
        self.count = 0
        self._arena = np.empty(1 << 20, np.uint8)
        self._bounds = np.zeros((1 << 16) + 1, np.int64)
        self._slots = np.zeros(1 << 17, np.int32)
        self._cut_bounds = np.zeros((1 << 16) + 1, np.int64)
        self._cut_starts = np.empty(1 << 17, np.int32)
        self._cut_ends = np.empty(1 << 17, np.int32)
        self._special = 0
        self._affixes: Affixes | None = None
        special = sorted(r for r in tokenizer.rules if not any(map(str.isspace, r)))
        self._learn_special(special)
        self._special = self.count
        self._affixes = affixes(tokenizer, special)

    @property
    def full(self) -> bool:
        """Whether this lexicon has grown past its bounds."""
        return self.count > MAX_UNITS or int(self._bounds[self.count]) > MAX_BYTES

    def words(self, data: Array, offsets: Array, places: bool = True) -> tuple[Array, Array, Array]:
        """Starts and ends of all words (int64, byte positions in `data`), and each row's first word.

        `offsets`: byte positions of the rows, rows + 1. Without `places` no starts and ends.
        """
        starts, ends, firsts = self._units(data, offsets)
        numbers = self._numbers(data, starts, ends)
        where = np.empty(len(offsets), np.int64)
        cuts = self._cut_bounds, self._cut_starts, self._cut_ends
        none = np.empty(0, np.int64)
        count = interning.gather(numbers, starts, firsts, *cuts, none, none, where)
        if not places:
            return none, none, where
        word_starts, word_ends = np.empty(count, np.int64), np.empty(count, np.int64)
        interning.gather(numbers, starts, firsts, *cuts, word_starts, word_ends, where)
        return word_starts, word_ends, where

    def _units(self, data: Array, offsets: Array) -> tuple[Array, Array, Array]:
        firsts = np.empty(len(offsets), np.int64)
        room = chunks.most_units(data[offsets[0] : offsets[-1]], len(offsets), LONGEST)
        starts, ends = np.empty(room, np.int64), np.empty(room, np.int64)
        count = chunks.units(
            data, offsets, self._flags, characters.SPACE, *self._crossings, LONGEST, starts, ends, firsts
        )
        return starts[:count], ends[:count], firsts

    def _numbers(self, data: Array, starts: Array, ends: Array) -> Array:
        numbers = np.empty(len(starts), np.int32)
        known, at = self.count, 0
        while True:
            at, self.count = interning.number(
                data,
                starts,
                ends,
                numbers,
                at,
                self.count,
                self._arena,
                self._bounds,
                self._slots,
                self._seed,
            )
            if at == len(starts):
                break
            self._grow(int(ends[at] - starts[at]))
        self._cut(known)
        return numbers

    def _grow(self, size: int) -> None:
        """Room for one more unit of `size` bytes, and as many again as there are."""
        if self._bounds[self.count] + size > len(self._arena):
            self._arena = _wider(self._arena, max(2 * len(self._arena), len(self._arena) + size))
        if self.count + 2 > len(self._bounds):
            self._bounds = _wider(self._bounds, 2 * len(self._bounds))
            self._cut_bounds = _wider(self._cut_bounds, 2 * len(self._cut_bounds))
        if 2 * (self.count + 1) > len(self._slots):
            self._slots = np.zeros(2 * len(self._slots), np.int32)
            interning.rebuild(self.count, self._arena, self._bounds, self._slots, self._seed)

    def _learn_special(self, rules: list[str]) -> None:
        data = np.frombuffer("\n".join(rules).encode(), np.uint8)
        sizes = np.array([len(rule.encode()) for rule in rules], np.int64)
        ends = np.cumsum(sizes + 1) - 1
        self._numbers(data, ends - sizes, ends)

    def _cut(self, known: int) -> None:
        """Find the words of the units from `known` on."""
        room = int(self._bounds[self.count] - self._bounds[known])
        starts, ends = np.empty(room, np.int32), np.empty(room, np.int32)
        counts = np.zeros(self.count - known, np.int64)
        total = 0
        if self._affixes:
            rules = self._affixes
            strings = self._arena, self._bounds, self._slots, self._seed
            cuts = self._cut_bounds, self._cut_starts, self._cut_ends
            special = self._special, rules.longest, rules.edges, *cuts
            tables = rules.kinds, rules.measures
            total = cutting.cut(known, self.count, strings, special, *tables, starts, ends, counts)
        asked = np.flatnonzero(counts == 0)
        answers = [self._ask(known + asked[i : i + _BATCH]) for i in range(0, len(asked), _BATCH)]
        for i, (found, _, _) in enumerate(answers):
            counts[asked[i * _BATCH : (i + 1) * _BATCH]] = found
        first = int(self._cut_bounds[known])
        bounds = first + np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        last = int(bounds[-1])
        if last > len(self._cut_starts):
            size = max(last, 2 * len(self._cut_starts))
            self._cut_starts, self._cut_ends = _wider(self._cut_starts, size), _wider(self._cut_ends, size)
        self._cut_bounds[known : self.count + 1] = bounds
        by_spacy = np.zeros(len(counts), np.bool_)
        by_spacy[asked] = True
        by_spacy = np.repeat(by_spacy, counts)
        for into, cut, k in ((self._cut_starts, starts, 1), (self._cut_ends, ends, 2)):
            into[first:last][~by_spacy] = cut[:total]
            into[first:last][by_spacy] = np.concatenate([np.empty(0, np.int32), *(a[k] for a in answers)])

    def _ask(self, numbers: Array) -> tuple[Array, Array, Array]:
        """spaCy's words of these units: how many each has, where each begins and ends in its unit (bytes)."""
        from spacy.attrs import IDX, LENGTH  # type: ignore[import-not-found]

        bounds = self._bounds
        pieces = [self._arena[bounds[k] : bounds[k + 1]].tobytes() for k in numbers]
        text = b"\n".join(pieces)
        sizes = np.array([len(piece) for piece in pieces], np.int64)
        starts = np.cumsum(sizes + 1) - sizes - 1
        with self._tokenizer.vocab.memory_zone():
            found = self._tokenizer(text.decode()).to_array([IDX, LENGTH])
        data = np.frombuffer(text, np.uint8)
        characters_at = np.append(np.flatnonzero(data & 0xC0 != 0x80), len(data))
        index = found[:, 0].astype(np.int64)
        begins = characters_at[index]
        ends = characters_at[index + found[:, 1].astype(np.int64)]
        words = (data[begins] != ord("\n")) & (data[begins] != ord(" "))
        begins, ends = begins[words], ends[words]
        owner = np.searchsorted(starts, begins, side="right") - 1
        counts = np.bincount(owner, minlength=len(numbers))
        return counts, begins - starts[owner], ends - starts[owner]


_lock: Final = Lock()
_current: list[Lexicon] = []


def spacy_words(data: Array, offsets: Array, places: bool = True) -> tuple[Array, Array, Array]:
    """`Lexicon.words` by this process's lexicon, which is begun anew when it has grown too large."""
    with _lock:
        if _current and _current[0].full:
            _current.clear()
        if not _current:
            _current.append(Lexicon(_tokenizer()))
        try:
            return _current[0].words(data, offsets, places)
        except BaseException:
            _current.clear()  # it may number units whose words it did not come to
            raise


@cache
def _tokenizer() -> Any:
    """spaCy's English tokenizer, over a vocabulary that computes nothing but words."""
    try:
        from spacy.lang.en import English
        from spacy.tokenizer import Tokenizer  # type: ignore[import-not-found]
        from spacy.vocab import Vocab
    except ModuleNotFoundError:
        raise NotCheckable(
            "words: spacy-en needs the package spacy", next_step="install codata-pipeline[text]"
        ) from None
    full: Any = English().tokenizer
    found = Tokenizer(
        Vocab(),
        full.rules,
        full.prefix_search,
        full.suffix_search,
        full.infix_finditer,
        full.token_match,
        full.url_match,
    )
    # In spaCy 3.8 the one word whose number is 1 must be known before the first memory zone.
    found("IS_ALPHA")
    return found


def _wider(array: Array, size: int) -> Array:
    made: Array = np.zeros(size, array.dtype)
    made[: len(array)] = array
    return made
