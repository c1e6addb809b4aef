"""Tokenizers by name: vocabularies that packages bring under a stated licence.

A name only says where a file lies on this machine. A record holds the file's CID and never the name.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codata_jobs.vocabulary import Format


@dataclass(frozen=True)
class Bundled:
    """A file in a package, its format, and our extras that bring the package and what reads the file."""

    package: str
    file: str
    format: Format
    extras: str


BUNDLED: Final = {
    "tekken": Bundled("mistral_common", "data/tekken_240911.json", "tekken", "tekken"),
    "mistral-v3": Bundled(
        "mistral_common",
        "data/mistral_instruct_tokenizer_240323.model.v3",
        "sentencepiece",
        "tekken,sentencepiece",
    ),
}
"""Both by Mistral AI, Apache-2.0: byte pairs with 131,072 ids, and a SentencePiece model with 32,768, which
fit uint16."""


def path_of(name: str) -> str | None:
    """Where a name's file lies; None where its package is not installed. Imports nothing of it."""
    bundled = BUNDLED[name]
    found = importlib.util.find_spec(bundled.package)
    return None if found is None or found.origin is None else str(Path(found.origin).parent / bundled.file)


def found(value: object) -> object:
    """The path for a name, and anything else as it is; raises `ValueError` where a package is missing."""
    if not isinstance(value, str) or value not in BUNDLED:
        return value
    path = path_of(value)
    if path is None:
        bundled = BUNDLED[value]
        raise ValueError(
            f"tokenizer {value!r} comes with the package {bundled.package}, which is not installed: "
            f"pip install 'codata-pipeline[{bundled.extras}]'"
        )
    return path


def format_of(name: str) -> Format | None:
    """The format that a file's name, or one of the names here, stands for; None where it says nothing."""
    if name in BUNDLED:
        return BUNDLED[name].format
    last = Path(name).name
    if last.startswith("tekken"):
        return "tekken"
    if last.endswith(".tiktoken"):
        return "tiktoken"
    if last.endswith(".model") or ".model.v" in last:
        return "sentencepiece"
    return "huggingface" if last.endswith(".json") else None
