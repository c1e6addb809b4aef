"""Installs the optional programs that tests run against, into `.tools/bin` of the checkout.

python scripts/tools.py [NAME…]

Each is a Go program, built by `go install`: where there is no Go toolchain, or a module can't be had, the
script says so and what is tested instead. Nothing of the project itself needs any of them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

BIN = Path(__file__).resolve().parent.parent / ".tools" / "bin"
SECONDS = 1800  # for building one program from nothing on a slow machine


@dataclass(frozen=True)
class Tool:
    """A program, the Go package at the version that tests were written against, and what its absence
    costs.
    """

    name: str
    package: str
    without: str


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
        done = subprocess.run(
            [go, "install", tool.package],
            env={**os.environ, "GOBIN": str(BIN)},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"it was not built after {SECONDS} seconds"
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["go install failed"])[-1]
    return None


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
