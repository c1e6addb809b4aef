"""Steps that drop what is there already: whole rows, near-duplicates, repeated sentences and n-grams."""

from codata_jobs.dedup import exact, minhash, ngrams, sentences

__all__ = ["exact", "minhash", "ngrams", "sentences"]
