"""How a run goes about its providers."""

from __future__ import annotations

from dataclasses import dataclass, field

from codata.execute.assign import Wish
from codata.execute.attempts import Bounds


@dataclass(frozen=True)
class Terms:
    """`home`: whether the home runs what no provider can; `audit`: the share of tasks that are done twice;
    `workers`: processes of the home, by default one a core; `silence`: seconds without a byte after which a
    provider is gone.
    """

    wish: Wish = field(default_factory=Wish)
    bounds: Bounds = field(default_factory=Bounds)
    home: bool = True
    audit: float = 0.0
    workers: int | None = None
    silence: float = 30.0
