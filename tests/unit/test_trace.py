"""Rows led back: whatever the job, the rows that a way names are those that the row was made of."""

from __future__ import annotations

import base64
import gzip
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import codata_jobs.join as join_step
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cid_store.cid import CID
from cid_store.errors import UsageError
from codata import ops
from codata.carry import bring, create
from codata.collect import collect
from codata.dataset import Dataset
from codata.errors import FalseClaim
from codata.execute.executors import Embedded
from codata.home import Home
from codata.jobs import artifacts, build, keep_dropped
from codata.plan import exchange as ex
from codata.plan import import_ops
from codata.table import cutter
from codata.trace import follow
from codata.trace.text import as_text
from codata.trace.trace import trace
from codata.trace.way import Way
from tests.runs import Made, add_file, do, job_of, lying

SMALL = {"LEAST": 60, "NORMAL": 200, "GREATEST": 600, "STRICT": 300, "RELAXED": 60}


@contextmanager
def small(narrow: bool) -> Iterator[None]:
    """Shards of some rows; with `narrow`, exchanges of several levels too."""
    with pytest.MonkeyPatch.context() as patch:
        for name, size in SMALL.items():
            patch.setattr(cutter, name, size)
        if narrow:
            patch.setattr(ex, "FAN_IN", 2)
            patch.setattr(ex, "BUCKETS", 3)
            patch.setattr(ex, "PARTITION_BYTES", 150)
            patch.setattr(join_step, "BROADCAST_BYTES", 0)
        yield


def lead(home: Home, ref: str, row: int) -> Way:
    with Embedded(1) as here:
        return trace(home, ref, row, here)


def rows_of(way: Way, dataset: CID) -> list[int]:
    """The rows of a dataset that a way comes through, in order."""
    return [p.row for hop in way.walk() for p in hop.places[:1] if p.dataset == dataset]


# -- every step -------------------------------------------------------------------------------------

WORDS = {"column": "s", "words": "whitespace", "n": 1}
NEAR = (
    {"text.gopher_quality": {"column": "s", "words": "whitespace", "annotate": "gopher"}},
    {"dedup.minhash": WORDS},
    {"dedup.minhash": {**WORDS, "annotate": "minhash"}},
    {"dedup.ngrams": WORDS},
    {"decontaminate": {**WORDS, "against": "other", "label": "s"}},
    *(
        [
            {"dedup.sentences": {"column": "s", "n": 1, "min_words": 0}},
            {"dedup.sentences": {"column": "s", "n": 1, "min_words": 2, "annotate": "sentences"}},
        ]
        if find_spec("spacy")
        else []
    ),
)
"""Words and near-duplicates, where the extra `text` is here."""

ONE = st.sampled_from(
    [
        {"filter": {"where": "n > 0", "annotate": "why"}},
        {"text.normalize": {"column": "s", "strip": True}},
        {"text.length_filter": {"column": "s", "min": 1, "nulls": "keep"}},
        {"select": {"columns": {"s": "s", "n": "n", "i": "i"}}},
        {"sample": {"fraction": "0.7", "seed": 2}},
        {"dedup.exact": {"on": ["s", "n"]}},
        {"dedup.exact": {"on": ["s"], "annotate": "exact"}},
        {"sort": {"by": ["n", "s"]}},
        {"shuffle": {"seed": 3}},
        {"limit": {"rows": 9}},
        {"concat": {"with": "other"}},
        *(NEAR if find_spec("numba") else ()),
        *({"join": {"with": "other", "on": ["n"], "how": how}} for how in ("inner", "left", "semi", "anti")),
    ]
)
VALUES = st.tuples(st.none() | st.integers(-2, 2), st.none() | st.sampled_from(["", "a ", "b", "ä", "aa"]))


def _table(values: Sequence[tuple[Any, Any]], number: str) -> pa.Table:
    return pa.table(
        {
            "n": pa.array([n for n, _ in values], pa.int64()),
            "s": pa.array([s for _, s in values], pa.large_string()),
            number: pa.array(range(len(values)), pa.int64()),
        }
    )


