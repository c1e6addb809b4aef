"""Audits: a share of what providers did is done again elsewhere, and who was false is found by a third."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cid_store.cid import CID
from codata.records.receipt import Receipt
from codata.records.run import RunRow
from codata.remote.errors import ProviderLied
from codata.remote.member import Member


@dataclass(frozen=True, slots=True)
class Word:
    """One executor's word on a task; `member` is None for the home, whose word decides."""

    member: Member | None
    receipt: Receipt
    cid: CID
    row: RunRow | None = None


@dataclass(frozen=True)
class Verdict:
    """`right`: the word that stands, None while another is needed. `false`: whose words do not."""

    right: Word | None = None
    false: tuple[Word, ...] = ()


def judge(words: Sequence[Word]) -> Verdict:
    """What follows from words on one task: two that agree stand, against the home nobody does."""
    home = next((w for w in words if w.member is None), None)
    if home is not None:
        return Verdict(home, tuple(w for w in words if w.receipt.out != home.receipt.out))
    for word in words:
        others = [w for w in words if w.receipt.out != word.receipt.out]
        if len(words) - len(others) >= 2:
            return Verdict(word, tuple(others))
    return Verdict()


def blame(task: CID, verdict: Verdict, words: Sequence[Word]) -> None:
    """Count an audit for each member that had a word, and find those false whose words do not stand."""
    right = verdict.right
    for word in words:
        if word.member is not None:
            word.member.audited += 1
    for word in verdict.false:
        if word.member is not None and right is not None:
            lie = ProviderLied(
                f"{word.member.url}: task {task} gives something else than its receipt {word.cid} says; "
                f"{right.cid} says what",
                cid=task,
            )
            word.member.fault(lie, word.cid, right.cid)


@dataclass(frozen=True)
class Lots:
    """Who is audited: drawn by a number that nobody knows before, so that no provider can tell its audits."""

    share: float
    nonce: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def drawn(self, task: CID) -> bool:
        """Whether this task is audited."""
        drawn = int.from_bytes(sha256(self.nonce + task.binary).digest()[:8], "big")
        return drawn < self.share * 2**64
