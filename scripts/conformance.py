"""Runs the public suite for IPFS gateways against `codata provider serve`.

python scripts/conformance.py [--fixtures FOLDER] [--specs SPEC,…] [-- OPTIONS OF THE SUITE]

Loads the suite's fixture CARs into a home of its own, serves it on a free port, and runs the suite on it:
`gateway-conformance` on PATH, or where `scripts/tools.py` puts it. Without --fixtures, it is asked for them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cid_store.car import import_car
from codata.home import Home

ROOT = Path(__file__).resolve().parent.parent
SPECS = "trustless-block-gateway,trustless-car-gateway,trustless-car-gateway-optional"
PROGRAM = "gateway-conformance"


def program() -> str | None:
    """The suite, where it is at hand."""
    return shutil.which(PROGRAM) or shutil.which(PROGRAM, path=str(ROOT / ".tools" / "bin"))


def load(home: Path, fixtures: Path) -> int:
    """Keep every block of the CARs below `fixtures`; returns how many CARs there were."""
    with Home(home) as opened:
        cars = sorted(fixtures.rglob("*.car"))
        for car in cars:
            import_car(opened.store, car)
    return len(cars)


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """`codata provider serve` as a process of its own; its URL."""
    command = [Path(sys.executable).with_name("codata"), "provider", "serve", "--listen", "127.0.0.1:0"]
    with subprocess.Popen([*command, "--home", home], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def main(arguments: list[str]) -> int:
    """Load, serve, test; the suite's exit status, or 2 where it is not at hand."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fixtures", type=Path)
    parser.add_argument("--specs", default=SPECS)
    options, more = parser.parse_known_args(arguments)
    suite = program()
    if suite is None:
        print(f"{PROGRAM} is not at hand: `python scripts/tools.py {PROGRAM}` builds it", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        fixtures = options.fixtures
        if fixtures is None:
            fixtures = Path(folder) / "fixtures"
            subprocess.run([suite, "extract-fixtures", "--dir", fixtures], check=True)
        home = Path(folder) / "home"
        print(f"{load(home, fixtures)} CARs", file=sys.stderr)
        with serving(home) as url:
            tested = subprocess.run(
                [
                    suite,
                    "test",
                    "--gateway-url",
                    url,
                    "--specs",
                    options.specs,
                    *(o for o in more if o != "--"),
                ],
                env={**os.environ, "GOLOG_LOG_LEVEL": "error"},
            )
    return tested.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