def _add(home: Home, path: Path, table: pa.Table) -> CID:
    pq.write_table(table, path)
    return add_file(home, path).dataset


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    st.lists(VALUES, min_size=1, max_size=30),
    st.lists(VALUES, min_size=1, max_size=8),
    st.lists(ONE, min_size=1, max_size=4, unique_by=lambda s: str(s)[:9]),
    st.booleans(),
)
def test_a_way_names_the_rows_that_a_row_was_made_of(
    left: list[tuple[Any, Any]], right: list[tuple[Any, Any]], steps: list[Any], narrow: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder, small(narrow), Home(Path(folder, "home")) as home:
        data = _add(home, Path(folder, "data.parquet"), _table(left, "i"))
        other = _add(home, Path(folder, "other.parquet"), _table(right, "j"))
        used = any("other" in p.values() for step in steps for p in step.values())
        document = {"codata": "job/1", "steps": [{"filter": {"where": "n <> 2"}}, *steps]}
        document |= {"inputs": ["data", "other"]} if used else {}
        job = keep_dropped(build(document, artifacts(home.store, Path())))
        inputs = {"data": data, "other": other} if used else {"data": data}
        for output in do(home, job, inputs).outputs.values():
            for row, made in enumerate(Dataset(home.store, output).head(1000).to_pylist()):
                way = lead(home, output, row)
                assert way.whole
                assert rows_of(way, data) == [made["i"]] * (made["i"] is not None)
                # A join's other row shows in nothing where its columns were not selected.
                assert {made.get("j"), made.get("j_right")} - {None} <= set(rows_of(way, other))
                assert {f.number for f in way.sources} >= {made["i"]} - {None}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.none() | st.text("abc ", max_size=9), min_size=1, max_size=30),
    st.sampled_from([{"length": 4}, {"length": 5, "eos": 1, "last": "pad", "pad": 2}]),
)
def test_a_packed_row_leads_to_its_documents(texts: list[str | None], packing: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder, small(False), Home(Path(folder, "home")) as home:
        table = pa.table({"text": pa.array(texts, pa.large_string()), "i": range(len(texts))})
        data = _add(home, Path(folder, "data.parquet"), table)
        vocabulary = home.store.put_file(
            b"".join(base64.b64encode(bytes([b])) + b" %d\n" % b for b in range(256))
        )
        encode = {"column": "text", "tokenizer": vocabulary, "format": "tiktoken", "pattern": "."}
        job = build(
            {
                "codata": "job/1",
                "steps": [
                    {"dedup.exact": {"on": ["text"]}},
                    {"tokens.encode": encode, "as": "ids"},
                    {"tokens.pack": {**packing, "boundaries": True}, "as": "packed"},
                ],
                "outputs": {"ids": "ids", "packed": "packed", "index": "packed.index"},
            },
            artifacts(home.store, Path()),
        )
        outputs = do(home, job, {"data": data}).outputs
        ids = Dataset(home.store, outputs["ids"])
        shards = {shard.cid: ids.shard_table(n)["tokens"].to_pylist() for n, shard in enumerate(ids.shards)}
        index = Dataset(home.store, outputs["index"]).head(1000).to_pylist()
        for row, made in enumerate(Dataset(home.store, outputs["packed"]).head(1000).to_pylist()):
            documents = [texts[n] for n in rows_of(lead(home, outputs["packed"], row), data)]
            end = [packing["eos"]] if "eos" in packing else []
            stream = [token for text in documents for token in [*(text or "").encode(), *end]]
            offset = index[row]["offset"]
            given_ = [token for token in made["tokens"] if token != packing.get("pad")]
            assert stream[offset : offset + len(given_)] == given_
            assert [texts[n] for n in rows_of(lead(home, outputs["index"], row), data)] == documents[:1]
            first = shards[CID(index[row]["shard"])][index[row]["row"]]
            assert first == list((documents[0] or "").encode())


# -- sources ----------------------------------------------------------------------------------------

LONG = [f"r2-{i}-" + "x" * 40 for i in range(4)]  # equal parts are one table, told by its first place
LINES = {
    "a.jsonl": '{"t": "r0"}\n\n  \n{"t": "r1"}\n'
    + "".join(f'{{"t": "{x}"}}\n' for x in LONG)
    + '{"t": "r3"}',
    "a.csv": 't,u\n"r0\nr0",1\n\nr1,2\n' + "".join(f"{x},3\n" for x in LONG) + "r3,4\n",
    "a.txt": "r0\n\nr1\r\n" + "".join(f"{x}\n" for x in LONG) + "r3",
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("range_", [50, 1 << 20])
def test_a_row_leads_to_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, compressed: bool, range_: int
) -> None:
    monkeypatch.setattr(import_ops, "RANGE", range_)
    data = LINES[name].encode()
    path = tmp_path / (f"{name}.gz" if compressed else name)
    path.write_bytes(gzip.compress(data) if compressed else data)
    with Home(tmp_path / "home") as home:
        dataset = add_file(home, path).dataset
        found = [lead(home, dataset, row).sources for row in range(Dataset(home.store, dataset).rows)]
        column = Dataset(home.store, dataset).head(100).column(0).to_pylist()
    lines = LINES[name].split("\n")
    assert [file.unit for (file,) in found] == ["line"] * len(column)
    for (file,), value in zip(found, column, strict=True):
        assert file.paths == (path.name,)
        assert value.split("\n")[0].split(" ")[0] in lines[file.number - 1]
        assert bool(value) == ("r" in lines[file.number - 1])
    assert len({file.number for (file,) in found}) == len(column)


@pytest.mark.parametrize("kind", ["parquet", "arrow", "arrows"])
@pytest.mark.parametrize("range_", [50, 1 << 20])
def test_a_row_leads_to_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, range_: int
) -> None:
    monkeypatch.setattr(import_ops, "RANGE", range_)
    table, path = pa.table({"i": range(23)}), tmp_path / f"a.{kind}"
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=5)
    else:
        new = pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream
        with path.open("wb") as f, new(f, table.schema) as writer:
            writer.write_table(table, max_chunksize=4)
    with Home(tmp_path / "home") as home:
        added = add_file(home, path, format_="arrow" if kind == "arrows" else "auto")
        for row in range(23):
            (file,) = lead(home, added.dataset, row).sources
            assert (file.unit, file.number) == ("record", row)


