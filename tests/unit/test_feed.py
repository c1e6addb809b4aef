"""The feed: what is in a batch, exact resume, ranks, corruption, mixes, PyTorch's shape."""

from __future__ import annotations

import importlib.util
import json
import pickle
import re
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from cid_store.errors import CorruptBlock, UsageError
from codata.feed import BadState, Feed, Mix, NullValues, ShardMismatch, UnknownSpec, WrongDataset
from codata.feed.mix import MixOrder
from codata.feed.source import Shards
from tests.unit.feed_fakes import FakeDataset, numbered

DOCS = Path(__file__).parents[2] / "docs"
COUNTS = [130, 1, 77, 200, 92]  # 500 rows


def ids(feed: Feed) -> list[int]:
    return [i for batch in feed for i in batch["id"].tolist()]


def check_columns(batch: dict[str, Any]) -> None:
    rows = batch["id"]
    assert batch["even"].tolist() == (rows % 2 == 0).tolist()
    assert batch["text"].to_pylist() == [f"row {i}" for i in rows]
    assert batch["tokens"].dtype == np.uint16
    assert np.array_equal(batch["tokens"], (rows[:, None] * 7 + np.arange(4)).astype(np.uint16))


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("prefetch", [0, 2])
def test_an_epoch_is_every_row_once_with_its_own_values(shuffle: bool, prefetch: int) -> None:
    feed = Feed(numbered(COUNTS), batch_size=64, shuffle=shuffle, drop_last=False, prefetch=prefetch)
    seen: list[int] = []
    for batch in feed:
        check_columns(batch)
        seen += batch["id"].tolist()
    assert sorted(seen) == list(range(500))
    assert (seen == list(range(500))) is (not shuffle)


def test_threads_change_nothing() -> None:
    dataset = numbered(COUNTS)
    assert ids(Feed(dataset, batch_size=10, prefetch=0)) == ids(Feed(dataset, batch_size=10, prefetch=5))


def test_length_and_the_last_batch() -> None:
    dataset = numbered(COUNTS)
    feed = Feed(dataset, batch_size=64)
    sizes = [len(batch["id"]) for batch in feed]
    assert sizes == [64] * 7
    assert len(feed) == 7
    short = Feed(dataset, batch_size=64, drop_last=False)
    assert [len(batch["id"]) for batch in short] == [64] * 7 + [52]
    assert len(short) == 8


def test_columns_are_chosen() -> None:
    batch = next(iter(Feed(numbered(COUNTS), batch_size=8, columns=["tokens"])))
    assert list(batch) == ["tokens"]
    for wrong in (["nothing"], [], ["id", "id"]):
        with pytest.raises(UsageError):
            Feed(numbered(COUNTS), batch_size=8, columns=wrong)


def test_batches_in_dataset_order_are_views_of_the_shard() -> None:
    class Mapped(FakeDataset):
        def __init__(self) -> None:
            self.table = pa.table({"id": np.arange(100, dtype=np.int64)})
            super().__init__([self.table], batch_rows=100)

        def shard_table(self, index: int) -> pa.Table:
            return self.table

    dataset = Mapped()
    memory = dataset.table["id"].chunk(0).to_numpy()
    for batch in Feed(dataset, batch_size=10, shuffle=False):
        assert np.shares_memory(batch["id"], memory)
        assert not batch["id"].flags.writeable


def test_lists_of_lists_keep_their_shape() -> None:
    values = pa.array(np.arange(60, dtype=np.float32))
    nested = pa.FixedSizeListArray.from_arrays(pa.FixedSizeListArray.from_arrays(values, 3), 2)
    feed = Feed(FakeDataset([pa.table({"x": nested})], batch_rows=4), batch_size=10, drop_last=False)
    batch = next(iter(feed))
    assert batch["x"].shape == (10, 2, 3)
    assert sorted(batch["x"].ravel().tolist()) == list(range(60))


