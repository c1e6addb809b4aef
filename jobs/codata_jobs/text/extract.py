"""The step `text.extract`."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa
from pydantic import Field

from codata.errors import NotCheckable, ParameterError
from codata.ops import Context, Params
from codata.steps import RowStep, need, step
from codata_jobs.text.charset import decode
from codata_jobs.text.column import text_buffers

DEPTH: Final = 512
"""Elements within each other, in a page that is measured: what browsers of the Blink family keep."""

MEASURED: Final = 8192
"""Tags above which a page's depth is measured.

Below, its depth squared costs less than a second.
"""


class ExtractParams(Params):
    """How pages become text."""

    column: str = Field(description="The column that holds the pages: text, or bytes.")
    output: str | None = Field(
        default=None, min_length=1, description="A new column for the text; without it, it replaces the page."
    )
    main_content: bool = Field(
        default=True, description="Leave out navigation, headers, footers and the like, as far as recognised."
    )
    layout: bool = Field(
        default=True, description="Keep lines, paragraphs and lists apart; else all white space is one space."
    )
    bullets: bool = Field(default=True, description="Put bullets or numbers before list items.")
    alt_texts: bool = Field(default=False, description="Take in the alternative texts of images.")
    links: bool = Field(default=False, description="Take in the targets of links.")
    max_bytes: int = Field(
        default=1 << 20, ge=1, le=1 << 24, description="A page of more bytes than this gives null."
    )


@step
class Extract(RowStep):
    """The text of HTML pages.

    Rule: bytes are read by the first that holds: a byte-order mark of UTF-8 or UTF-16; valid UTF-8; the
    encoding that a `meta` tag in the first 1024 bytes declares; windows-1252. The text is that of
    Resiliparse's `extract_plain_text`, without comments, forms and `noscript`. Null for a null, for a page
    above `max_bytes`, and for one that could cost out of proportion: a tag with more than 1024 attributes,
    tags within tags that add up to 64 times the page, more than 65,536 tags, tags times different formatting
    tags above 2^18, or (above 8,192 tags) elements nested deeper than 512 (docs/spec/prepare.md).
    Source: Resiliparse 2 (ChatNoir); DataComp-LM extracts its pages with it, with these defaults.
    Engines: resiliparse.
    """

    name = "text.extract"
    version = 1
    engines = ("pyarrow", "resiliparse")
    params = ExtractParams

    def schema(self, params: ExtractParams, schema: pa.Schema) -> pa.Schema:
        """The input's, with text in place of the page or in a new column."""
        need(schema, [params.column], self.name)
        at = schema.get_field_index(params.column)
        found = schema.field(at).type
        if not (pa.types.is_large_string(found) or pa.types.is_large_binary(found)):
            raise ParameterError(
                f"{self.name}: column {params.column!r} holds {found}, neither text nor bytes",
                next_step="name the column that holds the pages",
            )
        if params.output is None:
            return schema.set(at, pa.field(params.column, pa.large_string()))
        if params.output in schema.names:
            raise ParameterError(f"{self.name}: there is a column {params.output!r} already")
        return schema.append(pa.field(params.output, pa.large_string()))

    def apply(self, params: ExtractParams, table: pa.Table, ctx: Context) -> pa.Table:
        """The table with the text of each page."""
        texts = pa.array(_texts(table[params.column], params), pa.large_string())
        if params.output is not None:
            return table.append_column(params.output, texts)
        at = table.schema.get_field_index(params.column)
        return table.set_column(at, pa.field(params.column, pa.large_string()), texts)


def _texts(column: Any, params: ExtractParams) -> list[str | None]:
    pages = [
        None if page is None or len(page) > params.max_bytes else decode(page)
        for page in column.cast(pa.large_binary()).to_pylist()
    ]
    tags = _tags(pages)
    return [
        None if page is None else _text(page, count, params) for page, count in zip(pages, tags, strict=True)
    ]


def _tags(pages: list[str | None]) -> list[int]:
    """How many tags each page has at most; negative where it may cost too much to parse."""
    from codata_jobs.kernels.html import FORMATTING, tags

    found: list[int] = tags(*text_buffers(pages), FORMATTING).tolist()
    return found


def _text(page: str, tags: int, params: ExtractParams) -> str | None:
    try:
        from resiliparse.extract.html2text import extract_plain_text
        from resiliparse.parse.html import HTMLParserException, HTMLTree
    except ModuleNotFoundError:
        raise NotCheckable(
            "text.extract needs the package resiliparse", next_step="install codata-pipeline[text]"
        ) from None
    if tags < 0:
        return None
    try:
        tree = HTMLTree.parse(page)
    except HTMLParserException:
        return None
    if tags > MEASURED and _deeper(tree.document, DEPTH):
        return None
    return extract_plain_text(
        tree,
        preserve_formatting=params.layout,
        main_content=params.main_content,
        list_bullets=params.bullets,
        alt_texts=params.alt_texts,
        links=params.links,
    )


def _deeper(root: Any, limit: int) -> bool:
    """Whether elements are nested deeper than `limit`, walked without recursion."""
    level = [root]
    for _ in range(limit + 1):
        level = [child for node in level for child in _children(node)]
        if not level:
            return False
    return True


def _children(node: Any) -> list[Any]:
    found = []
    child = node.first_element_child
    while child is not None:
        found.append(child)
        child = child.next_element_sibling
    return found
