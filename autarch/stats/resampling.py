"""Resamples of dependent days: the stationary bootstrap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def stationary_rows(count: int, *, resamples: int, mean_block: float, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return which rows each resample takes, (resamples, count).

    Blocks of geometric length begin at random rows and wrap around at the end (Politis and Romano, "The
    Stationary Bootstrap", 1994), so that neighbouring days stay neighbours for about `mean_block` of them.

    Args:
        count: Rows to take from, and to take; at least one.
        resamples: How many times.
        mean_block: Expected length of a block, at least 1.
        rng: Seeded by the caller.
    """
    begins = rng.random((resamples, count)) < 1.0 / mean_block
    begins[:, 0] = True
    fresh = rng.integers(0, count, size=(resamples, count))
    at = np.flatnonzero(begins)
    ahead = fresh.ravel()[at] - at % count  # of a block's rows before the place that it fills
    rows: NDArray[np.int64] = np.repeat(ahead, np.diff(at, append=begins.size)).reshape(resamples, count)
    rows += np.arange(count)
    rows -= count * (rows >= count)
    return rows


def interval(values: NDArray[np.float64], *, level: float) -> tuple[float, float]:
    """Return the central `level` of `values` by their empirical quantiles, each an actual value.

    The percentile interval of a bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, ch. 13).
    """
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(values, (tail, 1.0 - tail), method="inverted_cdf")
    return float(low), float(high)
