"""How fast piece commitments are: ratios to `openssl dgst -sha256` of the same file, taken in turn.

`stream-commp` joins in if it is on PATH.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks import inputs
from benchmarks.pairs import MIB, alternate, call, options, ratio, size_text, table, workplace
from cid_store.piece import PieceHasher, commp
from cid_store.sha256 import host, sha256_many


def with_kernel(name: str, work: Callable[[], object]) -> None:
    """Run `work` on a forced kernel."""
    os.environ[host.VARIABLE] = name
    try:
        work()
    finally:
        del os.environ[host.VARIABLE]


def shell(*command: str, stdin: Path | None = None) -> None:
    """Run a program, its output dropped."""
    with (stdin or Path(os.devnull)).open("rb") as source:
        subprocess.run(command, stdin=source, capture_output=True, check=True)


def in_threads(work: Callable[[list[bytes]], object], blocks: list[bytes], threads: int) -> None:
    """Share blocks out, 16 at a time."""
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, [blocks[i : i + 16] for i in range(0, len(blocks), 16)]))


def hash_each(blocks: list[bytes]) -> None:
    """What the standard library does."""
    for block in blocks:
        hashlib.sha256(block).digest()


def contenders(path: Path) -> dict[str, Callable[[], object]]:
    """By name: everything that is measured on the file."""
    found: dict[str, Callable[[], object]] = {
        "openssl dgst -sha256": partial(shell, "openssl", "dgst", "-sha256", str(path)),
    }
    for name in host.kernels():
        if name == "hashlib":
            continue  # twenty times slower: it would set the length of the whole run
        for threads in (1, 2):
            run = partial(with_kernel, name, partial(commp, path, threads))
            found[f"commp {name}, {threads} thread(s)"] = run
    if shutil.which("stream-commp"):
        found["stream-commp"] = partial(shell, "stream-commp", stdin=path)
    data = path.read_bytes()
    blocks = [data[i : i + MIB] for i in range(0, len(data), MIB)]
    for threads in (1, 2):
        found[f"hashlib, 1 MiB blocks, {threads} thread(s)"] = partial(in_threads, hash_each, blocks, threads)
        many = partial(in_threads, sha256_many, blocks, threads)
        if "sha-ni" in host.kernels():
            many = partial(with_kernel, "sha-ni", many)
        found[f"sha256_many, 1 MiB blocks, {threads} thread(s)"] = many
    return found


def commit(hasher: PieceHasher, data: bytes) -> None:
    """Hash one piece of `data`."""
    hasher.update(data)
    hasher.digest()


def start_up() -> None:
    """What the first use of each kernel costs in a fresh process."""
    for name in host.kernels():
        program = (
            "import time; from cid_store.piece import kernels; a = time.perf_counter(); "
            f"kernels.load({name!r}); print(time.perf_counter() - a)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        print(f"start-up {name}: {float(done.stdout):.3f} s")


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    args = options(__doc__).parse_args(arguments)
    start_up()
    with PieceHasher(1) as hasher:  # the plain kernel, on little
        data = os.urandom(4 * MIB)
        took = call(partial(with_kernel, "hashlib", partial(commit, hasher, data)))
    print(f"commp hashlib, 1 thread(s): {4 * MIB / took.wall / 1e6:.0f} MB/s\n")
    with workplace(args.folder) as folder:
        works = contenders(inputs.random_file(folder / "payload", args.size))
        # The warm-up round compiles, and brings the file into memory.
        costs = alternate({name: partial(call, work) for name, work in works.items()}, args.rounds, args.warm)
    base = costs["openssl dgst -sha256"]
    rows = []
    for name, taken in costs.items():
        rate = args.size / statistics.median(c.wall for c in taken) / 1e6
        rows.append((name, f"{rate:.0f}", f"{1 / ratio(taken, base):.2f}"))
    table((f"{size_text(args.size)}, median of {args.rounds}", "MB/s", "speed ÷ openssl"), rows)
