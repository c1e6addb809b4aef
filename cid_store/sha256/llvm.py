"""The one place that knows llvmlite: types, a few ways to emit code, and compiling it for this very CPU.

Code is emitted as LLVM IR, compiled in process and called through ctypes, which releases the GIL. Nothing
is written to disk or read from there: compiling takes a tenth of a second, and a cache of machine code
would have to be trusted.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from llvmlite import binding, ir  # type: ignore[import-untyped]

Value = Any
"""An SSA value; llvmlite is not typed."""
Builder = Any
Module = Any

I8: Final = ir.IntType(8)
I32: Final = ir.IntType(32)
I64: Final = ir.IntType(64)
POINTER: Final = I8.as_pointer()


def vector(element: Value, lanes: int) -> Value:
    """The type of `lanes` elements side by side."""
    return ir.VectorType(element, lanes)


def number(value: int) -> Value:
    """A 64-bit constant."""
    return ir.Constant(I64, value)


def constants(element: Value, values: Sequence[int]) -> Value:
    """A vector constant, lowest lane first."""
    return ir.Constant(vector(element, len(values)), [ir.Constant(element, value) for value in values])


def shuffle(b: Builder, low: Value, high: Value, picks: Sequence[int]) -> Value:
    """Lanes of `low` followed by `high`, in the order of `picks`."""
    return b.shuffle_vector(low, high, constants(I32, picks))


def offset(b: Builder, pointer: Value, bytes_: Value) -> Value:
    """The address `bytes_` further on (an int or a 64-bit value)."""
    return b.gep(pointer, [number(bytes_) if isinstance(bytes_, int) else bytes_])


def load(b: Builder, pointer: Value, type_: Value) -> Value:
    """Load without assuming alignment: callers' buffers have none."""
    value = b.load(b.bitcast(pointer, type_.as_pointer()))
    value.align = 1
    return value


def store(b: Builder, value: Value, pointer: Value) -> None:
    """Store without assuming alignment."""
    b.store(value, b.bitcast(pointer, value.type.as_pointer())).align = 1


def loop(
    b: Builder,
    count: Value,
    carried: Sequence[Value],
    body: Callable[[Value, list[Value]], Sequence[Value]],
    *,
    step: int = 1,
) -> list[Value]:
    """`for index in range(0, count, step): carried = body(index, carried)`; returns what is carried out."""
    entry = b.block
    head, inside, after = (b.append_basic_block(name) for name in ("head", "inside", "after"))
    b.branch(head)
    b.position_at_end(head)
    index = b.phi(I64)
    index.add_incoming(number(0), entry)
    phis = [b.phi(value.type) for value in carried]
    for phi, value in zip(phis, carried, strict=True):
        phi.add_incoming(value, entry)
    b.cbranch(b.icmp_unsigned("<", index, count), inside, after)
    b.position_at_end(inside)
    results = body(index, list(phis))
    index.add_incoming(b.add(index, number(step)), b.block)
    for phi, value in zip(phis, results, strict=True):
        phi.add_incoming(value, b.block)
    b.branch(head)
    b.position_at_end(after)
    return phis


def new_module() -> Module:
    """An empty module."""
    return ir.Module()


def intrinsic(module: Module, name: str, result: Value, *parameters: Value) -> Value:
    """Declare an LLVM intrinsic."""
    return ir.Function(module, ir.FunctionType(result, parameters), name)


def procedure(module: Module, name: str, *parameters: Value) -> tuple[Builder, list[Value]]:
    """A function without result: the builder at its start, and its arguments."""
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), parameters), name)
    return ir.IRBuilder(function.append_basic_block("entry")), list(function.args)


def host_features() -> frozenset[str]:
    """What this CPU can do, in LLVM's names: `sha`, `avx2`, `avx512f`…"""
    return frozenset(name for name, present in binding.get_host_cpu_features().items() if present)


def host_name() -> str:
    """This CPU in LLVM's names: `znver5`, `icelake-server`…"""
    return str(binding.get_host_cpu_name())


@dataclass(frozen=True, slots=True)
class Compiled:
    """Machine code in this process. It lives as long as this object and the functions taken from it are
    kept."""

    engine: Any

    def function(self, name: str, *parameters: type[Any]) -> Callable[..., None]:
        """A function of the module, to be called with the GIL released."""
        call = ctypes.CFUNCTYPE(None, *parameters)(self.engine.get_function_address(name))
        call.keeps_alive = self  # type: ignore[attr-defined]
        return call


def compile_module(module: Module) -> Compiled:
    """Compile for the host. Raises `RuntimeError` where LLVM can't."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    triple = binding.get_process_triple()
    machine = binding.Target.from_triple(triple).create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        opt=2,
        jit=True,
    )
    parsed = binding.parse_assembly(str(module))
    parsed.triple = triple
    engine = binding.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    return Compiled(engine)
