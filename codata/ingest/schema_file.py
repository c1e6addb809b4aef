"""`--schema`: a YAML or JSON file of column names and types."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pyarrow as pa
import yaml

from codata.errors import BadSchemaFile, InvalidSchema, UnsupportedType
from codata.table.buffers import ArrowType
from codata.table.types import MAX_DEPTH, canonical_schema

MAX_BYTES: Final = 1024 * 1024

_LEAVES: Final[dict[str, ArrowType]] = {
    "bool": pa.bool_(),
    **{
        f"{sign}int{bits}": getattr(pa, f"{sign}int{bits}")()
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
    "float32": pa.float32(),
    "float64": pa.float64(),
    "string": pa.large_string(),
    "binary": pa.large_binary(),
    "date32": pa.date32(),
}
_TOKEN: Final = re.compile(r"\s*([+-][0-9]{2}:[0-9]{2}|[A-Za-z_][\w./+-]*|[0-9]+|[<>\[\](),:])")


def load(path: Path) -> pa.Schema:
    """The declared columns, canonical. Raises `BadSchemaFile` naming the file and the line."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as e:
        raise BadSchemaFile(f"{path} can't be read: {e.strerror}") from None
    if len(data) > MAX_BYTES:
        raise BadSchemaFile(f"{path} is longer than {MAX_BYTES} bytes")
    return parse(data, str(path))


def parse(data: bytes, name: str = "schema") -> pa.Schema:
    """The declared columns of a schema file's bytes, canonical. Raises `BadSchemaFile`."""
    try:
        # compose() stops before YAML guesses: a column may be called `no`, and a key may not occur twice.
        node = yaml.compose(data, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as e:
        raise BadSchemaFile(f"{name} is neither YAML nor JSON: {str(e)[:300]}") from None
    if not isinstance(node, yaml.MappingNode):
        raise BadSchemaFile(f"{name} is not a list of `column: type`")
    fields: dict[str, ArrowType] = {}
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode) or not isinstance(value, yaml.ScalarNode):
            raise BadSchemaFile(f"{name}:{line}: a column's type is one text, such as `list<string>`")
        if key.value in fields:
            raise BadSchemaFile(f"{name}:{line}: column {key.value!r} is declared twice")
        try:
            fields[key.value] = parse_type(value.value)
        except BadSchemaFile as e:
            raise BadSchemaFile(f"{name}:{line}: column {key.value!r}: {e.message}") from None
    try:
        return canonical_schema(pa.schema(list(fields.items()))) if fields else pa.schema([])
    except (InvalidSchema, UnsupportedType) as e:
        raise BadSchemaFile(f"{name}: {e.message}") from None


def parse_type(text: str) -> ArrowType:
    """The type that a text names, such as `list<struct<a: timestamp[us, UTC]>>`. Raises `BadSchemaFile`."""
    tokens, at = [], 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if found is None:
            raise BadSchemaFile(f"{text[at : at + 20]!r} is no part of a type")
        tokens.append(found.group(1))
        at = found.end()
    reader = _Reader(tokens)
    parsed = reader.type(1)
    if reader.tokens:
        raise BadSchemaFile(f"{reader.tokens[0]!r} follows the type")
    return parsed


class _Reader:
    """A type's tokens, taken from the front."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def take(self, *wanted: str) -> str:
        token = self.tokens.pop(0) if self.tokens else "the end"
        if wanted and token not in wanted:
            raise BadSchemaFile(f"{' or '.join(wanted)} is expected, not {token}")
        return token

    def type(self, depth: int) -> ArrowType:
        if depth > MAX_DEPTH:
            raise BadSchemaFile(f"a type nested deeper than {MAX_DEPTH} levels")
        word = self.take()
        if word in _LEAVES:
            return _LEAVES[word]
        if word == "list":
            self.take("<")
            item = self.type(depth + 1)
            self.take(">")
            return pa.large_list(pa.field("item", item))
        if word == "struct":
            return self._struct(depth)
        if word == "timestamp":
            return self._timestamp()
        if word in ("decimal", "decimal128", "decimal256"):
            return self._decimal(word)
        raise BadSchemaFile(f"{word!r} is not a type")

    def _struct(self, depth: int) -> ArrowType:
        fields = []
        self.take("<")
        while True:
            name = self.take()
            self.take(":")
            fields.append(pa.field(name, self.type(depth + 1)))
            if self.take(",", ">") == ">":
                return pa.struct(fields)

    def _timestamp(self) -> ArrowType:
        self.take("[")
        unit = self.take("ms", "us", "ns")
        zone = self.take() if self.take(",", "]") == "," else None
        if zone is not None:
            self.take("]")
        return pa.timestamp(unit, zone)

    def _decimal(self, word: str) -> ArrowType:
        self.take("(", "[")
        precision = self._number()
        self.take(",")
        scale = self._number()
        self.take(")", "]")
        limit, make = (76, pa.decimal256) if word == "decimal256" else (38, pa.decimal128)
        if not 0 < precision <= limit or scale > precision:
            raise BadSchemaFile(f"a {word} has 1 to {limit} digits, of which the scale is a part")
        return make(precision, scale)

    def _number(self) -> int:
        token = self.take()
        if not token.isdecimal() or len(token) > 4:
            raise BadSchemaFile(f"a number is expected, not {token}")
        return int(token)
