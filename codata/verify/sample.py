"""How many tasks to run again, and which.

Per stage, tasks are drawn with replacement, each with a probability in proportion to its input bytes, so that
a detected share is a share of the stage's work. n draws miss a wrong share d with probability (1 - d)^n.
"""

from __future__ import annotations

import bisect
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal
from typing import Final

from cid_store.errors import UsageError
from codata.records.fields import Value

CONTEXT: Final = b"codata/sample/1"
MAX_DRAWS: Final = 1_000_000  # in a stage: beyond, to draw costs more than to run every task
_EXACT: Final = Context(prec=40)


@dataclass(frozen=True)
class Sampling:
    """What was asked: all tasks, `count` draws in all, or draws that detect a share `detect` at
    `confidence`."""

    full: bool = False
    count: int | None = None
    detect: Decimal | None = None
    confidence: Decimal = Decimal("0.99")

    def draws(self, stage: int, stages: int) -> int | None:
        """Draws in stage number `stage` of `stages`; None means all of its tasks."""
        if self.full:
            return None
        if self.count is not None:
            return self.count // stages + (stage < self.count % stages)
        assert self.detect is not None
        return draws(self.detect, self.confidence)

    def to_value(self) -> dict[str, Value]:
        """As an attestation records it."""
        if self.full:
            return {"method": "full"}
        if self.count is not None:
            return {"method": "sample", "count": self.count}
        return {"method": "detect", "detect": str(self.detect), "confidence": str(self.confidence)}


def draws(detect: Decimal, confidence: Decimal) -> int:
    """The least n with 1 - (1 - detect)^n >= confidence: 459, 90, 44 for 1, 5, 10% at 99%."""
    if not (0 < detect < 1 and 0 < confidence < 1):
        raise UsageError("--detect and --confidence lie between 0% and 100%")
    n = (_EXACT.ln(1 - confidence) / _EXACT.ln(1 - detect)).to_integral_value(rounding=ROUND_CEILING)
    if n > MAX_DRAWS:
        raise UsageError(
            f"--detect {detect} needs {n} draws a stage", next_step="use --full to run every task again"
        )
    return int(n)


def detected(count: int, confidence: Decimal) -> Decimal:
    """The least share that `count` draws detect at `confidence`: 1 - (1 - confidence)^(1/n)."""
    if count <= 0:
        return Decimal(1)
    return 1 - _EXACT.power(1 - confidence, 1 / Decimal(count))


def parse_share(text: str) -> Decimal:
    """`1%`, `0.01`: more than nothing, less than all. Raises `UsageError`."""
    try:
        share = Decimal(text[:-1]) / 100 if text.endswith("%") else Decimal(text)
        if 0 < share < 1:
            return share
    except ArithmeticError:
        pass
    raise UsageError(f"{text!r} is not a share between 0% and 100%", next_step="write it as 1% or 0.01")


def pick(weights: Sequence[int], n: int, seed: bytes, stage: int) -> list[int]:
    """The distinct indices that `n` draws hit, sorted. Every weight counts for at least 1.

    Draw k takes the index into whose interval falls SHA-256(context ‖ seed ‖ stage ‖ k) mod the sum of
    weights.
    """
    ends: list[int] = []
    total = 0
    for weight in weights:
        total += max(1, weight)
        ends.append(total)
    hit: set[int] = set()
    for k in range(n):
        raw = hashlib.sha256(CONTEXT + seed + stage.to_bytes(8, "big") + k.to_bytes(8, "big")).digest()
        hit.add(bisect.bisect_right(ends, int.from_bytes(raw, "big") % total))
    return sorted(hit)
