"""Real texts that every machine has: the documentation and the sources of Python's standard library."""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PIECE = 14
"""Lines of a piece of source: comments, tables, code, text of many kinds."""


@cache
def texts() -> list[str]:
    """Some 12,000 different texts, of up to some tens of thousands of characters; the same on one machine."""
    return list(dict.fromkeys(text for path in _sources() for text in _texts(path)))


def _sources() -> list[Path]:
    library = Path(sysconfig.get_paths()["stdlib"])
    skipped = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__"}
    return sorted(path for path in library.rglob("*.py") if not skipped & set(path.parts))


def _texts(path: Path) -> Iterator[str]:
    try:
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
    except (UnicodeDecodeError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            found = ast.get_docstring(node)
            if found and len(found) > 60:
                yield found
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) > 600:
            yield node.value  # such as the pages of `help()`
    lines = source.splitlines(keepends=True)
    for at in range(0, min(len(lines), 12 * PIECE), PIECE):
        yield "".join(lines[at : at + PIECE])
