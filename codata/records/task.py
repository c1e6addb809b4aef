"""Task: one operation on inputs. Exactly the shape of a UCAN task, so that its CID is one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from cid_store import Store
from cid_store.cid import CID, DAG_CBOR
from cid_store.codecs import dag_cbor
from codata.errors import BadRecord
from codata.records import pages
from codata.records.base import MAX_RECORD
from codata.records.fields import Fields, Value

SUBJECT: Final = "did:key:z6MkfGo8byqdR4sLjWw83YW7qvWVyvvwxp7SexUVGx261rxz"
"""One constant: the key whose bytes are SHA-256("codata/task/1"), which nobody holds. We claim UCAN's shape,
not its authority."""

COMMAND: Final = "/codata/task/1"

INLINE: Final = 1024
"""An input list longer than this is a list of pages."""


@dataclass(frozen=True)
class Task:
    """`inputs`: by name, the CIDs themselves or, for a long list, the root of its pages."""

    step: str
    version: int
    engines: Mapping[str, str]
    params: Mapping[str, Value]
    inputs: Mapping[str, tuple[CID, ...] | CID]

    @classmethod
    def make(
        cls,
        store: Store,
        *,
        step: str,
        version: int,
        engines: Mapping[str, str],
        params: Mapping[str, Value],
        inputs: Mapping[str, Sequence[CID]],
    ) -> Task:
        """A task whose long input lists are kept in `store` as pages."""
        kept: dict[str, tuple[CID, ...] | CID] = {
            name: tuple(cids) if len(cids) <= INLINE else pages.put(store, cids)
            for name, cids in inputs.items()
        }
        return cls(step, version, engines, params, kept)

    def input_cids(self, store: Store, name: str) -> Iterator[CID]:
        """The CIDs of one input, in order."""
        value = self.inputs[name]
        for item in pages.items(store, value) if isinstance(value, CID) else value:
            if not isinstance(item, CID):
                raise BadRecord(f"input {name!r} of a task lists something that is no link")
            yield item

    def encode(self) -> bytes:
        """Canonical bytes."""
        ins: dict[str, Value] = {k: v if isinstance(v, CID) else list(v) for k, v in self.inputs.items()}
        args: dict[str, Value] = {
            "step": self.step,
            "version": self.version,
            "engines": dict(self.engines),
            "params": dict(self.params),
            "in": ins,
        }
        data = dag_cbor.encode({"sub": SUBJECT, "cmd": COMMAND, "args": args, "nonce": b""})
        if len(data) > MAX_RECORD:
            raise BadRecord(f"a task of {len(data)} bytes is over the limit of {MAX_RECORD}")
        return data

    @property
    def cid(self) -> CID:
        """The task's name everywhere: in Dask, in receipts, in the cache."""
        return CID.make(DAG_CBOR, self.encode())

    def save(self, store: Store) -> CID:
        """Keep the task."""
        return store.put(self.encode(), DAG_CBOR)

    @classmethod
    def load(cls, store: Store, cid: CID) -> Self:
        """The task of this CID; raises `BlockNotFound`, `BadRecord`."""
        data = store.get(cid)
        if len(data) > MAX_RECORD:
            raise BadRecord(f"a record of {len(data)} bytes is over the limit of {MAX_RECORD}", cid=cid)
        f = Fields(dag_cbor.decode(data), "task", tag=False, cid=cid)
        if (f.text("sub"), f.text("cmd"), f.blob("nonce")) != (SUBJECT, COMMAND, b""):
            raise f.bad("is not a codata task")
        a = Fields(f.map("args"), "task", tag=False, cid=cid)
        f.done()
        inputs: dict[str, tuple[CID, ...] | CID] = {}
        for name, value in a.map("in").items():
            if isinstance(value, CID):
                inputs[name] = value
            elif isinstance(value, list) and len(value) <= INLINE:
                inputs[name] = tuple(v for v in value if isinstance(v, CID))
                if len(inputs[name]) != len(value):
                    raise a.bad(f"input {name!r} lists something that is no link")
            else:
                raise a.bad(f"input {name!r} is neither a list of links nor pages")
        engines = a.map("engines")
        if not all(isinstance(v, str) for v in engines.values()):
            raise a.bad("names an engine without its version")
        task = cls(
            a.text("step"),
            a.count("version"),
            {k: str(v) for k, v in engines.items()},
            a.map("params"),
            inputs,
        )
        a.done()
        return task