@pytest.mark.parametrize("shuffle", [True, False])
def test_nulls_in_numbers_are_refused_and_kept_in_strings(shuffle: bool) -> None:
    table = pa.table({"n": [1, None, 3], "s": pa.array(["a", None, "c"], pa.large_string())})
    with pytest.raises(NullValues, match="'n' has 1 nulls"):
        next(iter(Feed(FakeDataset([table]), batch_size=3, shuffle=shuffle)))
    batch = next(iter(Feed(FakeDataset([table]), batch_size=3, shuffle=shuffle, columns=["s"])))
    assert batch["s"].null_count == 1


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("at", [0, 1, 3, 6, 7, 8, 11])
def test_resume_gives_the_same_remainder(at: int, shuffle: bool) -> None:
    dataset = numbered(COUNTS)

    def stream(feed: Feed) -> Any:
        while True:
            for batch in feed:
                yield batch["id"].tolist()

    whole = list(islice(stream(Feed(dataset, batch_size=64, seed=3, shuffle=shuffle)), 20))
    first = Feed(dataset, batch_size=64, seed=3, shuffle=shuffle)
    list(islice(stream(first), at))
    saved = json.loads(json.dumps(first.state_dict()))
    second = Feed(dataset, batch_size=64)
    second.load_state_dict(saved)
    assert second.state_dict() == saved
    assert list(islice(stream(second), 20 - at)) == whole[at:]


def test_the_state_counts_what_was_yielded_and_ends_at_the_next_epoch() -> None:
    dataset = numbered(COUNTS)
    feed = Feed(dataset, batch_size=100, seed=9, prefetch=4)
    at = [(feed.state_dict()["epoch"], feed.state_dict()["sample_in_epoch"]) for _ in feed]
    assert at == [(0, 100), (0, 200), (0, 300), (0, 400), (1, 0)]
    assert feed.state_dict() == {
        "spec": "codata/feed/1",
        "dataset": str(dataset.cid),
        "seed": 9,
        "epoch": 1,
        "sample_in_epoch": 0,
        "window": 64,
        "mix": None,
    }


def test_ranks_share_each_batch_in_rank_order() -> None:
    dataset = numbered(COUNTS)
    whole = [batch["id"].tolist() for batch in Feed(dataset, batch_size=60, drop_last=False)]
    feeds = [Feed(dataset, batch_size=60, rank=r, world=4, drop_last=False) for r in range(4)]
    shares = list(zip(*feeds, strict=True))
    assert [[i for share in step for i in share["id"].tolist()] for step in shares] == whole
    assert {len(share["id"]) for step in shares[:-1] for share in step} == {15}


def test_the_number_of_ranks_may_change_within_an_epoch() -> None:
    dataset = numbered(COUNTS)
    whole = ids(Feed(dataset, batch_size=12))
    two = [Feed(dataset, batch_size=12, rank=r, world=2) for r in range(2)]
    steps = list(islice(zip(*two, strict=True), 7))
    states = [feed.state_dict() for feed in two]
    assert states[0] == states[1]
    three = [Feed(dataset, batch_size=12, rank=r, world=3) for r in range(3)]
    for feed in three:
        feed.load_state_dict(states[0])
    steps += zip(*three, strict=True)
    assert [i for step in steps for share in step for i in share["id"].tolist()] == whole


def test_a_share_may_be_empty_but_is_yielded() -> None:
    dataset = numbered([9])
    feeds = [Feed(dataset, batch_size=8, rank=r, world=8, drop_last=False) for r in range(8)]
    sizes = [[len(batch["id"]) for batch in feed] for feed in feeds]
    assert [s[1] for s in sizes] == [0] * 7 + [1]
    empty = list(feeds[0])[1]
    assert empty["tokens"].shape == (0, 4)
    assert empty["text"].type == pa.large_string()


