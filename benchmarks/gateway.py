"""The gateway against Kubo's and servers of plain files, by turns: a CAR of a whole file, then its blocks.

python -m benchmarks gateway [--size 256MiB] [--rounds 5] [--have 100000]

Python's http.server and nginx (where it is at hand) send the same bytes unchecked; Kubo (where it is) has the
same blocks; ours proves each block before it leaves. Then `/have`: a manifest's shards, and as many lines of
text; the memory is the server's peak.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx

from benchmarks.inputs import random_file
from benchmarks.pairs import (
    MIB,
    Contender,
    alternate,
    command,
    options,
    ratio,
    table,
    workplace,
)
from benchmarks.servers import files, kubo, kubo_program, nginx, nginx_program, peak, provider
from cid_store.car import write_car
from cid_store.cid import CID, RAW
from cid_store.walk import walk
from codata.home import Home
from codata.records.manifest import Manifest, ShardRef

PARALLEL = 16


def servers(stack: ExitStack, public: Path, home: Path, car: Path) -> tuple[dict[str, str], int]:
    """URL by name of all that are at hand, and the process id of ours."""
    ours, pid = stack.enter_context(provider(home))
    urls = {"codata": ours, "http.server": stack.enter_context(files(public))}
    if nginx_program():
        urls["nginx"] = stack.enter_context(nginx(public))
    else:
        print("nginx is not at hand", file=sys.stderr)
    if kubo_program():
        urls["kubo"] = stack.enter_context(kubo(public.parent / "ipfs", car))
    else:
        print("Kubo is not at hand", file=sys.stderr)
    return urls, pid


def fetch(folder: Path, name: str, urls: Sequence[str]) -> Contender:
    """Every URL fetched by one curl, over as many connections as there are in parallel."""
    config = folder / f"{name}.curl"
    config.write_text("".join(f'url = "{url}"\noutput = "/dev/null"\n' for url in urls))
    return partial(command, "curl", "-sSf", "--parallel", "--parallel-max", str(PARALLEL), "--config", config)


def report(contenders: Mapping[str, Contender], rounds: int, warm: int, size: int, requests: int) -> None:
    """Measure by turns and print."""
    costs = alternate(contenders, rounds, warm)
    rows = []
    for name, taken in costs.items():
        wall = statistics.median(c.wall for c in taken)
        speed, rate = f"{size / MIB / wall:.0f}", f"{requests / wall:.0f}"
        rows.append((name, f"{wall:.2f}", speed, rate, f"{ratio(taken, costs['codata']):.2f}"))
    table(("", "wall s", "MiB/s", "requests/s", "÷ codata"), rows)


def have(home: Path, url: str, pid: int, count: int) -> None:
    """Time and memory of asking for `count` shards by manifest, and for as many lines."""
    with Home(home) as opened:
        cids = [CID.make(RAW, b"shard %d" % i) for i in range(count)]
        shards = (ShardRef(cid, 1, 1, bytes(32)) for cid in cids)
        manifest = Manifest.make(opened.store, [], shards).save(opened.store)
    bodies = {
        "manifest": (json.dumps({"manifest": manifest}).encode(), "application/json"),
        "lines": ("\n".join(cids).encode(), "text/plain"),
    }
    rows = []
    for name, (body, kind) in bodies.items():
        start = time.perf_counter()
        answer = httpx.post(f"{url}/have", content=body, headers={"content-type": kind}, timeout=600)
        wall = time.perf_counter() - start
        assert answer.json()["count"] == count
        rows.append((name, count, len(body), len(answer.content), f"{wall:.2f}", peak(pid)))
    table(("have by", "CIDs", "bytes sent", "bytes back", "wall s", "peak MiB"), rows)


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = options(__doc__, size="256MiB", rounds=5)
    parser.add_argument("--have", type=int, default=100_000, help="shards that are asked for; default 100000")
    args = parser.parse_args(arguments)
    with workplace(args.folder) as folder, ExitStack() as stack:
        home, public = folder / "home", folder / "public"
        (public / "blocks").mkdir(parents=True)
        file = random_file(public / "file", args.size)
        with Home(home) as opened:
            root = opened.store.put_file(file)
            blocks = list(walk(opened.store, [root]))
            for block in blocks:
                (public / "blocks" / block.cid).write_bytes(block.data)
        with (folder / "file.car").open("wb") as out:
            write_car(out, [root], blocks)
        urls, pid = servers(stack, public, home, folder / "file.car")
        size = sum(len(block.data) for block in blocks)
        print(f"\nOne CAR of {args.size // MIB} MiB, against the file:\n")
        whole = {name: f"{url}/file" for name, url in urls.items()}
        ipfs = [name for name in urls if name in ("codata", "kubo")]
        whole |= {name: f"{urls[name]}/ipfs/{root}?format=car" for name in ipfs}
        report(
            {n: fetch(folder, f"{n}-1", [u]) for n, u in whole.items()}, args.rounds, args.warm, args.size, 1
        )
        print(f"\n{len(blocks)} blocks, {PARALLEL} at once:\n")
        single = {n: [f"{u}/blocks/{b.cid}" for b in blocks] for n, u in urls.items()}
        single |= {name: [f"{urls[name]}/ipfs/{b.cid}?format=raw" for b in blocks] for name in ipfs}
        each = {n: fetch(folder, f"{n}-n", u) for n, u in single.items()}
        report(each, args.rounds, args.warm, size, len(blocks))
        print()
        have(home, urls["codata"], pid, args.have)


if __name__ == "__main__":
    main(sys.argv[1:])
