"""Sums and squares over every `n` rows of an array, in O(rows x log n).

A window is put together from blocks of 1, 2, 4, ... rows at fixed distances before its last row, so the
order of additions depends on `n` alone: the same `n` rows give the same bytes wherever an array begins.
Running sums would not; theirs carry the rounding of every row before.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def sums(x: Floats, n: int) -> Floats:
    """Return the sum of each `n` rows in a row.

    Args:
        x: (n_rows, ...).
        n: At least 1.

    Returns:
        (n_rows - n + 1, ...), empty when that is not positive; row i sums rows i to i + n - 1.
    """
    count = max(0, x.shape[0] - n + 1)
    whole, taken = x[n - 1 :] if n & 1 else None, n & 1  # rows summed so far, from each window's last back
    block, length = x, 1  # block[i] sums rows i to i + length - 1
    while 2 * length <= n:
        block, length = block[:-length] + block[length:], 2 * length
        if n & length:
            older = block[n - taken - length :][:count]
            whole, taken = older if whole is None else older + whole, taken + length
    return x[:0] if whole is None else whole


def sums_and_squares(x: Floats, n: int) -> tuple[Floats, Floats]:
    """Return the sum of each `n` rows in a row, and the sum of squares around their mean.

    Blocks are merged by the distance of their means, so that nothing large is subtracted. Source: Chan,
    Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).

    Args:
        x: (n_rows, ...).
        n: At least 1.

    Returns:
        Two arrays as `sums` returns one.
    """
    count = max(0, x.shape[0] - n + 1)
    block, length = (x, np.zeros_like(x)), 1
    whole, taken = (x[n - 1 :], block[1][n - 1 :]), n & 1
    while 2 * length <= n:
        older, newer = (block[0][:-length], block[1][:-length]), (block[0][length:], block[1][length:])
        block, length = _merged(older, newer, length, length), 2 * length
        if n & length:
            first = n - taken - length
            older = (block[0][first:][:count], block[1][first:][:count])
            whole, taken = _merged(older, whole, length, taken) if taken else older, taken + length
    return whole


def alike(x: Floats, n: int) -> Bools:
    """Return where each `n` rows in a row hold one value, shaped as `sums`; NaN is like nothing."""
    repeats = np.zeros(x.shape, dtype=np.int64)
    np.cumsum(x[1:] == x[:-1], axis=0, out=repeats[1:])  # whole numbers: exact, however many there are
    found: Bools = repeats[n - 1 :] - repeats[: max(0, x.shape[0] - n + 1)] == n - 1
    return found


def _merged(
    older: tuple[Floats, Floats], newer: tuple[Floats, Floats], n_older: int, n_newer: int
) -> tuple[Floats, Floats]:
    apart = newer[0] * (n_older / n_newer) - older[0]
    weight = n_newer / (n_older * (n_older + n_newer))
    return older[0] + newer[0], older[1] + newer[1] + apart * apart * weight
