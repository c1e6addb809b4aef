"""Operations that no provider should suffer from: `installed` puts them where processes find them."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cid_store.block import Block
from cid_store.stores.memory import MemoryStore
from codata import ops
from codata.ops import Context, Inputs, Outputs, Params, op
from codata.plan.stage import Planner

_ENTRY = "[codata.steps]\ncodata_hostile = codata_hostile\n"


class Doing(Params):
    """What to do, and to what."""

    what: str
    at: str = ""
    number: int = 0


@op("test/do", version=1, params=Doing)
def do(ctx: Context, params: Doing, inputs: Inputs) -> Outputs:
    """Do it, and say what came of it. `number` alone makes tasks differ."""
    return {"out": ctx.put_node({"said": _do(params), "number": params.number})}


def _do(params: Doing) -> str:
    return _DEEDS[params.what](params.at, params.number) or "done"


def _wait(at: str, number: int) -> None:
    """For as long as a file is there."""
    while Path(at).exists():
        time.sleep(0.01)


def _spin(at: str, number: int) -> None:
    while True:
        pass


def _print(at: str, number: int) -> None:
    print('{"receipt": "bafyreigh2akiscaildc"}')  # noqa: T201 - that is the point
    sys.stdout.flush()
    os.write(1, b'{"receipt": "x"}\n')


def _connect(at: str, number: int) -> None:
    socket.create_connection(("127.0.0.1", number), 5).close()


def _file(at: str, number: int) -> None:
    with tempfile.TemporaryFile() as f:
        f.write(bytes(number))


def _raise(at: str, number: int) -> None:
    raise RuntimeError(at)


_DEEDS: dict[str, Callable[[str, int], str | None]] = {
    "nothing": lambda at, number: None,
    "wait": _wait,
    "spin": _spin,
    "print": _print,
    "connect": _connect,
    "raise": _raise,
    "memory": lambda at, number: str(len(bytearray(number))),
    "file": _file,
    "files": lambda at, number: str(len([os.open(os.devnull, os.O_RDONLY) for _ in range(number)])),
    "read": lambda at, number: Path(at).read_text(encoding="utf-8")[:100],
    "die": lambda at, number: os.kill(os.getpid(), number),
}


NUMBERS = iter(range(10**9))
"""So that no two tasks of this process are the same."""


def doing(what: str, at: str = "", number: int | None = None, store: MemoryStore | None = None) -> Block:
    """The record of a task that does something; its number is new unless it is given."""
    store = store or MemoryStore()
    params = Doing(what=what, at=at, number=next(NUMBERS) if number is None else number)
    cid = Planner(store).task("test/do", 1, params).save(store)
    return Block(cid, store.get(cid))


@contextmanager
def installed(folder: Path) -> Iterator[None]:
    """As a package on the path of processes that are started within; this process knows it already."""
    info = folder / "codata_hostile-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: codata-hostile\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(_ENTRY)
    (folder / "codata_hostile.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(folder)
    ops.load()
    try:
        yield
    finally:
        del os.environ["PYTHONPATH"]
        if before is not None:
            os.environ["PYTHONPATH"] = before
