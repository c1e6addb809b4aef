"""The tree kernel on SHA instructions: pairs of nodes hashed four at a time."""

from __future__ import annotations

from typing import Final

from cid_store.piece.kernels import fr32_ir
from cid_store.sha256 import sha_ni
from cid_store.sha256.llvm import (
    I64,
    Builder,
    Module,
    Value,
    constants,
    load,
    loop,
    new_module,
    number,
    offset,
    store,
)

WIDTH: Final = 4
"""Pairs interleaved. Measured: see docs/decisions/0007-piece-kernels.md."""

_LAST_WORDS_MASK: Final = (0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0x3FFFFFFF)
"""Keeps 254 bits of a digest: clears the top of its last byte, which a little-endian load puts on top."""


class ShaNiTree:
    """Emits leaves and layers; nodes lie side by side in the scratch memory."""

    def __init__(self) -> None:
        self.module: Module = new_module()
        self._ni = sha_ni.Instructions.declare(self.module)

    def leaves(self, b: Builder, quad: Value, scratch: Value, index: Value) -> None:
        """Store the four leaves of quad number `index`."""
        at = offset(b, scratch, b.mul(index, number(128)))
        for k, node in enumerate(fr32_ir.nodes(b, quad)):
            for j, word in enumerate(node):
                store(b, word, offset(b, at, 32 * k + 8 * j))

    def layer(self, b: Builder, scratch: Value, parents: Value) -> None:
        """Hash pairs in place into `parents` nodes (rounded up to `WIDTH`: what lies beyond is rubbish,
        never read)."""

        def group(index: Value, _: list[Value]) -> list[Value]:
            source = offset(b, scratch, b.mul(index, number(64)))
            target = offset(b, scratch, b.mul(index, number(32)))
            blocks = [sha_ni.load_block(b, offset(b, source, 64 * i)) for i in range(WIDTH)]
            states = sha_ni.compress(b, self._ni, [sha_ni.INITIAL] * WIDTH, blocks)
            for i, state in enumerate(sha_ni.compress_padding(b, self._ni, states)):
                first, last = sha_ni.digest_words(b, state)
                store(b, first, offset(b, target, 32 * i))
                masked = b.and_(last, constants(first.type.element, _LAST_WORDS_MASK))
                store(b, masked, offset(b, target, 32 * i + 16))
            return []

        loop(b, parents, [], group, step=WIDTH)

    def root(self, b: Builder, scratch: Value, out: Value) -> None:
        """Copy the first node out."""
        for j in range(4):
            store(b, load(b, offset(b, scratch, 8 * j), I64), offset(b, out, 8 * j))
