"""Every kernel that runs here gives what hashlib gives."""

import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from random import Random

import numpy as np
import pytest

from cid_store.errors import DecodeError, UsageError
from cid_store.piece import fr32, kernels
from cid_store.piece.kernels import plain
from cid_store.sha256 import constants, host, many, sha256_many


def sample(size: int, seed: int = 0) -> bytes:
    return Random(seed).randbytes(size)


def fr32_by_definition(data: bytes) -> bytes:
    """254 bits at a time out of one little-endian number."""
    number, out = int.from_bytes(data, "little"), b""
    for _ in range(len(data) // 127 * 4):
        out += (number & (1 << 254) - 1).to_bytes(32, "little")
        number >>= 254
    return out


def test_constants_are_those_of_the_standard() -> None:
    assert (constants.INITIAL[0], constants.INITIAL[7]) == (0x6A09E667, 0x5BE0CD19)
    assert (constants.ROUND[0], constants.ROUND[63]) == (0x428A2F98, 0xC67178F2)


@pytest.mark.parametrize("data", [b"\xff" * 127, bytes(range(127)), sample(127 * 9)])
def test_fr32_follows_its_definition_and_comes_back(data: bytes) -> None:
    padded = fr32.pad(data).tobytes()
    assert padded == fr32_by_definition(data)
    assert fr32.unpad(padded).tobytes() == data


def test_fr32_refuses_what_it_never_writes() -> None:
    with pytest.raises(DecodeError, match="top two bits"):
        fr32.unpad(b"\xff" * 128)
    with pytest.raises(DecodeError, match="whole number"):
        fr32.unpad(bytes(127))
    with pytest.raises(ValueError, match="multiple"):
        fr32.pad(bytes(128))


@pytest.mark.parametrize("name", host.kernels())
@pytest.mark.parametrize("quads", [1, 2, 4, 8, 32, 64])
def test_kernels_agree(name: host.Kernel, quads: int) -> None:
    data = memoryview(sample(127 * 64) + b"\xff" * 127 * 64)
    assert kernels.load(name)(data, quads) == plain.tree_roots(data, quads)


def test_plain_kernel_follows_the_definition() -> None:
    layer = fr32_by_definition(sample(127 * 2))
    while len(layer) > 32:
        digests = [hashlib.sha256(layer[i : i + 64]).digest() for i in range(0, len(layer), 64)]
        layer = b"".join(d[:31] + bytes([d[31] & 0x3F]) for d in digests)
    assert plain.tree_roots(memoryview(sample(127 * 2)), 2) == layer


@pytest.mark.parametrize("name", host.kernels())
def test_kernels_run_in_several_threads(name: host.Kernel) -> None:
    tree_roots = kernels.load(name)
    pieces = [memoryview(sample(127 * 64, seed)) for seed in range(16)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda data: tree_roots(data, 64), pieces))
    assert found == [plain.tree_roots(data, 64) for data in pieces]


@pytest.mark.parametrize("name", host.kernels())
def test_a_kernel_can_be_forced(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(host.VARIABLE, name)
    assert host.chosen() == name
    assert kernels.choose(0) is kernels.load(host.chosen())


def test_small_payloads_compile_nothing_but_use_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(host.VARIABLE, raising=False)
    kernels._fastest.cache_clear()
    assert kernels.choose(0) is plain.tree_roots
    compiled = kernels.choose(kernels.WORTH_COMPILING)
    assert kernels.choose(0) is compiled


def test_forcing_what_is_not_there_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(host.VARIABLE, "abacus")
    with pytest.raises(UsageError, match="no kernel"):
        host.chosen()
    monkeypatch.setenv(host.VARIABLE, "sha-ni")
    monkeypatch.setattr(host, "kernels", lambda: ("hashlib",))
    with pytest.raises(host.KernelUnavailable, match="sha-ni"):
        host.chosen()


def test_where_nothing_compiles_hashlib_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> bytes:
        raise RuntimeError("no new machine code")

    monkeypatch.delenv(host.VARIABLE, raising=False)
    monkeypatch.setattr(kernels, "load", fails)
    assert kernels._fastest.__wrapped__() is plain.tree_roots
    monkeypatch.setattr(many, "_interleaved", fails)
    assert many._works.__wrapped__() is False


def test_without_llvmlite_hashlib_serves() -> None:
    program = (
        "import sys; sys.modules['llvmlite'] = None\n"
        "from cid_store.sha256 import host, sha256_many\n"
        "assert host.kernels() == ('hashlib',), host.kernels()\n"
        "assert len(sha256_many([bytes(20000)] * 5)) == 5\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 11])
@pytest.mark.parametrize("forced", host.kernels())
def test_sha256_many_equals_hashlib(count: int, forced: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(host.VARIABLE, forced)
    random = Random(count)
    buffers = [random.randbytes(random.randrange(40_000)) for _ in range(count)]
    buffers += [random.randbytes(many.LEAST_BYTES + extra) for extra in (0, 1, 55, 56, 63, 64)][:count]
    assert sha256_many(buffers) == [hashlib.sha256(buffer).digest() for buffer in buffers]


@pytest.mark.skipif("sha-ni" not in host.kernels(), reason="no SHA instructions here")
def test_sha256_many_uses_the_kernel_once_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    real = many._interleaved
    assert many._works()
    monkeypatch.delenv(host.VARIABLE, raising=False)
    monkeypatch.setattr(many, "_seen", 0)
    monkeypatch.setattr(many, "_WORTH_COMPILING", 150_000)
    monkeypatch.setattr(many, "_interleaved", lambda views: calls.append(len(views)) or real(views))
    buffers = [bytes([i]) * 20_000 for i in range(4)]
    assert sha256_many(buffers) == sha256_many(buffers)
    assert calls == [4]


def test_sha256_many_takes_any_contiguous_view() -> None:
    words = np.arange(40_000, dtype=np.uint32)
    assert sha256_many([words.data, bytearray(words.tobytes())]) == [hashlib.sha256(words).digest()] * 2
    assert sha256_many([os.urandom(0)]) == [hashlib.sha256().digest()]
