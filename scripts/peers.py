"""Installs the libraries that text steps are measured beside, each into an environment of its own.

python scripts/peers.py [NAME…]

They can't share an environment with the project, nor with each other. An environment is `.tools/peers/NAME`
of the checkout; `python -m benchmarks text` leaves out a peer that could not be installed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / ".tools" / "peers"
SECONDS = 1800  # for one environment over a slow line

PEERS: Mapping[str, Sequence[str]] = {
    # boto3 as dolma's s3fs wants it: pip tries hundreds of others first.
    "dolma": ("dolma==1.2.1", "boto3==1.28.17"),
    # The last two are imported by data-juicer and not among what it says it needs.
    "data-juicer": ("py-data-juicer==1.6.1", "aiohttp==3.14.5", "ray==2.60.0"),
}
"""What each environment is made of; datatrove is in the project's own."""


def install(name: str) -> str | None:
    """Make one environment, unless it is there with the same pins; None, or why it can't be had."""
    place = FOLDER / name
    made, pins = place / ".made", "\n".join(PEERS[name])
    if made.is_file() and made.read_text(encoding="utf-8") == pins:
        return None
    shutil.rmtree(place, ignore_errors=True)
    packages = [
        str(place / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    problem = _run([sys.executable, "-m", "venv", str(place)]) or _run([*packages, *PEERS[name]])
    if problem is None:
        made.write_text(pins, encoding="utf-8")
    else:
        shutil.rmtree(place, ignore_errors=True)
    return problem


def _run(command: list[str]) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"it was not installed after {SECONDS} seconds"
    if done.returncode == 0:
        return None
    said = [line for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in said if line.startswith("ERROR")]
    return (errors or said or [f"{command[0]} ended with {done.returncode}, without a word"])[-1]


def main(names: list[str]) -> int:
    """Install the peers named, or all; 1 if one can't be had, 2 for a name that is unknown."""
    unknown = sorted(set(names) - set(PEERS))
    if unknown:
        print(
            f"there is no peer called {', '.join(unknown)}; the names are: {', '.join(PEERS)}",
            file=sys.stderr,
        )
        return 2
    failed = False
    for name in names or PEERS:
        problem = install(name)
        failed = failed or problem is not None
        print(f"{name}: {FOLDER / name}" if problem is None else f"{name}: not here: {problem}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
