"""Strict reading of a record's fields: what is missing, extra or of another type is named."""

from __future__ import annotations

from typing import TypeVar, cast

from cid_store.cid import CID
from codata.errors import BadRecord

Value = None | bool | int | float | str | bytes | list["Value"] | dict[str, "Value"] | CID
"""What a DAG-CBOR block can hold. `CID` is a kind of `str`: a link, never text."""

T = TypeVar("T")


class Fields:
    """Takes a map's fields one by one; `done()` refuses what nobody took."""

    def __init__(self, value: Value, kind: str, *, tag: bool = True, cid: CID | None = None) -> None:
        self.kind = kind
        self.cid = cid
        if not isinstance(value, dict):
            raise self.bad("is not a map")
        self._rest = dict(value)
        if tag and self._rest.pop("codata", None) != kind:
            raise self.bad(f"does not say `codata: {kind}`")

    def bad(self, what: str) -> BadRecord:
        """The error for this record."""
        return BadRecord(f"{self.kind} record {what}", cid=self.cid)

    def _take(self, name: str, kind: type[T]) -> T:
        if name not in self._rest:
            raise self.bad(f"has no field {name!r}")
        value = self._rest.pop(name)
        # A bool is an int and a CID is a str in Python; neither is in a record.
        wrong = not isinstance(value, kind) or (kind is int and isinstance(value, bool))
        if wrong or (kind is str and isinstance(value, CID)):
            raise self.bad(f"field {name!r} is not of type {kind.__name__}")
        return cast(T, value)

    def has(self, name: str) -> bool:
        """Whether an optional field is there."""
        return name in self._rest

    def text(self, name: str) -> str:
        """A text field."""
        return self._take(name, str)

    def link(self, name: str) -> CID:
        """A link."""
        return self._take(name, CID)

    def count(self, name: str) -> int:
        """An integer >= 0."""
        value = self._take(name, int)
        if value < 0:
            raise self.bad(f"field {name!r} is negative")
        return value

    def blob(self, name: str, size: int | None = None) -> bytes:
        """A byte string, of exactly `size` bytes where given."""
        value = self._take(name, bytes)
        if size is not None and len(value) != size:
            raise self.bad(f"field {name!r} is not {size} bytes long")
        return value

    def items(self, name: str) -> list[Value]:
        """A list."""
        return cast("list[Value]", self._take(name, list))

    def map(self, name: str) -> dict[str, Value]:
        """A map."""
        return cast("dict[str, Value]", self._take(name, dict))

    def any(self, name: str) -> Value:
        """A field of any type."""
        if name not in self._rest:
            raise self.bad(f"has no field {name!r}")
        return self._rest.pop(name)

    def links(self, name: str) -> dict[str, CID]:
        """A map of names to links."""
        out: dict[str, CID] = {}
        for key, value in self.map(name).items():
            if not isinstance(value, CID):
                raise self.bad(f"field {name!r} holds something that is no link at {key!r}")
            out[key] = value
        return out

    def texts(self, name: str) -> dict[str, str]:
        """A map of names to texts."""
        out: dict[str, str] = {}
        for key, value in self.map(name).items():
            if not isinstance(value, str) or isinstance(value, CID):
                raise self.bad(f"field {name!r} holds something that is no text at {key!r}")
            out[key] = value
        return out

    def done(self) -> None:
        """Refuse fields that nobody took."""
        if self._rest:
            raise self.bad(f"has unknown fields: {', '.join(sorted(self._rest)[:8])[:200]}")
