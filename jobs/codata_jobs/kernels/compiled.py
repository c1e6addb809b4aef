"""The one decorator that compiles a kernel, and the array type that kernels speak of."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from importlib import resources
from typing import Any, Final, TypeVar

import numpy as np

from codata.errors import NotCheckable

try:
    import numba
except ModuleNotFoundError:
    raise NotCheckable(
        "this step runs kernels that need the package numba",
        next_step="install codata-pipeline[text]",
    ) from None

Array = np.ndarray[Any, np.dtype[Any]]

F = TypeVar("F", bound=Callable[..., Any])


def _digest() -> str:
    """Of all that machine code comes from: the kernels, and the module whose constants they take."""
    package = resources.files("codata_jobs")
    files = [*package.joinpath("kernels").iterdir(), package.joinpath("comment_syntax.py")]
    sources = sorted((f.name, f.read_bytes()) for f in files if f.name.endswith(".py"))
    return sha256(repr(sources).encode()).hexdigest()[:16]


_SOURCES: Final = _digest()


def compiled(function: F) -> F:
    """Compile at the first call, and keep the machine code beside the module as Python keeps its byte code.

    Without the GIL; no fast-math and no automatic threads: the result is that of the Python function. numba
    takes kept code for good as long as the kernel's own file is as old as it was, whatever became of what it
    calls in others; so the code's file is named by the sources of all.
    """
    name = function.__qualname__
    function.__qualname__ = f"{name}-{_SOURCES}"
    made: F = numba.njit(function, cache=True, nogil=True)
    function.__qualname__ = name
    return made


def inlined(function: F) -> F:
    """Write out in each kernel that calls it: for what is called for every word or character.

    A call that hands over arrays counts references to each; that is more than such a function does.
    """
    made: F = numba.njit(function, inline="always")
    return made
