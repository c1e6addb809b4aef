"""Real text to measure on: documentation in Debian packages, as HTML, as rows and as JSON lines.

Packages are downloaded and unpacked without being installed; where there is no `apt-get`, the benchmark takes
another folder of HTML.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from benchmarks.pairs import MIB, codata, fresh, workplace

PACKAGES = (
    "gnome-user-docs",
    "rust-doc",
    "openjdk-17-doc",
    "linux-doc-6.1",
    "python-django-doc",
    "postgresql-doc-15",
    "debian-handbook",
    "libreoffice-help-en-us",
    "racket-doc",
    "python-scipy-doc",
    "gimp-help-en",
    "libboost1.74-doc",
    "octave-doc",
    "sqlite3-doc",
    "cmake-doc",
    "erlang-doc",
    "python-pandas-doc",
    "python3.11-doc",
    "debian-reference-en",
)
"""Free documentation of many kinds and writers, some 2 GB of HTML; the first alone has 46 MB."""

_FIRST = 44 * MIB

ENDINGS = (".html", ".htm", ".page", ".xhtml")

EXTRACT = """codata: job/1
steps:
  - text.extract: {column: text, output: page}
  - filter: {where: "page IS NOT NULL AND LENGTH(page) > 0"}
  - select: {columns: {id: path, text: page}}
"""


def html(folder: Path, size: int) -> Path:
    """A folder with the first package unpacked, or with all for more than it has.

    What is there already is not fetched again.
    """
    unpacked = folder / "html"
    for package in PACKAGES if size > _FIRST else PACKAGES[:1]:
        if (unpacked / package).is_dir():
            continue
        fetched = folder / "packages" / package
        fetched.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", package], cwd=fetched, check=True, stdout=subprocess.DEVNULL)
        (archive,) = fetched.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, fetched / "tree"], check=True)
        unpacked.mkdir(exist_ok=True)
        (fetched / "tree").rename(unpacked / package)
        shutil.rmtree(fetched)
    return unpacked


def pages(folder: Path) -> Iterator[Path]:
    """Every page below a folder, in the order of their paths; links are not followed."""
    for here, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(here, name)
            if name.endswith(ENDINGS) and path.is_file() and not path.is_symlink():
                yield path


def chosen(source: Path, target: Path, size: int) -> None:
    """Copies of pages of about `size` bytes in all, taken evenly over all of them."""
    found = list(pages(source))
    whole = sum(p.stat().st_size for p in found)
    taken = seen = 0
    for path in found:
        seen += path.stat().st_size
        if taken * whole < seen * min(size, whole):
            taken += path.stat().st_size
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


FILES = 8
"""JSON lines files: what peers share out among their processes."""


@dataclass(frozen=True)
class Documents:
    """Rows of `id` and `text`: a home with the dataset `documents`, and a folder of JSON lines."""

    home: Path
    lines: Path


def documents(source: Path, cache: Path, size: int) -> Documents:
    """From `size` bytes of HTML to documents, kept in `cache` for the next time; text is about an eighth."""
    name = sha256(f"{source.resolve()} {size}".encode()).hexdigest()[:8]
    folder = cache / f"documents-{name}"
    if not folder.is_dir():
        made = fresh(cache / f"documents-{name}.part")
        made.mkdir(parents=True)
        _made(source, made, size)
        made.rename(folder)
    return Documents(folder / "home", folder / "jsonl")


def _made(source: Path, folder: Path, size: int) -> None:
    with workplace(folder) as place:
        picked, home, job, whole = (place / name for name in ("pages", "home", "job.yaml", "whole.jsonl"))
        chosen(source, picked, size)
        job.write_text(EXTRACT, encoding="utf-8")
        codata("add", picked, "--format", "files", "--name", "pages", home=home)
        codata("run", job, "pages", "--name", "documents", home=home)
        codata("export", "documents", whole, home=home)
        _divided(whole, folder / "jsonl")
    codata("add", folder / "jsonl", "--name", "documents", home=folder / "home")


def _divided(whole: Path, folder: Path) -> None:
    """A file of lines as `FILES` files of about one size, in order."""
    folder.mkdir()
    share = -(-whole.stat().st_size // FILES)
    with whole.open("rb") as source:
        for number in range(FILES):
            (folder / f"{number:05}.jsonl").write_bytes(b"".join(source.readlines(share)))


def count(lines: Path) -> int:
    """How many rows of JSON lines."""
    return sum(sum(1 for _ in path.open("rb")) for path in lines.glob("*.jsonl"))


def text_size(lines: Path) -> float:
    """MiB of JSON lines."""
    return sum(p.stat().st_size for p in lines.glob("*.jsonl")) / MIB
