"""Text by the rules of others: words, sentences, and the filters that count them."""

from codata_jobs.text import (
    badwords,
    c4,
    extract,
    fineweb,
    gopher_quality,
    gopher_repetition,
    language,
    lines,
    pii,
)

__all__ = [
    "badwords",
    "c4",
    "extract",
    "fineweb",
    "gopher_quality",
    "gopher_repetition",
    "language",
    "lines",
    "pii",
]
