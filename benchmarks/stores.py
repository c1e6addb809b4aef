"""Random block reads and whole walks from each kind of store: time a block, and requests a block.

python -m benchmarks stores [--blocks 512] [--bytes 65536] [--latency 20]

S3 is a server on this machine (versitygw, else moto's), once as it is and once with `--latency`
milliseconds added to every answer, as from a bucket elsewhere. Prints a table; asserts nothing.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cid_store import CID, Block, Store, open_store
from cid_store.stores.gateway import GatewayStore
from cid_store.stores.memory import MemoryStore
from cid_store.stores.s3 import S3Store
from cid_store.testing import sample
from tests.gateway_server import gateway_server
from tests.servers import Fault, credentials, fault_proxy, s3_server


@dataclass(frozen=True)
class Row:
    """One store: milliseconds at the median and at 99 %, requests a block; the same for all blocks at
    once.
    """

    store: str
    median: float
    worst: float
    requests: float | None
    all_rate: float
    all_requests: float | None


def requests(store: Store) -> int | None:
    """Requests made so far, where a store counts them."""
    if isinstance(store, S3Store):
        return store.bucket.requests
    return store.client.requests if isinstance(store, GatewayStore) else None


def per_block(before: int | None, after: int | None, blocks: int) -> float | None:
    """Requests a block between two readings."""
    return None if before is None or after is None else (after - before) / blocks


def measure(name: str, store: Store, cids: Sequence[CID], seed: int = 0) -> Row:
    """Read blocks in a random order one by one, then all in the order they were put."""
    order = random.Random(seed).sample(cids, len(cids))
    size = len(store.get(order[0]))  # connections and indexes are there from here on
    times, start = [], requests(store)
    for cid in order:
        began = time.perf_counter()
        store.get(cid)
        times.append((time.perf_counter() - began) * 1e3)
    singly = requests(store)
    began = time.perf_counter()
    for _ in store.get_many(cids):
        pass
    rate = size * len(cids) / (time.perf_counter() - began) / 1e6
    worst = statistics.quantiles(times, n=100)[98]
    count = len(cids)
    together = per_block(singly, requests(store), count)
    return Row(name, statistics.median(times), worst, per_block(start, singly, count), rate, together)


@contextmanager
def stores(folder: Path, blocks: Sequence[Block], latency: float) -> Iterator[dict[str, Store]]:
    """Each kind of store, with the blocks in it."""
    os.environ.update(credentials())
    pause = Fault(pause=latency / 1e3)
    with ExitStack() as stack:
        (folder / "s3").mkdir()
        server = stack.enter_context(s3_server(folder / "s3"))
        proxy = stack.enter_context(fault_proxy(server.endpoint))
        memory = MemoryStore()
        gateway = stack.enter_context(gateway_server(memory))
        with open_store(server.url()) as writer:
            writer.put_many(blocks)
        memory.put_many(blocks)
        proxy.decide = lambda method, path: pause
        local = stack.enter_context(open_store(str(folder / "local")))
        local.put_many(blocks)
        yield {
            "memory": memory,
            "local": local,
            f"s3 ({server.kind})": stack.enter_context(open_store(server.url())),
            f"s3 + {latency:g} ms": stack.enter_context(open_store(server.url(endpoint=proxy.endpoint))),
            "gateway": stack.enter_context(open_store(gateway.url)),
        }


def text(value: float | None) -> str:
    """A figure, or a dash where there is none."""
    return "-" if value is None else f"{value:.3g}"


def main(arguments: list[str]) -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="stores", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--blocks", type=int, default=512)
    parser.add_argument("--bytes", type=int, default=65536)
    parser.add_argument("--latency", type=float, default=20)
    options = parser.parse_args(arguments)
    blocks = [Block.of(sample(options.bytes, str(i))) for i in range(options.blocks)]
    print(f"{options.blocks} blocks of {options.bytes} bytes")
    print(f"{'store':<16}{'p50 ms':>10}{'p99 ms':>10}{'req/block':>11}{'all MB/s':>10}{'req/block':>11}")
    with tempfile.TemporaryDirectory() as folder, stores(Path(folder), blocks, options.latency) as opened:
        for name, store in opened.items():
            row = measure(name, store, [block.cid for block in blocks])
            print(
                f"{row.store:<16}{row.median:>10.3f}{row.worst:>10.3f}{text(row.requests):>11}"
                f"{row.all_rate:>10.0f}{text(row.all_requests):>11}",
                flush=True,
            )
