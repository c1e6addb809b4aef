"""What a CID is, for people and as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from cid_store.cid import CID, CODEC_NAMES
from cid_store.errors import UsageError
from codata.attested import attested, coverage
from codata.dataset import Dataset
from codata.home import Home
from codata.records.base import kind_of
from codata.records.job import Job
from codata.records.manifest import Manifest
from codata.records.run import Run
from codata.tally import tally

_SHARDS = 20  # shown to people; JSON has all
_CELL = 60


@dataclass(frozen=True)
class Shown:
    """A description in both forms."""

    value: dict[str, Any]
    text: str


def dataset_of(home: Home, ref: str) -> CID:
    """The dataset of a REF: itself, or the one output of a run. Raises `UsageError`."""
    cid = home.resolve(ref)
    kind = kind_of(home.store, cid)
    if kind == Manifest.kind:
        return cid
    if kind == Run.kind:
        outputs = Run.load(home.store, cid).outputs
        if len(outputs) == 1:
            return next(iter(outputs.values()))
        raise UsageError(f"run {cid} has the outputs {', '.join(outputs)}", next_step="name one by its CID")
    raise UsageError(
        f"{ref} is no dataset but {kind or CODEC_NAMES.get(cid.codec, 'a block')}",
        cid=cid,
        next_step="`codata ls` lists the datasets that have names; `codata add` makes one of files",
    )


def run_of(home: Home, ref: str) -> CID:
    """The run of a REF: itself, or the last run here that gave it. Raises `UsageError`."""
    cid = home.resolve(ref)
    if kind_of(home.store, cid) == Run.kind:
        return cid
    runs = home.ledger.runs(cid)
    if not runs:
        raise UsageError(
            f"{ref} is no run, and no run here gave it", cid=cid, next_step="`codata car import` its run"
        )
    return runs[-1]


def show(home: Home, cid: CID) -> Shown:
    """Describe a block by its kind."""
    kind = kind_of(home.store, cid)
    if kind == Manifest.kind:
        return _dataset(home, cid)
    if kind == Run.kind:
        return _run(home, cid)
    if kind == Job.kind:
        return _job(home, cid)
    return _block(home, cid, kind)


def _dataset(home: Home, cid: CID) -> Shown:
    found = Dataset(home.store, cid)
    columns = [{"name": f.name, "type": str(f.type)} for f in found.schema]
    shards = [{"cid": s.cid, "rows": s.rows, "bytes": s.size, "hash": s.hash.hex()} for s in found.shards]
    value = {
        "kind": "dataset",
        "cid": cid,
        "rows": found.rows,
        "bytes": found.manifest.size,
        "columns": columns,
        "shards": shards,
        "runs": home.ledger.runs(cid),
    }
    text = [
        f"dataset {cid}",
        f"{found.rows} rows, {found.manifest.size} bytes, {len(shards)} shards",
        "",
        "columns",
    ]
    text += [f"  {c['name']}: {c['type']}" for c in columns]
    text += ["", "shards"] + [f"  {s['cid']}  {s['rows']} rows" for s in shards[:_SHARDS]]
    if len(shards) > _SHARDS:
        text.append(f"  and {len(shards) - _SHARDS} more (--json lists all)")
    if value["runs"]:
        text += ["", "made by"] + [f"  run {run}" for run in home.ledger.runs(cid)]
    return Shown(value, "\n".join(text))


def _run(home: Home, cid: CID) -> Shown:
    store = home.store
    record = Run.load(store, cid)
    counted = tally(store, record)
    executors = sorted(counted.executors)
    words = attested(home, cid)
    covered, of = coverage(home, cid)
    value = {
        "kind": "run",
        "cid": cid,
        "job": record.job,
        "inputs": dict(record.inputs),
        "outputs": dict(record.outputs),
        "tasks": record.count,
        "steps": [{"name": k, **asdict(w)} for k, w in counted.work.items()],
        "coordinator": record.coordinator,
        "executors": executors,
        "attestations": [a.to_value() for a in words],
        "covered": covered,
    }
    text = [f"run {cid}", f"job {record.job}"]
    text += [f"input {n}: {c}" for n, c in record.inputs.items()]
    text += [f"output {n}: {c}" for n, c in record.outputs.items()]
    text += ["", f"{'work':<44} {'tasks':>6} {'rows out':>10} {'CPU s':>8}"]
    text += [
        f"{k[:44]:<44} {w.tasks:>6} {w.rows:>10} {w.cpu_us / 1e6:>8.2f}" for k, w in counted.work.items()
    ]
    text += ["", f"coordinator {record.coordinator}"] + [f"executor {e}" for e in executors]
    text += [f"attestation {a.cid}: {a.text}" for a in words] or [
        "no attestation is known here: codata verify"
    ]
    if len(words) > 1:
        text.append(f"verifiers together: {covered} of {of} tasks run again and found right")
    return Shown(value, "\n".join(text))


def _job(home: Home, cid: CID) -> Shown:
    record = Job.load(home.store, cid)
    value = {"kind": "job", "cid": cid, **record.to_value()}
    text = [f"job {cid}", f"inputs: {', '.join(record.inputs)}"]
    for i, step in enumerate(record.steps):
        text.append(f"  {i + 1}. {step.step} version {step.version}: {dict(step.params)}")
    text += [f"output {n}: {r.to_value()}" for n, r in record.outputs.items()]
    return Shown(value, "\n".join(text))


def _block(home: Home, cid: CID, kind: str | None) -> Shown:
    from cid_store.codecs import dag_cbor, dag_json

    data = home.store.get(cid)
    codec = CODEC_NAMES.get(cid.codec, hex(cid.codec))
    value: dict[str, Any] = {"kind": kind or codec, "cid": cid, "bytes": len(data)}
    text = f"{kind or codec} {cid}, {len(data)} bytes"
    if codec == "dag-cbor":
        text += "\n" + dag_json.encode(dag_cbor.decode(data)).decode()
    return Shown(value, text)


def table_text(table: pa.Table) -> str:
    """Rows in columns, long values cut short."""
    cells = [[_cell(v) for v in row.values()] for row in table.to_pylist()]
    grid = [list(table.schema.names), *cells]
    widths = [max(len(row[i]) for row in grid) for i in range(table.num_columns)]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in grid)


def _cell(value: object) -> str:
    if value is None:
        return "-"
    text = value if isinstance(value, str) else repr(value)
    text = (
        text[: 2 * _CELL].encode("unicode_escape").decode()
        if any(c < " " for c in text[: 2 * _CELL])
        else text
    )
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"
