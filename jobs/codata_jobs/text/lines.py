"""The step `text.lines`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import numpy as np
import polars as pl
import pyarrow as pa
from pydantic import Field, model_validator

from codata.ops import Context
from codata.steps import FilterParams, FilterStep, Verdicts, step
from codata_jobs.columns import need_text, reasons, replaced, series, to_arrow
from codata_jobs.text.judging import blocks

Kind = Literal["bullets", "curly_brackets", "javascript", "policy"]

BULLETS: Final = ("•", "‣", "▪", "◦", "*", "-")

POLICY: Final = (
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
"""C4's phrases."""

_PARTS: Final[dict[Kind, tuple[str, ...]]] = {
    "curly_brackets": ("{", "}"),
    "javascript": ("javascript",),
    "policy": POLICY,
}

Phrases = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=1000)]], Field(min_length=1, max_length=10_000)
]


class LinesParams(FilterParams):
    """Which lines stay in a text, and which texts stay for what is left of them."""

    column: str = Field(description="The column of texts.")
    strip: bool = Field(default=True, description="Take white space from both ends of each line first.")
    empty: Literal["keep", "drop"] = Field(
        default="drop", description="What becomes of empty lines; the rules below do not ask them."
    )
    min_chars: int = Field(default=0, ge=0, description="Fewest characters of a line.")
    max_chars: int | None = Field(default=None, ge=0, description="Most characters of a line.")
    min_words: int = Field(default=0, ge=0, description="Fewest words, runs without white space, of a line.")
    max_word_chars: int | None = Field(default=None, ge=1, description="Most characters of any of its words.")
    ends: Phrases | None = Field(
        default=None, description="A line has to end in one of these; C4's are `.`, `?`, `!`, `\"`, `'`."
    )
    not_ends: Phrases | None = Field(
        default=None, description="A line must not end in any of these; C4's is `...`."
    )
    drop: list[Kind] = Field(
        default=[],
        max_length=8,
        description="Kinds of lines to drop: `bullets` (begins with • ‣ ▪ ◦ * -), `curly_brackets`, "
        "`javascript` (the word as a part), `policy` (one of C4's six phrases on terms and cookies).",
    )
    phrases: Phrases | None = Field(
        default=None, description="A line must not have any of these as a part, whatever their case."
    )
    unique: bool = Field(default=False, description="Drop a line that stands in the text before.")
    min_lines: int = Field(default=1, ge=0, description="Fewest lines that are left, empty ones not counted.")
    min_text_chars: int = Field(default=0, ge=0, description="Fewest characters that are left in these.")
    min_long_lines: int = Field(default=0, ge=0, description="Fewest long lines that are left; mC4's are 3.")
    long_chars: int = Field(default=200, ge=1, description="Characters that make a line a long one.")

    @model_validator(mode="after")
    def _in_order(self) -> LinesParams:
        if self.max_chars is not None and self.max_chars < self.min_chars:
            raise ValueError(f"max_chars ({self.max_chars}) is less than min_chars ({self.min_chars})")
        return self


