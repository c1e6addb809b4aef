"""Text by the rules of others: words, sentences, and the filters that count them."""

from codata_jobs.text import extract, gopher_quality, gopher_repetition, language

__all__ = ["extract", "gopher_quality", "gopher_repetition", "language"]
