"""MinHash signatures of texts, a part at a time, and their bands on the way to who compares them."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from codata.ops import Bulk, Context, Inputs, Outputs, Params, op
from codata.plan import exchange as ex
from codata_jobs.dedup.grams import GramParams, grams

KEY_BYTES: Final = 16
"""Of one band: two words of XXH64."""

ROW_BYTES: Final = KEY_BYTES + 12
"""Of one band on its way: key, row, origin, partition."""

BANDS: Final = "bands"
KEY: Final = "key"


class SignatureParams(GramParams):
    """What a signature is: `bands` times `rows` minima, of functions drawn from `seed`."""

    bands: int = Field(ge=1, le=256)
    rows: int = Field(ge=1, le=64)
    seed: int = Field(ge=0, lt=1 << 32)


class BandParams(Params):
    """How bands are partitioned; `every`: all go, and not only those that join rows."""

    partitions: int = Field(ge=1)
    split: ex.Split
    every: bool


@cache
def functions(seed: int, count: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """a and b of `count` hash functions: a drawn from 1, b from 0 to 2^61 - 2, all a first.

    By NumPy's RandomState (MT19937, masked rejection), which NumPy has frozen; as datatrove draws them.
    """
    from codata_jobs.kernels.minhash import PRIME

    drawn = np.random.RandomState(seed)
    a = drawn.randint(1, PRIME, dtype=np.uint64, size=count)
    return a, drawn.randint(0, PRIME, dtype=np.uint64, size=count)


@op(
    "dedup.minhash/signatures",
    version=1,
    params=SignatureParams,
    gives=lambda params, taken: Bulk(taken.rows, 4 + KEY_BYTES * params.bands),
)
def signatures(ctx: Context, params: SignatureParams, inputs: Inputs) -> Outputs:
    """Row number and band keys of each row of a part that has n-grams. Does not depend on other parts."""
    from codata_jobs.kernels import minhash

    (part,) = inputs["data"]
    found = grams(ctx.table(part)[params.column], params.words, params.n)
    minima = minhash.minima(found.hashes, found.offsets, *functions(params.seed, params.bands * params.rows))
    keys = minhash.band_keys(minima, params.rows)
    width = KEY_BYTES * params.bands
    packed = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), len(keys), [None, pa.py_buffer(keys.astype("<u8").tobytes())]
    )
    rows = np.flatnonzero(np.diff(found.offsets)).astype(np.uint32)
    return {"out": ctx.put_table(pa.table({ex.ROW: pa.array(rows), BANDS: packed}))}


@op(
    "dedup.minhash/bands",
    version=2,
    params=BandParams,
    gives=lambda params, taken: Bulk(taken.rows * taken.row_bytes / KEY_BYTES, ROW_BYTES),
)
def bands(ctx: Context, params: BandParams, inputs: Inputs) -> Outputs:
    """The bands of a part's signatures, each with its row, by partition.

    Without `every` rows and bands are joined to what they meet here, but not twice: so boilerplate by the
    million does not meet whole in the partition of each of its bands.
    """
    (part,) = inputs["signatures"]
    table = ctx.table(part)
    packed = table[BANDS].combine_chunks()
    each = packed.type.byte_width // KEY_BYTES
    width = packed.type.byte_width
    buffer: Any = packed.buffers()[1] or b""
    raw = np.frombuffer(buffer, np.uint8)
    held = raw[packed.offset * width : (packed.offset + len(packed)) * width]
    keys: NDArray[np.uint64] = held.view("<u8").reshape(-1, 2)
    places = np.repeat(table[ex.ROW].to_numpy(), each)
    if not params.every:
        go = needed(keys, each)
        keys, places = keys[go], places[go]
    hashes = keys[:, 0]
    rows = pa.table(
        {
            ex.ORIGIN: pa.array(np.zeros(len(hashes), np.uint32)),
            ex.ROW: pa.array(places),
            KEY: pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(KEY_BYTES), len(hashes), [None, pa.py_buffer(keys.tobytes())]
            ),
        }
    )
    return {"out": ex.scatter(ctx, rows, ex.spread(hashes, params.partitions), params.split)}


def needed(keys: NDArray[np.uint64], each: int) -> NDArray[np.bool_]:
    """Which of `keys` (two words; `each` a row) must go so that all rows and keys that meet are still joined.

    A spanning forest: every key goes with the first row that has it, and of the others those go that join
    what was not joined yet.
    """
    from codata_jobs.kernels.forest import joins

    high, low = keys[:, 0], keys[:, 1]
    order = np.argsort(high)
    same = high[order][1:] == high[order][:-1]
    if (low[order][1:] != low[order][:-1])[same].any():
        order = np.lexsort((low, high))
    first = (keys[order][1:] != keys[order][:-1]).any(axis=1)
    numbers = np.empty(len(keys), np.int64)
    numbers[order] = np.concatenate([np.zeros(min(1, len(keys)), np.int64), np.cumsum(first)])
    rows = np.arange(len(keys)) // each
    count = len(keys) // each
    return joins(rows, count + numbers, count + len(keys)).view(np.bool_)
