"""Attestation: a verifier's signed word on a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from cid_store.cid import CID
from codata.records.base import Record
from codata.records.fields import Fields, Value


@dataclass(frozen=True)
class Attestation(Record):
    """`sample`: how tasks were drawn (method, numbers, nonce, seed). `verdicts`: the list of every drawn
    task's verdict."""

    kind: ClassVar[str] = "attestation/1"

    verifier: str
    run: CID
    verdict: str
    tasks: int
    checked: int
    sample: Mapping[str, Value]
    verdicts: CID
    environment: CID
    signature: bytes

    def to_value(self) -> dict[str, Value]:
        """The record's fields."""
        return {**self.claim(), "signature": self.signature}

    def claim(self) -> dict[str, Value]:
        """What the verifier signs."""
        return {
            "verifier": self.verifier,
            "run": self.run,
            "verdict": self.verdict,
            "tasks": self.tasks,
            "checked": self.checked,
            "sample": dict(self.sample),
            "verdicts": self.verdicts,
            "environment": self.environment,
        }

    @classmethod
    def from_fields(cls, f: Fields) -> Self:
        """The record of these fields."""
        return cls(
            f.text("verifier"),
            f.link("run"),
            f.text("verdict"),
            f.count("tasks"),
            f.count("checked"),
            f.map("sample"),
            f.link("verdicts"),
            f.link("environment"),
            f.blob("signature", 64),
        )
