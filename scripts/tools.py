"""Installs the optional programs that tests run against, into `.tools/bin` of the checkout.

python scripts/tools.py [NAME…]

Each is a Go program, built by `go install` or `go build`: where there is no Go toolchain, or a module can't
be had, the script says so and what is tested instead. Nothing of the project itself needs any of them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BIN = Path(__file__).resolve().parent.parent / ".tools" / "bin"
SECONDS = 1800  # for building one program from nothing on a slow machine


@dataclass(frozen=True)
class Tool:
    """A program, the Go package at the version that tests were written against, and what its absence
    costs.

    With `folder`, `package` is a module, and the program is built in that folder of it, under the module's
    own `go.sum`: for one that `go install` refuses.
    """

    name: str
    package: str
    without: str
    folder: str | None = None


TOOLS = (
    Tool(
        "versitygw",
        "github.com/versity/versitygw/cmd/versitygw@v1.8.0",
        "the S3 tests run against moto's server, which checks no credentials",
    ),
    Tool(
        "gateway-conformance",
        "github.com/ipfs/gateway-conformance/cmd/gateway-conformance@latest",
        "the gateway is held to our own reading of its specification alone",
    ),
    Tool(
        "ipfs",
        "github.com/ipfs/kubo@v0.41.0",
        "the tests of the Kubo store and of its guide are skipped, but for those with a fake node",
        folder="cmd/ipfs",
    ),
)


def install(tool: Tool) -> str | None:
    """Build one program; None, or why it can't be had."""
    if (BIN / tool.name).exists():
        return None
    go = shutil.which("go")
    if go is None:
        return "there is no Go toolchain on PATH"
    BIN.mkdir(parents=True, exist_ok=True)
    try:
        return _install(go, tool) if tool.folder is None else _build(go, tool, tool.folder)
    except subprocess.TimeoutExpired:
        return f"it was not built after {SECONDS} seconds"


def _install(go: str, tool: Tool) -> str | None:
    done = _run([go, "install", tool.package], env={**os.environ, "GOBIN": str(BIN)})
    return _problem(done) if done.returncode else None


def _build(go: str, tool: Tool, folder: str) -> str | None:
    with tempfile.TemporaryDirectory() as empty:  # outside any module, so that the version asked for counts
        got = _run([go, "mod", "download", "-json", tool.package], cwd=empty)
    if got.returncode:
        return str(json.loads(got.stdout).get("Error")) if got.stdout.strip() else _problem(got)
    source = json.loads(got.stdout)["Dir"]
    made = _run([go, "build", "-trimpath", "-o", str(BIN / tool.name), f"./{folder}"], cwd=source)
    return _problem(made) if made.returncode else None


def _run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, **options)


def _problem(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr.strip().splitlines() or ["go failed without a word"])[-1]


def main(names: list[str]) -> int:
    """Install the tools named, or all; 1 if one can't be had, 2 for a name that is unknown."""
    unknown = set(names) - {tool.name for tool in TOOLS}
    if unknown:
        known = ", ".join(tool.name for tool in TOOLS)
        print(
            f"there is no tool called {', '.join(sorted(unknown))}; the names are: {known}", file=sys.stderr
        )
        return 2
    failed = False
    for tool in TOOLS:
        if names and tool.name not in names:
            continue
        problem = install(tool)
        failed = failed or problem is not None
        print(f"{tool.name}: {BIN / tool.name}" if problem is None else f"{tool.name}: not here: {problem}")
        if problem is not None:
            print(f"  so {tool.without}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
