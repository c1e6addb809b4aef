"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from cid_store.cid import CID


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found: `kind` is stable for programs, `where` the file, `cid` the content, `done` what was
    done.
    """

    kind: str
    where: Path
    cid: CID | None
    done: str


@dataclass(frozen=True, slots=True)
class CheckReport:
    """`damage`: content that was stored and is lost, wrong or unindexed. `leftovers`: traces of writes and
    deletions that were cut off, which cost space and nothing else. `blocks`, `bytes`: what was hashed again.
    """

    blocks: int
    bytes: int
    damage: tuple[Finding, ...]
    leftovers: tuple[Finding, ...]
    repaired: bool

    @property
    def ok(self) -> bool:
        """Nothing is wrong with any content."""
        return not self.damage


@dataclass(slots=True)
class Notes:
    """A report while it is written."""

    repair: bool
    blocks: int = 0
    bytes: int = 0
    damage: list[Finding] = field(default_factory=list)
    leftovers: list[Finding] = field(default_factory=list)

    def damaged(self, kind: str, where: Path, cid: CID | None, done: str) -> None:
        """Content is lost, wrong or unindexed."""
        self.damage.append(Finding(kind, where, cid, self._done(done)))

    def left(self, kind: str, where: Path, done: str) -> None:
        """Something lies about."""
        self.leftovers.append(Finding(kind, where, None, self._done(done)))

    def _done(self, done: str) -> str:
        return done if self.repair else "nothing: asked not to repair"

    def report(self) -> CheckReport:
        """What was found."""
        return CheckReport(self.blocks, self.bytes, tuple(self.damage), tuple(self.leftovers), self.repair)
