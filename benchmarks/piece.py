"""How fast piece commitments are: ratios to `openssl dgst -sha256` of the same file, taken in turn.

    python benchmarks/piece.py [MEBIBYTES] [ROUNDS]

Prints a table; asserts nothing. `stream-commp` joins in if it is on PATH.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from cid_store.piece import PieceHasher, commp
from cid_store.sha256 import host, sha256_many

MIB = 1 << 20


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


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


def start_up() -> None:
    """What the first use of each kernel costs in a fresh process."""
    for name in host.kernels():
        program = (
            "import time; from cid_store.piece import kernels; a = time.perf_counter(); "
            f"kernels.load({name!r}); print(time.perf_counter() - a)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        print(f"start-up {name}: {float(done.stdout):.3f} s")


def main(mebibytes: int = 512, rounds: int = 5) -> None:
    """Measure and print."""
    start_up()
    with PieceHasher(1) as hasher:  # the plain kernel, on little
        data = os.urandom(4 * MIB)
        took = seconds(lambda: with_kernel("hashlib", lambda: (hasher.update(data), hasher.digest())))
    print(f"commp hashlib, 1 thread(s): {4 * MIB / took / 1e6:.0f} MB/s")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "payload"
        with path.open("wb") as out:
            for _ in range(mebibytes):
                out.write(os.urandom(MIB))
        works = contenders(path)
        times: dict[str, list[float]] = {name: [] for name in works}
        for work in works.values():
            work()  # compile, and bring the file into memory
        for _ in range(rounds):
            for name, work in works.items():
                times[name].append(seconds(work))
    base = times["openssl dgst -sha256"]
    print(f"\n| {mebibytes} MiB, median of {rounds} | MB/s | speed ÷ openssl |\n|---|---|---|")
    for name, taken in times.items():
        rate = mebibytes * MIB / statistics.median(taken) / 1e6
        ratio = statistics.median(b / t for b, t in zip(base, taken, strict=True))
        print(f"| {name} | {rate:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:3]))
