"""`dedup.minhash` against a plain reference, whatever the parts, and however narrow the exchange."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("numba", reason="kernels need the extra `text`")

from codata_jobs.dedup import clusters
from codata_jobs.dedup.grams import grams
from codata_jobs.dedup.signatures import functions, needed
from codata_jobs.kernels.minhash import minima

from codata.errors import MissingColumn, ParameterError, TaskFailed
from codata.execute.perform import perform
from codata.plan import exchange as ex
from codata.plan.stage import Parts
from codata.table import logical_hash
from tests.driving import EXECUTOR, Driver

WORDS = (
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "mu",
    "nu",
    "xi",
)
BASE = {"column": "text", "words": "whitespace"}


def near_duplicates(seed: int, count: int) -> list[str | None]:
    """Variants of a few texts, with a few words changed, among short, empty and missing texts."""
    drawn = random.Random(seed)
    kinds = [" ".join(drawn.choices(WORDS, k=40)) for _ in range(max(1, count // 8))]

    def one() -> str | None:
        if drawn.random() < 0.2:
            return drawn.choice([None, "", "too short", " ".join(drawn.choices(WORDS, k=9))])
        words = drawn.choice(kinds).split()
        for _ in range(drawn.randrange(5)):
            words[drawn.randrange(len(words))] = drawn.choice(WORDS)
        return " ".join(words)

    return [one() for _ in range(count)]


def as_table(texts: list[str | None]) -> pa.Table:
    return pa.table({"text": pa.array(texts, pa.large_string()), "i": range(len(texts))})


def plainly(texts: list[str | None], verify: str | None) -> dict[int, int]:
    """Each row's cluster by comparing all bands of all rows, and joining pairs one by one."""
    found = grams(pa.array(texts, pa.large_string()), "whitespace", 5)
    sets = [set(found.hashes[a:b].tolist()) for a, b in pairwise(found.offsets)]
    rows = [i for i, s in enumerate(sets) if s]
    signatures = dict(zip(rows, minima(found.hashes, found.offsets, *functions(1, 112)), strict=True))
    first = {i: i for i in range(len(texts))}
    for band in range(14):
        groups: dict[bytes, list[int]] = {}
        for row in rows:
            groups.setdefault(signatures[row][8 * band : 8 * band + 8].tobytes(), []).append(row)
        for group in groups.values():
            for a, b in {(group[0], row) for row in group[1:]} | set(pairwise(group)):
                share = Fraction(len(sets[a] & sets[b]), len(sets[a] | sets[b]))
                if verify is None or share >= Fraction(verify):
                    old, new = sorted((first[a], first[b]), reverse=True)
                    first = {i: new if f == old else f for i, f in first.items()}
    return first


@contextmanager
def narrow(on: bool, rounds: bool) -> Iterator[None]:
    """Exchanges of several levels and partitions on a few rows; `rounds`: clusters by rounds of stars."""
    with pytest.MonkeyPatch.context() as patch:
        if on:
            patch.setattr(ex, "FAN_IN", 2)
            patch.setattr(ex, "BUCKETS", 3)
            patch.setattr(ex, "PARTITION_BYTES", 4000)
            patch.setattr(clusters, "FAN_IN", 2)
        if rounds:
            patch.setattr(clusters, "FEW", 0)
        yield


def outputs(params: dict[str, Any], table: pa.Table, cuts: list[int]) -> tuple[Any, Any, Any]:
    driver = Driver()
    names = ["out", "dropped", "clusters"]
    made = driver.outputs("dedup.minhash", params, names, data=driver.parts(table, cuts))
    out, dropped, listed = (driver.table(made[name]) for name in names)
    return out["i"].to_pylist(), dropped["i"].to_pylist(), listed.to_pylist()


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 10**6),
    st.lists(st.integers(0, 50), max_size=6),
    st.sampled_from([None, "0.7"]),
    st.booleans(),
    st.booleans(),
)
def test_clusters_are_those_of_all_pairs(
    seed: int, cuts: list[int], verify: str | None, small: bool, rounds: bool
) -> None:
    texts = near_duplicates(seed, 50)
    wanted = plainly(texts, verify)
    with narrow(small, rounds):
        kept, dropped, listed = outputs({**BASE, "verify": verify}, as_table(texts), cuts)
    assert kept == [i for i, first in wanted.items() if i == first]
    assert dropped == [i for i, first in wanted.items() if i != first]
    sizes = np.bincount(list(wanted.values()), minlength=len(texts))
    assert listed == [{"row": i, "cluster": f} for i, f in wanted.items() if sizes[f] > 1]


@pytest.mark.parametrize(("verify", "sent"), [(None, 14 + 3), ("0.7", 4 * 14)])
def test_what_is_alike_within_a_part_does_not_send_every_band(verify: str | None, sent: int) -> None:
    """Of four equal texts the first sends all bands; the others one to meet it, if no pair is looked at."""
    driver = Driver()
    parts = driver.parts(as_table([" ".join(WORDS)] * 4))
    made = driver.run("dedup.minhash", {**BASE, "verify": verify}, data=parts)
    (stage,) = (s for s in driver.stages if s.name == "dedup.minhash: bands")
    file = perform(stage.tasks[0], driver.store, EXECUTOR).out["out"].cid
    assert pa.ipc.open_file(driver.store.get(file)).read_all().num_rows == sent
    assert driver.table(made)["i"].to_pylist() == [0]


