"""What a format is: pure functions over the bytes of one file.

A file is cut in ranges (`split`). Each range is read once under the types that its values suggest (`scan`).
The types of all ranges are merged (`types.merge_types`), and a range whose own types differ from the merged
ones, and only that, is read again (`read`). Everything is a function of the bytes, the options and the range.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, runtime_checkable

import pyarrow as pa

from codata.ingest.types import Types

TARGET: Final = 32 * 1024 * 1024
"""Bytes. What a range aims at: some 0.1 s of parsing, and a few hundred MiB of memory at the worst."""


class Source(Protocol):
    """The bytes of one file. `cid_store.unixfs.FileReader` is one."""

    @property
    def size(self) -> int:
        """Bytes."""

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`, fewer at the end of the file."""

    def view(self, offset: int = 0, length: int | None = None) -> memoryview:
        """`length` bytes from `offset`, by default all, not copied where that can be helped."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes at hand as a `Source`."""

    data: bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        """`length` bytes from `offset`, fewer at the end."""
        return self.data[offset : offset + length]

    def view(self, offset: int = 0, length: int | None = None) -> memoryview:
        """`length` bytes from `offset`, by default all."""
        return memoryview(self.data)[offset : None if length is None else offset + length]


@dataclass(frozen=True, slots=True)
class Range:
    """From `start` up to `end`: bytes of text, row groups of Parquet, record batches of Arrow files."""

    start: int
    end: int


@dataclass(frozen=True)
class Options:
    """How to read a file. The defaults are right for files that follow their format's specification.

    `name` is the file's relative path, for messages and for the `files` format. `declared` holds the columns
    of a `--schema` file, canonical. `delimiter` (by default a tab for `.tsv`, else a comma), `quote` ("" for
    none) and `header` are for CSV.
    """

    name: str = "input"
    declared: pa.Schema = field(default_factory=lambda: pa.schema([]))
    delimiter: str | None = None
    quote: str = '"'
    header: bool = True


@dataclass(frozen=True, slots=True)
class Spot:
    """Rows of one stretch of a range: stretch number `stretch`, before which the range has `before` rows."""

    stretch: int
    before: int
    rows: Sequence[int]


@dataclass(frozen=True)
class Scan:
    """One stretch of a file: what its values suggest, and the table under exactly these types."""

    types: Types
    table: pa.Table


@runtime_checkable
class Format(Protocol):
    """A format: a module with these names."""

    name: str
    suffixes: tuple[str, ...]
    unit: Literal["line", "record", "file"]
    """What `places` counts: lines from 1, records from 0, or nothing, where the file is one row."""

    def sniff(self, head: bytes, name: str) -> bool:
        """Whether a file that begins with `head` is of this format. Its suffix is judged elsewhere."""

    def split(self, source: Source, options: Options, target: int = TARGET) -> list[Range]:
        """Ranges of about `target` bytes that together are the file and cut no record."""

    def scan(self, source: Source, range_: Range, options: Options) -> Iterator[Scan]:
        """The range's stretches in order: one where it can be addressed, several where it is a stream."""

    def read(self, source: Source, range_: Range, schema: pa.Schema, options: Options) -> Iterator[pa.Table]:
        """The same stretches, each as a table of exactly `schema`."""

    def places(self, source: Source, range_: Range, spot: Spot, options: Options) -> list[int]:
        """Where in the file each row of a spot stands, in this format's unit: what a row is traced to."""
