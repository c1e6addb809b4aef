"""The feed in PyTorch's shape. Importing this module needs PyTorch (the extra `torch`)."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from cid_store.errors import UsageError

if TYPE_CHECKING:
    from codata.feed.loader import Feed


def _torch() -> Any:
    try:
        return importlib.import_module("torch.utils.data")
    except ImportError as e:
        raise UsageError(
            "PyTorch is not installed",
            next_step="pip install 'codata-pipeline[torch]', or iterate over the feed itself",
        ) from e


_data: Any = _torch()


class TorchFeed(_data.IterableDataset):  # type: ignore[misc]
    """An `IterableDataset` of dictionaries of tensors; columns without a NumPy form stay Arrow arrays.

    Read-only views are copied once: PyTorch knows no read-only tensor. Worker processes are refused: each
    would yield every batch, and the feed's own threads gather ahead. One feed per rank, `num_workers=0`.
    """

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self.feed = feed

    def __len__(self) -> int:
        return len(self.feed)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if _data.get_worker_info() is not None:
            raise UsageError(
                "the feed does not run in worker processes",
                next_step="build the DataLoader with num_workers=0",
            )
        for batch in self.feed:
            yield {name: _tensor(column) for name, column in batch.items()}

    def state_dict(self) -> dict[str, object]:
        """See `Feed.state_dict`."""
        return self.feed.state_dict()

    def load_state_dict(self, state: Mapping[str, object]) -> None:
        """See `Feed.load_state_dict`."""
        self.feed.load_state_dict(state)


def _tensor(column: Any) -> Any:
    if isinstance(column, pa.Array):
        return column
    writeable = column if column.flags.writeable else np.array(column)
    return importlib.import_module("torch").from_numpy(writeable)
