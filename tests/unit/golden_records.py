"""One record of each kind, as docs/spec/records.md writes them, and their CIDs."""

from __future__ import annotations

from dataclasses import replace

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from cid_store.cid import CID, RAW
from cid_store.stores.memory import MemoryStore
from codata import identity, merkle
from codata.records import pages
from codata.records.attestation import Attestation
from codata.records.base import Record
from codata.records.environment import Environment
from codata.records.job import Job, Ref, StepCall
from codata.records.manifest import Manifest, ShardRef
from codata.records.receipt import Cost, Output, Receipt
from codata.records.run import Run, RunRow
from codata.records.seal import Seal
from codata.records.source import Source, SourceFile
from codata.records.task import Task

STORE = MemoryStore()
ME = identity.Identity.of(Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
FILE = CID.make(RAW, b"hello world")
HASH = bytes(range(32))
SCHEMA = [{"name": "id", "type": "int64"}]

MANIFEST = Manifest.make(STORE, SCHEMA, [ShardRef(FILE, 3, 24, HASH)])
SOURCE = Source.make(STORE, [SourceFile("a/b.csv", FILE, 11)])
JOB = Job(
    ("data",),
    (StepCall("filter", 1, {"where": "id > 0"}, {"data": Ref("data")}),),
    {"output": Ref("out", 0)},
)
TASK = Task.make(
    STORE,
    step="rows",
    version=1,
    engines={"pyarrow": "20.0.0"},
    params={"steps": []},
    inputs={"data": [FILE]},
)
ENVIRONMENT = Environment("3.11.9", "Linux x86_64", "avx2", {"pyarrow": "20.0.0"}, {"PYTHONHASHSEED": ""})
RECEIPT = Receipt(
    TASK.cid, {"out": Output(FILE, HASH, 3, 24, FILE)}, ENVIRONMENT.save(STORE), ME.did, Cost(1, 2, 3, 4)
)
_ROOT = merkle.tree([merkle.leaf_hash(RECEIPT.save(STORE).binary)])[0]
SEAL = Seal(ME.did, 1, _ROOT, ME.sign("codata/seal/1", {"executor": ME.did, "count": 1, "root": _ROOT}))


def _run() -> Run:
    row = RunRow(TASK.cid, RECEIPT.save(STORE), SEAL.save(STORE), 0, ())
    inputs = {"data": MANIFEST.save(STORE)}
    rows = pages.put(STORE, [row.to_value()])
    run = Run(JOB.save(STORE), 1, inputs, {"output": MANIFEST.save(STORE)}, rows, 1, ME.did, bytes(64))
    return replace(run, signature=ME.sign("codata/run/1", run.claim()))


RUN = _run()


def _attestation() -> Attestation:
    verdicts = pages.put(STORE, [{"task": TASK.cid, "stage": "filter", "verdict": "identical"}])
    run, where = RUN.save(STORE), ENVIRONMENT.save(STORE)
    word = Attestation(
        ME.did, run, "verified", 1, 1, {"method": "full", "nonce": bytes(16)}, verdicts, where, bytes(64)
    )
    return replace(word, signature=ME.sign("codata/attestation/1", word.claim()))


ATTESTATION = _attestation()

RECORDS: dict[str, Record | Task] = {
    "manifest": MANIFEST,
    "source": SOURCE,
    "job": JOB,
    "task": TASK,
    "environment": ENVIRONMENT,
    "receipt": RECEIPT,
    "seal": SEAL,
    "run": RUN,
    "attestation": ATTESTATION,
}
