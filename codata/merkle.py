"""Merkle tree hash and inclusion proofs over SHA-256.

Source: RFC 6962 (leaf prefix 0x00, node prefix 0x01; left subtree as the largest power of two smaller than
n).
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(n: int) -> int:
    return 1 << (n - 1).bit_length() - 1


def tree(leaves: Sequence[bytes]) -> tuple[bytes, list[tuple[bytes, ...]]]:
    """The tree hash of these leaf hashes, and each leaf's audit path, from the leaf up."""
    if not leaves:
        return hashlib.sha256(b"").digest(), []
    if len(leaves) == 1:
        return leaves[0], [()]
    k = _split(len(leaves))
    left, left_paths = tree(leaves[:k])
    right, right_paths = tree(leaves[k:])
    return _node(left, right), [(*p, right) for p in left_paths] + [(*p, left) for p in right_paths]


def root_from(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """The root that leaf `index` of `count` has under `path`, or None where the path can't be of such a
    tree."""
    if not 0 <= index < count:
        return None
    return _climb(leaf, index, count, list(path))


def _climb(leaf: bytes, index: int, count: int, path: list[bytes]) -> bytes | None:
    if count == 1:
        return None if path else leaf
    if not path:
        return None
    sibling = path.pop()
    k = _split(count)
    if index < k:
        below = _climb(leaf, index, k, path)
        return below and _node(below, sibling)
    below = _climb(leaf, index - k, count - k, path)
    return below and _node(sibling, below)