def test_small_files_are_told_apart_and_equal_ones_are_all_named(tmp_path: Path) -> None:
    texts = {"a.txt": "same\n", "b.txt": "same\n", "c.txt": "one\ntwo\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    with Home(tmp_path / "home") as home:
        lines = add_file(home, *(tmp_path / name for name in texts)).dataset
        found = [lead(home, lines, row).sources[0] for row in range(4)]
        whole = add_file(home, *(tmp_path / name for name in texts), format_="files").dataset
        files = [lead(home, whole, row).sources[0] for row in range(3)]
    both = ("a.txt", "b.txt")
    assert [(f.paths, f.number) for f in found] == [(both, 1), (both, 1), (("c.txt",), 1), (("c.txt",), 2)]
    assert [f.unit for f in files] == ["file"] * 3
    assert str(files[2]).startswith("c.txt (file ")


def test_rows_read_again_under_other_types_lead_to_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_ops, "RANGE", 64)
    path = tmp_path / "mixed.jsonl"
    path.write_text("".join(f'{{"v": {i if i < 20 else i + 0.5}}}\n' for i in range(40)))
    with Home(tmp_path / "home") as home:
        dataset = add_file(home, path).dataset
        ways = [lead(home, dataset, row) for row in range(40)]
    assert [way.sources[0].number for way in ways] == list(range(1, 41))
    assert {hop.made.operation for way in ways for hop in way.hops if hop.made} >= {"import/read"}


# -- runs -------------------------------------------------------------------------------------------


def test_tables_that_are_gone_are_made_again_and_the_home_stays_as_it_is(made: Made) -> None:
    with made.home() as home:
        collect(home)
        before = set(home.store.cids())
        kept = pa.concat_tables(Dataset(home.store, made.output).tables())["id"].to_pylist()
        way = lead(home, made.output, len(kept) - 1)
        assert set(home.store.cids()) == before
    assert [file.number for file in way.sources] == [kept[-1]]
    assert way.whole


def test_a_way_goes_on_through_runs_over_runs(made: Made) -> None:
    with made.home() as home:
        again = do(home, job_of(home, [{"sort": {"by": ["id"], "descending": True}}]), {"data": made.output})
        way = lead(home, again.outputs["output"], 0)
        named = lead(home, again.run, 0)
        first = Dataset(home.store, again.outputs["output"]).head(1)["id"].to_pylist()
    assert [file.number for file in way.sources] == first
    assert list(way.jobs) == [again.run, made.run, made.import_run]
    assert way == named
    assert "no run" not in as_text(way)


def test_a_run_that_changed_nothing_is_no_circle(made: Made) -> None:
    with made.home() as home:
        same = do(home, job_of(home, [{"filter": {"where": "TRUE"}}]), {"data": made.dataset})
        assert same.outputs["output"] == made.dataset
        way = lead(home, same.run, 200)
    assert list(way.jobs) == [same.run, made.import_run]
    assert [file.number for file in way.sources] == [200]


def test_a_dataset_that_no_run_here_gave_is_an_end(made: Made, tmp_path: Path) -> None:
    with made.home() as home:
        create(home.store, made.dataset, tmp_path / "data.car")
    with Home(tmp_path / "other") as other:
        bring(other, tmp_path / "data.car")
        way = lead(other, made.dataset, 7)
    assert way.whole
    assert way.sources == []
    assert "no run that is known here gave this dataset" in as_text(way)


def test_an_operation_that_does_not_say_is_named(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(ops._TRACERS, ("rows", 1))
    with made.home() as home:
        way = lead(home, made.output, 3)
    assert not way.whole
    assert "operation 'rows' does not say" in as_text(way)
    assert way.sources == []


def test_a_row_that_its_task_does_not_give_is_found_false(made: Made) -> None:
    def double(run: Any, context: ops.Context, params: Any, inputs: Any) -> Any:
        return run(_Doubling(context), params, inputs)

    with made.home() as home:
        with lying("rows", double):
            job = job_of(home, [{"filter": {"where": "id >= 0"}}])
            done = do(home, job, {"data": made.dataset})
        with pytest.raises(FalseClaim, match="does not give as many rows"):
            lead(home, done.run, Dataset(home.store, done.outputs["output"]).rows - 1)


class _Doubling:
    """A context whose tables have each row twice when they are kept."""

    def __init__(self, honest: ops.Context) -> None:
        self._honest = honest

    def __getattr__(self, name: str) -> Any:
        return getattr(self._honest, name)

    def put_table(self, table: pa.Table) -> Any:
        return self._honest.put_table(pa.concat_tables([table, table]))


def test_a_row_that_is_not_there(made: Made) -> None:
    with made.home() as home, pytest.raises(UsageError, match="none of number 1000"):
        lead(home, made.output, 1000)


def test_a_way_has_a_bound(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "MAX_HOPS", 2)
    with made.home() as home:
        way = lead(home, made.output, 0)
    assert len(way.hops) == 2
    assert way.hops[1].more == 1
