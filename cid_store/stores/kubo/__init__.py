"""A Kubo node as a store: blocks, pins, whole DAGs and provider records over its RPC."""

from cid_store.stores.kubo.rpc import KuboError, KuboRpc
from cid_store.stores.kubo.store import KuboStore

__all__ = ["KuboError", "KuboRpc", "KuboStore"]
