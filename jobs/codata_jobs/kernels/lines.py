"""Where lines end."""

from __future__ import annotations

from codata_jobs.kernels.compiled import compiled


@compiled
def ends_line(code: int) -> bool:
    """Whether `str.splitlines` breaks at this character; CR LF is one break."""
    return 10 <= code <= 13 or 28 <= code <= 30 or code == 0x85 or code == 0x2028 or code == 0x2029
