"""Jobs on three providers that are hosts of a network, whose links are cut, healed and slow."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cid_store.cid import CID
from codata.home import Home
from tests.netns import Host, hosts
from tests.spread import STEPS, Spread, give, know, least, spread

pytestmark = pytest.mark.slow  # dozens of processes in all

CODATA = Path(sys.executable).with_name("codata")
PORT = 8080


@dataclass(frozen=True)
class Network:
    """The host that asks, with its home, and the providers."""

    asker: Host
    home: Path
    providers: Sequence[Host]
    homes: Sequence[Path]

    def run(self, data: Spread, *more: str) -> subprocess.Popen[str]:
        """Start the job on all providers, with nothing done at home."""
        job = self.home / "job.yaml"
        job.write_text(yaml.safe_dump({"codata": "job/1", "steps": STEPS}))
        on = [word for host in self.providers for word in ("--on", url(host))]
        command = [CODATA, "run", job, data.dataset, *on, *more, "--no-home", "--json", "--home", self.home]
        return subprocess.Popen(
            self.asker.command(*command), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What it printed; it must have ended well."""
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, out + err
    value: dict[str, Any] = json.loads(out)
    return value


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Spread:
    return spread(tmp_path_factory.mktemp("whole"), rows=3000)


def url(host: Host) -> str:
    """The provider on a host, over HTTP as it is: nobody else is on the network."""
    return f"http://{host.address}:{PORT}/?plain_http=yes"


@contextmanager
def network(data: Spread, path: Path, copies: int) -> Iterator[Network]:
    """Three providers with a third of the shards each, or more copies of each shard."""
    with hosts(4) as (asker, *providers), ExitStack() as stack:
        with Home(path / "home") as home:
            know(data, home)
            rule = f'{{did = "{home.identity.did}", steps = ["*"]}}'
        sources = [url(host) for host in providers]
        homes = [path / f"p{number}" for number in range(3)]
        with ExitStack() as opened:
            give(data, [opened.enter_context(Home(home)) for home in homes], copies=copies)
        for host, home in zip(providers, homes, strict=True):
            (home / "config.toml").write_text(
                f"[provider.tasks]\nkeep_free = 1\nworkers = 1\nallow = [{rule}]\nsources = {sources}\n"
            )
            stack.enter_context(serving(host, home))
        yield Network(asker, path / "home", providers, homes)


@contextmanager
def serving(host: Host, home: Path) -> Iterator[None]:
    """A provider on a host, once it listens."""
    listen = f"{host.address}:{PORT}"
    command = [CODATA, "provider", "serve", "--listen", listen, "--json", "--home", home]
    with subprocess.Popen(
        host.command(*command), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["url"] == f"http://{listen}"
            yield
        finally:
            process.kill()


def _work_has_begun(home: Path) -> None:
    with Home(home) as opened:
        while not opened.ledger.recent(1):
            time.sleep(0.02)


def test_placement_moves_the_least(data: Spread, tmp_path: Path) -> None:
    with network(data, tmp_path, copies=1) as net:
        done = ended(net.run(data))
    assert done["outputs"] == dict(data.alone.outputs)
    with Home(tmp_path / "home") as home:
        assert 0 < done["bytes_moved"] <= 1.1 * least(home, CID(done["run"]), data)


def test_a_partition_that_heals(data: Spread, tmp_path: Path) -> None:
    """Who alone holds a third of the data is out of reach for a while: it is waited for."""
    with network(data, tmp_path, copies=1) as net:
        cut = threading.Event()

        def partition() -> None:
            _work_has_begun(net.homes[1])
            net.providers[1].cut()
            cut.set()
            time.sleep(4)
            net.providers[1].heal()

        partitioning = threading.Thread(target=partition, daemon=True)
        partitioning.start()
        done = ended(net.run(data))
        partitioning.join(60)
    assert cut.is_set()
    assert done["outputs"] == dict(data.alone.outputs)
    assert [p["word"] for p in done["providers"]] == ["good"] * 3


def test_a_provider_behind_a_slow_link(data: Spread, tmp_path: Path) -> None:
    with network(data, tmp_path, copies=2) as net:
        net.providers[2].slow("500kbit")
        done = ended(net.run(data))
    assert done["outputs"] == dict(data.alone.outputs)
    assert all(p["word"] in ("good", "stalled") for p in done["providers"])
