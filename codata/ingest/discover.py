"""Which files an input consists of, in which order and of which format."""

from __future__ import annotations

import glob
import itertools
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cid_store.errors import LimitExceeded
from codata import ingest
from codata.errors import InputRefused

MAX_FILES: Final = 1_000_000
MAX_DEPTH: Final = 256
"""Files of one input, and folders within folders."""

_COMPRESSED: Final = (".gz", ".zst")
_HEAD: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class InputFile:
    """A file to add: where it is, what it is called in the dataset, its format and its bytes."""

    path: Path
    relative: str
    format: str
    size: int


@dataclass(frozen=True, slots=True)
class _Found:
    path: Path
    relative: str
    size: int
    named: bool  # by the user, not met in a folder


def discover(paths: Sequence[str], format: str = "auto") -> list[InputFile]:
    """The files that `paths` (files, globs, folders) name, ordered by the bytes of their relative paths.

    Raises `InputRefused` for what is missing, special, ambiguous or of several formats, `LimitExceeded`.
    """
    found: list[_Found] = []
    for text in paths:
        for one in _expand(text):
            found.append(one)
            if len(found) > MAX_FILES:
                raise LimitExceeded(f"the input has more than {MAX_FILES} files")
    if not found:
        raise InputRefused(
            f"{', '.join(paths) or 'no path'}: no file is there", next_step="name files or folders"
        )
    found.sort(key=lambda f: f.relative.encode())
    for one, next_ in itertools.pairwise(found):
        if one.relative == next_.relative:
            raise InputRefused(
                f"{one.path} and {next_.path} would both be called {one.relative!r}",
                next_step="add the folder that holds both, or quote the pattern so that the shell leaves it",
            )
    if format != "auto":
        return _of_format(found, format)
    chosen = _choose(found)
    return [InputFile(f.path, f.relative, chosen, f.size) for f in found]


def format_of(name: str, head: bytes = b"") -> str | None:
    """The format that a file's suffix tells, else its beginning, else None."""
    plain = _plain_name(name)
    for known in ingest.NAMES:
        if plain.endswith(ingest.by_name(known).suffixes):
            return known
    return next((known for known in ingest.NAMES if ingest.by_name(known).sniff(head, name)), None)


def _plain_name(name: str) -> str:
    lower = name.lower()
    return next((lower.removesuffix(s) for s in _COMPRESSED if lower.endswith(s)), lower)


def _of_format(found: list[_Found], format: str) -> list[InputFile]:
    suffixes = ingest.by_name(format).suffixes
    kept = [f for f in found if f.named or not suffixes or _plain_name(f.relative).endswith(suffixes)]
    if not kept:
        raise InputRefused(
            f"no file in the folder ends with {', '.join(suffixes)}",
            next_step=f"name the files themselves to read them as {format}",
        )
    return [InputFile(f.path, f.relative, format, f.size) for f in kept]


def _choose(found: list[_Found]) -> str:
    counts = Counter(format_of(f.relative, _head(f) if f.named else b"") or "files" for f in found)
    if len(counts) == 1:
        return next(iter(counts))
    listed = ", ".join(
        f"{n} {'of no known format' if k == 'files' else k}" for k, n in sorted(counts.items())
    )
    raise InputRefused(
        f"the input has files of several formats: {listed}",
        next_step="choose one with --format; `files` takes each file as a row",
    )


def _head(found: _Found) -> bytes:
    with found.path.open("rb") as file:
        return file.read(_HEAD)


def _expand(text: str) -> Iterator[_Found]:
    if not text:
        raise InputRefused("a path is empty", next_step="write . for the folder that you stand in")
    path = Path(text)
    if path.exists() or path.is_symlink():
        return _from_path(path)
    if glob.has_magic(text):
        return _from_glob(text)
    raise InputRefused(f"{text} does not exist", next_step="check the path")


def _from_path(path: Path) -> Iterator[_Found]:
    if path.is_dir():
        yield from _walk(path, path.resolve(), "", 1)
    else:
        yield _file(path, path.name, named=True)


def _from_glob(text: str) -> Iterator[_Found]:
    parts = Path(text).parts
    fixed = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    base = Path(*parts[:fixed]) if fixed else Path()
    for name in glob.glob(text, recursive=True):
        if len(Path(name).parts) and not Path(name).is_dir():
            yield _file(Path(name), Path(name).relative_to(base).as_posix(), named=True)


def _walk(folder: Path, root: Path, prefix: str, depth: int) -> Iterator[_Found]:
    if depth > MAX_DEPTH:
        raise LimitExceeded(f"{folder} is more than {MAX_DEPTH} folders deep")
    try:
        entries = sorted(os.scandir(folder), key=lambda e: e.name)
    except OSError as e:
        raise InputRefused(
            f"{folder} can't be listed: {e.strerror}", next_step="check its permissions"
        ) from None
    for entry in entries:
        if entry.name.startswith("."):
            continue
        relative = prefix + entry.name
        if entry.is_symlink():
            _check_link(Path(entry.path), root)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), root, relative + "/", depth + 1)
        else:
            yield _file(Path(entry.path), relative, named=False)


def _check_link(path: Path, root: Path) -> None:
    target = path.resolve()
    if not target.is_file() or not target.is_relative_to(root):
        raise InputRefused(
            f"{path} is a link that does not lead to a file in the same folder",
            next_step="copy what it points to, or remove the link",
        )


def _file(path: Path, relative: str, named: bool) -> _Found:
    try:
        relative.encode()
        info = path.stat()
    except UnicodeEncodeError:
        raise InputRefused(
            f"the name {os.fsencode(path)!r} is not UTF-8", next_step="rename the file"
        ) from None
    except OSError as e:
        raise InputRefused(f"{path} can't be read: {e.strerror}", next_step="check the path") from None
    if not stat.S_ISREG(info.st_mode):
        raise InputRefused(f"{path} is no regular file", next_step="name regular files and folders only")
    return _Found(path, relative, info.st_size, named)
