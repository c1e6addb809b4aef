"""Records: golden CIDs as docs/spec/records.md states them, and records that are refused."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cid_store.cid import CID, DAG_CBOR
from cid_store.codecs import dag_cbor
from cid_store.stores.memory import MemoryStore
from codata import identity
from codata.errors import BadRecord
from codata.records.base import MAX_RECORD, Record, kind_of
from codata.records.job import Job
from codata.records.manifest import Manifest
from codata.records.run import Run, RunRow
from codata.records.source import Source
from codata.records.task import SUBJECT, Task
from tests.unit.golden_records import FILE, RECORDS, STORE

SPEC = Path(__file__).resolve().parents[2] / "docs" / "spec"


def golden() -> dict[str, str]:
    """The table of golden CIDs in the specification."""
    text = (SPEC / "records.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^\| (\w+) \| `(bafy\w+)` \|$", text, re.MULTILINE))


@pytest.mark.parametrize("name", RECORDS)
def test_golden_cids(name: str) -> None:
    assert RECORDS[name].save(MemoryStore()) == golden()[name]


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_comes_back(name: str) -> None:
    record = RECORDS[name]
    cid = record.save(STORE)
    assert type(record).load(STORE, cid) == record
    assert kind_of(STORE, cid) == (record.kind if isinstance(record, Record) else None)


def changed(name: str, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The record's bytes after `change` to its value."""
    value = dag_cbor.decode(RECORDS[name].encode())
    change(value)
    return dag_cbor.encode(value)


@pytest.mark.parametrize("name", [n for n in RECORDS if n != "task"])
def test_fields_are_exactly_those_of_the_kind(name: str) -> None:
    cls = type(RECORDS[name])
    assert issubclass(cls, Record)
    fields = list(dag_cbor.decode(RECORDS[name].encode()))
    for field in fields:
        with pytest.raises(BadRecord):
            cls.decode(changed(name, lambda v, field=field: v.pop(field)))
        with pytest.raises(BadRecord):
            cls.decode(changed(name, lambda v, field=field: v.update({field: 1.5})))
    with pytest.raises(BadRecord, match="unknown fields: extra"):
        cls.decode(changed(name, lambda v: v.update(extra=1)))
    with pytest.raises(BadRecord, match="does not say"):
        cls.decode(changed(name, lambda v: v.update(codata=cls.kind + "0")))
    with pytest.raises(BadRecord, match="not a map"):
        cls.decode(dag_cbor.encode([]))
    with pytest.raises(BadRecord, match="over the limit"):
        cls.decode(bytes(MAX_RECORD + 1))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("manifest", lambda v: v.update(count=1 << 21)),
        ("manifest", lambda v: v.update(rows=-1)),
        ("manifest", lambda v: v.update(rows=True)),
        ("run", lambda v: v.update(count=1 << 21)),
        ("run", lambda v: v.update(signature=bytes(63))),
        ("run", lambda v: v["inputs"].update(data="text")),
        ("run", lambda v: v.update(coordinator=FILE)),
        ("job", lambda v: v.update(inputs=[1])),
        ("job", lambda v: v.update(inputs=["data", "data"])),
        ("job", lambda v: v.update(inputs=["other"])),
        ("job", lambda v: v.update(outputs={})),
        ("job", lambda v: v.update(outputs={"o": {"step": 1, "out": "out"}})),
        ("job", lambda v: v.update(outputs={"o": {"input": "absent"}})),
        ("job", lambda v: v["steps"][0].update({"in": {"data": {"step": 0, "out": "out"}}})),
        ("job", lambda v: v["steps"][0].update(checkpoint=0)),
        ("job", lambda v: v.update(steps=v["steps"] * 1001)),
        ("environment", lambda v: v["packages"].update(x=1)),
        ("receipt", lambda v: v["out"]["out"].update(hash=bytes(31))),
        ("receipt", lambda v: v["cost"].pop("cpu_us")),
        ("seal", lambda v: v.update(root=bytes(31))),
    ],
)
def test_what_a_record_can_not_say(name: str, change: Callable[[dict[str, Any]], object]) -> None:
    cls = type(RECORDS[name])
    assert issubclass(cls, Record)
    with pytest.raises(BadRecord):
        cls.decode(changed(name, change))


@pytest.mark.parametrize(
    "change",
    [
        lambda v: v.update(nonce=b"1"),
        lambda v: v.update(sub="did:key:z6Mkother"),
        lambda v: v.update(cmd="/other"),
        lambda v: v.update(meta={}),
        lambda v: v["args"].update(more=1),
        lambda v: v["args"].update({"in": {"data": ["text"]}}),
        lambda v: v["args"].update({"in": {"data": [FILE] * 1025}}),
        lambda v: v["args"].update({"in": {"data": 1}}),
        lambda v: v["args"].update(engines={"pyarrow": 20}),
    ],
)
def test_what_a_task_can_not_say(change: Callable[[dict[str, Any]], object]) -> None:
    cid = STORE.put(changed("task", change), DAG_CBOR)
    with pytest.raises(BadRecord):
        Task.load(STORE, cid)


def test_a_task_is_a_ucan_task_of_a_key_that_nobody_holds() -> None:
    value = dag_cbor.decode(RECORDS["task"].encode())
    assert set(value) == {"sub", "cmd", "args", "nonce"}
    key = identity.public_key(SUBJECT).public_bytes_raw()
    assert key == hashlib.sha256(b"codata/task/1").digest()


def test_long_input_lists_are_pages() -> None:
    cids = [CID.make(0x55, str(i).encode()) for i in range(1025)]
    made = [
        Task.make(STORE, step="s", version=1, engines={}, params={}, inputs={"parts": cids[:n]})
        for n in (1024, 1025)
    ]
    assert isinstance(made[0].inputs["parts"], tuple)
    assert isinstance(made[1].inputs["parts"], CID)
    assert list(Task.load(STORE, made[1].save(STORE)).input_cids(STORE, "parts")) == cids


def test_totals_must_add_up() -> None:
    manifest = RECORDS["manifest"]
    source = RECORDS["source"]
    run = RECORDS["run"]
    assert isinstance(manifest, Manifest)
    assert isinstance(source, Source)
    assert isinstance(run, Run)
    for field in ("rows", "bytes", "count"):
        wrong = Manifest.decode(changed("manifest", lambda v, field=field: v.update({field: v[field] + 1})))
        with pytest.raises(BadRecord):
            list(wrong.refs(STORE))
    for field in ("bytes", "count"):
        other = Source.decode(changed("source", lambda v, field=field: v.update({field: v[field] + 1})))
        with pytest.raises(BadRecord):
            list(other.entries(STORE))
    with pytest.raises(BadRecord, match="states 2 tasks"):
        list(Run.decode(changed("run", lambda v: v.update(count=2))).entries(STORE))


def test_a_proof_is_short_and_of_hashes() -> None:
    row = {"task": FILE, "receipt": FILE, "seal": FILE, "index": 0}
    assert RunRow.from_value({**row, "proof": [bytes(32)] * 64}).index == 0
    for proof in ([bytes(32)] * 65, [bytes(31)], ["x" * 32]):
        with pytest.raises(BadRecord):
            RunRow.from_value({**row, "proof": proof})


def test_an_oversized_record_is_not_written() -> None:
    steps = [{"where": "x" * MAX_RECORD}]
    job = RECORDS["job"]
    assert isinstance(job, Job)
    value = dag_cbor.decode(job.encode())
    value["steps"][0]["params"] = steps[0]
    with pytest.raises(BadRecord, match="over the limit"):
        Job.decode(dag_cbor.encode(value))
