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
    """How bands are partitioned; `every`: all of them go, also those of rows whose signature is not new."""

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

    One band joins a row to an earlier one with the same signature; what else the two share, the earlier says.
    So boilerplate by the million does not meet whole in the partition of each band.
    """
    (part,) = inputs["signatures"]
    table = ctx.table(part)
    packed = table[BANDS].combine_chunks()
    each = packed.type.byte_width // KEY_BYTES
    width = packed.type.byte_width
    buffer: Any = packed.buffers()[1] or b""
    raw = np.frombuffer(buffer, np.uint8)
    held = raw[packed.offset * width : (packed.offset + len(packed)) * width]
    keys: NDArray[np.uint64] = held.view("<u8").reshape(-1, 2 * each)
    sent = np.ones((len(packed), each), np.bool_)
    if not params.every:
        sent[repeats(keys), 1:] = False
    keys = keys.reshape(-1, 2)[sent.ravel()]
    hashes = keys[:, 0]
    rows = pa.table(
        {
            ex.ORIGIN: pa.array(np.zeros(len(hashes), np.uint32)),
            ex.ROW: pa.array(np.repeat(table[ex.ROW].to_numpy(), each)[sent.ravel()]),
            KEY: pa.FixedSizeBinaryArray.from_buffers(
                pa.binary(KEY_BYTES), len(hashes), [None, pa.py_buffer(keys.tobytes())]
            ),
        }
    )
    return {"out": ex.scatter(ctx, rows, ex.spread(hashes, params.partitions), params.split)}


def repeats(keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which rows of `keys` (rows x words) equal the first that has their first word."""
    _, first, which = np.unique(keys[:, 0], return_index=True, return_inverse=True)
    earlier = first[which]
    found: NDArray[np.bool_] = earlier < np.arange(len(keys))
    found[found] = (keys[found] == keys[earlier[found]]).all(axis=1)
    return found
