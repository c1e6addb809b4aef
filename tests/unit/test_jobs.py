"""Job files and the records they become."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cid_store.cid import CID, RAW
from cid_store.errors import UsageError
from cid_store.stores.memory import MemoryStore
from codata import jobs
from codata.documents import parse_yaml
from codata.errors import JobError, MissingColumn, ParameterError, UnknownStep
from codata.plan.plan import check_schemas, resolve
from codata.records.job import Job, Ref, StepCall
from tests.runs import text_rows

YAML = """\
codata: job/1
inputs: [data, labels]
steps:
  - text.normalize: {column: text}
    as: clean
  - join: {with: labels, on: [id]}
  - filter:
      where: id > 0
    from: clean
    as: kept
    checkpoint: true
  - text.length_filter: {column: text, min: 3}
    from: kept
    as: long
outputs: {all: clean, long: long}
"""


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def load(store: MemoryStore, text: str) -> Job:
    return jobs.parse(text, jobs.artifacts(store, Path()))


def small(**more: Any) -> dict[str, Any]:
    return {"codata": "job/1", "steps": [{"filter": {"where": "id > 0"}}], **more}


def build(store: MemoryStore, document: object) -> Job:
    return jobs.build(document, jobs.artifacts(store, Path()))


def test_names_in_the_file_leave_no_trace(store: MemoryStore) -> None:
    text = YAML.replace("  - join: {with: labels, on: [id]}\n", "")
    other = text.replace("clean", "washed").replace("kept", "left")
    assert load(store, text).encode() == load(store, other).encode()


def test_yaml_and_python_give_one_job(store: MemoryStore) -> None:
    text = "codata: job/1\nsteps:\n  - filter: {where: id > 0}\n  - sort: {by: [id]}\n"
    document = small(steps=[{"filter": {"where": "id > 0"}}, {"sort": {"by": ["id"]}}])
    assert load(store, text).save(store) == build(store, document).save(store)
    spelled_out = small(steps=[*document["steps"][:1], {"sort": {"by": ["id"], "nulls": "last"}}])
    assert build(store, spelled_out).save(store) == build(store, document).save(store)


def test_a_step_that_nothing_uses_is_an_error(store: MemoryStore) -> None:
    with pytest.raises(JobError, match=r"nothing uses what step 2 \(join\) gives"):
        load(store, YAML)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "does not begin"),
        (small(codata="job/2"), "does not begin"),
        (small(extra=1), "unknown keys: extra"),
        (small(inputs=[]), "`inputs`"),
        (small(inputs=["a", "a"]), "`inputs`"),
        (small(inputs="data"), "`inputs`"),
        (small(steps=[]), "`steps`"),
        (small(steps=[{"filter": {"where": "id > 0"}}] * 1001), "`steps`"),
        (small(steps=[5]), "is not written as"),
        (small(steps=[{"filter": {}, "sort": {}}]), "is not written as"),
        (small(steps=[{"filter": []}]), "where: is needed"),
        (
            small(steps=[{"filter": {"where": "id > 0"}, "from": "absent"}]),
            "nothing before it is called 'absent'",
        ),
        (small(steps=[{"filter": {"where": "id > 0"}, "as": "data"}]), "`as` is a name"),
        (small(steps=[{"filter": {"where": "id > 0"}, "checkpoint": "yes"}]), "`checkpoint`"),
        (small(outputs=[]), "`outputs`"),
        (small(outputs={"a": "absent"}), "nothing before it is called 'absent'"),
        (small(outputs={1: "data"}), "`outputs`"),
    ],
)
def test_what_is_no_job(store: MemoryStore, document: object, says: str) -> None:
    with pytest.raises(JobError, match=says):
        build(store, document)


def test_parameters_are_named_with_the_step(store: MemoryStore) -> None:
    with pytest.raises(ParameterError, match=r"step 1 \(filter\): where: "):
        build(store, small(steps=[{"filter": {"where": 5}}]))
    with pytest.raises(ParameterError, match=r"\(filter\): where: is needed; wher: is no parameter here"):
        build(store, small(steps=[{"filter": {"wher": "id > 0"}}]))
    with pytest.raises(ParameterError, match=r"tokenizer: there is no file absent\.json") as wrong:
        build(store, small(steps=[{"tokens.encode": {"column": "text", "tokenizer": "absent.json"}}]))
    assert wrong.value.next_step.startswith("its parameters are: column, tokenizer")
    with pytest.raises(UnknownStep, match=r"filtre") as caught:
        build(store, small(steps=[{"filtre": {"where": "id > 0"}}]))
    assert "filter" in caught.value.next_step


def test_files_become_links(store: MemoryStore, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_bytes(b"hello")
    resolve_file = jobs.artifacts(store, tmp_path)
    assert resolve_file("words.txt") == CID.make(RAW, b"hello")
    assert resolve_file(CID.make(RAW, b"x")) == CID.make(RAW, b"x")
    with pytest.raises(ValueError, match="there is no file"):
        resolve_file("absent.txt")


def test_a_job_is_found_by_file_or_cid_alone(store: MemoryStore, tmp_path: Path) -> None:
    path = tmp_path / "job.yaml"
    path.write_text("codata: job/1\nsteps:\n  - filter: {where: id > 0}\n")
    job = jobs.load(str(path), store)
    assert jobs.load(job.save(store), store) == job
    with pytest.raises(JobError, match="neither a file"):
        jobs.load("absent", store)
    path.write_bytes(b"x" * (jobs.MAX_FILE + 1))
    with pytest.raises(JobError, match="over"):
        jobs.load(str(path), store)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(JobError, match="can't read"):
        jobs.load(str(path), store)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\na: 2", "job: line 2 .*comes twice"),
        ("a: &x [1]\nb: *x", "line 2 .*aliases"),
        ("a: [", "is not YAML"),
        ("[" * 5000, "nested too deeply"),
        ("a: !!python/object:os.system {}", "is not YAML"),
        ("\x00", "is not YAML"),
    ],
)
def test_what_is_no_yaml(text: str, says: str) -> None:
    with pytest.raises(JobError, match=says):
        parse_yaml(text, "job")


def test_words_and_dates_are_text() -> None:
    assert parse_yaml("on: no\nday: 2024-01-01\nt: true\nn: 010", "job") == {
        "on": "no",
        "day": "2024-01-01",
        "t": True,
        "n": "010",
    }


def test_a_limit_is_another_job_on_the_first_rows(store: MemoryStore) -> None:
    job = build(
        store, small(outputs={"out": "data", "kept": "k"}, steps=[{"filter": {"where": "id > 0"}, "as": "k"}])
    )
    trial = jobs.limited(job, 10)
    assert [c.step for c in trial.steps] == ["limit", "filter"]
    assert trial.outputs == {"out": Ref("out", 0), "kept": Ref("out", 1)}
    assert trial.steps[1].inputs == {"data": Ref("out", 0)}
    with pytest.raises(UsageError):
        jobs.limited(job, -1)


def test_schemas_are_followed_before_anything_runs(store: MemoryStore) -> None:
    job = build(store, small(steps=[{"text.normalize": {"column": "absent"}}]))
    with pytest.raises(MissingColumn, match="'absent'"):
        check_schemas(job, {"data": text_rows(1).schema})


def test_the_order_of_columns_outlasts_the_record(store: MemoryStore) -> None:
    written = {"zz": "text", "b": "id", "a": "id"}
    job = build(store, {"codata": "job/1", "steps": [{"select": {"columns": written}}]})
    for one in (job, Job.load(store, job.save(store))):
        assert check_schemas(one, {"data": text_rows().schema})["output"].names == ["zz", "b", "a"]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda c: StepCall(c.step, 2, c.params, c.inputs), UnknownStep),
        (lambda c: StepCall("absent", 1, c.params, c.inputs), UnknownStep),
        (lambda c: StepCall(c.step, 1, {}, c.inputs), ParameterError),
        (lambda c: StepCall(c.step, 1, c.params, {}), JobError),
    ],
)
def test_recorded_steps_that_are_not_here(
    store: MemoryStore, change: Callable[[StepCall], StepCall], kind: type[Exception]
) -> None:
    (call,) = build(store, small()).steps
    with pytest.raises(kind):
        resolve(change(call))
