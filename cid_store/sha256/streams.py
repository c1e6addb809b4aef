"""The compiled kernel under `sha256_many`: whole 64-byte blocks of several streams at once."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Final

from cid_store.sha256 import sha_ni
from cid_store.sha256.llvm import (
    I64,
    POINTER,
    Module,
    Value,
    compile_module,
    load,
    loop,
    new_module,
    number,
    offset,
    procedure,
    store,
)

WIDTH: Final = 4
"""Streams interleaved. Measured: see docs/decisions/0007-piece-kernels.md."""

Absorb = Callable[[int, int, int], None]
"""(address of the streams' addresses, blocks, address of their states): hash that many blocks of every
stream."""


@cache
def absorbers() -> tuple[Absorb, Absorb]:
    """The kernels for one stream and for `WIDTH` streams."""
    module = new_module()
    ni = sha_ni.Instructions.declare(module)
    _emit(module, ni, "absorb_one", 1)
    _emit(module, ni, "absorb_all", WIDTH)
    compiled = compile_module(module)
    types = (ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64)
    return compiled.function("absorb_one", *types), compiled.function("absorb_all", *types)


def _emit(module: Module, ni: sha_ni.Instructions, name: str, width: int) -> None:
    b, (pointers, blocks, states) = procedure(module, name, I64, I64, I64)
    pointers, states = b.inttoptr(pointers, POINTER), b.inttoptr(states, POINTER)
    streams = [b.inttoptr(load(b, offset(b, pointers, 8 * i), I64), POINTER) for i in range(width)]
    halves = [load(b, offset(b, states, 16 * i), sha_ni.WORDS) for i in range(2 * width)]

    def block(index: Value, carried: list[Value]) -> list[Value]:
        at = b.mul(index, number(64))
        words = [sha_ni.load_block(b, offset(b, stream, at)) for stream in streams]
        after = sha_ni.compress(b, ni, list(zip(carried[::2], carried[1::2], strict=True)), words)
        return [half for state in after for half in state]

    for i, half in enumerate(loop(b, blocks, halves, block)):
        store(b, half, offset(b, states, 16 * i))
    b.ret_void()
