"""Errands: tasks that go to one provider, with what it lacks for them and how that comes there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cid_store.cid import CID
from codata.execute.assign import Assignment, Holders
from codata.execute.needs import Need
from codata.execute.supply import Supply
from codata.remote.member import Member
from codata.remote.pool import Pool


@dataclass(frozen=True)
class Errand:
    """Tasks for a member. `push`: inputs that go there through the home; `pull`: inputs that it fetches from
    `sources`, of so many bytes.
    """

    member: Member
    needs: tuple[Need, ...]
    push: tuple[CID, ...] = ()
    pull: int = 0
    sources: tuple[str, ...] = ()


def errands_of(pool: Pool, supply: Supply, found: Assignment, needs: Iterable[Need]) -> Iterator[Errand]:
    """The errands of an assignment, one a member."""
    members: dict[int, list[Need]] = {}
    for need in needs:
        if need.cid in found.where:
            members.setdefault(found.where[need.cid].number, []).append(need)
    for number, theirs in members.items():
        member = pool.members[number]
        push: list[CID] = []
        pull, sources = 0, dict[str, None]()
        for cid in found.moves.get(number, ()):
            near = sources_of(pool, member, cid)
            if near:
                pull += supply.size(cid)
                sources |= dict.fromkeys(near)
            else:
                push.append(cid)
        yield Errand(member, tuple(theirs), tuple(push), pull, tuple(sources))


def sources_of(pool: Holders, member: Member, cid: CID) -> list[str]:
    """Who holds an input and may be asked by `member` itself, the fastest first."""
    if not member.pulls:
        return []
    near = [m for m in pool.holders(cid) if m.client.origin in member.terms.origins]
    return [m.url for m in sorted(near, key=lambda m: -m.bandwidth)]
