"""The tree kernel on ordinary vectors: one pair of nodes per lane.

In scratch memory nodes lie in groups of as many as there are lanes, word by word: a vector is one word
of a whole group.
"""

from __future__ import annotations

from cid_store.piece.kernels import fr32_ir
from cid_store.sha256 import lanes as sha
from cid_store.sha256.llvm import (
    I32,
    Builder,
    Module,
    Value,
    intrinsic,
    load,
    loop,
    new_module,
    number,
    offset,
    shuffle,
    store,
    vector,
)

_NODE_WORDS = 8
_LAST_WORD_MASK = 0xFFFFFF3F


class VectorTree:
    """Emits leaves and layers for `width` lanes."""

    def __init__(self, width: int) -> None:
        self.module: Module = new_module()
        self._lanes = sha.Lanes.declare(self.module, width)
        self._swap = intrinsic(self.module, "llvm.bswap.i32", I32, I32)
        self._words = vector(I32, width)
        self._group_bytes = width * _NODE_WORDS * 4

    def _word_at(self, b: Builder, scratch: Value, node: Value) -> Value:
        """Where the first word of a node lies."""
        width = number(self._lanes.count)
        group = b.mul(b.udiv(node, width), number(self._group_bytes))
        return offset(b, offset(b, scratch, group), b.mul(b.urem(node, width), number(4)))

    def leaves(self, b: Builder, quad: Value, scratch: Value, index: Value) -> None:
        """Store the four leaves of quad number `index`, as big-endian words. Lanes are a multiple of four."""
        at = self._word_at(b, scratch, b.mul(index, number(4)))
        stride = 4 * self._lanes.count
        for k, node in enumerate(fr32_ir.nodes(b, quad)):
            for j, word in enumerate(node):
                low, high = b.trunc(word, I32), b.trunc(b.lshr(word, number(32)), I32)
                for half, value in enumerate((low, high)):
                    store(b, b.call(self._swap, [value]), offset(b, at, 4 * k + (2 * j + half) * stride))

    def layer(self, b: Builder, scratch: Value, parents: Value) -> None:
        """Hash pairs in place into `parents` nodes (rounded up to a group: what lies beyond is rubbish,
        never read)."""
        count, size = self._lanes.count, self._group_bytes
        left, right = list(range(0, 2 * count, 2)), list(range(1, 2 * count, 2))

        def group(index: Value, _: list[Value]) -> list[Value]:
            source = offset(b, scratch, b.mul(index, number(2 * size // count)))
            target = offset(b, scratch, b.mul(index, number(size // count)))
            low, high = (self._load_group(b, offset(b, source, i * size)) for i in range(2))
            block = [
                shuffle(b, x, y, picks) for picks in (left, right) for x, y in zip(low, high, strict=True)
            ]
            state = sha.compress(b, self._lanes, sha.initial(self._lanes), block)
            words = sha.compress_padding(b, self._lanes, state)
            words[-1] = b.and_(words[-1], self._lanes.all(_LAST_WORD_MASK))
            for j, word in enumerate(words):
                store(b, word, offset(b, target, j * 4 * count))
            return []

        loop(b, parents, [], group, step=count)

    def _load_group(self, b: Builder, at: Value) -> list[Value]:
        return [load(b, offset(b, at, j * 4 * self._lanes.count), self._words) for j in range(_NODE_WORDS)]

    def root(self, b: Builder, scratch: Value, out: Value) -> None:
        """Copy the first node out, as bytes."""
        for j in range(_NODE_WORDS):
            word = load(b, offset(b, scratch, j * 4 * self._lanes.count), I32)
            store(b, b.call(self._swap, [word]), offset(b, out, 4 * j))
