"""Text by the rules of others: words, sentences, and the filters that count them."""

from codata_jobs.text import badwords, extract, fineweb, gopher_quality, gopher_repetition, language, pii

__all__ = ["badwords", "extract", "fineweb", "gopher_quality", "gopher_repetition", "language", "pii"]
