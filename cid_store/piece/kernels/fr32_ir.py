"""FR32 in LLVM IR: what `cid_store.piece.fr32` does, on 64-bit words in registers."""

from __future__ import annotations

from cid_store.sha256.llvm import I64, Builder, Value, load, number, offset

_NODE_BITS = 254
_WORDS_PER_NODE = 4
_TOP_WORD = (1 << (_NODE_BITS - 3 * 64)) - 1


def nodes(b: Builder, quad: Value) -> list[list[Value]]:
    """The four nodes, each four little-endian words, of the 127 bytes at `quad`. Reads nothing beyond
    them."""
    words = [load(b, offset(b, quad, 8 * i), I64) for i in range(15)]
    # The last seven bytes, taken from a word that ends with them.
    words.append(b.lshr(load(b, offset(b, quad, 119), I64), number(8)))
    return [[_word(b, words, k, j) for j in range(_WORDS_PER_NODE)] for k in range(4)]


def _word(b: Builder, words: list[Value], node: int, j: int) -> Value:
    """64 bits that begin at bit 254·node + 64·j."""
    index, shift = divmod(_NODE_BITS * node + 64 * j, 64)
    value = words[index]
    if shift:
        value = b.or_(b.lshr(value, number(shift)), b.shl(words[index + 1], number(64 - shift)))
    return b.and_(value, number(_TOP_WORD)) if j == _WORDS_PER_NODE - 1 else value
