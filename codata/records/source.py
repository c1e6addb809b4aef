"""Source: the files that an import read, in dataset order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from cid_store import Store
from cid_store.cid import CID
from codata.errors import BadRecord
from codata.records import pages
from codata.records.base import Record
from codata.records.fields import Fields, Value


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file: its path as the dataset's rows may show it ('/' between parts), its UnixFS root, its
    bytes."""

    path: str
    cid: CID
    size: int

    def to_value(self) -> dict[str, Value]:
        """The entry's fields."""
        return {"path": self.path, "cid": self.cid, "size": self.size}

    @classmethod
    def from_value(cls, value: Value) -> SourceFile:
        """The entry of this value."""
        f = Fields(value, "source/1 file", tag=False)
        file = cls(f.text("path"), f.link("cid"), f.count("size"))
        f.done()
        return file


@dataclass(frozen=True)
class Source(Record):
    """`files` is the root of the list of `SourceFile`."""

    kind: ClassVar[str] = "source/1"

    files: CID
    count: int
    size: int

    @classmethod
    def make(cls, store: Store, files: Iterable[SourceFile]) -> Source:
        """The source of these files, whose list is kept in `store`."""
        count = size = 0

        def entries() -> Iterator[Value]:
            nonlocal count, size
            for file in files:
                count, size = count + 1, size + file.size
                yield file.to_value()

        root = pages.put(store, entries())
        return cls(root, count, size)

    def entries(self, store: Store) -> Iterator[SourceFile]:
        """The files in order; raises `BadRecord` where they do not add up to what the source states."""
        count = size = 0
        for value in pages.items(store, self.files):
            file = SourceFile.from_value(value)
            count, size = count + 1, size + file.size
            yield file
        if (count, size) != (self.count, self.size):
            raise BadRecord("the files do not add up to what their source states", cid=self.files)

    def to_value(self) -> dict[str, Value]:
        """The record's fields."""
        return {"files": self.files, "count": self.count, "bytes": self.size}

    @classmethod
    def from_fields(cls, f: Fields) -> Self:
        """The record of these fields."""
        return cls(f.link("files"), f.count("count"), f.count("bytes"))
