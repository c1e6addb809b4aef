"""The gateway against servers of plain files, by turns: one CAR of a whole file, and its blocks one by one.

python -m benchmarks gateway [--size 256MiB] [--rounds 5] [--have 100000]

The others (Python's http.server, nginx where it is at hand) send the same bytes unchecked; the gateway proves
each block before it leaves. Then `/have`: a manifest's shards, and as many lines of text; the memory is the
server's peak.
"""

from __future__ import annotations

import json
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import httpx

from benchmarks.inputs import random_file
from benchmarks.pairs import (
    MIB,
    Contender,
    alternate,
    codata_command,
    command,
    options,
    ratio,
    table,
    workplace,
)
from cid_store.cid import CID, RAW
from cid_store.walk import walk
from codata.home import Home
from codata.records.manifest import Manifest, ShardRef

PARALLEL = 16

NGINX = """
user root; daemon off; pid {folder}/nginx.pid; error_log stderr; worker_processes 2;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


@contextmanager
def process(arguments: Sequence[str | Path], port: int) -> Iterator[int]:
    """A server while it runs: its process id."""
    with subprocess.Popen(
        [str(a) for a in arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        try:
            for _ in range(400):
                if socket.socket().connect_ex(("127.0.0.1", port)) == 0:
                    break
                time.sleep(0.05)
            yield running.pid
        finally:
            running.terminate()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def servers(stack: ExitStack, folder: Path, home: Path) -> tuple[dict[str, str], int]:
    """URL by name of all that are at hand, and the process id of ours."""
    port = free_port()
    ours = codata_command("provider", "serve", "--listen", f"127.0.0.1:{port}", home=home)
    urls, pid = {"codata": f"http://127.0.0.1:{port}"}, stack.enter_context(process(ours, port))
    port = free_port()
    plain = [
        sys.executable,
        "-m",
        "http.server",
        str(port),
        "--bind",
        "127.0.0.1",
        "--directory",
        str(folder),
    ]
    stack.enter_context(process(plain, port))
    urls["http.server"] = f"http://127.0.0.1:{port}"
    if nginx := shutil.which("nginx"):
        port = free_port()
        config = folder / "nginx.conf"
        config.write_text(NGINX.format(folder=folder, port=port, root=folder))
        stack.enter_context(process([nginx, "-c", config, "-e", "stderr"], port))
        urls["nginx"] = f"http://127.0.0.1:{port}"
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


def peak(pid: int) -> str:
    """The most memory that a process has had, where the system tells."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    found = next((line.split()[1] for line in lines if line.startswith("VmHWM")), None)
    return f"{int(found) / 1024:.0f}" if found else ""


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
        urls, pid = servers(stack, public, home)
        size = sum(len(block.data) for block in blocks)
        print(f"\nOne CAR of {args.size // MIB} MiB, against the file:\n")
        whole = {name: f"{url}/file" for name, url in urls.items()}
        whole["codata"] = f"{urls['codata']}/ipfs/{root}?format=car"
        report(
            {n: fetch(folder, f"{n}-1", [u]) for n, u in whole.items()}, args.rounds, args.warm, args.size, 1
        )
        print(f"\n{len(blocks)} blocks, {PARALLEL} at once:\n")
        single = {n: [f"{u}/blocks/{b.cid}" for b in blocks] for n, u in urls.items()}
        single["codata"] = [f"{urls['codata']}/ipfs/{b.cid}?format=raw" for b in blocks]
        each = {n: fetch(folder, f"{n}-n", u) for n, u in single.items()}
        report(each, args.rounds, args.warm, size, len(blocks))
        print()
        have(home, urls["codata"], pid, args.have)


if __name__ == "__main__":
    main(sys.argv[1:])
