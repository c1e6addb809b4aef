"""Trustless gateways: blocks and DAGs over HTTP, from servers that nobody needs to believe."""

from cid_store.stores.gateway.dag import FetchReport, fetch_dag
from cid_store.stores.gateway.store import GatewayStore, ReadOnlyStore

__all__ = ["FetchReport", "GatewayStore", "ReadOnlyStore", "fetch_dag"]
