"""The step `text.pii`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Annotated, Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from codata.ops import Context, Params
from codata.steps import RowStep, step
from codata_jobs.columns import need_text, replaced, series
from codata_jobs.text import addresses as found_in

_USE: Final = b"codata/text.pii/1\x00"

_MAYBE_IP: Final = r"(?-u:[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9])"

Words = Annotated[list[Annotated[str, Field(max_length=1000)]], Field(min_length=1, max_length=1000)]


class PiiParams(Params):
    """What is replaced, and by what."""

    column: str = Field(description="The column of texts.")
    emails: bool = Field(default=True, description="Replace e-mail addresses.")
    ips: bool = Field(default=True, description="Replace IPv4 addresses.")
    public_ips_only: bool = Field(
        default=True, description="Leave IPv4 addresses that are not globally reachable."
    )
    email_replacements: Words = Field(
        default=["email@example.com", "firstname.lastname@example.org"], description="What stands for e-mail."
    )
    ip_replacements: Words = Field(
        default=[
            "192.0.2.10",
            "192.0.2.77",
            "198.51.100.24",
            "198.51.100.201",
            "203.0.113.5",
            "203.0.113.140",
        ],
        description="What stands for IPv4 addresses; the default's are reserved for examples (RFC 5737).",
    )


@step
class Pii(RowStep):
    """Replace e-mail addresses and public IPv4 addresses.

    Rule: first e-mail addresses, then IPv4 addresses, each from left to right by the patterns of the source.
    Number SHA-256("codata/text.pii/1" 00 ‖ address), first 8 bytes big-endian, modulo the length of the
    list, picks the replacement: one address has one replacement everywhere. An IPv4 address with a leading
    zero is none; those not globally reachable are IANA's (RFC 6890). A null stays null.
    Source: datatrove 0.10.1, PIIFormatter; its replacements go round in the order of texts.
    Engines: unicode (which characters are letters or numbers).
    """

    name = "text.pii"
    version = 1
    engines = ("pyarrow", "unicode")
    params = PiiParams

    def schema(self, params: PiiParams, schema: pa.Schema) -> pa.Schema:
        """The input's schema."""
        need_text(schema, params.column, self.name)
        return schema

    def apply(self, params: PiiParams, table: pa.Table, ctx: Context) -> pa.Table:
        """The table with the addresses replaced."""
        values = series(table, params.column)
        maybe = pl.repeat(False, len(values), eager=True)
        if params.emails:
            maybe |= values.str.contains("@", literal=True)
        if params.ips:
            maybe |= values.str.contains(_MAYBE_IP)
        mask = pa.array(maybe.fill_null(value=False).to_numpy().astype(bool))
        column: Any = table[params.column].combine_chunks()
        texts = [without(text, params) for text in column.filter(mask).to_pylist()]
        made = pc.replace_with_mask(column, mask, pa.array(texts, column.type))
        return replaced(table, params.column, made)


def without(text: str, params: PiiParams) -> str:
    """The text with its addresses replaced."""
    if params.emails:
        text = found_in.replaced(text, found_in.emails(text), picker(params.email_replacements))
    if params.ips:
        spans = found_in.addresses(text, public_only=params.public_ips_only)
        text = found_in.replaced(text, spans, picker(params.ip_replacements))
    return text


def picker(words: Sequence[str]) -> Callable[[str], str]:
    """What replaces a value: one of `words`, by the value alone."""

    def pick(value: str) -> str:
        return words[int.from_bytes(sha256(_USE + value.encode()).digest()[:8], "big") % len(words)]

    return pick
