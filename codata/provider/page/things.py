"""What a CID is, in few words and without ever failing: pages show what is there, and say what is not."""

from __future__ import annotations

from dataclasses import dataclass

from cid_store import Store
from cid_store.cid import CID
from cid_store.errors import BlockNotFound, CidStoreError
from codata.home import Home
from codata.records.base import kind_of
from codata.records.manifest import Manifest
from codata.records.run import Run
from codata.records.source import Source


@dataclass(frozen=True, slots=True)
class Thing:
    """`kind`: dataset, run, source, another record's kind, files; `missing` or `broken` where it can't be
    told. `count`: shards of a dataset, files of a source, tasks of a run. `size`: bytes."""

    cid: CID
    kind: str
    rows: int = 0
    count: int = 0
    size: int = 0

    @property
    def about(self) -> str:
        """How much of it there is."""
        match self.kind:
            case "dataset":
                return f"{self.rows:,} rows, {_counted(self.count, 'shard')}"
            case "source":
                return f"{_counted(self.count, 'file')}, {size_text(self.size)}"
            case "run":
                return _counted(self.count, "task")
            case "missing":
                return "not held here"
            case "broken":
                return "can't be read"
        return self.kind

    @property
    def href(self) -> str | None:
        """Its page here, if it has one."""
        folder = {"dataset": "datasets", "run": "runs"}.get(self.kind)
        return folder and f"/{folder}/{self.cid}"


def thing(store: Store, cid: CID) -> Thing:
    """What this is."""
    try:
        kind = kind_of(store, cid)
        if kind == Manifest.kind:
            manifest = Manifest.load(store, cid)
            return Thing(cid, "dataset", manifest.rows, manifest.count, manifest.size)
        if kind == Source.kind:
            source = Source.load(store, cid)
            return Thing(cid, "source", 0, source.count, source.size)
        if kind == Run.kind:
            return Thing(cid, "run", 0, Run.load(store, cid).count)
        # A kind that strangers wrote must not pass for one of the above.
        named = f"record {kind.partition('/')[0][:40]}" if kind else "files"
        return Thing(cid, named if store.has(cid) else "missing")
    except BlockNotFound:
        return Thing(cid, "missing")
    except CidStoreError:
        return Thing(cid, "broken")


def names_of(home: Home) -> dict[CID, str]:
    """What each named CID is called here: all its names."""
    names: dict[CID, str] = {}
    for name, cid in home.names.all().items():
        names[cid] = f"{names[cid]}, {name}" if cid in names else name
    return names


def size_text(size: int) -> str:
    """Bytes for a person."""
    amount = float(size)
    for unit in ("bytes", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{size:,} bytes" if unit == "bytes" else f"{amount:,.1f} {unit}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
