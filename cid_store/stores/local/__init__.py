"""The local store: see `store` for what it does, `docs/spec/local-store.md` for its bytes."""

from cid_store.stores.local.report import CheckReport, Finding
from cid_store.stores.local.store import LocalStore, StoreStats

__all__ = ["CheckReport", "Finding", "LocalStore", "StoreStats"]
