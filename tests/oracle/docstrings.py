"""Real text that every machine has: what the authors of Python's libraries wrote about them."""

from __future__ import annotations

import ast
import sysconfig
import warnings
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path


@cache
def docstrings(count: int) -> tuple[str, ...]:
    """The first `count` docstrings of the standard library, then of what is installed beside it."""
    return tuple(islice(_all(), count))


def _all() -> Iterator[str]:
    for name in ("stdlib", "purelib"):
        root = Path(sysconfig.get_path(name))
        for file in sorted(root.rglob("*.py")):
            if name == "stdlib" and "site-packages" in file.parts:
                continue
            try:
                with warnings.catch_warnings(action="ignore"):  # of old code, about its escapes
                    tree = ast.parse(file.read_text(encoding="utf-8"))
            except (SyntaxError, ValueError, RecursionError):  # written to be wrong, as tests of parsers are
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and (
                    text := ast.get_docstring(node, clean=False)
                ):
                    yield text
