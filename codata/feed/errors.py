"""What can go wrong while feeding, apart from blocks that are missing or corrupt."""

from __future__ import annotations

from cid_store.errors import CidStoreError, DecodeError, UsageError


class BadState(DecodeError):
    """A saved position that is not one."""

    default_next = "load the state that `state_dict()` returned, or start the epoch anew"


class UnknownSpec(CidStoreError):
    """A saved position in an order that this version does not implement."""

    exit_code = 5
    default_next = "resume with the version of codata that saved the state"


class WrongDataset(UsageError):
    """A saved position in another dataset or mix."""

    default_next = "open the dataset that the state names"


class NullValues(UsageError):
    """A numeric column with nulls: NumPy has no place for them."""

    default_next = "fill or filter the nulls in a job, or leave the column out with `columns`"


class ShardMismatch(DecodeError):
    """A shard that is not what its manifest says."""

    default_next = "the dataset's manifest is wrong; get the dataset from a source that wrote it correctly"
