"""Blocks in an S3 bucket, kept as CARs with their indexes. Layout: docs/spec/s3-store.md."""

from cid_store.stores.s3.store import S3Store

__all__ = ["S3Store"]
