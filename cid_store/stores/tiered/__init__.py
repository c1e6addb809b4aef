"""A cache in front of another store."""

from cid_store.stores.tiered.store import DEFAULT_LIMIT, TieredStore, tiered_url

__all__ = ["DEFAULT_LIMIT", "TieredStore", "tiered_url"]
