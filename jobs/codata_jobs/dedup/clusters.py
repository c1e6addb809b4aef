"""How edges become clusters: in one task where they are few, else by rounds of stars through partitions.

No task holds more than about a partition of edges. In a round each row's later neighbours go to the earliest
row that it knows (large star), then its earlier neighbours and itself (small star), until nothing changes:
every cluster is then a star around its first row. What comes of it does not depend on partitions.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Final

from cid_store.cid import CID
from codata.errors import TaskFailed
from codata.plan import exchange as ex
from codata.plan.stage import FAN_IN, Part, Planner, Results, Stage, outputs
from codata.records.fields import Fields
from codata_jobs.dedup.cluster_operations import (
    EDGE_BYTES,
    AnswerParams,
    MeetParams,
    NoParams,
    SettleParams,
    StarParams,
)

FEW: Final = 1 << 22
"""Edges that one task takes whole: 64 MiB of them."""

MAX_ROUNDS: Final = 64
"""Far beyond need: rounds grow as the logarithm of a chain's length."""

Answered = Generator[Stage, Results, tuple[Part, ...]]
Files = Generator[Stage, Results, list[CID]]


def cluster(planner: Planner, name: str, edges: Sequence[Part], parts: int, members: bool) -> Answered:
    """To each of `parts` the rows that have an earlier one in their cluster; `members`: all rows of clusters.

    `edges`: tables of edges, in any order, of which some have rows.
    """
    held = [p for p in edges if p.rows]
    if sum(p.rows for p in held) <= FEW:
        files = yield from _at_once(planner, name, held, parts, members)
    else:
        files = yield from _by_rounds(planner, name, held, parts, members)
    return (yield from ex.answers(planner, name, files, parts))


def _at_once(planner: Planner, name: str, held: list[Part], parts: int, members: bool) -> Files:
    while len(held) > FAN_IN:
        groups = [held[i : i + FAN_IN] for i in range(0, len(held), FAN_IN)]
        tasks = tuple(
            planner.task("dedup.minhash/forest", 1, NoParams(), edges=[p.cid for p in group])
            for group in groups
        )
        held = [Part.of(o) for o in outputs((yield Stage(f"{name}: join edges", tasks)))]
    params = AnswerParams(split=ex.Layout.of(parts, 1).split(), members=members)
    task = planner.task("dedup.minhash/answer", 1, params, edges=[p.cid for p in held])
    return [o.cid for o in outputs((yield Stage(f"{name}: clusters", (task,))))]


def _by_rounds(planner: Planner, name: str, held: list[Part], parts: int, members: bool) -> Files:
    count = ex.partitions(2 * EDGE_BYTES * sum(p.rows for p in held))
    layout = ex.Layout.of(count, len(held))
    params = MeetParams(partitions=count, split=layout.split())
    tasks = tuple(planner.task("dedup.minhash/meet", 1, params, edges=[p.cid]) for p in held)
    files = [o.cid for o in outputs((yield Stage(f"{name}: edges", tasks)))]
    for turn in range(1, MAX_ROUNDS + 1):
        changed = 0
        for star in ("large", "small"):
            slices = yield from ex.exchange(planner, name, files, layout)
            layout = ex.Layout.of(count, len(slices))
            tasks = tuple(
                planner.task(
                    f"dedup.minhash/{star}",
                    1,
                    StarParams(**s.where.model_dump(), partitions=count, split=layout.split()),
                    files=s.files,
                )
                for s in slices
            )
            results = yield Stage(f"{name}: {star} stars, round {turn}", tasks)
            files = [o.cid for o in outputs(results)]
            changed += sum(_changed(planner, o.cid) for o in outputs(results, "changed"))
        if not changed:
            return (yield from _settled(planner, name, files, layout, parts, members))
    raise TaskFailed(f"{name}: the clusters are not settled after {MAX_ROUNDS} rounds")


def _settled(
    planner: Planner, name: str, files: list[CID], layout: ex.Layout, parts: int, members: bool
) -> Files:
    slices = yield from ex.exchange(planner, name, files, layout)
    back = ex.Layout.of(parts, len(slices)).split()
    tasks = tuple(
        planner.task(
            "dedup.minhash/settle",
            1,
            SettleParams(**s.where.model_dump(), split=back, members=members),
            files=s.files,
        )
        for s in slices
    )
    return [o.cid for o in outputs((yield Stage(f"{name}: clusters", tasks)))]


def _changed(planner: Planner, cid: CID) -> int:
    f = Fields(planner.node(cid), "star", tag=False)
    found = f.count("changed")
    f.done()
    return found
