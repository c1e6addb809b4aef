"""Environment: where a task ran, as far as it may matter to its bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from codata.records.base import Record
from codata.records.fields import Fields, Value


@dataclass(frozen=True)
class Environment(Record):
    """Versions and settings, all as text. It holds nothing about the person or the machine's name."""

    kind: ClassVar[str] = "environment/1"

    python: str
    platform: str
    cpu: str
    packages: Mapping[str, str]
    settings: Mapping[str, str]

    def to_value(self) -> dict[str, Value]:
        """The record's fields."""
        return {
            "python": self.python,
            "platform": self.platform,
            "cpu": self.cpu,
            "packages": dict(self.packages),
            "settings": dict(self.settings),
        }

    @classmethod
    def from_fields(cls, f: Fields) -> Self:
        """The record of these fields."""
        return cls(
            f.text("python"), f.text("platform"), f.text("cpu"), f.texts("packages"), f.texts("settings")
        )
