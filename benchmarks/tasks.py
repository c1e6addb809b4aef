"""Tasks a second through a real provider, beside the same tasks on this machine without one.

python -m benchmarks tasks [--tasks 500] [--rounds 3]

Each task filters one row, another condition each time, so that nothing but the cost of a task is left: at the
provider with signed requests, states that outlive a crash, a process that is shut in, and seals.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from functools import partial
from itertools import count

import pyarrow as pa

from benchmarks.pairs import Contender, Cost, alternate, call, options, ratio, table, workplace
from benchmarks.servers import provider
from cid_store import Store
from cid_store.cid import CID
from codata.execute.context import StoreContext
from codata.execute.executors import Embedded
from codata.home import Home
from codata.ops import check_params
from codata.plan.rows import RowsParams
from codata.plan.rows import call as call_of
from codata.plan.stage import Planner
from codata.remote import Client
from codata.steps import RowStep
from codata.steps import find as find_step
from codata.table import canonical_table

_UPLOAD = 1 << 22


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = options(__doc__)
    parser.add_argument("--tasks", type=int, default=500)
    args = parser.parse_args(arguments)
    with workplace(args.folder) as folder:
        given, own = folder / "provider", folder / "own"
        given.mkdir()
        (given / "config.toml").write_text("[provider.tasks]\nopen = true\nkeep_free = 1\n")
        fresh = count()
        with Home(given) as there, Home(own) as here, provider(given) as (url, _):
            client = Client(url, there.identity)
            turns: dict[str, Contender] = {
                "provider": partial(at_provider, client, here.store, args.tasks, fresh),
                "worker processes": partial(embedded, here, None, args.tasks, fresh),
                "this process": partial(embedded, here, 1, args.tasks, fresh),
            }
            costs = alternate(turns, args.rounds, args.warm)
            client.close()
    rows = []
    for name, taken in costs.items():
        wall = statistics.median(c.wall for c in taken)
        rate, each = f"{args.tasks / wall:.0f}", f"{1000 * wall / args.tasks:.1f}"
        rows.append((name, rate, each, f"{ratio(taken, costs['provider']):.2f}"))
    table((f"{args.tasks} tasks at", "tasks/s", "ms a task", "time ÷ provider"), rows)


def made(store: Store, tasks: int, fresh: count[int]) -> tuple[CID, list[CID]]:
    """One row, and tasks that nobody has seen before."""
    part = StoreContext(store).put_table(canonical_table(pa.table({"id": [1]}))).cid
    planner, filtering = Planner(store), find_step("filter")
    assert isinstance(filtering, RowStep)
    found = []
    for _ in range(tasks):
        where = check_params(filtering.params, {"where": f"id > -{next(fresh) + 1}"}, "filter")
        params = RowsParams(steps=[call_of(filtering, where)])
        found.append(planner.task("rows", 1, params, data=[part]).save(store))
    return part, found


def at_provider(client: Client, store: Store, tasks: int, fresh: count[int]) -> Cost:
    """Submitted in one request and followed to their ends."""
    part, cids = made(store, tasks, fresh)

    def work() -> None:
        client.upload(store.get_many([part, *cids]), _UPLOAD)
        for state in client.submit(cids).values():
            if state.word == "refused":
                raise RuntimeError(f"refused: {state}")
        ends = [state for state in client.follow(cids) if state is not None and state.final]
        if any(state.word != "done" for state in ends) or len(ends) != tasks:
            raise RuntimeError(f"not all tasks were done: {next(s for s in ends if s.word != 'done')}")

    return call(work)


def embedded(home: Home, workers: int | None, tasks: int, fresh: count[int]) -> Cost:
    """In worker processes, which have to start, or in this one."""
    _, cids = made(home.store, tasks, fresh)
    with Embedded(workers) as here:
        return call(lambda: here.run(cids, home.store_url, home.identity.did, lambda outcome: None))


if __name__ == "__main__":
    main(sys.argv[1:])
