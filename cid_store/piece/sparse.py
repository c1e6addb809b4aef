"""A piece's tree of which only some subtrees are known and everything else is zero."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cid_store.piece.tree import ZERO_ROOTS, node

Place = tuple[int, int]
"""(level, index among the nodes of that level)."""


@dataclass(frozen=True, slots=True)
class SparseTree:
    """Every node above the known ones, by level."""

    levels: tuple[dict[int, bytes], ...]

    @classmethod
    def build(cls, height: int, known: Iterable[tuple[Place, bytes]]) -> SparseTree:
        """The tree of `height` over subtrees that do not overlap. Raises `ValueError` where they do."""
        levels: list[dict[int, bytes]] = [{} for _ in range(height + 1)]
        for (level, index), root in known:
            if index in levels[level] or index >> (height - level):
                raise ValueError(f"level {level}, index {index} is taken or outside the tree")
            levels[level][index] = root
        for level in range(height):
            below, above = levels[level], levels[level + 1]
            zero = ZERO_ROOTS[level]
            for parent in {index >> 1 for index in below}:
                if parent in above:
                    raise ValueError(f"subtrees overlap at level {level + 1}, index {parent}")
                above[parent] = node(below.get(2 * parent, zero), below.get(2 * parent + 1, zero))
        return cls(tuple(levels))

    @property
    def root(self) -> bytes:
        """The root of the whole tree."""
        height = len(self.levels) - 1
        return self.levels[height].get(0, ZERO_ROOTS[height])

    def path(self, place: Place) -> tuple[bytes, ...]:
        """The siblings from `place` up to the root."""
        level, index = place
        siblings = []
        while level < len(self.levels) - 1:
            siblings.append(self.levels[level].get(index ^ 1, ZERO_ROOTS[level]))
            level, index = level + 1, index >> 1
        return tuple(siblings)
