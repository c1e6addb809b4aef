"""A provider that is killed while it fetches a pin: what it accepted is there after the next start."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cid_store.cid import DAG_CBOR
from cid_store.codecs import dag_cbor
from cid_store.pinning import PinningService
from cid_store.stores.memory import MemoryStore
from codata.home import Home
from codata.provider.pins import accounts
from tests.gateway_server import Answer, gateway_server

CODATA = Path(sys.executable).with_name("codata")


@contextmanager
def _serving(home: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [str(CODATA), "provider", "serve", "--json", "--home", str(home), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())["url"]
        finally:
            process.kill()


def test_a_pin_outlives_kill_9(tmp_path: Path) -> None:
    there = MemoryStore()
    blocks = [there.put(b"%d" % i) for i in range(8)]
    root = there.put(dag_cbor.encode(blocks), DAG_CBOR)
    stalled, go_on = threading.Event(), threading.Event()

    def stall(path: str, answer: Answer) -> Answer:
        if "format=car" in path:
            return Answer(404)
        if str(blocks[-1]) in path and not go_on.is_set():
            stalled.set()
            go_on.wait()
        return answer

    with gateway_server(there) as gateway:
        gateway.twist = stall
        with Home(tmp_path) as home:
            token = accounts.issue(home, "me")
        (tmp_path / "config.toml").write_text(f'[provider.pins]\norigins = ["{gateway.url}"]\n')
        with _serving(tmp_path) as (process, url), PinningService(f"pinning+{url}", token) as service:
            request = service.add(root, name="kept").request
            assert stalled.wait(60)
            assert service.status(request).status == "pinning"
            process.kill()
        go_on.set()
        with _serving(tmp_path) as (_, url), PinningService(f"pinning+{url}", token) as service:
            end = time.monotonic() + 60
            while (pin := service.status(request)).status != "pinned":
                assert time.monotonic() < end, pin
                time.sleep(0.05)
            assert (pin.cid, pin.name) == (root, "kept")
    with Home(tmp_path) as home:
        assert all(home.store.has_many([root, *blocks]))
