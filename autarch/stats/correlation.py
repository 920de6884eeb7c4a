"""What serial correlation does to a Sharpe ratio. Source: Lo, "The Statistics of Sharpe Ratios" (2002)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from autarch.stats.sharpe import Floats, SharpeSample, sharpe_sample

LAGS_MAX: Final = 32


def annualising_factor(periods: int, correlations: Sequence[float]) -> float:
    """Return eta(q) = q / sqrt(q + 2 sum_{k<q} (q - k) rho_k), which takes the place of sqrt(q) (2002, eq. 20).

    Args:
        periods: q, periods a year.
        correlations: rho_1, rho_2, ...; lags beyond the last are taken as uncorrelated.

    Raises:
        ValueError: `periods` is below 1, a correlation is beyond one, or together they leave no variance.
    """
    if periods < 1:
        raise ValueError(f"{periods} periods a year; expected at least 1")
    if any(not abs(rho) <= 1.0 for rho in correlations):
        raise ValueError("a correlation lies outside [-1, 1]")
    variance = periods + 2.0 * sum((periods - k) * rho for k, rho in enumerate(correlations[: periods - 1], 1))
    if variance <= 0:
        raise ValueError(f"these correlations leave a variance of {variance} over {periods} periods; none could be so")
    return periods / math.sqrt(variance)


def long_run_ratio(returns: Floats, *, lags: int | None = None) -> float:
    """Return the long-run variance of `returns` (T,) over their plain variance, with Bartlett's weights.

    1 + 2 sum_{k<=L} (1 - k/(L+1)) rho_k (Newey and West 1987); L = floor(4 (T/100)^(2/9)) unless given
    (Newey and West 1994), at most LAGS_MAX. Bartlett's weights keep it positive.

    Raises:
        UndecidedError, ValueError: as `sharpe_sample` raises; `lags` is negative.
    """
    sharpe_sample(returns)
    chosen = min(LAGS_MAX, int(4 * (returns.size / 100) ** (2 / 9))) if lags is None else lags
    if chosen < 0:
        raise ValueError(f"{chosen} lags; expected 0 or more")
    centred = returns - returns.mean()
    variance = float(np.mean(centred**2))
    total = 1.0
    for k in range(1, min(chosen, returns.size - 1) + 1):
        rho = float(np.sum(centred[k:] * centred[:-k])) / returns.size / variance
        total += 2.0 * (1.0 - k / (chosen + 1)) * rho
    return total


def lower_for_correlation(sample: SharpeSample, *, ratio: float) -> SharpeSample:
    """Return the sample with T replaced by T_eff = 1 + (T - 1)/ratio, only ever to lower it; at least 2 periods.

    Args:
        sample: The sample as if its returns were independent.
        ratio: Long-run over plain variance, `long_run_ratio`; below 1 it changes nothing.

    Raises:
        ValueError: `ratio` is not positive.
    """
    if not ratio > 0:
        raise ValueError(f"the ratio of variances is {ratio}; expected above 0")
    if ratio <= 1.0:
        return sample
    return replace(sample, periods=max(2, math.floor(1 + (sample.periods - 1) / ratio)))
