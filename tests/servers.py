"""Servers for tests: a real S3 server, and a proxy that makes one fail."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.listening import SilentHandler, listening

ACCESS_KEY = "AKIATESTTESTTEST"
SECRET_KEY = "the-secret-that-must-never-be-printed"
REGION = "us-east-1"
BUCKET = "blocks"

_TOOLS = Path(__file__).resolve().parents[1] / ".tools" / "bin"
_START_SECONDS = 30


@dataclass(frozen=True)
class S3Server:
    """A running server with an empty bucket called `BUCKET`."""

    endpoint: str
    kind: str

    def url(self, prefix: str = "", endpoint: str | None = None) -> str:
        """The URL of a store in it."""
        return f"s3://{BUCKET}/{prefix}?endpoint={endpoint or self.endpoint}&region={REGION}"


def credentials() -> dict[str, str]:
    """The environment that reaches the server."""
    return {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def versitygw() -> str | None:
    """The program: on PATH, or where `scripts/tools.py` puts it."""
    return shutil.which("versitygw") or shutil.which("versitygw", path=str(_TOOLS))


@contextmanager
def s3_server(folder: Path) -> Iterator[S3Server]:
    """versitygw over `folder`, or moto's server in this process where there is none."""
    program = versitygw()
    with _versitygw(program, folder) if program else _moto() as server:
        _client(server.endpoint).create_bucket(Bucket=BUCKET)
        yield server


@contextmanager
def _versitygw(program: str, folder: Path) -> Iterator[S3Server]:
    data, sidecar = folder / "data", folder / "sidecar"
    data.mkdir()
    sidecar.mkdir()
    port = free_port()
    command = [program, "--port", f"127.0.0.1:{port}", "--region", REGION, "--quiet", "--keep-alive", "posix"]
    process = subprocess.Popen(
        [*command, "--sidecar", str(sidecar), str(data)],
        env={**os.environ, "ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for(port, process)
        yield S3Server(f"http://127.0.0.1:{port}", "versitygw")
    finally:
        process.terminate()
        process.wait(10)


@contextmanager
def _moto() -> Iterator[S3Server]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3Server(f"http://{host}:{port}", "moto")
    finally:
        server.stop()


def _client(endpoint: str) -> Any:
    import boto3

    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
    )


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as s:
        return int(s.getsockname()[1])


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a server listens; fails when it ends first."""
    end = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    process.kill()
    raise RuntimeError(f"{process.args!r} did not come up")


@dataclass(frozen=True)
class Fault:
    """What the proxy does in place of passing an answer on: another status, a pause before it, or a cut
    in the body.
    """

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    pause: float = 0
    cut: int | None = None
    """Bytes of the body that are sent before the connection is closed."""


Decide = Callable[[str, str], Fault | None]
"""From method and path with query to a fault, or None to pass the request on."""


@dataclass
class Proxy:
    """Where the proxy listens, what came by, and what it does."""

    endpoint: str
    decide: Decide = lambda method, path: None
    seen: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def fault_proxy(target: str) -> Iterator[Proxy]:
    """An HTTP proxy before `target` that does to requests what `decide` says."""
    proxy = Proxy("")
    release = threading.Event()

    class Handler(_Handler):
        settings, backend, released = proxy, urlsplit(target).netloc, release

    with listening(Handler) as address:
        proxy.endpoint = f"http://{address}"
        try:
            yield proxy
        finally:
            release.set()


class _Handler(SilentHandler):
    protocol_version = "HTTP/1.1"
    settings: Proxy
    backend: str
    released: threading.Event

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.settings.seen.append((self.command, self.path))
        fault = self.settings.decide(self.command, self.path) or Fault()
        self.released.wait(fault.pause)
        if fault.status is not None:
            self._answer(fault.status, dict(fault.headers), b"")
            return
        status, headers, content = self._forward(body)
        if fault.cut is not None:
            self._answer(status, headers, content, fault.cut)
            self.close_connection = True
        else:
            self._answer(status, headers, content)

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.backend, timeout=60)
        try:
            connection.request(
                self.command, self.path, body, {k: v for k, v in self.headers.items() if k != "Expect"}
            )
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: dict[str, str], body: bytes, cut: int | None = None) -> None:
        self.send_response_only(status)
        for key, value in headers.items():
            if key.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(key, value)
        length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(body))
        self.send_header("Content-Length", length)
        self.end_headers()
        try:
            self.wfile.write(body if cut is None else body[:cut])
        except OSError:
            self.close_connection = True  # the client gave up first

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve
