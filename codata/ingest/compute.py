"""pyarrow's compute functions, untyped: the stubs ask for array types that only the data tells."""

from __future__ import annotations

from typing import Any, Final

import pyarrow.compute

pc: Final[Any] = pyarrow.compute
