"""Kernels under near-duplicates: hashes, simplified texts, minima, components."""

from __future__ import annotations

import unicodedata
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="kernels need the extra `text`")

from codata_jobs.dedup.edges import Edges, groups, large_star, small_star
from codata_jobs.dedup.grams import grams, text_groups
from codata_jobs.dedup.signatures import functions
from codata_jobs.kernels import minhash, ngrams, sets, xxh64
from codata_jobs.simplify import MAX_GROWTH, simplified, simplify


def hashed(data: bytes, seed: int = 0) -> int:
    return int(xxh64.xxh64(np.frombuffer(data + b"\x00", np.uint8), 0, len(data), np.uint64(seed)))


def _sanity_buffer() -> bytes:
    """The bytes of xxHash's own self-test (`tests/sanity_test.c`)."""
    state, out = 2654435761, bytearray()
    for _ in range(2367):
        out.append(state >> 56)
        state = state * 11400714785074694797 % (1 << 64)
    return bytes(out)


@pytest.mark.parametrize(
    ("size", "seed", "wanted"),
    [
        (0, 0, 0xEF46DB3751D8E999),
        (0, 2654435761, 0xAC75FDA2929B17EF),
        (1, 0, 0xE934A84ADB052768),
        (1, 2654435761, 0x5014607643A9B4C3),
        (4, 0, 0x9136A0DCA57457EE),
        (14, 0, 0x8282DCC4994E35C8),
        (14, 2654435761, 0xC3BD6BF63DEB6DF0),
        (222, 0, 0xB641AE8CB691C174),
        (222, 2654435761, 0x20CB8AB7AE10C14A),
    ],
)
def test_xxh64_is_as_published(size: int, seed: int, wanted: int) -> None:
    assert hashed(_sanity_buffer()[:size], seed) == wanted


def test_xxh64_of_words() -> None:
    assert [hashed(b"a"), hashed(b"abc")] == [0xD24EC4F1A98C6E5B, 0x44BC2CF5AD770999]


# Characters that each rule is about, beside any others: sigmas, numbers and their separators, signs, white
# space, marks that NFD puts in order, syllables that it takes apart, and a letter that becomes two.
_PICKED = st.sampled_from(
    list(
        "\u03a3\u03c3aİß 0\t\n.,!\uff11\uff12\u0663\u066b\u2019ΐ가"
        "\u0301\u0345\u00ad\u302e\u1b44\U0001d165\U0001d15e\u0f71\u3000\x85"
    )
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(_PICKED | st.characters(exclude_categories=["Cs"])), max_size=6))
@example(["AΣ. aΣ Σ aΣ\u0301. a\u0301Σ1"])
@example(["1.2.3 1,5 \u0663\u066b\u0663 1. ,5"])
@example(["\u302e\u1b44", "", " \u0301 a \u0301"])
def test_simplify_follows_its_specification(texts: list[str]) -> None:
    assert simplify(pa.array(texts, pa.large_string())).to_pylist() == [simplified(t) for t in texts]


@pytest.mark.slow
def test_simplify_of_every_character() -> None:
    every = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    texts = [f"a{c}Σ{c}0,{c}" for c in every]
    assert simplify(pa.array(texts, pa.large_string())).to_pylist() == [simplified(t) for t in texts]
    assert all(len(simplified(c).encode()) <= MAX_GROWTH * len(c.encode()) for c in every)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("|$17.56||1|\n|$15.37||2599|", "0 0 0 0"),
        ("Ångström, café!", "angstrom cafe"),
        ("  ΟΔΟΣ\u00a0x  ", "οδος x"),
        ("한", unicodedata.normalize("NFD", "한")),
        ("\u0301", ""),
    ],
)
def test_simplified_texts(text: str, wanted: str) -> None:
    assert simplified(text) == wanted
    assert simplify(pa.array(["x", text], pa.large_string()).slice(1)).to_pylist() == [wanted]


def test_hash_functions_are_golden() -> None:
    a, b = functions(1, 112)
    assert (len(a), len(b)) == (112, 112)
    assert [int(x) for x in (*a[:2], a[-1], b[0], b[-1])] == GOLDEN_FUNCTIONS


GOLDEN_FUNCTIONS = [
    *(775169054918279404, 1758426461858698313, 223865076026037746),
    *(1062448801025099917, 1097409548522419201),
]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.integers(0, (1 << 64) - 1), max_size=5), max_size=6))
@example([[0, (1 << 64) - 1]])
def test_minima_are_exact(rows: list[list[int]]) -> None:
    a, b = functions(7, 6)
    offsets = np.concatenate([[0], np.cumsum([len(r) for r in rows])]).astype(np.int64)
    flat = np.array([h for r in rows for h in r], np.uint64)

    def one(h: int, k: int) -> int:
        return (h * int(a[k]) + int(b[k])) % (1 << 64) % minhash.PRIME

    wanted = [[min(one(h, k) for h in r) for k in range(6)] for r in rows if r]
    assert minhash.minima(flat, offsets, a, b).tolist() == wanted


