"""Profiles: every choice that decides which CID a file or folder gets.

Source: IPIP-0499. Two tools that follow one profile name the same content alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from cid_store.cid import CID, DAG_PB
from cid_store.errors import UsageError


@dataclass(frozen=True, slots=True)
class Profile:
    """How files are cut and trees are built. All sizes in bytes."""

    name: str
    cid_version: Literal[0, 1]
    chunk: int
    """Bytes a leaf holds; only the last one is shorter."""
    raw_leaves: bool
    """Leaves are raw blocks, not dag-pb File nodes."""
    max_links: int
    """The most children that a node of a file has."""
    fanout: int
    """Buckets of a HAMT node: a power of two, 8 to 1024."""
    threshold: int
    """A directory whose estimated size is greater becomes a HAMT."""
    estimate: Literal["block", "links"]
    """`block`: exact length of the directory's block. `links`: lengths of names and binary CIDs, summed."""

    def node_cid(self, digest: bytes) -> CID:
        """The CID of a dag-pb node with this sha2-256 digest."""
        if self.cid_version == 0:
            return CID.from_bytes(b"\x12\x20" + digest)
        return CID.sha256(DAG_PB, digest)


V1_2025: Final = Profile(
    name="unixfs-v1-2025",
    cid_version=1,
    chunk=1024 * 1024,
    raw_leaves=True,
    max_links=1024,
    fanout=256,
    threshold=256 * 1024,
    estimate="block",
)

V0_2015: Final = Profile(
    name="unixfs-v0-2015",
    cid_version=0,
    chunk=256 * 1024,
    raw_leaves=False,
    max_links=174,
    fanout=256,
    threshold=256 * 1024,
    estimate="links",
)

PROFILES: Final = {p.name: p for p in (V1_2025, V0_2015)}
"""By name; the first is the default."""


def by_name(name: str) -> Profile:
    """The profile called `name`; raises `UsageError` with the names that exist."""
    try:
        return PROFILES[name]
    except KeyError:
        raise UsageError(
            f"there is no profile {name!r}", next_step=f"choose one of {', '.join(PROFILES)}"
        ) from None
