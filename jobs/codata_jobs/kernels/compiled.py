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