def state(**changes: object) -> dict[str, object]:
    return {**Feed(numbered(COUNTS), batch_size=8).state_dict(), **changes}


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (state(spec="codata/feed/2"), UnknownSpec),
        (state(dataset=str(numbered([3]).cid)), WrongDataset),
        (state(dataset="no CID"), BadState),
        (state(dataset=None), BadState),
        (state(dataset=7), BadState),
        (state(dataset=None, mix=[[str(numbered([3]).cid), 1]]), WrongDataset),
        (state(dataset=None, mix=[[str(numbered([3]).cid), 0]]), BadState),
        (state(dataset=None, mix=[["x"]]), BadState),
        (state(dataset=None, mix=[]), BadState),
        (state(seed=-1), BadState),
        (state(epoch=1.5), BadState),
        (state(window=True), BadState),
        (state(sample_in_epoch=501), BadState),
        (state(more=1), BadState),
        ({"spec": "codata/feed/1"}, BadState),
        ([], BadState),
    ],
)
def test_foreign_states_are_refused_and_change_nothing(wrong: Any, error: type[Exception]) -> None:
    feed = Feed(numbered(COUNTS), batch_size=8)
    with pytest.raises(error) as raised:
        feed.load_state_dict(wrong)
    assert feed.state_dict() == state()
    assert pickle.loads(pickle.dumps(raised.value)).message == raised.value.message  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 0},
        {"batch_size": 501},
        {"batch_size": 10, "world": 3},
        {"batch_size": 10, "world": 2, "rank": 2},
        {"batch_size": 10, "window": 0},
        {"batch_size": 10, "seed": -1},
        {"batch_size": 10, "prefetch": -1},
    ],
)
def test_arguments_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        Feed(numbered(COUNTS), **wrong)


def test_two_iterations_at_once_are_refused() -> None:
    feed = Feed(numbered(COUNTS), batch_size=8)
    first, second = iter(feed), iter(feed)
    next(first), next(second)
    with pytest.raises(UsageError, match="moved"):
        next(first)
    second.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("prefetch", [0, 2])
def test_a_flipped_bit_is_caught_named_and_can_be_repaired(prefetch: int) -> None:
    dataset = numbered(COUNTS)
    feed = Feed(dataset, batch_size=20, shuffle=False, prefetch=prefetch)
    dataset.files[3][1000] ^= 1
    seen: list[int] = []
    with pytest.raises(CorruptBlock) as raised:
        seen.extend(i for batch in feed for i in batch["id"].tolist())
    assert raised.value.cid == dataset.shards[3].cid
    assert seen == list(range(200))  # the next batch, 200 to 219, needs rows of shard 3, which begins at 208
    dataset.files[3][1000] ^= 1
    assert ids(feed) == list(range(200, 500))


def test_a_shard_that_contradicts_its_manifest_is_refused() -> None:
    dataset, other = numbered(COUNTS), numbered([2, 3])
    dataset.shards[0] = other.shards[0]._replace(rows=130)
    dataset.files[0] = other.files[0]
    with pytest.raises(ShardMismatch, match="holds 2 rows"):
        list(Feed(dataset, batch_size=20))
    wrong = FakeDataset([pa.table({"id": [1, 2, 3]}), pa.table({"id": ["a", "b"]})])
    with pytest.raises(ShardMismatch, match="no column 'id' of int64"):
        list(Feed(wrong, batch_size=5))
    wrong.rows = 6
    with pytest.raises(ShardMismatch, match="claims 6"):
        Feed(wrong, batch_size=5)


def test_open_shards_are_bounded_and_opened_once_while_in_use() -> None:
    dataset = numbered([10] * 40)
    shards = Shards([dataset], ["id"], bound=4, threads=2)
    shards.warm(range(40))
    for _ in range(3):
        assert [batch.num_rows for batch in shards.batches(39)] == [10]
    assert dataset.opened[39] == 1
    assert len(shards._open) <= 4
    assert dataset.opened.total() <= 5
    shards.close()
    list(Feed(dataset, batch_size=20))
    assert max(dataset.opened.values()) <= 2


def test_mix_vectors() -> None:
    text = (DOCS / "spec/feed-order.md").read_text("utf-8")
    for vector in json.loads(re.findall(r"```json golden\n(.*?)```", text, re.S)[0])["mix"]:
        of = {k: tuple(v) if isinstance(v, list) else v for k, v in vector["of"].items()}
        order = MixOrder(**of)
        assert order.at(np.arange(order.rows)).tolist() == vector["rows"]


