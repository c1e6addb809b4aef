"""The compiled kernels: one frame around SHA instructions or vectors, and its call from Python."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final, Protocol

import numpy as np

from cid_store.piece.kernels import plain
from cid_store.piece.kernels.sha_ni_tree import ShaNiTree
from cid_store.piece.kernels.vector_tree import VectorTree
from cid_store.piece.tree import NODE, QUAD, QUAD_PADDED
from cid_store.sha256 import host
from cid_store.sha256.llvm import (
    I64,
    POINTER,
    Builder,
    Module,
    Value,
    compile_module,
    loop,
    number,
    offset,
    procedure,
)

_SLACK: Final = 2 * 16 * NODE
"""Scratch bytes beyond the leaves: the widest kernel reads two groups of 16 nodes, however few are there."""


class Tree(Protocol):
    """What differs between the kernels: how nodes lie in scratch memory, and how a layer is hashed."""

    module: Module

    def leaves(self, b: Builder, quad: Value, scratch: Value, index: Value) -> None:
        """Pad one quad."""

    def layer(self, b: Builder, scratch: Value, parents: Value) -> None:
        """Hash one layer into the next."""

    def root(self, b: Builder, scratch: Value, out: Value) -> None:
        """Copy the root out."""


def tree_roots_of(name: host.Kernel) -> Callable[[memoryview, int], bytes]:
    """The compiled kernel of that name, proven on a first chunk. Raises `RuntimeError` where it can't
    be had."""
    tree: Tree = ShaNiTree() if name == "sha-ni" else VectorTree(_vector_width())
    _emit(tree)
    types = (
        ctypes.c_void_p,
        ctypes.c_uint64,
        ctypes.c_uint64,
        ctypes.c_uint64,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    call = compile_module(tree.module).function("tree_roots", *types)

    def tree_roots(data: memoryview, quads: int) -> bytes:
        chunks = len(data) // (quads * QUAD)
        layers = (4 * quads).bit_length() - 1
        source = np.frombuffer(data, np.uint8)
        scratch = np.empty(quads * QUAD_PADDED + _SLACK, np.uint8)
        out = np.empty(chunks * NODE, np.uint8)
        call(source.ctypes.data, chunks, quads, layers, scratch.ctypes.data, out.ctypes.data)
        return out.tobytes()

    _prove(tree_roots, name)
    return tree_roots


def _vector_width() -> int:
    """32-bit lanes that fill one register of this CPU."""
    found = host.features()
    return 16 if "avx512f" in found else 8 if "avx2" in found else 4


def _prove(tree_roots: Callable[[memoryview, int], bytes], name: str) -> None:
    """Compilers have defects; a wrong commitment would cost a deal."""
    sample = memoryview(bytes((7 * i + i // 251) % 256 for i in range(2 * 16 * QUAD)))
    if tree_roots(sample, 16) != plain.tree_roots(sample, 16):
        raise RuntimeError(f"the kernel {name} computes wrong roots on this machine")


def _emit(tree: Tree) -> None:
    """`tree_roots(source, chunks, quads, layers, scratch, out)`."""
    b, arguments = procedure(tree.module, "tree_roots", POINTER, I64, I64, I64, POINTER, POINTER)
    source, chunks, quads, layers, scratch, out = arguments
    chunk_bytes = b.mul(quads, number(QUAD))

    def chunk(index: Value, _: list[Value]) -> list[Value]:
        base = offset(b, source, b.mul(index, chunk_bytes))

        def quad(i: Value, _: list[Value]) -> list[Value]:
            tree.leaves(b, offset(b, base, b.mul(i, number(QUAD))), scratch, i)
            return []

        def layer(_: Value, carried: list[Value]) -> list[Value]:
            tree.layer(b, scratch, carried[0])
            return [b.lshr(carried[0], number(1))]

        loop(b, quads, [], quad)
        loop(b, layers, [b.shl(quads, number(1))], layer)
        tree.root(b, scratch, offset(b, out, b.mul(index, number(NODE))))
        return []

    loop(b, chunks, [], chunk)
    b.ret_void()
