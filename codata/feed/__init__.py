"""The training feed: batches of a dataset in an order that is a pure function, resumable anywhere.

The order is specified in `docs/spec/feed-order.md`; `docs/guides/feed.md` shows how to use it.
"""

from codata.feed.errors import BadState, NullValues, ShardMismatch, UnknownSpec, WrongDataset
from codata.feed.loader import Feed
from codata.feed.mix import Mix
from codata.feed.order import Order
from codata.feed.source import FeedDataset
from codata.feed.state import State

__all__ = [
    "BadState",
    "Feed",
    "FeedDataset",
    "Mix",
    "NullValues",
    "Order",
    "ShardMismatch",
    "State",
    "UnknownSpec",
    "WrongDataset",
]
