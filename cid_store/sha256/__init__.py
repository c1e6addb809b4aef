"""SHA-256 faster than one stream at a time: kernels that hash several independent messages interleaved."""

from cid_store.sha256.many import expect, sha256_many

__all__ = ["expect", "sha256_many"]
