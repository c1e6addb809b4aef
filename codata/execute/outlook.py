"""Who will hold what as a run goes on: what members hold now, what they would make or be brought."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from cid_store.cid import CID
from codata.execute.supply import Supply
from codata.placement import HeldBits
from codata.remote.member import Member
from codata.remote.pool import Pool


class Outlook:
    """A pool and a home as they will be. Neither is changed by it."""

    def __init__(self, pool: Pool, supply: Supply) -> None:
        self._pool, self._supply = pool, supply
        self._more: dict[CID, dict[int, Member]] = defaultdict(dict)
        self._home: set[CID] = set()

    @property
    def members(self) -> Sequence[Member]:
        """All, each at its number."""
        return self._pool.members

    def good(self) -> list[Member]:
        """Those that get work."""
        return self._pool.good()

    def holders(self, cid: CID) -> list[Member]:
        """The members that will hold a CID and would give it."""
        now = self._pool.holders(cid)
        return now + [m for n, m in self._more.get(cid, {}).items() if all(n != h.number for h in now)]

    def table(self, cids: Sequence[CID], members: Sequence[Member]) -> HeldBits:
        """Who of `members` will hold which of `cids`."""
        table = self._pool.table(cids, members)
        at = {member.number: place for place, member in enumerate(members)}
        for i, cid in enumerate(cids):
            for number in self._more.get(cid, ()):
                if number in at:
                    table.add(np.array([i]), at[number])
        return table

    def here(self, cid: CID) -> bool:
        """Whether the home will hold it."""
        return cid in self._home or self._supply.here(cid)

    def will_hold(self, cid: CID, member: Member | None) -> None:
        """From now on `member`, or the home, holds it too."""
        if member is None:
            self._home.add(cid)
        else:
            self._more[cid][member.number] = member

    def lost(self, cids: Iterable[CID]) -> list[CID]:
        """Those of `cids` that nobody holds."""
        return [cid for cid in cids if not self.holders(cid) and not self.here(cid)]
