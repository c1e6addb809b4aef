"""Servers that benchmarks measure: ours, a Kubo daemon, nginx, plain files; each while a `with` lasts."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.pairs import codata_command

_PATIENCE = 60  # seconds until a server must listen
_TOOLS = Path(__file__).resolve().parent.parent / ".tools" / "bin"

NGINX = """
user root; daemon off; pid {folder}/nginx.pid; error_log stderr; worker_processes 2;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def process(
    arguments: Sequence[str | Path], port: int | None = None, env: Mapping[str, str] | None = None
) -> Iterator[int]:
    """A process, once it listens at `port`: its id. Raises `RuntimeError` where it does not."""
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([str(a) for a in arguments], env={**os.environ, **(env or {})}, **quiet) as running:
        try:
            end = time.monotonic() + _PATIENCE
            while port is not None and socket.socket().connect_ex(("127.0.0.1", port)):
                if running.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"{arguments[0]} did not come up")
                time.sleep(0.05)
            yield running.pid
        finally:
            running.terminate()


@contextmanager
def provider(home: Path, port: int | None = None) -> Iterator[tuple[str, int]]:
    """`codata provider serve` on a home: its URL and process id."""
    port = port or free_port()
    command = codata_command("provider", "serve", "--listen", f"127.0.0.1:{port}", home=home)
    with process(command, port) as pid:
        yield f"http://127.0.0.1:{port}", pid


@contextmanager
def files(folder: Path) -> Iterator[str]:
    """Python's own server of files."""
    port = free_port()
    where = [str(port), "--bind", "127.0.0.1", "--directory", str(folder)]
    with process([sys.executable, "-m", "http.server", *where], port):
        yield f"http://127.0.0.1:{port}"


def nginx_program() -> str | None:
    """nginx, where it is at hand."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


@contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """nginx over the files of a folder, with sendfile."""
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port, root=folder))
    with process([nginx_program() or "nginx", "-c", config, "-e", "stderr"], port):
        yield f"http://127.0.0.1:{port}"


def kubo_program() -> str | None:
    """Kubo, where it is at hand."""
    return shutil.which("ipfs") or shutil.which("ipfs", path=str(_TOOLS))


@contextmanager
def kubo(repo: Path, car: Path) -> Iterator[str]:
    """The gateway of a Kubo daemon without network that holds the blocks of a CAR."""
    program = kubo_program() or "ipfs"
    env = {"IPFS_PATH": str(repo), "IPFS_TELEMETRY": "off"}

    def run(*arguments: str | Path) -> None:
        command = [program, *map(str, arguments)]
        subprocess.run(command, env={**os.environ, **env}, check=True, capture_output=True)

    run("init", "--empty-repo")
    port = free_port()
    config = json.loads((repo / "config").read_text())
    config["Addresses"] = {"API": [], "Gateway": f"/ip4/127.0.0.1/tcp/{port}", "Swarm": []}
    config |= {"Bootstrap": [], "Routing": {"Type": "none"}, "AutoConf": {"Enabled": False}}
    config["Discovery"] = {"MDNS": {"Enabled": False}}
    config["DNS"] = {"Resolvers": {}}
    config["Ipns"]["DelegatedPublishers"] = []
    (repo / "config").write_text(json.dumps(config))
    run("--offline", "dag", "import", "--pin-roots=false", car)
    with process([program, "daemon", "--offline"], port, env):
        yield f"http://127.0.0.1:{port}"


def peak(pid: int) -> str:
    """The most memory in MiB that a process has had, where the system tells."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    found = next((line.split()[1] for line in lines if line.startswith("VmHWM")), None)
    return f"{int(found) / 1024:.0f}" if found else ""
