"""Text by the rules of others: words, sentences, and the filters that count them."""

from codata_jobs.text import gopher_quality

__all__ = ["gopher_quality"]
