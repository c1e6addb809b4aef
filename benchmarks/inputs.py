"""Inputs: random bytes, rows of real text, many small files. The same for the same sizes, whenever made."""

from __future__ import annotations

import json
import random
import sysconfig
from collections.abc import Iterator
from pathlib import Path

MIB = 1 << 20

TWICE = 0.05
"""The part of rows whose text is that of an earlier row: what deduplication finds."""


def random_file(path: Path, size: int) -> Path:
    """A file of random bytes."""
    source = random.Random(size)
    with path.open("wb") as out:
        for at in range(0, size, MIB):
            out.write(source.randbytes(min(MIB, size - at)))
    return path


def sources() -> list[tuple[str, list[str]]]:
    """Name and lines of the standard library's modules: a few megabytes of code and prose."""
    root = Path(sysconfig.get_path("stdlib"))
    found = []
    for path in sorted(root.glob("*.py")) + sorted(root.glob("[a-z]*/*.py")):
        if "site-packages" in path.parts:
            continue
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        if len(lines) > 20:
            found.append((path.relative_to(root).as_posix(), lines))
    return found


def rows(size: int, seed: int = 0) -> Iterator[bytes]:
    """JSON lines of about `size` bytes in all: id, module, line number, score, and 1 to 60 lines of it."""
    draw = random.Random(seed)
    modules = sources()
    made = number = 0
    text = ""
    while made < size:
        name, lines = draw.choice(modules)
        start, count = draw.randrange(len(lines)), draw.randint(1, 60)
        if not text or draw.random() >= TWICE:
            text = "".join(lines[start : start + count])
        row = {"id": number, "module": name, "line": start, "score": round(draw.random(), 6), "text": text}
        line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
        yield line
        made, number = made + len(line), number + 1


def jsonl(path: Path, size: int, seed: int = 0) -> Path:
    """A file of `rows`."""
    with path.open("wb") as out:
        out.writelines(rows(size, seed))
    return path


def jsonl_folder(folder: Path, size: int, each: int = 32 * MIB) -> Path:
    """As many files of `each` bytes of rows as make `size`."""
    folder.mkdir()
    for number, at in enumerate(range(0, size, each)):
        jsonl(folder / f"{number:05}.jsonl", min(each, size - at), seed=number)
    return folder


def small_files(folder: Path, count: int) -> Path:
    """`count` files of 100 to 4,000 bytes of text in folders of 1,000."""
    draw = random.Random(count)
    modules = sources()
    for number in range(count):
        path = folder / f"{number // 1000:03}" / f"{number:06}.txt"
        if number % 1000 == 0:
            path.parent.mkdir(parents=True)
        size = draw.randint(100, 4000)
        text = "".join(draw.choice(modules)[1]).encode()
        start = draw.randrange(max(1, len(text) - size))
        path.write_bytes(b"%d\n" % number + text[start : start + size])
    return folder
