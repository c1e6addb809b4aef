"""What a provider says of a task: its state, and where its receipt is sealed."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from cid_store.cid import CID
from codata.records.run import MAX_PROOF, RunRow
from codata.remote.answers import cid_of, printable, said_of
from codata.remote.errors import ProviderLied

Word = Literal["queued", "fetching", "running", "done", "failed", "cancelled", "refused"]
_WAY: Final = ("queued", "fetching", "running")
FINAL: Final = ("done", "failed", "cancelled", "refused")


@dataclass(frozen=True)
class State:
    """`row`: where a done task's receipt is sealed, as a run records it. `kind`, `said`: of its error.
    `fetched`: bytes that came so far for one that is fetched for.
    """

    task: CID
    word: Word
    row: RunRow | None = None
    kind: str = ""
    said: str = ""
    fetched: int = 0

    @property
    def final(self) -> bool:
        """Whether nothing more will happen."""
        return self.word in FINAL

    @property
    def progress(self) -> int:
        """How far it is: what goes back and forth gets nowhere."""
        return len(_WAY) if self.final else _WAY.index(self.word)

    @classmethod
    def parse(cls, who: str, value: Mapping[str, Any], task: CID | None = None) -> State:
        """A state in an answer, of `task` where that is known; raises `ProviderLied`."""
        told = cid_of(who, value.get("task", task))
        if task is not None and told != task:
            raise ProviderLied(f"{who} was asked for task {task} and speaks of {told}", cid=task)
        word: Word | None = next((known for known in get_args(Word) if known == value.get("state")), None)
        if word is None:
            raise ProviderLied(f"{who} says that task {told} is something that no task is", cid=told)
        error = value.get("error")
        kind = error.get("kind") if isinstance(error, dict) else None
        return cls(
            told,
            word,
            _row(who, told, value) if word == "done" else None,
            printable(kind) if isinstance(kind, str) else "",
            said_of(error),
            _bytes(value.get("fetched")) if word == "fetching" else 0,
        )


def _bytes(told: object) -> int:
    return told if isinstance(told, int) and not isinstance(told, bool) and 0 < told < 1 << 63 else 0


def _row(who: str, task: CID, value: Mapping[str, Any]) -> RunRow:
    index, proof = value.get("index"), value.get("proof")
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < 1 << 63:
        raise ProviderLied(f"{who} gives no place in the seal for task {task}", cid=task)
    if not isinstance(proof, list) or len(proof) > MAX_PROOF:
        raise ProviderLied(f"{who} gives no proof for task {task}", cid=task)
    try:
        hashes = tuple(base64.b64decode(step, validate=True) for step in proof)
    except (TypeError, ValueError):
        hashes = (b"",)
    if any(len(step) != 32 for step in hashes):
        raise ProviderLied(f"{who} gives a proof for task {task} that is no list of hashes", cid=task)
    return RunRow(task, cid_of(who, value.get("receipt")), cid_of(who, value.get("seal")), index, hashes)
