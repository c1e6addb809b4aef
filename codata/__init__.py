"""Content-addressed datasets, deterministic jobs, results that anyone can verify.

    from codata import Home, Dataset, Feed
    with Home.find(None) as home:
        dataset = Dataset(home.store, home.resolve("packed"))

Names are imported when they are first used, so that `import codata` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from codata.add import add
    from codata.dataset import Dataset
    from codata.execute.run import run
    from codata.feed import Feed
    from codata.home import Home
    from codata.table import logical_hash
    from codata.verify.verify import verify

_WHERE = {
    "Dataset": "codata.dataset",
    "Feed": "codata.feed",
    "Home": "codata.home",
    "add": "codata.add",
    "logical_hash": "codata.table",
    "run": "codata.execute.run",
    "verify": "codata.verify.verify",
}

__all__ = ["Dataset", "Feed", "Home", "add", "logical_hash", "run", "verify"]


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module 'codata' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)
