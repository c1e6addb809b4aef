"""A process of our own, as a command or a worker is: what it may do to start and to end sooner.

Never called in a process that belongs to somebody else, who may rely on what is changed here.
"""

from __future__ import annotations

import atexit
import gc
import sys
from functools import cache
from typing import Final

_OBJECTS: Final = 100_000
"""New objects before cycles among them are looked for. Python's 700 is reached hundreds of times by imports
alone, and what they make stays."""

_DISTRIBUTION: Final = "codata-pipeline"
_PACKAGES: Final = frozenset(("cid_store", "codata", "codata_cli", "codata_jobs", "pyarrow"))


def hasten() -> None:
    """Look for cyclic garbage seldom, and not at all among what is left at the end, which the process takes
    with it; and do without pandas."""
    gc.set_threshold(_OBJECTS)
    atexit.register(gc.freeze)
    sys.meta_path.insert(0, WithoutPandas)


class WithoutPandas:
    """Where imports look first: our own modules and pyarrow find no pandas, whoever else asks finds it.

    pyarrow imports it, where it is installed, with the first array that it converts (0.2 s), to know whether
    values are pandas' own. Ours never are. Those of other packages' steps may be, so that where there are any
    nothing is changed.
    """

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        """Raise `ModuleNotFoundError` for pandas; leave every other module to those who look next."""
        if name == "pandas" and _importer() in _PACKAGES and not _others():
            raise ModuleNotFoundError(f"{name} is left out here", name=name)


def _importer() -> str:
    """The package whose code imports: pyarrow's is compiled, and shows as the package that called it."""
    frame = sys._getframe(2)
    while frame.f_back is not None and "importlib" in frame.f_globals["__name__"]:
        frame = frame.f_back
    name: str = frame.f_globals["__name__"]
    return name.partition(".")[0]


@cache
def _others() -> bool:
    """Whether packages that are not ours offer steps."""
    from importlib.metadata import entry_points

    steps = entry_points(group="codata.steps")
    return any(step.dist is None or step.dist.name != _DISTRIBUTION for step in steps)
