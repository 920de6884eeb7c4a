"""The book: what main's portfolio would be with the candidate in it. Shown, never blocking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from autarch.market.types import Floats
from autarch.metrics.daily import DAYS_A_YEAR
from autarch.stats.resampling import interval, stationary_rows

MEAN_BLOCK_DAYS: Final = 10.0
"""Days that stay together in a resample: strategies' returns hang together for days, not for months (own choice)."""
LEVEL: Final = 0.9
SHORTFALL_LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One number of the book with the candidate less without, and the interval of its resamples."""

    name: str
    value: float
    low: float
    high: float


def shares_with(sleeves: Mapping[str, float], *, slug: str, retires: str | None) -> dict[str, float]:
    """Return each strategy's share of capital once `slug` is in the book; empty without a sleeve.

    It takes the sleeve of its own name, else that of what it retires, else an equal part of what the others
    trade with, who make room in proportion.
    """
    if not sleeves or slug in sleeves:
        return dict(sleeves)
    if retires in sleeves:
        return {slug if name == retires else name: share for name, share in sleeves.items()}
    count = len(sleeves) + 1
    shrunk = {name: share * (count - 1) / count for name, share in sleeves.items()}
    return {**shrunk, slug: sum(sleeves.values()) / count}


def returns_of(shares: Mapping[str, float], daily: Mapping[str, Floats], *, days: int) -> Floats:
    """Return the book's daily returns (days,): the sum of share x return, the rest of the capital being cash.

    A book whose sleeves are brought back to their shares each day; a strategy without returns is cash.
    """
    total = np.zeros(days)
    for name in sorted(shares):
        if name in daily:
            total += shares[name] * daily[name]
    return total


def changes(before: Floats, after: Floats, *, resamples: int, rng: np.random.Generator) -> tuple[Change, ...]:
    """Return how Sharpe ratio, drawdown and expected shortfall change from one book to the other.

    Both books are resampled together, the same days for both, by the stationary bootstrap.

    Args:
        before: (n_days,) returns of the book as main has it.
        after: (n_days,) likewise with the candidate.
        resamples: At least one.
        rng: Seeded by the caller.
    """
    rows = stationary_rows(before.size, resamples=resamples, mean_block=MEAN_BLOCK_DAYS, rng=rng)
    whole = np.arange(before.size)[None, :]
    found = []
    for name, measure in (("sharpe", sharpes), ("drawdown", drawdowns), ("expected_shortfall", shortfalls)):
        value = float((measure(after[whole]) - measure(before[whole]))[0])
        low, high = interval(measure(after[rows]) - measure(before[rows]), level=LEVEL)
        found.append(Change(name=name, value=value, low=low, high=high))
    return tuple(found)


def sharpes(returns: Floats) -> Floats:
    """Return the annual Sharpe ratio of each row (k, n_days), 0.0 without spread."""
    deviation = returns.std(axis=1, ddof=1) if returns.shape[1] > 1 else np.zeros(returns.shape[0])
    spread = np.ptp(returns, axis=1) > 0.0
    safe = np.where(spread, deviation, 1.0)
    return np.where(spread, returns.mean(axis=1) / safe * np.sqrt(DAYS_A_YEAR), 0.0)


def drawdowns(returns: Floats) -> Floats:
    """Return the deepest fraction below the running peak of each row (k, n_days), the start included."""
    curve = np.cumprod(1.0 + returns, axis=1)
    peaks = np.maximum(np.maximum.accumulate(curve, axis=1), 1.0)
    deepest: Floats = (1.0 - curve / peaks).max(axis=1, initial=0.0)
    return deepest


def shortfalls(returns: Floats) -> Floats:
    """Return the mean loss on the worst 5 % of days of each row (k, n_days), as `expected_shortfall` does."""
    worst = max(1, int(np.ceil(round((1.0 - SHORTFALL_LEVEL) * returns.shape[1], 9))))
    ordered = np.sort(returns, axis=1)[:, :worst]
    mean: Floats = -ordered.mean(axis=1)
    return mean
