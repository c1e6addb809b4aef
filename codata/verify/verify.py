"""`codata verify`: structure, re-execution, attestation."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import sha256
from itertools import groupby
from typing import Final

from cid_store import Store
from cid_store.block import Block
from cid_store.cid import CID, DAG_CBOR
from cid_store.errors import CidStoreError
from cid_store.stores import open_store
from cid_store.stores.overlay import overlay_url
from codata import identity
from codata.errors import FalseClaim
from codata.execute.executors import Executor
from codata.execute.perform import environment
from codata.execute.progress import Progress, Quiet
from codata.execute.worker import release
from codata.home import Home
from codata.records import pages
from codata.records.attestation import Attestation
from codata.records.fields import Value
from codata.records.receipt import Receipt
from codata.records.task import Task
from codata.verify.content import check_content
from codata.verify.rerun import Rerunner, Verdict
from codata.verify.sample import Sampling, detected, pick
from codata.verify.structure import Row, Structure, check_structure

CONTEXT: Final = "codata/attestation/1"


@dataclass(frozen=True)
class Verification:
    """`verdict`: verified, different, false, or incomplete (what was asked could not all be checked here).

    `checked` counts the tasks that were run again; `detects` says in words what a sample of that kind finds.
    """

    verdict: str
    tasks: int
    checked: int
    detects: str
    attestation: CID
    verdicts: tuple[Verdict, ...]
    evidence: str = ""

    @property
    def exit_code(self) -> int:
        """0 all that was asked was checked and holds; 3 a claim is false; 5 fewer were checked than asked."""
        return {"verified": 0, "different": 3, "false": 3, "incomplete": 5}[self.verdict]


def verify(
    home: Home, cid: CID, sampling: Sampling, executor: Executor, progress: Progress | None = None
) -> Verification:
    """Check a run and attest to it. Raises `BlockNotFound` and `CorruptBlock` where bytes are missing or
    wrong."""
    progress = progress or Quiet()
    nonce = secrets.token_bytes(16)
    check = _Check(home, cid, sampling, nonce)
    with tempfile.TemporaryDirectory(prefix="codata-verify-") as folder:
        url = overlay_url(front=folder, back=home.store_url)
        with open_store(url) as store, _tasks_stores():
            progress.stage("verify: structure", 0, 0)
            try:
                structure = check_structure(store, cid)
                for root in (*structure.run.inputs.values(), *structure.run.outputs.values()):
                    check_content(store, root)
            except CidStoreError as e:
                if e.exit_code != FalseClaim.exit_code:
                    raise
                return check.attest("false", 0, (), "nothing was run again", e.message)
            drawn, asked = _draw(store, structure, sampling, _seed(cid, home.identity.did, nonce))
            rerunner = Rerunner(store, url, structure.rows, executor, home.identity.did, progress)
            verdicts = tuple(rerunner.run(drawn))
            _keep_receipts(home.store, store, verdicts)
    return check.attest(_word(verdicts), len({r.task for r in structure.rows}), verdicts, asked)


@contextmanager
def _tasks_stores() -> Iterator[None]:
    """Close what tasks in this process opened before the folder goes that it lies in."""
    try:
        yield
    finally:
        release()


def _seed(run: CID, verifier: str, nonce: bytes) -> bytes:
    return sha256(run.binary + verifier.encode() + nonce).digest()


def _keep_receipts(home: Store, store: Store, verdicts: Sequence[Verdict]) -> None:
    """The verifier's own receipts outlast the store that the tasks ran in: they are the evidence."""
    for verdict in verdicts:
        if verdict.receipt:
            environment = Receipt.load(store, verdict.receipt).environment
            home.put_many(Block(cid, store.get(cid)) for cid in (verdict.receipt, environment))


def _draw(store: Store, structure: Structure, sampling: Sampling, seed: bytes) -> tuple[list[Row], str]:
    """The drawn rows in plan order, each task once, and what the sample detects, in words."""
    stages = [list(rows) for _, rows in groupby(structure.rows, key=lambda r: r.number)]
    drawn: dict[CID, Row] = {}
    least = 0
    weigh = _Weights(store, structure)
    for number, rows in enumerate(stages):
        n = sampling.draws(number, len(stages))
        if n is None:
            drawn |= {row.task: row for row in rows}
            continue
        least = n if number == 0 else min(least, n)
        # One task has all of a stage's work, whatever its weight.
        weights = [weigh(row) for row in rows] if len(rows) > 1 else [1]
        drawn |= {rows[i].task: rows[i] for i in pick(weights, n, seed, number)}
    return list(drawn.values()), _detects(sampling, least)


def _detects(sampling: Sampling, draws: int) -> str:
    if sampling.full:
        return "every task was asked for"
    if not draws:
        return "fewer tasks were drawn than there are stages: nothing is promised about the others"
    share, sure = detected(draws, sampling.confidence), sampling.confidence
    return (
        f"{draws} draws a stage find a wrong share of at least {_percent(share)} of a stage's work with "
        f"{_percent(sure)} confidence; a single poisoned shard can go unseen"
    )


def _percent(share: Decimal) -> str:
    return f"{float(share) * 100:.3g}%"


class _Weights:
    """A task's input bytes: of what is here as it is, of what is not as the receipt of its maker states."""

    def __init__(self, store: Store, structure: Structure) -> None:
        self._store = store
        self._claimed = {o.cid: o.size for row in structure.rows for o in row.receipt.out.values()}

    def __call__(self, row: Row) -> int:
        task = Task.load(self._store, row.task)
        return sum(self._size(cid) for name in task.inputs for cid in task.input_cids(self._store, name))

    def _size(self, cid: CID) -> int:
        if not self._store.has(cid):
            return self._claimed.get(cid, 0)
        if cid.codec == DAG_CBOR:
            return len(self._store.get(cid))
        return self._store.open_file(cid).size


def _word(verdicts: Sequence[Verdict]) -> str:
    words = {v.word for v in verdicts}
    if words & {"different", "failed"}:
        return "different"
    return "incomplete" if "not checkable" in words else "verified"


@dataclass(frozen=True)
class _Check:
    """What a verifier was asked, and the attestation of what came of it."""

    home: Home
    run: CID
    sampling: Sampling
    nonce: bytes

    def attest(
        self, word: str, tasks: int, verdicts: tuple[Verdict, ...], detects: str, evidence: str = ""
    ) -> Verification:
        """Sign, keep and remember the attestation."""
        store, me = self.home.store, self.home.identity
        checked = sum(v.word != "not checkable" for v in verdicts)
        sample: dict[str, Value] = {**self.sampling.to_value(), "nonce": self.nonce}
        if evidence:
            sample["evidence"] = evidence
        unsigned = Attestation(
            verifier=me.did,
            run=self.run,
            verdict=word,
            tasks=tasks,
            checked=checked,
            sample=sample,
            verdicts=pages.put(store, (v.to_value() for v in verdicts)),
            environment=environment().save(store),
            signature=bytes(64),
        )
        attestation = replace(unsigned, signature=me.sign(CONTEXT, unsigned.claim())).save(store)
        store.persist([attestation])
        self.home.ledger.add_attestation(self.run, attestation)
        return Verification(word, tasks, checked, detects, attestation, verdicts, evidence)


def check_attestation(record: Attestation) -> None:
    """Raise `FalseClaim` unless its verifier signed it."""
    identity.verify(record.verifier, CONTEXT, record.claim(), record.signature)
