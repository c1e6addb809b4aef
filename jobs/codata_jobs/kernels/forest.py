"""Union-find over small integers."""

from __future__ import annotations

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled


@compiled
def root(parent: Array, node: int) -> int:
    """The root of a node's tree, whose path is halved on the way."""
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@compiled
def joins(a: Array, b: Array, count: int) -> Array:
    """Whether each edge `a[i]`, `b[i]` (int64, below `count`) joins what earlier ones left apart (uint8)."""
    parent = np.arange(count)
    found = np.zeros(len(a), np.uint8)
    for i in range(len(a)):
        x, y = root(parent, a[i]), root(parent, b[i])
        if x != y:
            parent[max(x, y)] = min(x, y)
            found[i] = 1
    return found


@compiled
def least(a: Array, b: Array, count: int) -> Array:
    """The least node of the component of each node below `count`, by edges `a[i]`, `b[i]` (int64)."""
    parent = np.arange(count)
    for i in range(len(a)):
        x, y = root(parent, a[i]), root(parent, b[i])
        if x < y:
            parent[y] = x
        else:
            parent[x] = y
    for node in range(count):  # a parent is less than its child, so it has been settled already
        parent[node] = parent[parent[node]]
    return parent
