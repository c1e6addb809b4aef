"""Union-find over small integers."""

from __future__ import annotations

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled


@compiled
def least(a: Array, b: Array, count: int) -> Array:
    """The least node of the component of each node below `count`, by edges `a[i]`, `b[i]` (int64)."""
    parent = np.arange(count)
    for i in range(len(a)):
        x, y = a[i], b[i]
        while parent[x] != x:
            parent[x] = parent[parent[x]]
            x = parent[x]
        while parent[y] != y:
            parent[y] = parent[parent[y]]
            y = parent[y]
        if x < y:
            parent[y] = x
        else:
            parent[x] = y
    for node in range(count):  # a parent is less than its child, so it has been settled already
        parent[node] = parent[parent[node]]
    return parent
