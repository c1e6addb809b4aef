"""A real Kubo daemon for tests: on loopback, offline, with a repository of its own."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

_TOOLS = Path(__file__).resolve().parents[1] / ".tools" / "bin" / "ipfs"
_PATIENCE = 60  # seconds until a daemon must answer


@dataclass(frozen=True)
class Daemon:
    """A running node. `gateway` is empty where it has none."""

    url: str
    repo: Path
    program: str
    gateway: str = ""

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """What the `ipfs` command says beside this node."""
        done = subprocess.run(
            [self.program, *arguments],
            input=stdin,
            env=_environment(self.repo),
            capture_output=True,
            check=True,
        )
        return done.stdout


def program() -> str:
    """Kubo's command; skips the test where there is none."""
    found = shutil.which("ipfs") or (str(_TOOLS) if _TOOLS.exists() else None)
    if found is None:
        pytest.skip("no Kubo at hand: put `ipfs` on the PATH or in .tools/bin")
    return found


def repository(folder: Path, *options: str) -> Path:
    """A new repository without content."""
    repo = folder / "ipfs"
    arguments = [program(), "init", "--empty-repo", *options]
    subprocess.run(arguments, env=_environment(repo), check=True, capture_output=True)
    return repo


def name(repo: Path, path: Path) -> str:
    """The CID that Kubo gives to a file or folder, with no daemon and nothing kept."""
    arguments = [program(), "--offline", "add", "-Q", "--only-hash", "-r", str(path)]
    done = subprocess.run(arguments, env=_environment(repo), check=True, capture_output=True, text=True)
    return done.stdout.strip()


@contextmanager
def kubo(folder: Path, *, gateway: bool = False) -> Iterator[Daemon]:
    """A daemon on a free port, its gateway on another; skips the test where there is no `ipfs` to run."""
    repo = repository(folder)
    port = _free_port()
    at = [f"/ip4/127.0.0.1/tcp/{_free_port()}"] if gateway else []
    _configure(repo / "config", port, at)
    log = (folder / "ipfs.log").open("wb")
    daemon = subprocess.Popen(
        [program(), "daemon", "--offline"], env=_environment(repo), stdout=log, stderr=log
    )
    try:
        _await(f"http://127.0.0.1:{port}/api/v0/version", daemon, folder / "ipfs.log")
        served = f"http://127.0.0.1:{at[0].rpartition('/')[2]}" if at else ""
        yield Daemon(f"ipfs+http://127.0.0.1:{port}", repo, program(), served)
    finally:
        daemon.terminate()
        daemon.wait(_PATIENCE)
        log.close()


def _environment(repo: Path) -> dict[str, str]:
    return {**os.environ, "IPFS_PATH": str(repo), "IPFS_TELEMETRY": "off"}


def _configure(path: Path, port: int, gateway: list[str]) -> None:
    config = json.loads(path.read_text())
    config["Addresses"] = {"API": f"/ip4/127.0.0.1/tcp/{port}", "Gateway": gateway, "Swarm": []}
    config["Bootstrap"] = []
    config["Discovery"] = {"MDNS": {"Enabled": False}}
    config["AutoConf"] = {"Enabled": False}
    config["Routing"] = {"Type": "none"}
    config["DNS"] = {"Resolvers": {}}
    config["Ipns"]["DelegatedPublishers"] = []
    path.write_text(json.dumps(config))


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


def _await(url: str, daemon: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and daemon.poll() is None:
        try:
            urlopen(Request(url, method="POST"), timeout=5).close()
            return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(f"the daemon did not come up: {log.read_text()[-2000:]}")
