"""A Dask scheduler with workers as processes on this machine, each with a store of its own where wanted."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.servers import free_port

DASK = Path(sys.executable).parent / "dask"


@dataclass(frozen=True)
class Running:
    """A scheduler's address and its workers' processes."""

    address: str
    workers: Sequence[subprocess.Popen[bytes]]


@contextmanager
def cluster(
    scheme: str, security: Sequence[str], folder: Path, stores: Sequence[Path | None] = (None, None)
) -> Iterator[Running]:
    """A scheduler and a worker for each of `stores`; None for a worker that uses the client's."""
    port = free_port()
    address = f"{scheme}://127.0.0.1:{port}"
    quiet: Any = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    one = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(folder)]
    where = ["--host", f"{scheme}://127.0.0.1", "--port", str(port), "--no-dashboard"]
    around = {**os.environ, "DASK_TEMPORARY_DIRECTORY": str(folder)}
    processes = [subprocess.Popen([DASK, "scheduler", *where, *security], env=around, **quiet)]
    for number, store in enumerate(stores):
        own = {"DASK_CODATA__STORE": str(store)} if store else {}
        command = [DASK, "worker", address, *one, "--name", f"worker-{number}", *security]
        processes.append(subprocess.Popen(command, env=around | own, **quiet))
    try:
        yield Running(address, processes[1:])
    finally:
        for process in processes:
            process.kill()
            process.wait()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine that is its own authority, and its key."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "codata test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


def tls_options(certificate: Path, key: Path) -> list[str]:
    """What tells Dask's commands to use them."""
    return ["--tls-ca-file", str(certificate), "--tls-cert", str(certificate), "--tls-key", str(key)]