def test_minima_reduce_what_lies_at_the_prime() -> None:
    """h * 1 + 0 at and around multiples of the prime."""
    one, zero = np.ones(1, np.uint64), np.zeros(1, np.uint64)
    for h in (minhash.PRIME - 1, minhash.PRIME, minhash.PRIME + 1, 7 * minhash.PRIME, (1 << 64) - 1):
        found = minhash.minima(np.array([h], np.uint64), np.array([0, 1]), one, zero)
        assert int(found[0, 0]) == h % minhash.PRIME


def test_band_keys_hash_the_values_little_endian() -> None:
    signature = np.arange(1, 7, dtype=np.uint64).reshape(1, 6) << np.uint64(40)
    found = minhash.band_keys(signature, 3)
    assert found.shape == (1, 2, 2)
    for band in range(2):
        raw = signature[0, 3 * band : 3 * band + 3].astype("<u8").tobytes()
        assert found[0, band].tolist() == [hashed(raw, 2 * band), hashed(raw, 2 * band + 1)]


def test_ngrams_join_words_by_single_spaces() -> None:
    found = grams(pa.array(["a b  c\td", "x", None, "", "cannot stop"], pa.large_string()), "whitespace", 3)
    assert found.hashes.tolist() == [hashed(b"a b c"), hashed(b"b c d")]
    assert found.offsets.tolist() == [0, 2, 2, 2, 2, 2]
    assert found.owners().tolist() == [0, 0]


def test_ngrams_do_not_depend_on_how_rows_are_grouped(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pa.chunked_array([["one two three", None], ["é " * 9, "", "a b c d e"]], pa.large_string())
    whole = grams(texts, "whitespace", 2)
    monkeypatch.setattr("codata_jobs.dedup.grams.GROUP_BYTES", 6)
    assert len(list(text_groups(texts))) > 2
    cut = grams(texts, "whitespace", 2)
    assert (whole.hashes.tolist(), whole.offsets.tolist()) == (cut.hashes.tolist(), cut.offsets.tolist())


def test_ngram_offsets() -> None:
    assert ngrams.ngram_offsets(np.array([0, 4, 4, 6], np.int64), 3).tolist() == [0, 2, 2, 2]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sets(st.integers(0, 12)), min_size=2, max_size=5))
def test_shared_hashes_are_intersections(found: list[set[int]]) -> None:
    twice = [sorted(s) * 2 for s in found]
    offsets = np.concatenate([[0], np.cumsum([len(s) for s in twice])]).astype(np.int64)
    flat = np.array([h for s in twice for h in s], np.uint64)
    values, at = sets.sorted_sets(flat, offsets, np.arange(len(found)))
    assert [values[a:b].tolist() for a, b in pairwise(at)] == [sorted(s) for s in found]
    pairs = np.array([(i, j) for i in range(len(found)) for j in range(len(found))])
    wanted = [len(found[i] & found[j]) for i, j in pairs.tolist()]
    assert sets.shared(values, at, values, at, pairs).tolist() == wanted


# -- edges --

edge_lists = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=30)


def _edges(pairs: list[tuple[int, int]]) -> Edges:
    ordered = [(min(p), max(p)) for p in pairs if p[0] != p[1]]
    return Edges(*(np.array([p[i] for p in ordered], np.uint64) for i in range(2)))


def _components(edges: Edges) -> dict[int, int]:
    """Each node's first node, by the plainest way."""
    first = {int(x): int(x) for x in (*edges.a, *edges.b)}
    for _ in first:
        for a, b in zip(edges.a.tolist(), edges.b.tolist(), strict=True):
            first[a] = first[b] = min(first[a], first[b])
    return first


def _stars(edges: Edges) -> dict[int, int]:
    found = dict(zip(edges.b.tolist(), edges.a.tolist(), strict=True))
    assert len(found) == len(edges.b)
    return found


@settings(max_examples=100, deadline=None)
@given(edge_lists)
def test_a_forest_leads_to_first_nodes(pairs: list[tuple[int, int]]) -> None:
    edges = _edges(pairs)
    wanted = {node: first for node, first in _components(edges).items() if node != first}
    assert _stars(edges.forest()) == wanted


@settings(max_examples=100, deadline=None)
@given(edge_lists)
@example([(i, i + 1) for i in range(20)])
def test_rounds_of_stars_end_in_first_nodes(pairs: list[tuple[int, int]]) -> None:
    edges = wanted = _edges(pairs)
    for _ in range(20):
        ends = np.concatenate([edges.a, edges.b]), np.concatenate([edges.b, edges.a])
        edges, large = large_star(*ends)
        edges, small = small_star(edges.b, edges.a)
        if not large + small:
            break
    else:
        raise AssertionError("not settled")
    assert _stars(edges) == {n: f for n, f in _components(wanted).items() if n != f}


@pytest.mark.parametrize("chained", [False, True])
def test_rows_of_one_key_are_paired(chained: bool) -> None:
    keys: Any = pa.array([b"x" * 16, b"y" * 16, b"x" * 16, b"x" * 15 + b"z", b"x" * 16], pa.binary(16))
    found = groups(np.array([3, 4, 7, 8, 9], np.uint64), keys, chained).distinct()
    wanted = [(3, 7), (3, 9), (7, 9)] if chained else [(3, 7), (3, 9)]
    assert list(zip(found.a.tolist(), found.b.tolist(), strict=True)) == wanted