@given(st.lists(st.tuples(*[st.integers(0, 3)] * 4), max_size=12))
def test_keys_that_go_join_what_all_keys_join(rows: list[tuple[int, int, int, int]]) -> None:
    """Two keys a row, of two small words, so that first words meet without the second."""
    keys = np.array(rows, np.uint64).reshape(-1, 2)
    go = needed(keys, 2)
    assert _components(keys, np.ones(len(keys), np.bool_)) == _components(keys, go)
    seen = {key.tobytes() for key in keys}
    assert {key.tobytes() for key in keys[go]} == seen
    assert np.count_nonzero(go) == len(rows) + len(seen) - len(set(_components(keys, go)))


def _components(keys: Any, go: Any) -> list[int]:
    """The least row of each row's component, by keys that go, two a row."""
    found = list(range(len(keys) // 2))
    for a, b in combinations(np.flatnonzero(go).tolist(), 2):
        if (keys[a] == keys[b]).all():
            old, new = sorted((found[a // 2], found[b // 2]), reverse=True)
            found = [new if f == old else f for f in found]
    return found


def test_verification_parts_what_one_band_joined() -> None:
    """With one minimum in a band, far texts meet; only those as similar as the threshold stay together."""
    texts = near_duplicates(5, 40)
    loose = {**BASE, "bands": 40, "rows": 1}
    joined, _, _ = outputs(loose, as_table(texts), [20])
    kept, dropped, _ = outputs({**loose, "verify": 1}, as_table(texts), [20])
    assert len(joined) < len(kept)
    found = grams(pa.array(texts, pa.large_string()), "whitespace", 5)
    sets = [
        frozenset(found.hashes[a:b].tolist()) for a, b in zip(found.offsets, found.offsets[1:], strict=False)
    ]
    equal = {j for i, j in combinations(range(40), 2) if sets[i] and sets[i] == sets[j]}
    assert set(dropped) == equal


def test_dropped_rows_say_why() -> None:
    driver = Driver()
    text = " ".join(WORDS)
    made = driver.outputs(
        "dedup.minhash", BASE, ["dropped"], data=driver.parts(as_table([text, text.upper()]))
    )
    assert driver.table(made["dropped"]).to_pylist() == [
        {"text": text.upper(), "i": 1, "dropped_by": "dedup.minhash", "reason": "minhash duplicate"}
    ]


def test_parts_without_duplicates_stay_and_unknown_texts_too() -> None:
    driver = Driver()
    texts = [None, None, "", "", "a b c d", "a b c d", " ".join(WORDS), " ".join(WORDS[::-1])]
    parts = driver.parts(as_table(texts), [3])
    assert driver.run("dedup.minhash", BASE, data=parts).parts == parts.parts


def test_signatures_of_old_parts_are_not_made_again() -> None:
    driver = Driver()
    old = driver.parts(as_table(near_duplicates(1, 30)), [10, 20])
    new = driver.parts(as_table(near_duplicates(2, 9)))
    signed = []
    with narrow(True, False):
        for parts in (old.parts, new.parts + old.parts):
            driver.stages.clear()
            driver.run("dedup.minhash", BASE, data=Parts(old.schema, parts))
            (stage,) = (s for s in driver.stages if s.name == "dedup.minhash: signatures")
            signed.append({task.cid for task in stage.tasks})
    assert signed[0] < signed[1]
    assert len(signed[1]) == 4


def test_a_chain_that_does_not_settle_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "MAX_ROUNDS", 0)
    with narrow(True, True), pytest.raises(TaskFailed, match="not settled"):
        outputs(BASE, as_table(near_duplicates(1, 30)), [10])


def test_no_parts_give_no_parts() -> None:
    driver = Driver()
    nothing = Parts(driver.parts(as_table(["x"])).schema, ())
    made = driver.outputs("dedup.minhash", BASE, ["out", "dropped", "clusters"], data=nothing)
    assert [p.parts for p in made.values()] == [(), (), ()]


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"column": "x"}, MissingColumn),
        ({"column": "i"}, ParameterError),
        ({"column": "text", "bands": 0}, ParameterError),
        ({"column": "text", "verify": 1.5}, ParameterError),
        ({"column": "text", "words": "klingon"}, ParameterError),
    ],
)
def test_wrong_parameters_are_refused(params: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        outputs(params, as_table(["a"]), [])


def test_the_result_is_golden() -> None:
    driver = Driver()
    parts = driver.parts(as_table(near_duplicates(11, 60)), [25])
    made = driver.outputs("dedup.minhash", {**BASE, "verify": 0.6}, ["out", "clusters"], data=parts)
    assert {name: logical_hash(driver.table(made[name])).hex() for name in ("out", "clusters")} == {
        "out": "ff2c71f49631a09abc6bb6c3b5f82a7b9eeb0af63066bafd18efaddc5c5be89d",
        "clusters": "35f6484023b5d1db33b388d648814933d9489e4c4425733f092b291984bf6a9c",
    }
