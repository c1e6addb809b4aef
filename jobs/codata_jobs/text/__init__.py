"""Text by the rules of others: words, sentences, and the filters that count them."""

from codata_jobs.text import extract, fineweb, gopher_quality, gopher_repetition, language

__all__ = ["extract", "fineweb", "gopher_quality", "gopher_repetition", "language"]