def test_a_mix_holds_its_weights_and_each_source_is_seen_evenly() -> None:
    big, small = numbered([300, 100]), numbered([30], first=1000)
    feed = Feed(Mix([(big, 3), (small, 1)]), batch_size=4, seed=1, window=4)
    small_seen: list[int] = []
    for _ in range(3):
        for batch in feed:
            assert np.count_nonzero(batch["id"] >= 1000) == 1
            check_columns(batch)
            small_seen += batch["id"][batch["id"] >= 1000].tolist()
    passes = [small_seen[i : i + 30] for i in range(0, len(small_seen) - 29, 30)]
    assert len(passes) == 10
    assert all(sorted(p) == list(range(1000, 1030)) for p in passes)
    assert passes[0] != passes[1]


def test_a_mix_resumes_exactly() -> None:
    mix = Mix([(numbered([300, 100]), 3), (numbered([30], first=1000), 2)])
    whole = [batch["id"].tolist() for batch in Feed(mix, batch_size=10, seed=4)]
    first = Feed(mix, batch_size=10, seed=4)
    assert [batch["id"].tolist() for batch in islice(first, 9)] == whole[:9]
    second = Feed(mix, batch_size=10)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert [batch["id"].tolist() for batch in second] == whole[9:]
    other = Feed(Mix([(numbered([300, 100]), 3), (numbered([30], first=1000), 1)]), batch_size=10)
    with pytest.raises(WrongDataset):
        other.load_state_dict(first.state_dict())


def test_a_mix_refuses_what_it_can_not_mix() -> None:
    for sources in (
        [],
        [(numbered([3]), 0)],
        [(FakeDataset([pa.table({"id": pa.array([], pa.int64())})]), 1)],
    ):
        with pytest.raises(UsageError):
            Mix(sources)
    with pytest.raises(UsageError, match="differ"):
        Feed(
            Mix([(numbered([9]), 1), (FakeDataset([pa.table({"id": ["a"]})]), 1)]),
            batch_size=2,
            columns=["id"],
        )


def test_the_guide_runs() -> None:
    text = (DOCS / "guides/feed.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    names: dict[str, Any] = {
        "dataset": numbered([5000]),
        "other": numbered([600], first=5000),
        "train": print,
    }
    names["train"] = lambda batch: batch["tokens"].shape
    for block in blocks:
        if "torch" not in block or importlib.util.find_spec("torch"):
            exec(compile(block, "docs/guides/feed.md", "exec"), names)
    assert len(blocks) >= 4


def test_without_torch_the_adapter_says_what_to_install() -> None:
    if importlib.util.find_spec("torch"):
        pytest.skip("PyTorch is installed")
    with pytest.raises(UsageError) as raised:
        Feed(numbered(COUNTS), batch_size=8).as_torch()
    assert "codata-pipeline[torch]" in raised.value.next_step


@pytest.mark.parametrize("shuffle", [True, False])
def test_torch_tensors_and_resume(shuffle: bool) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    dataset = numbered(COUNTS)
    feed = Feed(dataset, batch_size=50, shuffle=shuffle)
    plain = [batch["id"].tolist() for batch in Feed(dataset, batch_size=50, shuffle=shuffle)]
    loader = torch.utils.data.DataLoader(feed.as_torch(), batch_size=None)
    got = [(batch["id"].tolist(), batch["tokens"].dtype, type(batch["text"])) for batch in loader]
    assert got == [(i, torch.uint16, pa.LargeStringArray) for i in plain]
    adapter = Feed(dataset, batch_size=50, shuffle=shuffle).as_torch()
    assert len(adapter) == 10
    next(iter(adapter))
    again = Feed(dataset, batch_size=50).as_torch()
    again.load_state_dict(adapter.state_dict())
    assert [batch["id"].tolist() for batch in again] == plain[1:]


def test_torch_workers_are_refused() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    adapter = Feed(numbered(COUNTS), batch_size=50).as_torch()
    loader = torch.utils.data.DataLoader(adapter, batch_size=None, num_workers=1)
    with pytest.raises(Exception, match=r"num_workers=0|worker processes"):
        next(iter(loader))
