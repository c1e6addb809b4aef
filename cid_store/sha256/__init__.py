"""SHA-256 faster than one stream at a time: kernels that hash several independent messages interleaved."""

from cid_store.sha256.many import sha256_many

__all__ = ["sha256_many"]
