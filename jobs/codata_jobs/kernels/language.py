"""Naive Bayes over byte n-grams in integers: which of some languages a text is likely in.

The model's logarithms are fixed-point numbers, and so are all sums, the root and the exponential: the result
is the same on every CPU, where a matrix product in floating point is not.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from math import sqrt
from typing import Final

import numpy as np

from codata_jobs.kernels.compiled import Array, compiled

LOG_BITS: Final = 15
WEIGHT_BITS: Final = 9
SCORE_BITS: Final = LOG_BITS + WEIGHT_BITS
"""Fractional bits of `logs`, of a weight, and of their product: a score."""

_X_BITS: Final = 16  # of the exponent
_E_BITS: Final = 30  # of its exponential
_MAX_X: Final = 20  # beyond, the exponential is below 2^-28: nothing

UNIT: Final = 10_000
"""What a probability of one is given as."""


def log_table(size: int = 4096) -> Array:
    """ln(1 + n) for n below `size`, then ln 2: rounded from exact decimals, so alike everywhere."""
    with localcontext() as context:
        context.prec = 24
        exact = [Decimal(1 + n).ln() for n in range(size)] + [Decimal(2).ln()]
        return np.array([int((x * (1 << LOG_BITS)).to_integral_value()) for x in exact], np.int64)


def exp_tables() -> Array:
    """exp(-k), exp(-k / 2^8) and exp(-k / 2^16) for k below 256, as three rows."""
    with localcontext() as context:
        context.prec = 24
        rows = [[(Decimal(-k) / scale).exp() for k in range(256)] for scale in (1, 1 << 8, 1 << 16)]
        return np.array([[int((x * (1 << _E_BITS)).to_integral_value()) for x in r] for r in rows], np.int64)


@compiled
def _log(logs: Array, count: int) -> int:
    """ln(1 + count); above the table, ln(1 + n) = ln(floor((1 + n) / 2^k)) + k ln 2."""
    last = len(logs) - 1
    halved, n = 0, count + 1
    while n > last:
        n >>= 1
        halved += 1
    return int(logs[n - 1] + halved * logs[last])


@compiled
def _exp(exps: Array, x: int) -> int:
    """exp(-x) for x >= 0 with 16 fractional bits."""
    if x >= _MAX_X << _X_BITS:
        return 0
    product = exps[0, x >> 16] * exps[1, (x >> 8) & 255] >> _E_BITS
    return int(product * exps[2, x & 255] >> _E_BITS)


@compiled
def classify(
    data: Array,
    offsets: Array,
    moves: Array,
    rows: Array,
    features: Array,
    weights: Array,
    prior: Array,
    labels: Array,
    logs: Array,
    exps: Array,
) -> tuple[Array, Array]:
    """For each text the likeliest label and its probability times `UNIT`; -1 where no feature is found.

    Text i is `data[offsets[i]:offsets[i + 1]]` (uint8). The automaton goes from `state` on byte b to
    `moves[256 * rows[state] + b]`, and has found `features[state]` there if that is not negative. `weights`
    (features x classes, int16) and `prior` (int64) are logarithms with `WEIGHT_BITS` and `SCORE_BITS`
    fractional bits. Classes of one label (`labels`: the number of its first class) share its probability.
    """
    classes = len(prior)
    best = np.empty(len(offsets) - 1, np.int64)
    sure = np.zeros(len(offsets) - 1, np.int64)
    counts = np.zeros(len(weights), np.int64)
    seen = np.empty(len(weights), np.int64)
    scores = np.empty(classes, np.int64)
    once = np.empty(classes, np.int32)
    shares = np.empty(classes, np.int64)
    for row in range(len(offsets) - 1):
        state, found = 0, 0
        for at in range(offsets[row], offsets[row + 1]):
            state = moves[(np.int64(rows[state]) << 8) + data[at]]
            feature = features[state]
            if feature >= 0:
                if counts[feature] == 0:
                    seen[found] = feature
                    found += 1
                counts[feature] += 1
        if found == 0:
            best[row] = -1
            continue
        scores[:] = prior
        once[:] = 0
        for k in range(found):
            feature, count = seen[k], counts[seen[k]]
            counts[feature] = 0
            if count == 1:  # most are, and narrow sums are quicker
                for c in range(classes):
                    once[c] += weights[feature, c]
            else:
                log = _log(logs, count)
                for c in range(classes):
                    scores[c] += log * weights[feature, c]
        for c in range(classes):
            scores[c] += logs[1] * once[c]
        # IEEE 754 fixes a square root to the last bit.
        root = np.int64(sqrt(float(offsets[row + 1] - offsets[row])) * (1 << 16))
        highest, total = scores.max(), 0
        shares[:] = 0
        for c in range(classes):
            share = _exp(exps, ((highest - scores[c]) >> (SCORE_BITS - _X_BITS) << 16) // root)
            shares[labels[c]] += share
            total += share
        best[row] = shares.argmax()
        sure[row] = (shares[best[row]] * UNIT + total // 2) // total
    return best, sure
