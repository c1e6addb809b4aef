"""The one decorator that compiles a kernel, and the array type that kernels speak of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

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


def compiled(function: F) -> F:
    """Compile at the first call, and keep the machine code beside the module as Python keeps its byte code.

    Without the GIL; no fast-math and no automatic threads: the result is that of the Python function.
    """
    made: F = numba.njit(function, cache=True, nogil=True)
    return made


def inlined(function: F) -> F:
    """Write out in each kernel that calls it: for what is called for every word or character.

    A call that hands over arrays counts references to each; that is more than such a function does.
    """
    made: F = numba.njit(function, inline="always")
    return made
