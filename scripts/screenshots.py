"""Pictures of a provider's pages for the guide, from a home made for them: docs/images/provider-*.png.

python scripts/screenshots.py [--into FOLDER]

Needs Chromium. The home holds this project's own guides and sources as datasets, runs over them, and
verifications.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CODATA = Path(sys.executable).with_name("codata")
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "chrome")

# No profile of anybody's, no connection but to the page, nothing that asks.
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
DARK = "--blink-settings=preferredColorScheme=0"

JOBS = {
    "clean": """
codata: job/1
steps:
  - text.normalize: {column: text, unicode: NFC}
  - text.length_filter: {column: text, min: 1500}
""",
    "mix": """
codata: job/1
inputs: [data, more]
steps:
  - concat: {with: more}
  - dedup.exact: {on: [text]}
  - sort: {by: [path]}
""",
}


def program() -> str | None:
    """Chromium, where it is at hand."""
    return next((found for name in PROGRAMS if (found := shutil.which(name))), None)


def browse(url: str, wait: int = 0) -> tuple[str, str]:
    """Load a page: the document after `wait` milliseconds of its own time, and what the browser said."""
    budget = [f"--virtual-time-budget={wait}"] if wait else []
    return _chromium("--enable-logging=stderr", *budget, "--dump-dom", url)


def picture(url: str, file: Path, size: tuple[int, int], *options: str) -> None:
    """Write what a window of this size shows."""
    _chromium(f"--window-size={size[0]},{size[1]}", f"--screenshot={file}", *options, url)


def _chromium(*arguments: str) -> tuple[str, str]:
    """What it writes; raises `RuntimeError` where it is not at hand or fails."""
    chromium = program()
    if chromium is None:
        raise RuntimeError("Chromium is not at hand")
    with tempfile.TemporaryDirectory(prefix="codata-chromium-") as profile:
        command = [chromium, *OPTIONS, f"--user-data-dir={profile}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(f"Chromium ended with {done.returncode}: {done.stderr[-1000:]}")
    return done.stdout, done.stderr


def codata(home: Path, *arguments: str) -> dict[str, Any]:
    """A command's JSON result."""
    command = [str(CODATA), *arguments, "--home", str(home), "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def fill(home: Path) -> dict[str, str]:
    """Datasets, runs and verifications; the CIDs by name."""
    for name, text in JOBS.items():
        (home / f"{name}.yaml").write_text(text, encoding="utf-8")
    clean, mix = str(home / "clean.yaml"), str(home / "mix.yaml")
    for name, pattern in (("guides", "docs/**/*.md"), ("sources", "codata/**/*.py")):
        codata(home, "add", pattern, "--format", "files", "--name", name)
        codata(home, "run", clean, name, "--name", f"{name}-clean")
    codata(home, "run", mix, "guides-clean", "--input", "more=sources-clean", "--name", "mixed")
    codata(home, "verify", "mixed", "--full")
    codata(home, "verify", "guides-clean", "--sample", "1")
    return {row["name"]: row["cid"] for row in codata(home, "ls")["names"]}


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """A provider on the home; its URL."""
    command = [CODATA, "provider", "serve", "--listen", "127.0.0.1:0", "--home", home, "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield str(json.loads(process.stdout.readline())["url"])
        finally:
            process.terminate()


def main(arguments: list[str]) -> None:
    """Make the home, serve it, take the pictures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--into", type=Path, default=ROOT / "docs" / "images")
    into = parser.parse_args(arguments).into
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="codata-screenshots-") as folder:
        home = Path(folder)
        names = fill(home)
        with serving(home) as url:
            picture(url, into / "provider-overview.png", (1000, 1010))
            picture(f"{url}/runs/{names['mixed.run']}", into / "provider-run.png", (1000, 1800))
            picture()
    for file in sorted(into.glob("provider-*.png")):
        print(f"{file.name}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