@step
class Lines(FilterStep):
    """Drop lines by what stands in them, then texts of which too little is left.

    Rule: a text is cut at each LF. A line stays where all that is asked of it holds; what stays is joined by
    LF again. Case is that of Unicode's lower case; white space is the property White_Space. The text is then
    dropped for the first of `too few lines` (`min_lines`), `too few characters` (`min_text_chars`, without
    line ends), `too few long lines` (`min_long_lines` of at least `long_chars` characters); a null for
    `null`. A text that is dropped or annotated with a reason keeps its lines.
    Source: the line rules of C4 (Raffel et al. 2020), the paragraph rule of mC4 (Xue et al. 2021), and the
    line lengths of data-juicer's and RefinedWeb's filters, as parameters that do not depend on each other.
    Engines: polars, for lower case and white space.
    """

    name = "text.lines"
    version = 1
    engines = ("polars",)
    params = LinesParams

    def columns(self, params: LinesParams, schema: pa.Schema) -> pa.Schema:
        """The input's schema."""
        need_text(schema, params.column, self.name)
        return schema

    def judge(self, params: LinesParams, table: pa.Table, ctx: Context) -> Verdicts:
        """Each text with the lines that stay, and whether they are enough."""
        texts = series(table, params.column)
        # A few megabytes at a time: their lines take some seven times as much memory.
        pieces = [pl.Series(values=block) for block in blocks(table[params.column])]
        left = pl.concat([remaining(piece, params) for piece in pieces or [texts]])
        why = reasons(
            {
                "null": texts.is_null().to_numpy().astype(np.bool_),
                "too few lines": left["lines"].to_numpy() < params.min_lines,
                "too few characters": left["chars"].to_numpy() < params.min_text_chars,
                "too few long lines": left["long"].to_numpy() < params.min_long_lines,
            }
        )
        stays = pl.Series(why.is_null().to_numpy(zero_copy_only=False))
        made = left["text"].zip_with(stays, texts)
        kind = table.schema.field(params.column).type
        return Verdicts(replaced(table, params.column, to_arrow(made, kind)), why)


def remaining(texts: pl.Series, params: LinesParams) -> pl.DataFrame:
    """For each text what is left of it (`text`), its lines, characters and long lines (`lines`, `chars`,
    `long`)."""
    whole = pl.DataFrame({"row": pl.int_range(len(texts), eager=True), "line": texts.fill_null("")})
    lines = whole.with_columns(pl.col("line").str.split("\n")).explode("line")
    if params.strip:
        lines = lines.with_columns(pl.col("line").str.strip_chars())
    filled = pl.col("line") != ""
    lines = lines.filter(_stays(params) & filled if params.empty == "drop" else _stays(params) | ~filled)
    if params.unique:
        lines = lines.filter(pl.struct("row", "line").is_first_distinct() | ~filled)
    chars = pl.col("line").str.len_chars()
    found = lines.group_by("row", maintain_order=True).agg(
        text=pl.col("line").str.join("\n"),
        lines=filled.sum().cast(pl.Int64),
        chars=chars.sum().cast(pl.Int64),
        long=(chars >= params.long_chars).sum().cast(pl.Int64),
    )
    made = whole.select("row").join(found, on="row", how="left", maintain_order="left")
    return made.select(pl.col("text").fill_null(""), pl.col("lines", "chars", "long").fill_null(0))


def _stays(params: LinesParams) -> pl.Expr:
    """Whether a line that is not empty keeps every rule."""
    line = pl.col("line")
    chars = line.str.len_chars()
    rules = [chars >= params.min_chars]
    if params.max_chars is not None:
        rules.append(chars <= params.max_chars)
    if params.min_words:
        rules.append(line.str.count_matches(r"\S+") >= params.min_words)
    if params.max_word_chars is not None:
        words = line.str.extract_all(r"\S+")
        rules.append(
            words.list.eval(pl.element().str.len_chars()).list.max().fill_null(0) <= params.max_word_chars
        )
    if params.ends is not None:
        rules.append(_any(line.str.ends_with(end) for end in params.ends))
    if params.not_ends is not None:
        rules.append(~_any(line.str.ends_with(end) for end in params.not_ends))
    if "bullets" in params.drop:
        rules.append(~_any(line.str.starts_with(mark) for mark in BULLETS))
    if parts := _unwanted(params):
        rules.append(~line.str.to_lowercase().str.contains_any(parts))
    return pl.all_horizontal(rules)


def _unwanted(params: LinesParams) -> list[str]:
    kinds = [part for kind in params.drop for part in _PARTS.get(kind, ())]
    own = pl.Series(params.phrases or [], dtype=pl.String).str.to_lowercase().to_list()
    return sorted({*kinds, *own})


def _any(rules: Any) -> pl.Expr:
    return pl.any_horizontal(list(rules))
