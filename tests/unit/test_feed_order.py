"""The order: a permutation for every size, the same by random access as in sequence, golden vectors."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cid_store.errors import UsageError
from codata.feed import keyed
from codata.feed.order import Order, block_rows

SPEC = Path(__file__).parents[2] / "docs/spec/feed-order.md"
VECTORS = json.loads(re.findall(r"```json golden\n(.*?)```", SPEC.read_text("utf-8"), re.S)[0])


def whole(order: Order) -> np.ndarray:
    return order.at(np.arange(order.rows))


def test_the_finaliser_is_splitmix64() -> None:
    # The first outputs of SplitMix64 from state 1234567, as published with its reference implementations.
    states = (1234567 + np.arange(1, 4, dtype=object) * keyed.GOLDEN) % 2**64
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert keyed.mix(states.astype(np.uint64)).tolist() == published


@pytest.mark.parametrize("vector", VECTORS["permute"])
def test_permutation_vectors(vector: dict[str, list[int]]) -> None:
    size = len(vector["image"])
    sizes, key = np.full(size, size, np.uint64), np.full(size, int(vector["key"]), np.uint64)
    assert keyed.permute(np.arange(size, dtype=np.uint64), sizes, key).tolist() == vector["image"]


@pytest.mark.parametrize("vector", VECTORS["derive"])
def test_key_vectors(vector: dict[str, list[int]]) -> None:
    assert str(keyed.derive(vector["seed"], *vector["words"])[0]) == vector["key"]


@pytest.mark.parametrize("vector", VECTORS["order"])
def test_order_vectors(vector: dict[str, list[int]]) -> None:
    order = Order(**vector["of"])
    assert order.at(np.array(vector["positions"])).tolist() == vector["rows"]


@pytest.mark.parametrize("vector", VECTORS["block_rows"])
def test_block_vectors(vector: dict[str, int]) -> None:
    assert block_rows(vector["rows"], vector["bytes"]) == vector["block"]


@pytest.mark.parametrize("size", [*range(1, 70), 127, 128, 129, 1000, 4095, 4097])
def test_permute_is_bijective(size: int) -> None:
    index = np.arange(size, dtype=np.uint64)
    for key in (0, 1, 2**64 - 1):
        image = keyed.permute(index, np.full(size, size, np.uint64), np.full(size, key, np.uint64))
        assert np.array_equal(np.sort(image), index)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.integers(1, 3000),
    block=st.integers(1, 70),
    window=st.integers(0, 20),
    seed=st.integers(0, 2**53 - 1),
    epoch=st.integers(0, 2**32 - 1),
    data=st.data(),
)
def test_every_row_once_and_random_access(
    rows: int, block: int, window: int, seed: int, epoch: int, data: st.DataObject
) -> None:
    order = Order(rows, block, seed, epoch, window)
    sequence = whole(order)
    assert np.array_equal(np.sort(sequence), np.arange(rows))
    some = np.array(data.draw(st.lists(st.integers(0, rows - 1), max_size=20)), dtype=np.int64)
    assert np.array_equal(order.at(some), sequence[some])


def plain_mix(z: int) -> int:
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def plain_permute(x: int, size: int, key: int) -> int:
    """The specification's own words, one number at a time, in Python's integers."""
    bits = (size - 1).bit_length()
    low, high = bits // 2, bits - bits // 2
    while True:
        h, r = x >> low, x % 2**low
        for i in range(6):
            round_key = key + (i + 1) * 0x9E3779B97F4A7C15
            if i % 2 == 0:
                h ^= plain_mix((r + round_key) % 2**64) % 2**high
            else:
                r ^= plain_mix((h + round_key) % 2**64) % 2**low
        x = (h << low) + r
        if x < size:
            return x


@settings(max_examples=300, deadline=None)
@given(size=st.integers(1, 2**62 - 1), key=st.integers(0, 2**64 - 1), data=st.data())
def test_permute_is_what_plain_integers_give(size: int, key: int, data: st.DataObject) -> None:
    x = data.draw(st.integers(0, size - 1))
    image = keyed.permute(*(np.array([n], dtype=np.uint64) for n in (x, size, key)))
    assert image.tolist() == [plain_permute(x, size, key)]


@given(st.integers(0, 2**62 - 1))
def test_bit_length_is_exact(value: int) -> None:
    values = [value, (1 << value.bit_length()) - 1, 1 << value.bit_length() >> 1]
    found = keyed.bit_length(np.array(values, dtype=np.uint64))
    assert found.tolist() == [v.bit_length() for v in values]


def test_shape_is_kept_and_window_zero_is_dataset_order() -> None:
    order = Order(1000, 8, window=0)
    assert np.array_equal(whole(order), np.arange(1000))
    grid = np.arange(12).reshape(3, 4)
    assert Order(1000, 8).at(grid).shape == (3, 4)
    assert Order(0, 1).at(np.array([], dtype=np.int64)).size == 0


def test_seed_and_epoch_change_the_order() -> None:
    orders = [whole(Order(5000, 4, seed, epoch)) for seed in range(3) for epoch in range(3)]
    # Two random orders agree in about one place; one that kept its blocks or windows would in many.
    agree = [np.count_nonzero(a == b) for i, a in enumerate(orders) for b in orders[:i]]
    assert max(agree) < 15


def test_small_permutations_are_even() -> None:
    """All 24 orders of four elements come up, none much more often than others, even in so small a domain."""
    keys = keyed.mix(np.arange(24_000, dtype=np.uint64))
    index = np.tile(np.arange(4, dtype=np.uint64), keys.size)
    image = keyed.permute(index, np.full(index.shape, 4, np.uint64), np.repeat(keys, 4)).reshape(-1, 4)
    _, counts = np.unique(image, axis=0, return_counts=True)
    assert counts.size == 24
    assert counts.min() > 800  # of 1000 expected
    assert counts.max() < 1200


def test_an_element_lands_everywhere() -> None:
    keys = keyed.mix(np.arange(100_000, dtype=np.uint64))
    image = keyed.permute(np.full(keys.shape, 17, np.uint64), np.full(keys.shape, 100, np.uint64), keys)
    counts = np.bincount(image.astype(np.int64), minlength=100)
    assert np.sum((counts - 1000.0) ** 2 / 1000) < 180  # chi-square, 99 degrees of freedom: p is about 1e-6


@pytest.mark.parametrize(("window", "shards", "blocks"), [(64, 39, 0.017), (256, 58, 0.065)])
def test_a_batch_spreads_while_an_epochs_start_stays_local(window: int, shards: int, blocks: float) -> None:
    rows = 4096 * 16
    sequence = whole(Order(rows, 16, seed=1, window=window))
    touched = [np.unique(batch // (rows // 64)).size for batch in sequence.reshape(-1, 256)]
    assert np.mean(touched) > shards
    first = np.unique(sequence[: rows // 100] // 16).size / 4096
    assert first < blocks


def test_the_last_window_is_not_small() -> None:
    order = Order(rows=8 * (64 * 3 + 5) + 3, block=8, window=64)
    assert np.unique(whole(order)[-64:] // 8).size > 30


@pytest.mark.parametrize("position", [-1, 100, 2**40])
def test_positions_outside_are_refused(position: int) -> None:
    with pytest.raises(UsageError, match="outside"):
        Order(100, 4).at(np.array([position]))


@pytest.mark.parametrize(
    "wrong", [{"rows": -1}, {"block": 0}, {"seed": 2**53}, {"epoch": -1}, {"window": 2**16}, {"seed": 1.0}]
)
def test_ranges_are_held(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        Order(**{"rows": 10, "block": 2, **wrong})


def test_another_process_finds_the_same_order() -> None:
    code = (
        "import numpy as np; from codata.feed.order import Order;"
        "print(Order(10**9, 256, 42, 3).at(np.array([0, 10**9 - 1, 12345678])).tolist())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == Order(10**9, 256, 42, 3).at(np.array([0, 10**9 - 1, 12345678])).tolist()
