"""A process of our own, as a command or a worker is: what it may do to start and to end sooner.

Never called in a process that belongs to somebody else, who may rely on what is changed here.
"""

from __future__ import annotations

import atexit
import gc
from typing import Final

_OBJECTS: Final = 100_000
"""New objects before cycles among them are looked for. Python's 700 is reached hundreds of times by imports
alone, and what they make stays. Operations leave no cycles that hold tables, so that little waits."""


def hasten() -> None:
    """Look for cyclic garbage seldom, and not at all among what is left at the end, which the process takes
    with it.
    """
    gc.set_threshold(_OBJECTS)
    atexit.register(gc.freeze)
