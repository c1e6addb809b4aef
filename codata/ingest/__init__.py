"""Formats: files in, tables out. Each format is a module here that satisfies `base.Format`."""

from __future__ import annotations

from importlib import import_module
from typing import Final, cast

from cid_store.errors import UsageError
from codata.ingest.base import Format

NAMES: Final = ("parquet", "arrow", "csv", "jsonl", "text", "files")
"""Every format, in the order in which `auto` asks them."""


def by_name(name: str) -> Format:
    """The format called `name`; raises `UsageError`."""
    if name not in NAMES:
        raise UsageError(
            f"format {name!r} is not known", next_step=f"choose one of auto, {', '.join(NAMES)} with --format"
        )
    return cast(Format, import_module(f"codata.ingest.{name}"))
