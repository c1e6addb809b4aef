"""Rows on their way through an exchange: columns under names that can't meet those of the exchange itself."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

_PREFIX: Final = "row."


def wrapped(table: pa.Table) -> pa.Table:
    """The table with each name marked as a row's own."""
    return table.rename_columns([_PREFIX + name for name in table.column_names])


def own(table: pa.Table) -> pa.Table:
    """The rows' own columns, still marked."""
    return table.select([name for name in table.column_names if name.startswith(_PREFIX)])


def unwrapped(table: pa.Table) -> pa.Table:
    """The rows' own columns under their own names."""
    found = own(table)
    return found.rename_columns([name[len(_PREFIX) :] for name in found.column_names])
